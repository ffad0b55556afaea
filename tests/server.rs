//! The servers, by their rules, over sockets, in both frameworks.
#![cfg(all(feature = "server", feature = "hub", feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, unreachable_pub)]
#[path = "support/serve.rs"]
mod serve;

#[macro_use]
#[path = "server/support.rs"]
mod support;

#[path = "server/callbacks.rs"]
mod callbacks;
#[cfg(feature = "serve")]
#[path = "server/connections.rs"]
mod connections;
#[path = "server/credentials.rs"]
mod credentials;
#[path = "server/ends.rs"]
mod ends;
#[path = "server/framing.rs"]
mod framing;
#[path = "server/gates.rs"]
mod gates;
#[path = "server/journeys.rs"]
mod journeys;
#[path = "server/limits.rs"]
mod limits;
#[path = "server/log.rs"]
mod log;
#[path = "server/mounts.rs"]
mod mounts;
#[path = "server/semantics.rs"]
mod semantics;
