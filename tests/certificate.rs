//! Certificates: what is read, what is refused, and how names compare.
#![cfg(feature = "aws-lc-rs")]
#![allow(clippy::unwrap_used)]

#[path = "certificate/chains.rs"]
mod chains;
#[path = "certificate/memory.rs"]
mod memory;
#[path = "certificate/names.rs"]
mod names;
#[path = "certificate/reading.rs"]
mod reading;
#[path = "certificate/support.rs"]
mod support;
