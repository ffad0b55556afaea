//! The Hermod protocol (Nexus Smart ID Messaging).

#[cfg(feature = "client")]
pub mod client;
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
#[cfg(feature = "server")]
pub mod server;
pub mod wire;

pub use dialect::Dialect;
