//! Clients: each wire over any transport.
//!
//! | who | asynchronous, over a [`Transport`](crate::transport::Transport) | blocking, over a [`BlockingTransport`](crate::transport::BlockingTransport) |
//! |---|---|---|
//! | integrator | [`CommandClient`], [`wait_for`] | [`blocking::CommandClient`], [`blocking::CommandClient::wait`] |
//! | device | [`MailboxClient`], `HttpConnector` in `hermod::device` | [`blocking::MailboxClient`] |
//! | hub | [`CallbackSender`], [`ContentClient`] | |
//!
//! Addresses, credentials and the transport are arguments; proxy, roots and the client's
//! certificate are the transport's. Nothing runs beside a call: dropping its future ends it and
//! leaves nothing behind.
//!
//! # What is sent again
//!
//! | call | again, within the [`RetryPolicy`](crate::client::RetryPolicy) |
//! |---|---|
//! | submit, reserve | only if no connection was made |
//! | poll, list, fetch, answer, remove | also after a timeout, a connection that broke, 408, 425, 429 and 5xx |
//! | deliver, content | never: one exchange a call |
//!
//! `Retry-After` is kept, in seconds and as a date, up to
//! [`Error::MAX_RETRY_AFTER`](crate::Error::MAX_RETRY_AFTER): if it asks for more than is left of
//! the budget, the call ends at once with what the other side said. A date is relative to the `Date`
//! of the same answer, and to the client's clock if there is none. What the same request would meet again (TLS that is not trusted,
//! an answer that is too long, a redirect) is not tried again.
//!
//! Answers are asked for as they are (`Accept-Encoding: identity`). One that comes in a coding all
//! the same is an error that names the coding.
//!
//! # Errors
//!
//! The detail of an error repeats the status, and the code, the message and the id of the request
//! that a hub gives for its log: each on one line, cut to a length, and not at all if they repeat a
//! credential that was sent. What the other side said is the
//! [source](std::error::Error::source) of an error: [`StatusError`](crate::transport::StatusError) with
//! status and body, whatever that is, or [`TransportError`](crate::transport::TransportError) if no whole
//! answer came. For a command, [`Error::was_not_sent`](crate::Error::was_not_sent) and
//! [`Error::was_not_taken`](crate::Error::was_not_taken) tell what is certain.

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
