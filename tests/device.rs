//! The rules for the device client, each with a test named after it, against a hub that does what
//! the test says.
#![cfg(all(feature = "device", feature = "ca", feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/crash.rs"]
mod crash;
#[path = "support/fake_hub.rs"]
mod fake_hub;
#[path = "device/support.rs"]
mod support;

#[path = "device/commands.rs"]
mod commands;
#[path = "device/consent.rs"]
mod consent;
#[path = "device/ends.rs"]
mod ends;
#[path = "device/hubs.rs"]
mod hubs;
#[path = "device/policy.rs"]
mod policy;
#[path = "device/power.rs"]
mod power;
