//! Hermod (Nexus Smart ID Messaging).

mod address;
pub mod dialect;
pub mod model;
pub mod proof;

pub use dialect::Dialect;
