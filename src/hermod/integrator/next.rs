//! The next task of a journey's caller, and the failures of a journey.

use std::fmt;

#[cfg(doc)]
use super::Enrollment;
use crate::hermod::model::{Command, CommandKind, Progress, Submitted};

/// The caller's next task.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Next<'a> {
    /// Call [`Enrollment::sending`], store the journey, send this command, and hand what the hub
    /// answers to [`Enrollment::submitted`]; or call [`Enrollment::not_sent`] if the hub certainly
    /// does not have it.
    Submit(&'a Command),
    /// Show the activation link of each destination, and hand the callback, or what a poll answers,
    /// to [`Enrollment::received`].
    AwaitDevice {
        /// The command that the device is to answer.
        command: &'a Command,
        /// What the hub answered to the command. `None` if that is missing, as after a crash: the
        /// command may have been sent or not, and its link is lost. A callback may still come;
        /// otherwise begin another journey.
        submitted: Option<&'a Submitted>,
    },
    /// The answer has arrived: call [`Enrollment::prove`], have certificates issued for the
    /// requests, and hand them to [`Enrollment::issued`]. If verification fails, call
    /// [`Enrollment::give_up`].
    Prove,
    /// As [`Next::Submit`], for the command that delivers the certificates.
    Deliver(&'a Command),
    /// Hand the callback, or what a poll answers, to [`Enrollment::received`].
    AwaitDelivery {
        /// The command that delivers the certificates.
        command: &'a Command,
        /// What the hub answered to the command. `None` if that is missing, as after a crash:
        /// nobody knows whether the hub has the command. Call [`Enrollment::deliver_again`].
        submitted: Option<&'a Submitted>,
    },
    /// Nothing: the device says that the certificates are installed, or no key was to have one.
    ///
    /// If no key was to have one, the answer is here and **nobody has verified it**:
    /// [`Enrollment::prove`] it before a key of it is used.
    Done,
    /// Nothing: it ended without success. Another journey may be begun; or, if the command that
    /// delivers the certificates is the one that failed, [`Enrollment::deliver_again`].
    Failed(Failure),
}

/// How a journey ended without success.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The device, or its user, refused. The code is the device's; 0 is success, no other is
    /// documented.
    Refused {
        /// The command, one of the two.
        command: CommandKind,
        /// The code.
        code: i64,
    },
    /// The command ended without an answer.
    Ended {
        /// The command, one of the two.
        command: CommandKind,
        /// The final progress of the command.
        progress: Progress,
    },
    /// The hub [does not know](Enrollment::forgotten) the command: it has lost what it stored, or
    /// has forgotten the command since it ended. Nobody will answer it.
    Forgotten {
        /// The command, one of the two.
        command: CommandKind,
    },
    /// The integrator [gave it up](Enrollment::give_up).
    GivenUp {
        /// The reason that the integrator gave.
        reason: String,
    },
}

impl fmt::Display for Failure {
    /// Writes a sentence that says what to do if that is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |command: &CommandKind| format!("{command:?}").to_lowercase();
        match self {
            Self::Refused { command, code } => {
                write!(f, "the device refused the {} command with code {code}", name(command))
            }
            Self::Ended { command, progress: Progress::Cancelled } => {
                write!(f, "the {} command was withdrawn", name(command))
            }
            Self::Ended { command, .. } => {
                write!(f, "nobody answered the {} command in time", name(command))
            }
            Self::Forgotten { command } => write!(
                f,
                "the hub does not know the {} command any more: it has lost what it stored, or the \
                 command ended longer ago than the hub keeps it; begin another journey",
                name(command)
            ),
            Self::GivenUp { reason } => write!(f, "the integrator gave it up: {reason}"),
        }
    }
}

/// The effect of an event on the journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventOutcome {
    /// The event changed the journey: store it.
    New,
    /// The event was already known or reports no progress.
    Known,
}
