//! Carries keys and certificates onto devices.

mod certificate;
mod clock;
pub mod crypto;
pub mod csr;
mod error;
mod gate;
pub mod hermod;
pub mod issuer;
pub mod jose;
#[cfg(feature = "device")]
pub mod keys;
mod secret;
mod tlv;

pub use certificate::{Certificate, MAX_CERTIFICATE};
#[cfg(feature = "hub")]
pub use clock::SystemClock;
pub use clock::{Clock, ManualClock};
pub use error::{Class, Error};
pub use gate::Gate;
pub use secret::Secret;

/// A future that can be stored and sent.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
