//! Hermod (Nexus Smart ID Messaging).

mod address;
#[cfg(feature = "device")]
pub mod device;
pub mod dialect;
pub mod model;
pub mod proof;
#[cfg(feature = "qr")]
pub mod qr;
pub mod wire;

pub use dialect::Dialect;
