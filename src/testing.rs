//! A network, a hub and a device that misbehave on purpose, for tests of programs that use this
//! crate.
//!
//! - [`Chaos`] loses, delays, repeats and garbles exchanges at given [rates](Faults), in the same
//!   way for the same seed: between a client and a server ([`Chaos::transport`]), or between a
//!   caller and any [wire](crate::hermod::wire) ([`Chaos::wire`]).
//! - [`Device`] answers a provision command correctly or with one [`Flaw`]. Each flaw names the
//!   class with which a correct verifier refuses it.
//! - [`Silent`] is a hub that accepts every call and never answers; [`Refusing`] refuses every
//!   call.
//!
//! Use these types in tests only.

mod chaos;
mod device;
mod flaw;
mod hub;
mod random;
mod transport;
mod wires;

pub use chaos::{Chaos, Faults, Tally};
pub use device::{Device, Served};
pub use flaw::Flaw;
pub use hub::{Refusing, Silent};
pub use transport::ChaosTransport;
pub use wires::ChaosWire;
