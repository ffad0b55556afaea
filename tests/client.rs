//! The clients, by their rules, over transports that do as they are told, with a clock that only
//! the tests move.
#![cfg(all(
    feature = "client",
    feature = "hub",
    feature = "device",
    feature = "ca",
    feature = "aws-lc-rs"
))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "client/support.rs"]
mod support;

#[allow(dead_code, unreachable_pub)]
#[path = "support/peers.rs"]
mod peers;
#[path = "support/world.rs"]
mod world;

#[path = "client/calls.rs"]
mod calls;
#[path = "client/devices.rs"]
mod devices;
#[path = "client/hubs.rs"]
mod hubs;
#[path = "client/refusals.rs"]
mod refusals;
#[path = "client/repeats.rs"]
mod repeats;
#[path = "client/secrets.rs"]
mod secrets;
#[path = "client/waiting.rs"]
mod waiting;
