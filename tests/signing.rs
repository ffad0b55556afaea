//! Sign, authenticate, ping, delete and PIN reset, the whole way: integrator, hub, device,
//! callback, verification.
#![cfg(all(feature = "hub", feature = "device", feature = "ca", feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/mod.rs"]
mod kit;
#[path = "signing/support.rs"]
mod support;
#[path = "support/world.rs"]
mod world;

#[path = "signing/filters.rs"]
mod filters;
#[path = "signing/journeys.rs"]
mod journeys;
#[path = "signing/openssl.rs"]
mod openssl;
#[path = "signing/pin_reset.rs"]
mod pin_reset;
#[path = "signing/refusals.rs"]
mod refusals;
#[path = "signing/roles.rs"]
mod roles;
#[path = "signing/verification.rs"]
mod verification;
