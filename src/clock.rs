//! Time as an argument.

mod manual;
#[cfg(any(feature = "hub", feature = "client", feature = "server"))]
mod system;

use std::time::SystemTime;

use crate::BoxFuture;

pub use manual::ManualClock;
#[cfg(any(feature = "hub", feature = "client", feature = "server"))]
pub use system::SystemClock;

/// A clock that can be waited on.
pub trait Clock: Send + Sync {
    /// What time it is.
    fn now(&self) -> SystemTime;

    /// Resolves at `time`, at once if that has passed.
    fn sleep_until(&self, time: SystemTime) -> BoxFuture<'_, ()>;
}
