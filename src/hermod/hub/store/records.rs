//! What is kept: plain values.

use std::fmt;
use std::sync::Arc;

use super::super::{Digest, UnixMillis};
use crate::Class;

/// A JSON text as it was received or written, in the hub's dialect. It may hold secrets (an
/// encrypted nonce, a new admin key), so `Debug` shows its length only. Its clones share it. Empty:
/// wiped, or none.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct StoredJson(Arc<str>);

impl StoredJson {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Bytes of it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
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

/// How far a command is. It moves once, from the first to one of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CommandState {
    /// Waits for devices.
    InProgress,
    /// Answered or refused.
    Completed,
    /// Nobody answered in time.
    TimedOut,
}

/// When a command with several messages is completed. A refusal completes it only when no open
/// message is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Completion {
    /// At the first success; the other messages are withdrawn. Every command but delete.
    FirstSuccess,
    /// When no message is open any more; the first refusal, if there was one, is what is told.
    /// Delete: its purpose is every mailbox.
    Every,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRecord {
    /// Its id, unique in the store.
    pub id: u64,
    /// Whose it is.
    pub integrator: String,
    /// The group whose mailboxes it may reach: a name that no other group's can equal.
    pub group: String,
    /// The integrator's own id.
    pub external_id: Option<String>,
    /// What it is, as the wire calls it: `PROV`.
    pub command_type: String,
    /// When it came.
    pub created: UnixMillis,
    /// When it times out: the earlier of lifespan and timeout.
    pub ends: UnixMillis,
    /// How far it is.
    pub state: CommandState,
    /// When it ended.
    pub ended: Option<UnixMillis>,
    /// The command as it came; wiped when it has ended.
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
    /// Whether it can still be answered at `now`.
    #[must_use]
    pub fn is_open(&self, now: UnixMillis) -> bool {
        self.state == CommandState::InProgress && now < self.ends
    }

    /// Until when it is kept at least; `None` while it has not ended.
    #[must_use]
    pub fn kept_until(&self) -> Option<UnixMillis> {
        Some(UnixMillis(self.ended?.0.saturating_add(self.keep_millis)).max(self.tokens_until))
    }

    /// Bytes that it takes up for as long as it is kept, beside body and answers: about what its
    /// messages take, and the integrator's own text.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        /// A message with its token and its places in the indexes of a store.
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

/// How far a message is. It moves forward only: the first two are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageState {
    /// Nobody has fetched it.
    Pending,
    /// A device has fetched it.
    Fetched,
    /// A device has answered it.
    Answered,
    /// Its command timed out.
    Expired,
    /// Its command ended otherwise, or its mailbox was removed.
    Withdrawn,
}

/// One message: a command in one mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// Its id, a UUID.
    pub mid: String,
    /// The mailbox, a UUID. A temporary one is nothing but this id.
    pub bid: String,
    /// The profile of a permanent mailbox; `None` for a temporary one.
    pub pid: Option<String>,
    /// The digest of its token.
    pub token: Digest,
    /// Its token, masked: only the hub can read it.
    pub masked_token: [u8; 16],
    /// The digest of the claim that the token is bound to.
    pub claim: Option<Digest>,
    /// How far it is.
    pub state: MessageState,
    /// The digest of the answer, once there is one.
    pub answer: Option<Digest>,
}

impl MessageRecord {
    /// Whether it waits for an answer, as far as it knows by itself.
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
    /// The message, if it opens only that.
    pub mid: Option<String>,
    /// Until when it is known; `None`: until its mailbox is removed.
    pub until: Option<UnixMillis>,
}

/// What a mailbox is. It moves forward only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MailboxState {
    /// Promised to a device that is being provisioned.
    Reserved,
    /// Registered for a user.
    Permanent,
    /// Gone; its token is still known for some time.
    Removed,
}

/// A mailbox with a token of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxRecord {
    /// Its id, a UUID.
    pub bid: String,
    /// What it is.
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
    /// How long it is known after it was removed, in milliseconds.
    pub known_millis: u64,
    /// When it is forgotten; set when it is removed.
    pub forget_at: Option<UnixMillis>,
}

/// How far a callback is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeliveryState {
    /// Waits for its time.
    Pending,
    /// Somebody tries to deliver it.
    InFlight,
    /// The integrator has it.
    Delivered,
    /// Given up; it can be queued again.
    Failed,
}

/// A callback in the outbox. What it says is made from its command, which does not change any more.
/// A command has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its id, a UUID, the same on each try.
    pub id: String,
    /// Its command.
    pub command: u64,
    /// Who gets it.
    pub integrator: String,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next or, in flight, when the try counts as lost.
    pub due: UnixMillis,
    /// Why the last try failed.
    pub last_error: Option<Class>,
}
