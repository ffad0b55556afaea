//! The HTTP form of each wire: pure functions between typed calls and the requests and answers of
//! the crate [`http`], which both ends use.
//!
//! A client writes a call and reads the answer; a server reads the credential (before the body),
//! then the call, and writes the answer. Paths, header names and codes are the
//! [dialect](crate::hermod::Dialect)'s; base addresses are arguments.
//!
//! | module | call | form |
//! |---|---|---|
//! | [`command`] | submit, poll | `POST {base}/{command}`, `GET {base}/poll/{commandId}`; `X-Api-Key` |
//! | [`mailbox`] | list, fetch, answer, reserve, remove | `{public}/{bid}`, `{public}/{bid}/{mid}`; bearer token, `X-Claim` |
//! | [`callback`] | deliver | `POST {base}/callback/{command}`; HTTP Basic, signature |
//! | [`content`] | content | `POST {base}/getcontent`; HTTP Basic |
//!
//! Refusals are the same everywhere: [`write_refusal`] and [`read_refusal`].

pub mod callback;
pub mod command;
pub mod content;
mod credential;
pub mod mailbox;
mod refusal;

pub use credential::read_basic_auth;
pub use refusal::{read_refusal, write_refusal};
