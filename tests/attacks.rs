//! Attacks, each named after the rule that it tries to break.
#![cfg(all(feature = "hub", feature = "device", feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
#[path = "hub/support.rs"]
mod hub;

#[path = "attacks/enrollments.rs"]
mod enrollments;
#[path = "attacks/hubs.rs"]
mod hubs;
#[path = "attacks/texts.rs"]
mod texts;
