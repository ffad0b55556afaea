//! The system's clock.

use std::sync::LazyLock;
use std::time::SystemTime;

use tokio::time::Instant;

use super::{Clock, MonotonicTime};
use crate::BoxFuture;

/// The system's clock. Its sleeps use tokio's timer, so they must be polled inside a tokio runtime
/// with time enabled.
///
/// Its monotonic time starts when the process first asks for it, and is shared by the whole
/// process. Most systems stop it while the computer sleeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The instant at which the monotonic time started.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The monotonic time of the system.
pub(crate) fn monotonic_now() -> MonotonicTime {
    let start = *START;
    MonotonicTime::since_start(Instant::now().saturating_duration_since(start))
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> MonotonicTime {
        monotonic_now()
    }

    fn sleep_until(&self, time: MonotonicTime) -> BoxFuture<'_, ()> {
        match START.checked_add(time.duration_since_start()) {
            Some(instant) => Box::pin(async move { tokio::time::sleep_until(instant).await }),
            // `time` is not representable, so it never comes.
            None => Box::pin(std::future::pending()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_time_that_has_passed_is_not_waited_for() {
        SystemClock.sleep_until(MonotonicTime::default()).await;
        SystemClock.sleep_until_wall(SystemTime::UNIX_EPOCH).await;
        let soon = SystemTime::now() + Duration::from_millis(2);
        SystemClock.sleep_until_wall(soon).await;
        assert!(SystemClock.now() >= soon);
        let soon = SystemClock.monotonic().saturating_add(Duration::from_millis(2));
        SystemClock.sleep_until(soon).await;
        assert!(SystemClock.monotonic() >= soon);
    }

    #[tokio::test]
    async fn a_time_beyond_all_time_never_comes() {
        let sleep = SystemClock.sleep(Duration::MAX);
        assert!(
            crate::clock::or_deadline(sleep, SystemClock.sleep(Duration::ZERO)).await.is_none()
        );
    }
}
