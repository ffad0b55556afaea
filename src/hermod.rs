//! Hermod (Nexus Smart ID Messaging).

mod address;
#[cfg(feature = "device")]
pub mod device;
pub mod dialect;
#[cfg(feature = "hub")]
pub mod hub;
pub mod integrator;
pub mod model;
pub mod proof;
#[cfg(feature = "qr")]
pub mod qr;
pub mod wire;

pub use dialect::Dialect;
