//! What the test programs share.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "no program uses all of it")]

#[cfg(feature = "aws-lc-rs")]
pub mod answer;
#[cfg(feature = "aws-lc-rs")]
mod captured;
#[cfg(feature = "device")]
pub mod crash;
#[cfg(feature = "device")]
pub mod fake_hub;
pub mod peers;
pub mod providers;
#[cfg(all(feature = "server", feature = "hub"))]
pub mod serve;
pub mod sim_clock;
#[cfg(all(feature = "hub", feature = "device", feature = "ca", feature = "aws-lc-rs"))]
pub mod world;

#[cfg(feature = "aws-lc-rs")]
pub use captured::*;
