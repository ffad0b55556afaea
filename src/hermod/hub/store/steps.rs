//! The arguments and results of the steps of a store.

use super::super::{Digest, UnixMillis};
use super::{CommandRecord, MailboxRecord, MessageRecord, StoredJson};
use crate::Class;

/// A command to be stored.
#[derive(Clone, Debug)]
pub struct NewCommand {
    /// The command with its messages; the store assigns its id.
    pub command: CommandRecord,
    /// The difference between its id and the greatest id so far; at least 1.
    pub gap: u64,
    /// The limits that the store enforces.
    pub quota: Quota,
    /// Whether the mailboxes of its messages are removed at once.
    pub removes_mailboxes: bool,
}

/// Limits of one integrator and of one mailbox. When a limit is reached, the next command is
/// refused.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// Commands in progress.
    pub commands_in_progress: u32,
    /// Commands that are kept, including those that have ended.
    pub commands_kept: u32,
    /// Undelivered callbacks, including those that were given up.
    pub outbox: u32,
    /// Bytes of the stored commands and answers, including the new command: bodies, answers and
    /// [`CommandRecord::kept_bytes`].
    pub stored_bytes: u64,
    /// Open messages in one permanent mailbox.
    pub mailbox_messages: u32,
}

/// A request for one message.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The mailbox that has to contain it.
    pub bid: String,
    /// The message.
    pub mid: String,
    /// The digest of the claim; `None` with a mailbox's own token, which neither needs nor makes a
    /// claim.
    pub claim: Option<Digest>,
    /// Whether the message is given to a device.
    pub fetched: bool,
    /// The current time.
    pub now: UnixMillis,
}

/// A message and its command.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The message.
    pub message: MessageRecord,
    /// Its command, without its other messages.
    pub command: CommandRecord,
}

impl Claimed {
    /// Whether the message can be answered at `now`.
    #[must_use]
    pub fn is_open(&self, now: UnixMillis) -> bool {
        self.message.is_open() && self.command.is_open(now)
    }
}

/// A request to reserve a mailbox.
#[derive(Clone, Debug)]
pub struct Reserve {
    /// The mailbox; `reserved_by` names the message.
    pub mailbox: MailboxRecord,
    /// How many mailboxes the message may have reserved, including this one.
    pub at_most: u32,
    /// The current time.
    pub now: UnixMillis,
}

/// A request to store an answer.
#[derive(Clone, Debug)]
pub struct AcceptAnswer {
    /// The message.
    pub mid: String,
    /// The digest of the answer's bytes.
    pub digest: Digest,
    /// The answer.
    pub answer: StoredJson,
    /// Whether its code means success.
    pub success: bool,
    /// What the answer does to a mailbox.
    pub after: AfterAnswer,
    /// How many mailboxes a user may have, including a new one.
    pub mailboxes_at_most: u32,
    /// How many mailboxes all users of a group may have, including a new one.
    pub group_mailboxes_at_most: u32,
    /// How many bytes of commands and answers of one integrator may be stored, including this
    /// answer; see [`Quota::stored_bytes`].
    pub stored_bytes: u64,
    /// The current time.
    pub now: UnixMillis,
}

/// What an accepted answer does to a mailbox.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AfterAnswer {
    /// Nothing.
    Nothing,
    /// Registers a mailbox that the message reserved.
    Register(Registration),
    /// Removes the mailbox of the message.
    Remove,
}

/// A mailbox to be registered, in the group of its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The mailbox.
    pub bid: String,
    /// Its user.
    pub user: String,
    /// Its profile. Profiles that differ only in ASCII case are the same.
    pub pid: String,
    /// Whether the command named the profile. If so, a mailbox that the same user has for it in the
    /// same group is removed.
    pub replaces: bool,
}

/// A request for deliveries that are due.
#[derive(Clone, Debug)]
pub struct TakeDeliveries {
    /// The current time.
    pub now: UnixMillis,
    /// When an attempt without a reported outcome counts as lost.
    pub lease_until: UnixMillis,
    /// The maximum number of deliveries.
    pub limit: u32,
    /// The maximum number of deliveries for one integrator.
    pub per_integrator: u32,
    /// The integrators to leave out.
    pub except: Vec<String>,
    /// The deliveries to leave out because the caller is attempting them, even if `now` is past
    /// their lease.
    pub in_flight: Vec<String>,
}

/// The outcome of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryOutcome {
    /// The integrator has received it.
    Delivered,
    /// It is retried at that time.
    Retry {
        /// The time of the next attempt.
        at: UnixMillis,
        /// Why it failed.
        error: Class,
    },
    /// It was given up.
    Failed {
        /// Why it failed.
        error: Class,
    },
}

/// The unfinished work of a hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// Commands that are stored and have not ended.
    pub commands: u64,
    /// Callbacks that wait to be delivered, or are being delivered.
    pub callbacks: u64,
}

impl Unfinished {
    /// Creates a value with both counts.
    #[must_use]
    pub fn new(commands: u64, callbacks: u64) -> Self {
        Self { commands, callbacks }
    }

    /// Whether no work is left.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A subject that can be watched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Topic {
    /// The messages of one mailbox, by its id.
    Mailbox(String),
    /// Planned work: deadlines and deliveries.
    Work,
}
