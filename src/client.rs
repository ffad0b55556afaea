//! The parts of clients that do not depend on a protocol: a retry loop, back-off, waiting, and a
//! timer for blocking clients.
//!
//! The clients belong to their protocol: [`hermod::client`](crate::hermod::client).

pub(crate) mod backoff;
#[cfg(feature = "client")]
pub(crate) mod retry_loop;
#[cfg(feature = "client")]
pub(crate) mod retry_policy;
#[cfg(feature = "client")]
pub(crate) mod settings;
#[cfg(feature = "client")]
mod timer;
#[cfg(feature = "client")]
pub(crate) mod wait;

#[cfg(feature = "client")]
pub use retry_policy::RetryPolicy;
#[cfg(feature = "client")]
pub(crate) use settings::Settings;
#[cfg(feature = "client")]
pub use timer::{SystemTimer, Timer};
#[cfg(feature = "client")]
pub use wait::{WaitError, WaitPolicy};
