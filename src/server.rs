//! The parts of servers that do not depend on a protocol: admission, limits, rates, routing,
//! graceful shutdown, and a server that limits its connections.
//!
//! The services belong to their protocol: [`HermodService`](crate::hermod::server::HermodService).
//!
//! # Processing of a request
//!
//! 1. The server may be draining or full (503), and the head is checked against its limits (431,
//!    414). A head that two servers could read differently, such as HTTP/1.1 without exactly one
//!    valid `Host`, is 400. A transfer coding other than `chunked` is 501.
//! 2. The gate checks the credential: 401, the same for every cause and every path; 429 while too
//!    many credentials from the same address were wrong. Then the rate of the caller is checked:
//!    429.
//! 3. Path and method are matched: 404, 405. An escape of an unreserved character (`%70` for `p`)
//!    equals that character, in the base path too; `%2F` is not a slash.
//! 4. The body is read within limits on its length and time: 413, 408. No body is read without a
//!    valid credential.
//! 5. The call is parsed: 415, 400. Parameters of `application/json`, including `charset`, have no
//!    effect; a body that is not valid UTF-8 is refused. Then the handler runs within its time:
//!    503.
//!
//! `HEAD` is served wherever `GET` is, with the same head, including `Content-Length`, and without
//! a body. It changes nothing, and it does not wait.
//!
//! A handler that changes state runs to completion even if the client disconnects or its time is
//! up; a 503 then means that the outcome is unknown. Handlers that only read, including long polls,
//! are dropped.
//!
//! Every response has the id of the request, `Cache-Control: no-store` and `X-Content-Type-Options:
//! nosniff`; none has a `Location`.
//!
//! # Outside of the server
//!
//! The code that accepts connections does TLS, and limits the number of connections and the time of
//! a head, of a TLS handshake, of an idle connection, and of a response that the client does not
//! read. `serve::Server` does so; other frameworks may not. Services have to be polled within a
//! tokio runtime with time. A header that a proxy adds is used only where [`ServerConfig::proxies`]
//! names the proxy, and only for the address of the client; links are built from the configuration.
//!
//! # Logging
//!
//! Each request is a [span](::tracing::Span) with its id and its wire, and, as soon as they are
//! known, the command, the tenant, and the ids of command and delivery. Each span has one event
//! with status, bytes and microseconds: accepted requests at `info`; refused requests at `warn`,
//! with the class, the reason, the limit that was exceeded and the address of the client;
//! everything else at `debug`. Refusals without a valid credential are limited to a few lines per
//! minute and address, with the number of lines that were left out. The log never contains tokens,
//! keys, claims, bodies, queries or headers.

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

pub use config::ServerConfig;
pub use drain::Drain;
pub use limits::{Rate, ServerLimits};
pub use proxies::{PeerAddr, Proxies};
pub use request_head::{Caller, RequestHead};
