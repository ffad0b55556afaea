//! The open connections, and which of them make room for others.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};
use tracing::warn;

use super::ConnectionLimits;
use crate::server::proxies::AddressKey;

/// The interval between two log lines about connections that made room.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The instruction to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// It continues.
    Stay,
    /// It ends after the current request.
    Finish,
    /// It ends now.
    Close,
}

/// The connections of one server.
pub(super) struct Connections {
    total: usize,
    per_address: usize,
    half_open: usize,
    idle: usize,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Default)]
struct State {
    /// A counter for connection ids and the order in which connections became idle; older ones have
    /// smaller numbers.
    next: u64,
    entries: HashMap<u64, Entry>,
    addresses: HashMap<AddressKey, BTreeSet<u64>>,
    half_open: BTreeSet<u64>,
    unproved: BTreeSet<u64>,
    /// When each idle connection became idle, and its id.
    idle: BTreeSet<(u64, u64)>,
    /// When a line was last logged, and how many were left out since then.
    logged: Option<Instant>,
    left_out: u64,
}

struct Entry {
    /// The address that it counts for, if any.
    address: Option<AddressKey>,
    wish: watch::Sender<Wish>,
    /// The number of requests in progress on it; at most one in HTTP/1.
    requests: usize,
    idle_since: Option<u64>,
}

/// Whether a connection gets a place.
pub(super) enum Admission {
    Admitted(Place, watch::Receiver<Wish>),
    /// The limit of its address is reached.
    Refused,
    /// No place is free at the moment.
    Full,
}

/// The place of one connection; dropping it frees the place.
pub(super) struct Place {
    connections: Arc<Connections>,
    id: u64,
    is_proved: AtomicBool,
}

/// A request on a connection; dropping it ends the request.
pub(super) struct Work(Arc<Place>);

impl Connections {
    pub(super) fn new(limits: &ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            total: limits.total.max(1),
            per_address: limits.per_address.max(1),
            half_open: limits.half_open.max(1),
            idle: limits.idle,
            state: Mutex::default(),
            freed: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when a place may have become free.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Admits a connection from `peer`, counted for `address` if there is one.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr, address: Option<IpAddr>) -> Admission {
        let mut state = self.state();
        let address = address.map(AddressKey::of);
        let own = address.and_then(|address| state.addresses.get(&address));
        if let Some(own) = own.filter(|own| own.len() >= self.per_address) {
            let unproved = own.iter().find(|id| state.unproved.contains(id)).copied();
            let idle = || own.iter().filter_map(|id| state.idle_of(*id)).min().map(|(_, id)| id);
            let made = unproved.or_else(idle);
            state.log(peer, "per_address", self.per_address);
            match made {
                Some(id) => state.evict(id),
                None => return Admission::Refused,
            }
        }
        if state.half_open.len() >= self.half_open
            && let Some(id) = state.half_open.first().copied()
        {
            state.log(peer, "half_open", self.half_open);
            state.evict(id);
        }
        if state.entries.len() >= self.total {
            let Some(id) = state.dispensable() else { return Admission::Full };
            state.log(peer, "total", self.total);
            state.evict(id);
        }
        let id = state.count();
        let (wish, wished) = watch::channel(Wish::Stay);
        state.entries.insert(id, Entry { address, wish, requests: 0, idle_since: None });
        state.half_open.insert(id);
        state.unproved.insert(id);
        if let Some(address) = address {
            state.addresses.entry(address).or_default().insert(id);
        }
        drop(state);
        let connections = self.clone();
        Admission::Admitted(Place { connections, id, is_proved: AtomicBool::new(false) }, wished)
    }

    /// Closes one connection, if one can be closed.
    pub(super) fn make_room(&self) {
        let mut state = self.state();
        if let Some(id) = state.dispensable() {
            state.evict(id);
        }
    }

    /// The number of connections.
    pub(super) fn count(&self) -> usize {
        self.state().entries.len()
    }

    /// Tells all connections to end after their current request, and waits until they have ended.
    pub(super) async fn finish(&self) {
        self.wish(Wish::Finish);
        loop {
            let freed = self.freed.notified();
            let mut freed = std::pin::pin!(freed);
            freed.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            freed.await;
        }
    }

    /// Tells all connections to end.
    pub(super) fn close(&self) {
        self.wish(Wish::Close);
    }

    fn wish(&self, wish: Wish) {
        for entry in self.state().entries.values() {
            entry.wish.send_replace(wish);
        }
    }

    fn remove(&self, id: u64) {
        self.state().remove(id);
        self.freed.notify_waiters();
    }
}

impl State {
    fn count(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn idle_of(&self, id: u64) -> Option<(u64, u64)> {
        Some((self.entries.get(&id)?.idle_since?, id))
    }

    /// The connection to close first.
    fn dispensable(&self) -> Option<u64> {
        self.unproved.first().copied().or_else(|| self.idle.first().map(|(_, id)| *id))
    }

    /// Tells a connection to end. It no longer counts.
    fn evict(&mut self, id: u64) {
        let is_proved = !self.unproved.contains(&id);
        if let Some(entry) = self.remove(id) {
            // A proved connection may still be writing its last response.
            entry.wish.send_replace(if is_proved { Wish::Finish } else { Wish::Close });
        }
    }

    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.half_open.remove(&id);
        self.unproved.remove(&id);
        if let Some(since) = entry.idle_since {
            self.idle.remove(&(since, id));
        }
        if let Some(address) = entry.address
            && let Some(own) = self.addresses.get_mut(&address)
        {
            own.remove(&id);
            if own.is_empty() {
                self.addresses.remove(&address);
            }
        }
        Some(entry)
    }

    /// Logs that a limit was reached, at most once per interval.
    fn log(&mut self, client: IpAddr, limit: &str, value: usize) {
        if self.logged.is_some_and(|logged| logged.elapsed() < LOG_INTERVAL) {
            self.left_out += 1;
            return;
        }
        self.logged = Some(Instant::now());
        let left_out = std::mem::take(&mut self.left_out);
        warn!(%client, limit, value, left_out, "a connection makes room for another, or gets none");
    }
}

impl Place {
    /// Records that a gate accepted a request.
    pub(super) fn proved(&self) {
        // This is true only for the first request of a connection.
        if !self.is_proved.swap(true, Ordering::Relaxed) {
            self.connections.state().unproved.remove(&self.id);
        }
    }

    /// Records the begin of a request.
    pub(super) fn begin(self: &Arc<Self>) -> Work {
        let mut guard = self.connections.state();
        let state = &mut *guard;
        state.half_open.remove(&self.id);
        if let Some(entry) = state.entries.get_mut(&self.id) {
            entry.requests += 1;
            if let Some(since) = entry.idle_since.take() {
                state.idle.remove(&(since, self.id));
            }
        }
        Work(self.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.remove(self.id);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let Place { connections, id, .. } = &*self.0;
        let mut guard = connections.state();
        let state = &mut *guard;
        let now = state.count();
        let Some(entry) = state.entries.get_mut(id) else { return };
        entry.requests = entry.requests.saturating_sub(1);
        if entry.requests > 0 {
            return;
        }
        entry.idle_since = Some(now);
        state.idle.insert((now, *id));
        if state.idle.len() > connections.idle
            && let Some((_, longest)) = state.idle.first().copied()
        {
            // It is idle, so it finishes writing its last response before it ends.
            if let Some(entry) = state.remove(longest) {
                entry.wish.send_replace(Wish::Finish);
            }
        }
        drop(guard);
        // An idle connection can make room.
        connections.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
