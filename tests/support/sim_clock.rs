//! A clock that goes with tokio's: in a test that starts paused, time passes when everybody waits.

use std::time::{Duration, SystemTime};

use keyferry::{BoxFuture, Clock, MonotonicTime};
use tokio::time::Instant;

#[derive(Clone)]
pub struct SimClock(Instant);

/// When it begins.
const BEGIN: SystemTime = SystemTime::UNIX_EPOCH;
const BEGIN_SECS: u64 = 1_700_000_000;

impl SimClock {
    pub fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SimClock {
    fn now(&self) -> SystemTime {
        BEGIN + Duration::from_secs(BEGIN_SECS) + self.0.elapsed()
    }

    fn monotonic(&self) -> MonotonicTime {
        MonotonicTime::since_start(self.0.elapsed())
    }

    fn sleep_until(&self, time: MonotonicTime) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep_until(self.0 + time.duration_since_start()))
    }
}
