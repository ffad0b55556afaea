//! Reasons that the hub has an error code for where the class alone does not tell them apart.

use crate::Error;
use crate::error::HttpAnswer;

/// Nobody to send a command to.
pub(crate) const NO_DESTINATION: HttpAnswer = HttpAnswer::Reason("no destination");
/// A command that the hub does not know.
pub(crate) const UNKNOWN_COMMAND: HttpAnswer = HttpAnswer::Reason("unknown command");

/// Whether a hub says that it does not know the command that was polled. Over HTTP that is a 404
/// whose body has the hub's form and its code for this (`UNKNOWN_COMMAND`); a 404 of a proxy is
/// not.
///
/// The hub has lost what it stored, or has forgotten the command since it ended, or the command is
/// another integrator's. Polling again does not help. Of a journey, tell
/// [`Enrollment::forgotten`](crate::hermod::integrator::Enrollment::forgotten).
///
/// ```
/// use keyferry::{Class, Error, hermod::wire::is_unknown_command};
///
/// // An error of class `not-found` may say other things, too.
/// assert!(!is_unknown_command(&Error::new(Class::NotFound, "", "no such address")));
/// ```
#[must_use]
pub fn is_unknown_command(error: &Error) -> bool {
    error.answer() == Some(UNKNOWN_COMMAND)
}
