//! Hermod (Nexus Smart ID Messaging).

mod address;
pub mod dialect;
pub mod model;
pub mod proof;
pub mod wire;

pub use dialect::Dialect;
