//! The records of a store, as plain values.

use std::fmt;
use std::sync::Arc;

use super::super::{Digest, UnixMillis};
use crate::Class;

/// A JSON text as it was received or written, in the hub's dialect. It may hold secrets (an
/// encrypted nonce, a new admin key), so `Debug` shows its length only. Clones share the text. An
/// empty text means that it was wiped or never existed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct StoredJson(Arc<str>);

impl StoredJson {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Into<Arc<str>>> From<T> for StoredJson {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for StoredJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredJson({} bytes)", self.0.len())
    }
}

/// The state of a command. It changes once, from `InProgress` to one of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CommandState {
    /// The command waits for devices.
    InProgress,
    /// A device answered or refused.
    Completed,
    /// No device answered in time.
    TimedOut,
}

/// When a command with several messages is completed. A refusal completes it only when no open
/// message is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Completion {
    /// The command completes at the first success, and its other messages are withdrawn. This
    /// applies to every command except delete.
    FirstSuccess,
    /// The command completes when no message is open any more, with the first refusal if there was
    /// one. This applies to delete, which is meant for every mailbox.
    Every,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRecord {
    /// Its id, unique in the store.
    pub id: u64,
    /// The integrator that submitted it.
    pub integrator: String,
    /// The group whose mailboxes it may reach. No two groups have the same name.
    pub group: String,
    /// The integrator's own id.
    pub external_id: Option<String>,
    /// The type as on the wire: `PROV`.
    pub command_type: String,
    /// When it was submitted.
    pub created: UnixMillis,
    /// When it times out: the earlier of lifespan and timeout.
    pub ends: UnixMillis,
    /// The state.
    pub state: CommandState,
    /// When it ended.
    pub ended: Option<UnixMillis>,
    /// The command as it was submitted; wiped at the end.
    pub body: StoredJson,
    /// When it is completed.
    pub completion: Completion,
    /// The first refusal.
    pub refusal: Option<StoredJson>,
    /// The answer that it ended with.
    pub answer: Option<StoredJson>,
    /// The id of its callback, a UUID; `None` if it has none.
    pub delivery: Option<String>,
    /// Until when its tokens are known: some time after `ends`.
    pub tokens_until: UnixMillis,
    /// How long it is kept after it has ended, in milliseconds.
    pub keep_millis: u64,
    /// Its messages, in the order of its destinations.
    pub messages: Vec<MessageRecord>,
}

impl CommandRecord {
    /// Whether the command can still be answered at `now`.
    #[must_use]
    pub fn is_open(&self, now: UnixMillis) -> bool {
        self.state == CommandState::InProgress && now < self.ends
    }

    /// The earliest time at which the command may be purged; `None` while it is in progress.
    #[must_use]
    pub fn kept_until(&self) -> Option<UnixMillis> {
        Some(UnixMillis(self.ended?.0.saturating_add(self.keep_millis)).max(self.tokens_until))
    }

    /// The bytes that the command uses for as long as it is kept, besides body and answers: an
    /// estimate for its messages, and the length of the external id.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        /// An estimate for a message with its token and its entries in the indexes of a store.
        const OF_A_MESSAGE: u64 = 1024;
        self.external_id.as_ref().map_or(0, String::len) as u64
            + OF_A_MESSAGE * self.messages.len() as u64
    }

    /// The record without body, answers and messages.
    #[must_use]
    pub fn to_head(&self) -> Self {
        Self {
            id: self.id,
            integrator: self.integrator.clone(),
            group: self.group.clone(),
            external_id: self.external_id.clone(),
            command_type: self.command_type.clone(),
            created: self.created,
            ends: self.ends,
            state: self.state,
            ended: self.ended,
            body: StoredJson::default(),
            completion: self.completion,
            refusal: None,
            answer: None,
            delivery: self.delivery.clone(),
            tokens_until: self.tokens_until,
            keep_millis: self.keep_millis,
            messages: Vec::new(),
        }
    }
}

/// The state of a message. It moves forward only. The first two states are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageState {
    /// No device has fetched it.
    Pending,
    /// A device has fetched it.
    Fetched,
    /// A device has answered it.
    Answered,
    /// Its command timed out.
    Expired,
    /// Its command ended for another reason, or its mailbox was removed.
    Withdrawn,
}

/// One message: a command in one mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// Its id, a UUID.
    pub mid: String,
    /// The mailbox, a UUID. A temporary mailbox exists only as this id.
    pub bid: String,
    /// The profile of a permanent mailbox; `None` for a temporary one.
    pub pid: Option<String>,
    /// The digest of its token.
    pub token: Digest,
    /// Its token, masked so that only the hub can read it.
    pub masked_token: [u8; 16],
    /// The digest of the claim that the token is bound to.
    pub claim: Option<Digest>,
    /// The state.
    pub state: MessageState,
    /// The digest of the answer, if there is one.
    pub answer: Option<Digest>,
}

impl MessageRecord {
    /// Whether the message waits for an answer. Its command may still have ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, MessageState::Pending | MessageState::Fetched)
    }
}

/// What a token opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its digest.
    pub token: Digest,
    /// The mailbox.
    pub bid: String,
    /// The message, if the token opens only that one.
    pub mid: Option<String>,
    /// Until when the token is known; `None` until its mailbox is removed.
    pub until: Option<UnixMillis>,
}

/// The state of a mailbox. It moves forward only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MailboxState {
    /// It is reserved for a device that is being provisioned.
    Reserved,
    /// It is registered for a user.
    Permanent,
    /// It was removed; its token is still known for some time.
    Removed,
}

/// A mailbox with its own token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxRecord {
    /// Its id, a UUID.
    pub bid: String,
    /// The state.
    pub state: MailboxState,
    /// The group that it belongs to.
    pub group: String,
    /// The digest of its token.
    pub token: Digest,
    /// The message that reserved it.
    pub reserved_by: String,
    /// Its user, once it is registered.
    pub user: Option<String>,
    /// Its profile, once it is registered.
    pub pid: Option<String>,
    /// How long the mailbox is known after its removal, in milliseconds.
    pub known_millis: u64,
    /// When the mailbox is deleted; set at its removal.
    pub forget_at: Option<UnixMillis>,
}

/// The state of a callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeliveryState {
    /// It waits for its due time.
    Pending,
    /// A process is attempting to deliver it.
    InFlight,
    /// The integrator has received it.
    Delivered,
    /// It was given up; it can be queued again.
    Failed,
}

/// A callback in the outbox. Its content is built from its command, which does not change any more.
/// A command has at most one callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its id, a UUID, the same for each attempt.
    pub id: String,
    /// Its command.
    pub command: u64,
    /// The integrator that receives it.
    pub integrator: String,
    /// The state.
    pub state: DeliveryState,
    /// The number of attempts so far.
    pub attempts: u32,
    /// When the next attempt is due or, in flight, when the current attempt counts as lost.
    pub due: UnixMillis,
    /// Why the last attempt failed.
    pub last_error: Option<Class>,
}
