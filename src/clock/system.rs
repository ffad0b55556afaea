//! The clock of the system.

use std::time::{Duration, SystemTime};

use super::Clock;
use crate::BoxFuture;

/// The clock of the system, waited on with the timer of tokio: [`Clock::sleep_until`] has to be
/// polled inside a tokio runtime whose time is on.
///
/// It looks again at least once a minute, so that a clock that is set while somebody waits is
/// followed.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// How long it sleeps before it looks again.
const LOOK: Duration = Duration::from_secs(60);

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, time: SystemTime) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            while let Ok(left) = time.duration_since(SystemTime::now()) {
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LOOK)).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_time_that_has_passed_is_not_waited_for() {
        SystemClock.sleep_until(SystemTime::UNIX_EPOCH).await;
        let soon = SystemTime::now() + Duration::from_millis(2);
        SystemClock.sleep_until(soon).await;
        assert!(SystemClock.now() >= soon);
    }
}
