//! Reasons that the hub has an error code for where the class alone does not tell them apart.

use crate::error::HttpAnswer;

/// Nobody to send a command to.
pub(crate) const NO_DESTINATION: HttpAnswer = HttpAnswer::Reason("no destination");
/// A command that the hub does not know.
pub(crate) const UNKNOWN_COMMAND: HttpAnswer = HttpAnswer::Reason("unknown command");
