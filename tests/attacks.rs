//! Attacks, each named after the rule that it tries to break.
#![cfg(all(feature = "hub", feature = "device", feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
#[path = "support/crash.rs"]
mod crash;
#[allow(dead_code)]
#[path = "support/fake_hub.rs"]
mod fake_hub;
#[allow(dead_code)]
#[path = "hub/support.rs"]
mod hub;

/// What the example programs are made of.
#[allow(dead_code, unreachable_pub)]
#[path = "../examples/support/files.rs"]
mod files;
#[allow(dead_code, unreachable_pub)]
#[path = "../src/hermod/server/serve/write_timeout.rs"]
mod write_timeout;

#[path = "attacks/devices.rs"]
mod devices;
#[path = "attacks/enrollments.rs"]
mod enrollments;
#[path = "attacks/hubs.rs"]
mod hubs;
#[path = "attacks/programs.rs"]
mod programs;
#[path = "attacks/texts.rs"]
mod texts;
