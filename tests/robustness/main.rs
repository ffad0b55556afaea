//! Input from outside must not cause any of these: secrets that are shown, work and memory without
//! bounds, panics. The allocations are counted on the thread that makes them.
#![cfg(feature = "aws-lc-rs")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../support/mod.rs"]
mod support;

mod allocations;
#[cfg(feature = "full")]
mod canary;
#[cfg(feature = "full")]
mod fuzz_corpus;
mod limits;
