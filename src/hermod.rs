//! Hermod (Nexus Smart ID Messaging).

pub mod dialect;
pub mod model;

pub use dialect::Dialect;
