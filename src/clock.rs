//! Time as an argument.

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

/// The longest sleep before a wall clock is looked at again.
const RECHECK: Duration = Duration::from_secs(60);

/// A point in time of a clock that nobody sets: how long it has been since the clock began. It
/// means nothing outside the process, and nothing to another clock.
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
    /// The point so long after the clock began.
    #[must_use]
    pub const fn since_start(duration: Duration) -> Self {
        Self(duration)
    }

    /// How long after the clock began.
    #[must_use]
    pub const fn duration_since_start(self) -> Duration {
        self.0
    }

    /// How long after `earlier`; zero if it is not after it.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The point so much later; the last one that there is if that is beyond it.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// A clock that can be read and waited on, in both kinds of time.
///
/// - **Monotonic time** measures: pauses, limits, deadlines of what this process does. Nobody can
///   set it, so nothing that waits for it is stalled or ended by a clock that is set.
/// - **Wall time** is what is stored or compared with other machines: when a command expires, when
///   a certificate begins to be valid. It may be set, forward and back, at any moment.
///
/// A clock of somebody's own needs a reading of each and a way to sleep in monotonic time.
pub trait Clock: Send + Sync {
    /// The wall time.
    fn now(&self) -> SystemTime;

    /// The monotonic time. It never goes back, and does not notice when the wall time is set.
    fn monotonic(&self) -> MonotonicTime;

    /// Resolves at `time`, at once if that has passed.
    fn sleep_until(&self, time: MonotonicTime) -> BoxFuture<'_, ()>;

    /// Resolves when `duration` has passed. It begins now, and not when it is first polled.
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        self.sleep_until(self.monotonic().saturating_add(duration))
    }

    /// Resolves when the wall clock shows `time` or later, at once if it does already.
    ///
    /// It follows a wall clock that is set: it looks again each time that it wakes, and wakes at
    /// least once a minute.
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
