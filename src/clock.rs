//! Time as an argument.

use std::time::SystemTime;

use crate::BoxFuture;

/// A clock that can be waited on.
pub trait Clock: Send + Sync {
    /// What time it is.
    fn now(&self) -> SystemTime;

    /// Resolves at `time`, at once if that has passed.
    fn sleep_until(&self, time: SystemTime) -> BoxFuture<'_, ()>;
}
