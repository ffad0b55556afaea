//! A network, a hub and a device that misbehave on purpose, for tests of programs that use this
//! crate.
//!
//! - [`Chaos`] loses, delays, repeats and garbles exchanges at given [rates](Faults), the same way
//!   for the same seed: between a client and a server ([`Chaos::transport`]), or between a caller
//!   and any [wire](crate::hermod::wire) ([`Chaos::wire`]).
//! - [`Device`] answers a provision command rightly or with one [`Flaw`], each of which names the
//!   class that a right verifier refuses it with.
//! - [`Silent`] is a hub that takes everything and never answers; [`Refusing`] one that refuses
//!   everything.
//!
//! Nothing of this belongs into a program that is not a test.

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
