//! The hub, by its rules, with a clock that only the tests move.

mod support;

mod answers;
mod attacks;
mod commands;
mod deadlines;
mod deletes;
mod limits;
mod mailboxes;
mod members;
mod outbox;
mod random;
mod secrets;
