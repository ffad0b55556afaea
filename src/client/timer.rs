//! Time for threads that block.

use std::time::SystemTime;

use crate::clock::monotonic_now;
use crate::{ManualClock, MonotonicTime};

/// A clock with which a thread can sleep, in monotonic time.
pub trait Timer: Send + Sync {
    /// The wall-clock time, with which dates in responses are compared.
    fn now(&self) -> SystemTime;

    /// The monotonic time. It never goes back, and is not affected when the wall clock is set.
    fn monotonic(&self) -> MonotonicTime;

    /// Blocks the thread until `time`; returns at once if it has passed.
    fn sleep_until(&self, time: MonotonicTime);
}

/// The clock of the system: the same monotonic time as that of [`SystemClock`](crate::SystemClock).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTimer;

impl Timer for SystemTimer {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> MonotonicTime {
        monotonic_now()
    }

    fn sleep_until(&self, time: MonotonicTime) {
        std::thread::sleep(time.saturating_duration_since(self.monotonic()));
    }
}

/// The sleeping thread advances the clock itself, so tests take no time.
impl Timer for ManualClock {
    fn now(&self) -> SystemTime {
        crate::Clock::now(self)
    }

    fn monotonic(&self) -> MonotonicTime {
        crate::Clock::monotonic(self)
    }

    fn sleep_until(&self, time: MonotonicTime) {
        self.advance(time.saturating_duration_since(crate::Clock::monotonic(self)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_that_has_passed_is_not_slept_for() {
        SystemTimer.sleep_until(MonotonicTime::default());
        let soon = SystemTimer.monotonic().saturating_add(Duration::from_millis(2));
        SystemTimer.sleep_until(soon);
        assert!(SystemTimer.monotonic() >= soon);
    }
}
