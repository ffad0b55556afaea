//! The wires: one trait for all that one party may ask of another.
//!
//! | wire | from → to |
//! |---|---|
//! | [`CommandApi`] | integrator → hub |
//! | [`CallbackApi`] | hub → integrator |
//! | [`MailboxApi`] | device → hub |
//! | [`ContentApi`] | hub → content provider |
//!
//! The HTTP form of each stands in `http` (feature `http`).
//!
//! A wire is used from both ends: what sends implements it, and so does what does. Who calls is no
//! argument: an implementor is the handle of one caller, which a [`Gate`](crate::Gate) gives for a
//! [credential](ApiKey). For storage there is one erased, cloneable type a wire: [`AnyCommandApi`],
//! [`AnyCallbackApi`], [`AnyMailboxApi`], [`AnyContentApi`].

mod callback;
mod command;
mod content;
mod credential;
#[cfg(feature = "http")]
pub mod http;
mod mailbox;
#[cfg(any(feature = "http", feature = "hub"))]
pub(crate) mod reason;
mod webhook;

#[cfg(any(feature = "http", feature = "hub"))]
pub(crate) use callback::is_tried_again;
pub use callback::{AnyCallbackApi, CallbackApi, Delivery};
pub use command::{AnyCommandApi, CommandApi};
pub use content::{AnyContentApi, ContentApi};
pub use credential::{ApiKey, BasicAuth, MailboxKey};
pub use mailbox::{AnyMailboxApi, MailboxApi};
#[cfg(any(feature = "http", feature = "hub"))]
pub use reason::is_unknown_command;
pub use webhook::WebhookSecret;
