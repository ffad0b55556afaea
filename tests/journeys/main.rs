//! Whole journeys that are disturbed, by all parties.
#![cfg(all(feature = "hub", feature = "device", feature = "ca", feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "full")]
mod hostile;
mod journey;
