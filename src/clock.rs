//! Time as an argument.

mod manual;
#[cfg(feature = "hub")]
mod system;

use std::time::SystemTime;

use crate::BoxFuture;

pub use manual::ManualClock;
#[cfg(feature = "hub")]
pub use system::SystemClock;

/// A clock that can be waited on.
pub trait Clock: Send + Sync {
    /// What time it is.
    fn now(&self) -> SystemTime;

    /// Resolves at `time`, at once if that has passed.
    fn sleep_until(&self, time: SystemTime) -> BoxFuture<'_, ()>;
}
