//! Servers: each wire as a tower service over the types of the crate [`http`], for whatever takes
//! one.
//!
//! - [`CommandService`], [`MailboxService`], [`CallbackService`], [`ContentService`] serve one wire
//!   each; [`HermodService`] serves all of them, with health and readiness.
//! - Each is made of a [`Gate`](crate::Gate), which is asked with the credential in the head of a
//!   request before anything else of it is looked at. A hub is one, and so is any closure. A gate
//!   that decides by more than one credential is asked with the [`RequestHead`].
//! - [`ServerConfig`] has the [limits](ServerLimits), and the [`Drain`] that ends a server in good
//!   order.
//!
//! # Running one
//!
//! In axum, at the root or nested. `axum::serve` gives the head of a request all the time it takes:
//! it belongs behind a proxy that does not, or the router on the crate's own server, as below.
//!
//! ```
//! use keyferry::{Class, Error, Secret, hermod::server::HermodService, hermod::wire::{ApiKey, AnyCommandApi}};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # let nobody = |_: ApiKey| Err::<AnyCommandApi, _>(Error::new(Class::Unauthorized, "", "nobody is let in here"));
//! let service = HermodService::new("/hermod/rest").with_commands(nobody);
//! let app: axum::Router = axum::Router::new().nest_service("/hermod/rest", service.clone()).fallback_service(service);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let server = axum::serve(listener, app);
//! # drop(server);
//! # Ok::<(), std::io::Error>(())
//! # }).unwrap();
//! ```
//!
//! On the crate's own server, feature `serve`, which bounds connections, heads and idle peers, by
//! address too: see `hermod::server::serve`. On hyper or another framework alone, you have to bound
//! them.
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
//! body. At a mailbox it claims no message and marks none as fetched, and does not wait; see
//! [`peek`](crate::hermod::wire::MailboxApi::peek).
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
//! met and the address of the client, at `debug` the rest; with status, octets and microseconds.
//! What is refused without a proved credential has a few lines a minute for each address, and the
//! number of those that are left out. Tokens, keys, claims, bodies, queries and headers are in none
//! of them.

mod body;
mod callback;
mod callers;
mod command;
mod config;
mod connection;
mod content;
mod door;
mod drain;
mod exchange;
mod failures;
mod generations;
mod head;
mod limits;
mod mailbox;
mod mount;
mod proxies;
mod repeats;
mod request_head;
#[cfg(feature = "serve")]
pub mod serve;
mod service;

pub use body::Body;
pub use callback::CallbackService;
pub use command::CommandService;
pub use config::ServerConfig;
pub use content::ContentService;
pub use drain::Drain;
pub use limits::{Rate, ServerLimits};
pub use mailbox::MailboxService;
pub use mount::HermodService;
pub use proxies::{PeerAddr, Proxies};
pub use request_head::{Caller, RequestHead};
