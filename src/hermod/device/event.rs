//! Events of the device.

use crate::hermod::model::CommandKind;
use crate::keys::MessageId;

/// The result of handling a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The hub has the answer to a provision command, and the keys belong to the profile.
    Provisioned {
        /// The profile.
        profile_id: String,
    },
    /// The hub has the answer to another command, or a refusal of a provision command.
    Answered {
        /// The message.
        message: MessageId,
        /// The command; `None` if it is unknown.
        command: Option<CommandKind>,
        /// The code that was answered, 0 for success.
        code: i64,
    },
    /// The message ended before the hub had the answer. The keys that were made for a provision
    /// command were deleted.
    Ended {
        /// The message, or the mailbox and an empty id if it ended before its id was known.
        message: MessageId,
    },
    /// A profile was deleted with its keys.
    Deleted {
        /// The profile.
        profile_id: String,
    },
}
