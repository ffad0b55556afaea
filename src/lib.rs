//! Carries keys and certificates onto devices.

mod certificate;
pub mod crypto;
pub mod csr;
mod error;
pub mod hermod;
pub mod jose;
mod secret;
mod tlv;

pub use certificate::{Certificate, MAX_CERTIFICATE};
pub use error::{Class, Error};
pub use secret::Secret;
