//! What happened.

use crate::hermod::model::CommandKind;
use crate::keys::MessageId;

/// What came of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The hub has the answer to a provision command, and the keys are the profile's.
    Provisioned {
        /// The profile.
        profile_id: String,
    },
    /// The hub has the answer to another command, or a refusal of a provision command.
    Answered {
        /// The message.
        message: MessageId,
        /// The command; `None` if it is not known here.
        command: Option<CommandKind>,
        /// The code that was answered, 0 for success.
        code: i64,
    },
    /// The message ended before the hub had the answer. If it was a provision command, the keys
    /// that were made for it are gone.
    Ended {
        /// The message, or the mailbox and an empty id if it ended before its id was known.
        message: MessageId,
    },
    /// A profile is gone, with its keys.
    Deleted {
        /// The profile.
        profile_id: String,
    },
}
