//! Clients: each wire over any transport.
//!
//! | role | asynchronous, over a [`Transport`] | blocking, over a [`BlockingTransport`] |
//! |---|---|---|
//! | integrator | [`CommandClient`], [`wait_for`] | [`blocking::CommandClient`] |
//! | device | [`MailboxClient`], `hermod::device::HttpConnector` | [`blocking::MailboxClient`] |
//! | hub | [`CallbackSender`], [`ContentClient`] | |
//!
//! You pass addresses, credentials and the transport. The proxy, the trusted roots and the client's
//! certificate belong to the transport. A call starts no other task: dropping its future ends it.
//!
//! # Which calls are repeated?
//!
//! | call | repeated, within the [`RetryPolicy`] |
//! |---|---|
//! | submit, reserve | only if no connection was made |
//! | poll, list, fetch, answer, remove | also after a timeout, a broken connection, and 408, 425, 429 and 5xx |
//! | deliver, content | never: each call makes one exchange |
//!
//! Clients honour `Retry-After` in seconds and as a date, up to [`Error::MAX_RETRY_AFTER`]. If it
//! asks for more than is left of the budget, the call ends at once with the response. A date is
//! relative to the `Date` of the same response, or to the client's clock if there is none. A
//! failure that the same request would meet again is not repeated: TLS that is not trusted, a
//! response that is too long, a redirect.
//!
//! Clients ask for unencoded responses (`Accept-Encoding: identity`). A response that is encoded
//! all the same is an error that names the coding.
//!
//! # Errors
//!
//! The detail of an error has the status, and the code, the message and the request id that the hub
//! gives, each on one line and cut to a length. They are left out if they repeat a credential that
//! was sent. The [source](std::error::Error::source) of an error is a [`StatusError`] with status
//! and body if there was a response, or a [`TransportError`] if no whole response came. For a
//! command, [`Error::was_not_sent`] and [`Error::was_not_taken`] tell what is certain.
//!
//! [`BlockingTransport`]: crate::transport::BlockingTransport
//! [`Error::MAX_RETRY_AFTER`]: crate::Error::MAX_RETRY_AFTER
//! [`Error::was_not_sent`]: crate::Error::was_not_sent
//! [`Error::was_not_taken`]: crate::Error::was_not_taken
//! [`RetryPolicy`]: crate::client::RetryPolicy
//! [`StatusError`]: crate::transport::StatusError
//! [`Transport`]: crate::transport::Transport
//! [`TransportError`]: crate::transport::TransportError

pub mod blocking;
mod callback;
mod command;
mod content;
pub(super) mod mailbox;
pub(super) mod settings;
mod wait;

pub use callback::CallbackSender;
pub use command::CommandClient;
pub use content::ContentClient;
pub use mailbox::MailboxClient;
pub use wait::wait_for;
