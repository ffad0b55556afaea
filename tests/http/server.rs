//! The servers, by their rules, over sockets, in both frameworks.

#[macro_use]
mod support;

mod callbacks;
#[cfg(feature = "serve")]
mod connections;
mod credentials;
mod ends;
mod framing;
mod gates;
mod journeys;
mod limits;
mod log;
mod mounts;
mod semantics;
