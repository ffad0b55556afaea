//! Hermod (Nexus Smart ID Messaging).

mod address;
pub mod dialect;
#[cfg(feature = "hub")]
pub mod hub;
pub mod model;
pub mod proof;
pub mod wire;

pub use dialect::Dialect;
