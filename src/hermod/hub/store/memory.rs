mod commands;
mod mailboxes;
mod outbox;
mod signals;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    AcceptAnswer, Claim, Claimed, CommandRecord, DeliveryOutcome, DeliveryRecord, MailboxRecord,
    NewCommand, Reserve, Store, TakeDeliveries, TokenRecord, Topic, Unfinished,
};
use crate::hermod::hub::{Digest, UnixMillis};
use crate::{BoxFuture, Class, Error};
use signals::Signals;

/// A [`Store`] in memory: everything is lost when the process ends. Every step completes within the
/// call that creates its future.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use std::sync::Arc;
/// use keyferry::{crypto::aws_lc_rs::AwsLcRs, hermod::hub::{Hub, HubConfig, MemoryStore}};
///
/// // Two hubs on one store are one hub.
/// let store = Arc::new(MemoryStore::default());
/// let config = HubConfig::new("https://hub.example/ms", "hub.example")?;
/// let one = Hub::builder(Arc::new(AwsLcRs), config.clone()).with_store(store.clone()).build()?;
/// let two = Hub::builder(Arc::new(AwsLcRs), config).with_store(store).build()?;
/// # }
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    signals: Signals,
}

/// The stored records and their indexes.
#[derive(Default)]
struct State {
    last_id: u64,
    commands: BTreeMap<u64, CommandRecord>,
    /// The location of a message: its command, and its index in that command.
    messages: HashMap<String, (u64, usize)>,
    mailboxes: HashMap<String, MailboxRecord>,
    /// The mailboxes that each message reserved.
    reserved: HashMap<String, Vec<String>>,
    /// The permanent mailboxes by group and user, in the order of their registration.
    users: HashMap<(String, String), Vec<String>>,
    /// The number of permanent mailboxes per group.
    groups: HashMap<String, u32>,
    /// The permanent mailboxes by group and profile (in lower case).
    profiles: HashMap<(String, String), String>,
    /// The open messages of each mailbox, by command and index.
    queues: HashMap<String, BTreeSet<(u64, usize)>>,
    tokens: HashMap<[u8; 32], TokenRecord>,
    usage: HashMap<String, Usage>,
    deliveries: BTreeMap<String, DeliveryRecord>,
    deadlines: BTreeSet<(UnixMillis, u64)>,
    /// The planned deliveries per integrator, so that one with many does not slow the others.
    due: BTreeMap<String, BTreeSet<(UnixMillis, String)>>,
    purges: BTreeSet<(UnixMillis, Purged)>,
    /// The mailboxes to signal, and whether deadlines or deliveries were planned, since the last
    /// step.
    changed: Vec<String>,
    planned: bool,
}

/// The resources that one integrator uses.
#[derive(Default)]
struct Usage {
    in_progress: u32,
    kept: u32,
    outbox: u32,
    bytes: u64,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Purged {
    Command(u64),
    Mailbox(String),
}

impl MemoryStore {
    /// Runs one step. It completes before the future is returned, so it cannot be interrupted.
    fn step<'a, T: Send + 'a>(
        &self,
        step: impl FnOnce(&mut State) -> Result<T, Error>,
    ) -> BoxFuture<'a, Result<T, Error>> {
        let mut state = self.lock();
        let result = step(&mut state);
        let (changed, planned) =
            (std::mem::take(&mut state.changed), std::mem::take(&mut state.planned));
        drop(state);
        self.signals.send(&changed, planned);
        Box::pin(ready(result))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn create_command(&self, new: NewCommand) -> BoxFuture<'_, Result<u64, Error>> {
        self.step(|state| state.create(new))
    }

    fn command<'a>(
        &'a self,
        integrator: &'a str,
        id: u64,
    ) -> BoxFuture<'a, Result<Option<CommandRecord>, Error>> {
        self.step(|state| {
            Ok(state.commands.get(&id).filter(|command| command.integrator == integrator).cloned())
        })
    }

    fn mailbox<'a>(&'a self, bid: &'a str) -> BoxFuture<'a, Result<Option<MailboxRecord>, Error>> {
        self.step(|state| Ok(state.mailboxes.get(bid).cloned()))
    }

    fn mailboxes_of_user<'a>(
        &'a self,
        group: &'a str,
        user: &'a str,
    ) -> BoxFuture<'a, Result<Vec<MailboxRecord>, Error>> {
        self.step(|state| Ok(state.mailboxes_of(group, user)))
    }

    fn find_token<'a>(
        &'a self,
        token: &'a Digest,
    ) -> BoxFuture<'a, Result<Option<TokenRecord>, Error>> {
        self.step(|state| Ok(state.tokens.get(token.as_bytes()).cloned()))
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claimed, Error>> {
        self.step(|state| state.claim(&claim))
    }

    fn open_messages<'a>(
        &'a self,
        bid: &'a str,
        now: UnixMillis,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Claimed>, Error>> {
        self.step(|state| Ok(state.open_messages(bid, now, limit)))
    }

    fn reserve(&self, reserve: Reserve) -> BoxFuture<'_, Result<(), Error>> {
        self.step(|state| state.reserve(reserve))
    }

    fn accept_answer(&self, answer: AcceptAnswer) -> BoxFuture<'_, Result<(), Error>> {
        self.step(|state| state.accept(answer))
    }

    fn remove_mailbox<'a>(
        &'a self,
        bid: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.step(|state| {
            state.remove_mailbox(bid, now);
            Ok(())
        })
    }

    fn expire_due(
        &self,
        now: UnixMillis,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<CommandRecord>, Error>> {
        self.step(|state| Ok(state.expire(now, limit)))
    }

    fn take_due_deliveries(
        &self,
        take: TakeDeliveries,
    ) -> BoxFuture<'_, Result<Vec<DeliveryRecord>, Error>> {
        self.step(|state| Ok(state.take_due(&take)))
    }

    fn finish_delivery<'a>(
        &'a self,
        id: &'a str,
        attempt: u32,
        outcome: DeliveryOutcome,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.step(|state| {
            state.finish(id, attempt, outcome);
            Ok(())
        })
    }

    fn count_unfinished(&self) -> BoxFuture<'_, Result<Unfinished, Error>> {
        self.step(|state| Ok(state.unfinished()))
    }

    fn failed_deliveries<'a>(
        &'a self,
        integrator: Option<&'a str>,
        after: Option<&'a str>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<DeliveryRecord>, Error>> {
        self.step(|state| Ok(state.failed(integrator, after, limit)))
    }

    fn requeue_delivery<'a>(
        &'a self,
        id: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.step(|state| state.requeue(id, now))
    }

    fn purge(&self, now: UnixMillis, limit: u32) -> BoxFuture<'_, Result<u32, Error>> {
        self.step(|state| Ok(state.purge(now, limit)))
    }

    fn next_due<'a>(
        &'a self,
        except: &'a [String],
    ) -> BoxFuture<'a, Result<Option<UnixMillis>, Error>> {
        self.step(|state| Ok(state.next_due(except)))
    }

    fn watch(&self, topic: Topic) -> BoxFuture<'static, ()> {
        self.signals.watch(topic)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("MemoryStore")
            .field("commands", &state.commands.len())
            .field("mailboxes", &state.mailboxes.len())
            .field("entries", &state.entries())
            .finish()
    }
}

impl State {
    fn unfinished(&self) -> Unfinished {
        let commands = self.usage.values().map(|usage| u64::from(usage.in_progress)).sum();
        // A delivery is planned until it was delivered or given up.
        let callbacks = self.due.values().map(|due| due.len() as u64).sum();
        Unfinished { commands, callbacks }
    }

    /// The number of entries in all indexes; zero when everything was deleted.
    fn entries(&self) -> usize {
        let of_messages =
            self.messages.len() + self.reserved.len() + self.queues.len() + self.tokens.len();
        let of_mailboxes = self.users.len() + self.groups.len() + self.profiles.len();
        of_messages
            + of_mailboxes
            + self.usage.len()
            + self.deliveries.len()
            + self.deadlines.len()
            + self.due.len()
            + self.purges.len()
    }
}

fn no_message() -> Error {
    Error::new(Class::NotFound, "mid", "no such message")
}

fn ended() -> Error {
    Error::new(Class::Expired, "mid", "the message has ended")
}

fn quota(what: &'static str) -> Error {
    Error::new(Class::Rate, "", what)
}
