//! Blocking clients: every call blocks its thread until the answer is there, pauses included. They
//! must not be called inside an asynchronous runtime.

mod command;
mod mailbox;

pub use command::CommandClient;
pub use mailbox::MailboxClient;
