//! What the hub has to remember, as steps that happen wholly or not at all.

mod memory;
mod records;
mod steps;

pub use memory::MemoryStore;
pub use records::{
    CommandRecord, CommandState, Completion, DeliveryRecord, DeliveryState, MailboxRecord,
    MailboxState, MessageRecord, MessageState, StoredJson, TokenRecord,
};
pub use steps::{
    AcceptAnswer, AfterAnswer, Claim, Claimed, DeliveryOutcome, NewCommand, Quota, Registration,
    Reserve, TakeDeliveries, Topic, Unfinished,
};

use super::{Digest, UnixMillis};
use crate::{BoxFuture, Error};

/// The hub's memory. Every method is one atomic step: it happens wholly or not at all, and no other
/// step sees it half done.
///
/// The contract, for whoever writes one over a database:
/// - **Success means stored.** A step that answers `Ok` survives whatever the store promises to
///   survive.
/// - **A step that has begun runs to its end**, also when its future is dropped after the first
///   poll: a caller that hangs up cuts nothing short. In memory a step does not wait inside; over a
///   database it belongs in a task or a thread of the store's own.
/// - **States only move forward**: a command that has ended, a message that was answered or
///   withdrawn, a mailbox that was removed stays so.
/// - Records are plain values; there are no closures, and nothing stays locked between steps. Times
///   and random ids come in as arguments.
/// - Errors are [`Error`]s with the classes that each method names; class `storage` for every
///   failure of the store itself.
///
/// [`MemoryStore`] is the one that comes along.
pub trait Store: Send + Sync {
    /// Stores a new command with its messages and gives its id: the greatest that was given before,
    /// plus `gap`. `command.id` is not read.
    ///
    /// If `removes_mailboxes` is set, the mailboxes of its messages are removed in the same step
    /// (as by [`remove_mailbox`](Self::remove_mailbox)); the command comes with its state already
    /// `Completed`. A command that comes ended is ended as by [`expire_due`](Self::expire_due).
    ///
    /// # Errors
    /// Class `rate` if a number of the quota is reached, `not-found` if a message with a `pid` has
    /// a mailbox that is not (or no more) a permanent one of the command's group.
    fn create_command(&self, new: NewCommand) -> BoxFuture<'_, Result<u64, Error>>;

    /// A command of this integrator, with its messages in order; `None` if there is none, or it is
    /// another's.
    ///
    /// # Errors
    /// Class `storage`.
    fn command<'a>(
        &'a self,
        integrator: &'a str,
        id: u64,
    ) -> BoxFuture<'a, Result<Option<CommandRecord>, Error>>;

    /// The mailbox with this id, in whatever state.
    ///
    /// # Errors
    /// Class `storage`.
    fn mailbox<'a>(&'a self, bid: &'a str) -> BoxFuture<'a, Result<Option<MailboxRecord>, Error>>;

    /// The permanent mailboxes of a user in a group, in the order of their registration.
    ///
    /// # Errors
    /// Class `storage`.
    fn mailboxes_of_user<'a>(
        &'a self,
        group: &'a str,
        user: &'a str,
    ) -> BoxFuture<'a, Result<Vec<MailboxRecord>, Error>>;

    /// What the token with this digest opens. A mailbox or message that has ended is found until it
    /// is [purged](Self::purge).
    ///
    /// # Errors
    /// Class `storage`.
    fn find_token<'a>(
        &'a self,
        token: &'a Digest,
    ) -> BoxFuture<'a, Result<Option<TokenRecord>, Error>>;

    /// Looks at one message, and binds it to the claim if it is open at `now` and not bound. With
    /// `fetched`, an open message becomes `Fetched`.
    ///
    /// # Errors
    /// Class `not-found` if there is no such message in this mailbox, `conflict` if it is bound to
    /// another claim.
    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claimed, Error>>;

    /// The open messages of a mailbox whose commands have not ended at `now`, oldest first, each
    /// with its command (without body and other messages).
    ///
    /// # Errors
    /// Class `storage`.
    fn open_messages<'a>(
        &'a self,
        bid: &'a str,
        now: UnixMillis,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Claimed>, Error>>;

    /// Stores a new reserved mailbox for a message.
    ///
    /// # Errors
    /// Class `rate` if the message has reserved `at_most` already, `expired` if it is not open, or
    /// its command has ended at `now`, `not-found` if there is none.
    fn reserve(&self, reserve: Reserve) -> BoxFuture<'_, Result<(), Error>>;

    /// Stores the answer to a message with all that follows: the end of the command, its callback,
    /// the withdrawal of its other messages, the registration of one reserved mailbox, the removal
    /// of the others.
    ///
    /// The answer with the digest of the one that is stored succeeds and changes nothing. The
    /// command ends by its [`Completion`]; one whose open messages are all answered or gone, and
    /// that has a refusal, ends with the first.
    ///
    /// # Errors
    /// Class `conflict` if another answer is stored, `expired` if the message is not open or the
    /// command has ended at `now`, `not-found` if there is no such message, `channel` if the
    /// mailbox to be registered is not one that this message reserved, `user` if the profile has a
    /// mailbox already that it does not replace, `rate` if the user has `mailboxes_at_most`
    /// already, the group `group_mailboxes_at_most`, or more than `stored_bytes` would be stored.
    fn accept_answer(&self, answer: AcceptAnswer) -> BoxFuture<'_, Result<(), Error>>;

    /// Removes a mailbox: its open messages are withdrawn, and their commands end if nothing is
    /// left to wait for but a refusal is there. Succeeds again. Of a mailbox that is unknown too.
    ///
    /// # Errors
    /// Class `storage`.
    fn remove_mailbox<'a>(
        &'a self,
        bid: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Ends commands that are due at `now`, at most `limit` of them: state `TimedOut`, body wiped,
    /// open messages `Expired`, reserved mailboxes removed, callback queued. Returns their
    /// [heads](CommandRecord::to_head); the list is empty when no command is due.
    ///
    /// # Errors
    /// Class `storage`.
    fn expire_due(
        &self,
        now: UnixMillis,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<CommandRecord>, Error>>;

    /// Takes deliveries that are due: they become `InFlight` until `lease_until`, when they are due
    /// again if nobody has [finished](Self::finish_delivery) them, and their attempts count one
    /// more. Oldest first.
    ///
    /// # Errors
    /// Class `storage`.
    fn take_due_deliveries(
        &self,
        take: TakeDeliveries,
    ) -> BoxFuture<'_, Result<Vec<DeliveryRecord>, Error>>;

    /// Notes the end of one attempt. One that is not in flight any more with this number of
    /// attempts is passed over: somebody else has taken it.
    ///
    /// # Errors
    /// Class `storage`.
    fn finish_delivery<'a>(
        &'a self,
        id: &'a str,
        attempt: u32,
        outcome: DeliveryOutcome,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// How much is unfinished: commands in progress, and deliveries that are pending or in flight,
    /// of all integrators.
    ///
    /// # Errors
    /// Class `storage`.
    fn count_unfinished(&self) -> BoxFuture<'_, Result<Unfinished, Error>>;

    /// Deliveries that were given up, of one integrator or of all, by id; those after `after`, at
    /// most `limit`.
    ///
    /// # Errors
    /// Class `storage`.
    fn failed_deliveries<'a>(
        &'a self,
        integrator: Option<&'a str>,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<DeliveryRecord>, Error>>;

    /// Makes a delivery that was given up due at `now`, with its attempts counted anew.
    ///
    /// # Errors
    /// Class `not-found` if there is none in that state.
    fn requeue_delivery<'a>(
        &'a self,
        id: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Forgets what need not be kept at `now`, at most `limit` commands and mailboxes, and tells
    /// how many: a command with messages, tokens and delivery when [`CommandRecord::kept_until`]
    /// has passed and its delivery is not waiting; a removed mailbox and its token when `forget_at`
    /// has.
    ///
    /// # Errors
    /// Class `storage`.
    fn purge(&self, now: UnixMillis, limit: u32) -> BoxFuture<'_, Result<u32, Error>>;

    /// When the next of [`expire_due`](Self::expire_due),
    /// [`take_due_deliveries`](Self::take_due_deliveries) (for integrators other than `except`) and
    /// [`purge`](Self::purge) has something to do; `None` if nothing is planned.
    ///
    /// # Errors
    /// Class `storage`.
    fn next_due<'a>(
        &'a self,
        except: &'a [String],
    ) -> BoxFuture<'a, Result<Option<UnixMillis>, Error>>;

    /// Resolves after something changed about `topic`. The watch begins with the call, not with the
    /// first poll: what is stored after the call resolves it. It may resolve for nothing; whoever
    /// waits looks again.
    fn watch(&self, topic: Topic) -> BoxFuture<'static, ()>;
}
