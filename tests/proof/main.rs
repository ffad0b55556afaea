//! What a verifier accepts and refuses: the answers of devices, their keys, and their signatures.
#![cfg(feature = "aws-lc-rs")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod golden;
mod rules;
#[cfg(all(feature = "hub", feature = "device", feature = "ca"))]
mod signing;
mod switches;
