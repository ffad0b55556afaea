//! The clocks of the tests. All begin at the same time.

use std::time::{Duration, SystemTime};

use keyferry::{BoxFuture, Clock, ManualClock, MonotonicTime};

/// When every clock begins.
pub fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

/// A clock that only the test moves.
pub fn clock() -> ManualClock {
    ManualClock::new(start())
}

/// A manual clock that jumps to the time that somebody waits for.
pub struct Leaping(pub ManualClock);

impl Clock for Leaping {
    fn now(&self) -> SystemTime {
        Clock::now(&self.0)
    }

    fn monotonic(&self) -> MonotonicTime {
        Clock::monotonic(&self.0)
    }

    fn sleep_until(&self, time: MonotonicTime) -> BoxFuture<'_, ()> {
        self.0.advance(time.saturating_duration_since(Clock::monotonic(&self.0)));
        Box::pin(std::future::ready(()))
    }
}

/// A clock that follows tokio's. In a test that starts paused, time passes when every task waits.
#[derive(Clone)]
pub struct SimClock(tokio::time::Instant);

impl SimClock {
    pub fn new() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Clock for SimClock {
    fn now(&self) -> SystemTime {
        start() + self.0.elapsed()
    }

    fn monotonic(&self) -> MonotonicTime {
        MonotonicTime::since_start(self.0.elapsed())
    }

    fn sleep_until(&self, time: MonotonicTime) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep_until(self.0 + time.duration_since_start()))
    }
}
