//! Programs that are not ours, against ours.
#![cfg(feature = "full")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod http;
