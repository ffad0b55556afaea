//! What the steps of a store are asked for and give.

use super::super::{Digest, UnixMillis};
use super::{CommandRecord, MailboxRecord, MessageRecord, StoredJson};
use crate::Class;

/// A command to be stored.
#[derive(Clone, Debug)]
pub struct NewCommand {
    /// The command with its messages; its id is given by the store.
    pub command: CommandRecord,
    /// How much greater its id is than the greatest before; at least 1.
    pub gap: u64,
    /// The numbers that are not to be passed.
    pub quota: Quota,
    /// Whether the mailboxes of its messages are removed at once.
    pub removes_mailboxes: bool,
}

/// Numbers that one integrator, and one mailbox, must not pass. A number that is reached refuses
/// the next command.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// Its commands in progress.
    pub commands_in_progress: u32,
    /// Its commands that are kept, those that have ended included.
    pub commands_kept: u32,
    /// Its deliveries that are not delivered, those that were given up included.
    pub outbox: u32,
    /// Bytes of its stored commands and answers together, with those of the new one: bodies,
    /// answers and [`CommandRecord::kept_bytes`].
    pub stored_bytes: u64,
    /// Open messages in one permanent mailbox.
    pub mailbox_messages: u32,
}

/// A look at one message.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The mailbox that it has to be in.
    pub bid: String,
    /// The message.
    pub mid: String,
    /// The digest of the claim; `None` with a mailbox's own token, which needs and makes no claim.
    pub claim: Option<Digest>,
    /// Whether the message is handed out.
    pub fetched: bool,
    /// The time.
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
    /// Whether it can be answered at `now`.
    #[must_use]
    pub fn is_open(&self, now: UnixMillis) -> bool {
        self.message.is_open() && self.command.is_open(now)
    }
}

/// A mailbox to be reserved.
#[derive(Clone, Debug)]
pub struct Reserve {
    /// The mailbox; `reserved_by` names the message.
    pub mailbox: MailboxRecord,
    /// How many the message may have reserved, with this one.
    pub at_most: u32,
    /// The time.
    pub now: UnixMillis,
}

/// An answer to be stored.
#[derive(Clone, Debug)]
pub struct AcceptAnswer {
    /// The message.
    pub mid: String,
    /// The digest of the answer's bytes.
    pub digest: Digest,
    /// The answer.
    pub answer: StoredJson,
    /// Whether its code says success.
    pub success: bool,
    /// What becomes of a mailbox.
    pub after: AfterAnswer,
    /// How many mailboxes a user may have, with a new one.
    pub mailboxes_at_most: u32,
    /// How many mailboxes all users of a group may have, with a new one.
    pub group_mailboxes_at_most: u32,
    /// Bytes of commands and answers of one integrator that may be stored, with this answer; see
    /// [`Quota::stored_bytes`].
    pub stored_bytes: u64,
    /// The time.
    pub now: UnixMillis,
}

/// What an accepted answer does to a mailbox.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AfterAnswer {
    /// Nothing.
    Nothing,
    /// Registers one that the message reserved.
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
    /// Its profile. ASCII case does not tell profiles apart.
    pub pid: String,
    /// Whether the command named the profile, so that a mailbox that the same user has for it in
    /// the same group is replaced: removed.
    pub replaces: bool,
}

/// Deliveries to be taken.
#[derive(Clone, Debug)]
pub struct TakeDeliveries {
    /// The time.
    pub now: UnixMillis,
    /// When a try that is not heard of any more counts as lost.
    pub lease_until: UnixMillis,
    /// At most so many.
    pub limit: u32,
    /// At most so many of one integrator.
    pub per_integrator: u32,
    /// None of these integrators.
    pub except: Vec<String>,
    /// None of these deliveries: the caller is trying them, also where `now` is past their lease.
    pub in_flight: Vec<String>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryOutcome {
    /// The integrator has it.
    Delivered,
    /// It is tried again at that time.
    Retry {
        /// When.
        at: UnixMillis,
        /// Why it failed.
        error: Class,
    },
    /// It is given up.
    Failed {
        /// Why it failed.
        error: Class,
    },
}

/// How much a hub has not finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// Commands that are stored and have not ended.
    pub commands: u64,
    /// Callbacks that wait to be delivered, or are being delivered.
    pub callbacks: u64,
}

impl Unfinished {
    /// So many of both.
    #[must_use]
    pub fn new(commands: u64, callbacks: u64) -> Self {
        Self { commands, callbacks }
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What can be watched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Topic {
    /// The messages of one mailbox, by its id.
    Mailbox(String),
    /// What is planned: deadlines and deliveries.
    Work,
}
