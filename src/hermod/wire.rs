//! The wires: one trait for all that one party may ask of another.
//!
//! | wire | from → to |
//! |---|---|
//! | [`CommandApi`] | integrator → hub |
//! | [`CallbackApi`] | hub → integrator |
//! | [`MailboxApi`] | device → hub |
//!
//! A wire is used from both ends: what sends implements it, and so does what does. Who calls is no argument: an implementor is the handle of one
//! caller, which a [`Gate`](crate::Gate) gives for a [credential](ApiKey). For storage there is one erased, cloneable type a wire:
//! [`AnyCommandApi`], [`AnyCallbackApi`], [`AnyMailboxApi`].

mod callback;
mod command;
mod credential;
mod mailbox;

pub use callback::{AnyCallbackApi, CallbackApi, Delivery};
pub use command::{AnyCommandApi, CommandApi};
pub use credential::{ApiKey, MailboxKey};
pub use mailbox::{AnyMailboxApi, MailboxApi};
