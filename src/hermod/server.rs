//! The services of this protocol, on the [ground](crate::server) of every server: tower services
//! over the types of the crate `http`.
//!
//! - [`HermodService`] serves any number of the wires below one base path, with health and
//!   readiness. [`CallbackService`] serves callbacks alone, for an integrator.
//! - Each wire is served by a [`Gate`](crate::Gate), which is asked with the credential in the head
//!   of a request before anything else of the request is looked at. A hub is a gate, and so is any
//!   closure. A gate that decides by more than one credential is asked with the
//!   [`RequestHead`](crate::server::RequestHead).
//! - [`ServerConfig`](crate::server::ServerConfig) has the limits, and the drain that ends a server
//!   in good order.
//!
//! A `HEAD` at a mailbox claims no message, marks none as fetched and does not wait: see
//! [`peek`](crate::hermod::wire::MailboxApi::peek).
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
//! let service = HermodService::builder("/hermod/rest").with_commands(nobody).build()?;
//! let app: axum::Router = axum::Router::new().nest_service("/hermod/rest", service.clone()).fallback_service(service);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let server = axum::serve(listener, app);
//! # drop(server);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! On the crate's own server, feature `serve`, which bounds connections, heads and idle peers, by
//! address too: see `server::serve`. On hyper or another framework alone, you have to bound
//! them.

mod callback;
mod command;
mod content;
mod hermod_service;
mod mailbox;
mod nowhere;
mod repeats;

pub use callback::{CallbackService, CallbackServiceBuilder};
pub use hermod_service::{HermodService, HermodServiceBuilder};
