//! Clients: each wire over any transport.
//!
//! | who | asynchronous, over a [`Transport`](crate::http::Transport) | blocking, over a [`BlockingTransport`](crate::http::BlockingTransport) |
//! |---|---|---|
//! | integrator | [`CommandClient`], [`wait_for`] | [`blocking::CommandClient`], [`blocking::CommandClient::wait`] |
//! | device | [`MailboxClient`], `HttpConnector` (feature `device`) | [`blocking::MailboxClient`] |
//! | hub | [`CallbackSender`], [`ContentClient`] | |
//!
//! Addresses, credentials and the transport are arguments; proxy, roots and the client's
//! certificate are the transport's. Nothing runs beside a call: dropping its future ends it and
//! leaves nothing behind.
//!
//! # What is sent again
//!
//! | call | again, within the [`RetryPolicy`] |
//! |---|---|
//! | submit, reserve | only if no connection was made |
//! | poll, list, fetch, answer, remove | also after a timeout, a connection that broke, 408, 425, 429 and 5xx |
//! | deliver, content | never: one exchange a call |
//!
//! `Retry-After` is kept: if it asks for more than is left of the budget, the call ends at once
//! with what the other side said. What the same request would meet again (TLS that is not trusted,
//! an answer that is too long, a redirect) is not tried again.
//!
//! # Errors
//!
//! What the other side said is the [source](std::error::Error::source) of an error: [`StatusError`]
//! with status and body, whatever that is, or [`TransportError`] if no whole answer came. For a
//! command, [`was_not_sent`] and [`was_not_taken`] tell what is certain.

#[cfg(feature = "hub")]
mod api_user;
mod attempts;
pub mod blocking;
mod callback;
mod command;
#[cfg(feature = "device")]
mod connector;
mod content;
mod mailbox;
mod retry;
mod settings;
mod wait;

#[cfg(feature = "hub")]
pub use api_user::{integrator_config, integrator_config_in};
pub use callback::CallbackSender;
pub use command::CommandClient;
#[cfg(feature = "device")]
pub use connector::HttpConnector;
pub use content::ContentClient;
pub use mailbox::MailboxClient;
pub use retry::RetryPolicy;
pub use wait::{WaitError, WaitPolicy, wait_for};

use crate::Error;
use crate::http::{StatusError, TransportError};

/// Whether a call of a client certainly sent nothing: no connection was made, or there was nothing
/// that could be sent.
///
/// For [`Enrollment::not_sent`](crate::hermod::integrator::Enrollment::not_sent). `false` means
/// that it may have arrived, also for every error that is no client's.
#[must_use]
pub fn was_not_sent(error: &Error) -> bool {
    TransportError::of(error).is_some_and(|failure| !failure.may_have_arrived())
}

/// Whether the hub certainly does not have a command whose submission ended so: [it was not
/// sent](was_not_sent), or was refused with a 4xx other than 408.
///
/// After anything else (a timeout, a 5xx, a redirect, a success that cannot be read) the hub may
/// have it: a callback with the command's `externalId` would tell.
///
/// ```
/// use keyferry::Error;
/// use keyferry::hermod::client::{was_not_sent, was_not_taken};
/// use keyferry::http::{TransportError, TransportErrorKind};
///
/// let refused = Error::from(TransportError::new(TransportErrorKind::Unreachable, "connection refused"));
/// assert!(was_not_sent(&refused) && was_not_taken(&refused));
/// let broken = Error::from(TransportError::new(TransportErrorKind::Broken, "connection reset"));
/// assert!(!was_not_sent(&broken) && !was_not_taken(&broken));
/// ```
#[must_use]
pub fn was_not_taken(error: &Error) -> bool {
    let refused = |answer: &StatusError| {
        answer.status().is_client_error() && answer.status() != http::StatusCode::REQUEST_TIMEOUT
    };
    was_not_sent(error) || StatusError::of(error).is_some_and(refused)
}
