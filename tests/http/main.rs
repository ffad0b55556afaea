//! The wires as HTTP: requests and answers, clients, servers, transports.
#![cfg(all(feature = "http", feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

#[cfg(all(feature = "client", feature = "hub", feature = "device", feature = "ca"))]
mod client;
#[cfg(all(feature = "server", feature = "hub"))]
mod server;
#[cfg(feature = "full")]
mod sockets;
#[cfg(feature = "full")]
mod targets;
#[cfg(feature = "full")]
mod transports;
mod wire;
