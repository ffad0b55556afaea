//! The clients, by their rules, over transports that do as they are told, with a clock that only
//! the tests move.

mod support;

mod calls;
mod devices;
mod hubs;
mod refusals;
mod repeats;
mod secrets;
mod waiting;
