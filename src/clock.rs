//! Clocks, which are passed in as arguments.

mod manual;
#[cfg(any(feature = "hub", feature = "client", feature = "server"))]
mod or_deadline;
#[cfg(any(feature = "hub", feature = "client", feature = "server"))]
mod system;

use std::time::{Duration, SystemTime};

use crate::BoxFuture;

pub use manual::ManualClock;
#[cfg(any(feature = "hub", feature = "client", feature = "server"))]
pub(crate) use or_deadline::or_deadline;
#[cfg(any(feature = "hub", feature = "client", feature = "server"))]
pub use system::SystemClock;
#[cfg(feature = "client")]
pub(crate) use system::monotonic_now;

/// The longest sleep before the wall clock is read again.
const RECHECK: Duration = Duration::from_secs(60);

/// A point in time of a monotonic clock: the time since the clock started. It has no meaning in
/// another process or for another clock.
///
/// ```
/// use std::time::Duration;
/// use keyferry::MonotonicTime;
///
/// let start = MonotonicTime::since_start(Duration::from_secs(5));
/// let later = start.saturating_add(Duration::from_secs(2));
/// assert_eq!(later.saturating_duration_since(start), Duration::from_secs(2));
/// assert_eq!(start.saturating_duration_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonotonicTime(Duration);

impl MonotonicTime {
    /// The point `duration` after the clock started.
    #[must_use]
    pub const fn since_start(duration: Duration) -> Self {
        Self(duration)
    }

    /// The time since the clock started.
    #[must_use]
    pub const fn duration_since_start(self) -> Duration {
        self.0
    }

    /// The time since `earlier`; zero if `earlier` is not earlier.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The point `duration` later, or the last representable point if that is beyond it.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// A source of wall time and monotonic time that can be read and waited on.
///
/// - **Monotonic time** measures pauses, limits and deadlines within this process. Nobody can set
///   it, so setting the clock neither stalls nor ends a wait.
/// - **Wall time** is stored or compared with other machines: the time when a command expires, or
///   when a certificate becomes valid. It may be set forward or back at any moment.
///
/// Implementations provide a reading of each and a way to sleep in monotonic time.
pub trait Clock: Send + Sync {
    /// The current wall time.
    fn now(&self) -> SystemTime;

    /// The current monotonic time. It never decreases and is not affected by setting the wall
    /// clock.
    fn monotonic(&self) -> MonotonicTime;

    /// Resolves at `time`, or at once if that has passed.
    fn sleep_until(&self, time: MonotonicTime) -> BoxFuture<'_, ()>;

    /// Resolves when `duration` has passed, counted from this call and not from the first poll.
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        self.sleep_until(self.monotonic().saturating_add(duration))
    }

    /// Resolves when the wall clock shows `time` or later, or at once if it already does.
    ///
    /// It notices that the wall clock was set: it reads the clock at each wake-up, at least once a
    /// minute.
    fn sleep_until_wall(&self, time: SystemTime) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            while let Ok(left) = time.duration_since(self.now()) {
                if left.is_zero() {
                    return;
                }
                self.sleep(left.min(RECHECK)).await;
            }
        })
    }
}
