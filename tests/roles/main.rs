//! The rules of each role: the hub, the device and its key stores, the integrator, the issuer.
#![cfg(feature = "aws-lc-rs")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "hub")]
mod content;
#[cfg(all(feature = "device", feature = "ca"))]
mod device;
#[cfg(all(feature = "hub", feature = "device", feature = "ca"))]
mod enrollment;
#[cfg(all(feature = "device", feature = "ca", feature = "testing"))]
mod file_key_store;
#[cfg(feature = "hub")]
mod hub;
#[cfg(feature = "ca")]
mod issuer;
#[cfg(all(feature = "device", feature = "ca"))]
mod key_store;
#[cfg(feature = "testing")]
mod misbehaving;
