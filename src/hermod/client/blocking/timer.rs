//! Time, for those who wait.

use std::time::{Duration, SystemTime};

use crate::ManualClock;

/// A clock that can be slept on.
pub trait Timer: Send + Sync {
    /// What time it is.
    fn now(&self) -> SystemTime;

    /// Blocks the thread until `time`, not at all if that has passed.
    fn sleep_until(&self, time: SystemTime);
}

/// The clock of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTimer;

impl Timer for SystemTimer {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    /// Looks again at least once a minute, so that a clock that is set while somebody sleeps is
    /// followed.
    fn sleep_until(&self, time: SystemTime) {
        const LOOK: Duration = Duration::from_secs(60);
        while let Ok(left) = time.duration_since(SystemTime::now()) {
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(LOOK));
        }
    }
}

/// Who sleeps moves the clock himself: for tests, which then take no time.
impl Timer for ManualClock {
    fn now(&self) -> SystemTime {
        crate::Clock::now(self)
    }

    fn sleep_until(&self, time: SystemTime) {
        self.advance_to(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_has_passed_is_not_slept_for() {
        SystemTimer.sleep_until(SystemTime::UNIX_EPOCH);
        let soon = SystemTime::now() + Duration::from_millis(2);
        SystemTimer.sleep_until(soon);
        assert!(SystemTimer.now() >= soon);
    }
}
