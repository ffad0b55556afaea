//! The rules for the device client, each with a test named after it, against a hub that does what
//! the test says.

pub(crate) mod support;

#[cfg(feature = "hub")]
mod attacks;
mod commands;
mod consent;
mod ends;
mod hubs;
mod policy;
mod power;
