//! Time, for those who wait.

use std::time::SystemTime;

use crate::clock::monotonic_now;
use crate::{ManualClock, MonotonicTime};

/// A clock that a thread can be blocked on, in monotonic time.
pub trait Timer: Send + Sync {
    /// The wall time, which dates in answers are compared with.
    fn now(&self) -> SystemTime;

    /// The monotonic time. It never goes back, and does not notice when the wall time is set.
    fn monotonic(&self) -> MonotonicTime;

    /// Blocks the thread until `time`, not at all if that has passed.
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

/// The thread that sleeps moves the clock itself: for tests, which then take no time.
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
