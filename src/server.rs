//! What the servers of every protocol share: admission, limits, rates, routing, an orderly end, and
//! a server that bounds its connections.
//!
//! The services themselves stand with their protocol:
//! [`HermodService`](crate::hermod::server::HermodService).
//!
//! # What a request goes through
//!
//! 1. Whether the server takes requests, and the limits on its head: 503, 431, 414. Heads that two
//!    servers could read differently, HTTP/1.1 without exactly one valid `Host` among them: 400. A
//!    transfer coding other than `chunked`: 501.
//! 2. Its credential and the gate: 401, the same for every cause, whatever the path; 429 while too
//!    many from the same address did not fit. Then the rate of the caller: 429.
//! 3. Path and method: 404, 405. An escape of an unreserved character (`%70` for `p`) is that
//!    character, in the base path too; `%2F` is not a slash.
//! 4. The body, within its length and its time: 413, 408. Nobody gets so far without a credential.
//! 5. What it says: 415, 400. Parameters of `application/json`, `charset` included, have no effect;
//!    a body that is not UTF-8 is refused by its bytes. The handler, within its time: 503.
//!
//! `HEAD` is served wherever `GET` is: with the same head, `Content-Length` included, and without a
//! body. It changes nothing, and it does not wait.
//!
//! A handler that changes something is run to its end also if the caller goes away, or its time is
//! over: a 503 says that the outcome is not known. Those that only read, long polls among them, are
//! dropped.
//!
//! Every answer has the id of the request, `Cache-Control: no-store` and `X-Content-Type-Options:
//! nosniff`; none has a `Location`.
//!
//! # What is left to others
//!
//! Whatever accepts connections bounds their number, the time of a head, of a TLS handshake, of an
//! idle connection, and of an answer that nobody takes; TLS is its business, too. `serve::Server`
//! does, another framework may not. Services have to be polled within a tokio runtime with time. A
//! header that a proxy adds is looked at only where [`ServerConfig::proxies`] names the proxy, and
//! only for the address of the client; links come from configuration.
//!
//! # The log
//!
//! Each request is a [span](::tracing::Span) with its id and its wire, and, as soon as they are
//! known, the command, the tenant, and the ids of command and delivery. In it is one event: at
//! `info` what was taken, at `warn` what was refused, with its class, the reason, the limit that was
//! met and the address of the client, at `debug` the rest; with status, bytes and microseconds.
//! What is refused without a proved credential has a few lines a minute for each address, and the
//! number of those that are left out. Tokens, keys, claims, bodies, queries and headers are in none
//! of them.

mod body;
pub(crate) mod config;
mod drain;
pub(crate) mod erased_gate;
pub(crate) mod exchange;
mod failures;
mod limits;
mod on_proof;
mod proxies;
mod rate;
pub(crate) mod request_checks;
mod request_head;
pub(crate) mod router;
#[cfg(feature = "serve")]
pub mod serve;
pub(crate) mod two_generation_map;
pub(crate) mod wire;

pub use body::Body;
pub use config::ServerConfig;
pub use drain::Drain;
pub use limits::{Rate, ServerLimits};
pub use proxies::{PeerAddr, Proxies};
pub use request_head::{Caller, RequestHead};
