//! The hub, by its rules, with a clock that only the tests move.
#![cfg(all(feature = "hub", feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "hub/support.rs"]
mod support;

#[path = "hub/answers.rs"]
mod answers;
#[path = "hub/commands.rs"]
mod commands;
#[path = "hub/deadlines.rs"]
mod deadlines;
#[path = "hub/deletes.rs"]
mod deletes;
#[path = "hub/limits.rs"]
mod limits;
#[path = "hub/mailboxes.rs"]
mod mailboxes;
#[path = "hub/members.rs"]
mod members;
#[path = "hub/outbox.rs"]
mod outbox;
#[path = "hub/random.rs"]
mod random;
#[path = "hub/secrets.rs"]
mod secrets;
