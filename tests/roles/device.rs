//! The rules for the device, each with a test named after it, against a scripted hub.

pub(crate) mod support;

#[cfg(feature = "hub")]
mod attacks;
mod commands;
mod consent;
mod ends;
mod hubs;
mod policy;
mod power;
