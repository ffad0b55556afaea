//! The storage of a hub, as a trait of atomic steps.

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

/// The storage of a hub. Every method is one atomic step: it happens completely or not at all, and
/// no other step sees an intermediate state.
///
/// An implementation has to keep this contract:
/// - **Success means stored.** The effect of a step that returns `Ok` is as durable as the store
///   promises.
/// - **A step that has begun runs to completion**, even if its future is dropped after the first
///   poll, so a caller that disconnects interrupts nothing. A step in memory does not wait; a store
///   over a database runs its steps in a separate task or thread.
/// - **States only move forward**: an ended command, an answered or withdrawn message and a removed
///   mailbox never change back.
/// - Records are plain values; there are no closures, and nothing stays locked between steps. Times
///   and random ids come in as arguments.
/// - Errors are [`Error`]s with the classes that each method names; class `storage` for every
///   failure of the store itself.
///
/// This crate contains one implementation, [`MemoryStore`].
pub trait Store: Send + Sync {
    /// Stores a new command with its messages and returns its id: the greatest id so far plus
    /// `gap`. `command.id` is ignored.
    ///
    /// If `removes_mailboxes` is set, the mailboxes of its messages are removed in the same step
    /// (as by [`remove_mailbox`](Self::remove_mailbox)); such a command already has the state
    /// `Completed`. A command that has ended already gets its callback queued and its purge
    /// planned, as if [`expire_due`](Self::expire_due) had ended it.
    ///
    /// # Errors
    /// Class `rate` if a limit of the quota is reached, `not-found` if a message with a `pid` has a
    /// mailbox that is not, or no longer, a permanent mailbox of the command's group.
    fn create_command(&self, new: NewCommand) -> BoxFuture<'_, Result<u64, Error>>;

    /// Returns a command of this integrator, with its messages in order; `None` if there is no such
    /// command, or if it belongs to another integrator.
    ///
    /// # Errors
    /// Class `storage`.
    fn command<'a>(
        &'a self,
        integrator: &'a str,
        id: u64,
    ) -> BoxFuture<'a, Result<Option<CommandRecord>, Error>>;

    /// Returns the mailbox with this id, in any state.
    ///
    /// # Errors
    /// Class `storage`.
    fn mailbox<'a>(&'a self, bid: &'a str) -> BoxFuture<'a, Result<Option<MailboxRecord>, Error>>;

    /// Returns the permanent mailboxes of a user in a group, in the order of their registration.
    ///
    /// # Errors
    /// Class `storage`.
    fn mailboxes_of_user<'a>(
        &'a self,
        group: &'a str,
        user: &'a str,
    ) -> BoxFuture<'a, Result<Vec<MailboxRecord>, Error>>;

    /// Returns what the token with this digest opens. A mailbox or message that has ended can be
    /// found until it is [purged](Self::purge).
    ///
    /// # Errors
    /// Class `storage`.
    fn find_token<'a>(
        &'a self,
        token: &'a Digest,
    ) -> BoxFuture<'a, Result<Option<TokenRecord>, Error>>;

    /// Returns one message, and binds it to the claim if it is open at `now` and not yet bound.
    /// With `fetched`, an open message becomes `Fetched`.
    ///
    /// # Errors
    /// Class `not-found` if there is no such message in this mailbox, `conflict` if it is bound to
    /// another claim.
    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claimed, Error>>;

    /// Returns the open messages of a mailbox whose commands have not ended at `now`, oldest first,
    /// each with its command (without body and other messages).
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
    /// Class `rate` if the message has already reserved `at_most` mailboxes, `expired` if the
    /// message is not open or its command has ended at `now`, `not-found` if there is no such
    /// message.
    fn reserve(&self, reserve: Reserve) -> BoxFuture<'_, Result<(), Error>>;

    /// Stores the answer to a message with all its consequences: the end of the command, its
    /// callback, the withdrawal of its other messages, the registration of one reserved mailbox,
    /// the removal of the others.
    ///
    /// An answer with the digest of the stored one succeeds and changes nothing. The command ends
    /// according to its [`Completion`]. If no message is open any more and there was a refusal, the
    /// command ends with the first refusal.
    ///
    /// # Errors
    /// Class `conflict` if another answer is stored, `expired` if the message is not open or the
    /// command has ended at `now`, `not-found` if there is no such message, `channel` if the
    /// mailbox to be registered is not one that this message reserved, `user` if the profile has a
    /// mailbox already that it does not replace, `rate` if the user has `mailboxes_at_most`
    /// already, the group `group_mailboxes_at_most`, or more than `stored_bytes` would be stored.
    fn accept_answer(&self, answer: AcceptAnswer) -> BoxFuture<'_, Result<(), Error>>;

    /// Removes a mailbox and withdraws its open messages. Their commands end if they have no other
    /// open message and have an answer to end with. The step is idempotent; an unknown mailbox is
    /// not an error.
    ///
    /// # Errors
    /// Class `storage`.
    fn remove_mailbox<'a>(
        &'a self,
        bid: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Ends up to `limit` commands that are due at `now`: the state becomes `TimedOut`, the body is
    /// wiped, open messages become `Expired`, reserved mailboxes are removed, and the callback is
    /// queued. Returns their [heads](CommandRecord::to_head); the list is empty when no command is
    /// due.
    ///
    /// # Errors
    /// Class `storage`.
    fn expire_due(
        &self,
        now: UnixMillis,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<CommandRecord>, Error>>;

    /// Takes deliveries that are due, oldest first. They become `InFlight`, and their count of
    /// attempts increases by one. At `lease_until` they are due again, unless they were
    /// [finished](Self::finish_delivery) before.
    ///
    /// # Errors
    /// Class `storage`.
    fn take_due_deliveries(
        &self,
        take: TakeDeliveries,
    ) -> BoxFuture<'_, Result<Vec<DeliveryRecord>, Error>>;

    /// Records the outcome of one attempt. It does nothing if the delivery is no longer in flight
    /// with this number of attempts, because another process has taken it.
    ///
    /// # Errors
    /// Class `storage`.
    fn finish_delivery<'a>(
        &'a self,
        id: &'a str,
        attempt: u32,
        outcome: DeliveryOutcome,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Counts the commands in progress and the deliveries that are pending or in flight, over all
    /// integrators.
    ///
    /// # Errors
    /// Class `storage`.
    fn count_unfinished(&self) -> BoxFuture<'_, Result<Unfinished, Error>>;

    /// Lists the deliveries that were given up, ordered by id: of one integrator or of all, only
    /// those after `after`, and at most `limit`.
    ///
    /// # Errors
    /// Class `storage`.
    fn failed_deliveries<'a>(
        &'a self,
        integrator: Option<&'a str>,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<DeliveryRecord>, Error>>;

    /// Makes a delivery that was given up due at `now`, and resets its count of attempts.
    ///
    /// # Errors
    /// Class `not-found` if there is no such delivery that was given up.
    fn requeue_delivery<'a>(
        &'a self,
        id: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Deletes up to `limit` expired commands and mailboxes and returns the number deleted.
    ///
    /// - A command is deleted with its messages, tokens and delivery when
    ///   [`CommandRecord::kept_until`] has passed and its delivery is neither pending nor in
    ///   flight.
    /// - A removed mailbox is deleted with its token when its `forget_at` has passed.
    ///
    /// # Errors
    /// Class `storage`.
    fn purge(&self, now: UnixMillis, limit: u32) -> BoxFuture<'_, Result<u32, Error>>;

    /// Returns the earliest time at which one of [`expire_due`](Self::expire_due),
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
    /// first poll, so a change that is stored after the call resolves it. It may resolve without a
    /// change; the caller looks again.
    fn watch(&self, topic: Topic) -> BoxFuture<'static, ()>;
}
