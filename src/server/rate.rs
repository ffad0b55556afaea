//! Limits the rate and the concurrency of callers.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Rate;
use super::limits::LimitMet;
use crate::server::two_generation_map::TwoGenerationMap;
use crate::{Class, Error, MonotonicTime};

/// The callers of one kind, with the same limits.
pub(super) struct Callers {
    rate: Rate,
    concurrent: usize,
    long_polls: usize,
    /// The names of the three limits in [`ServerLimits`](super::ServerLimits).
    names: [&'static str; 3],
    state: Mutex<State>,
}

struct State {
    /// When the bucket of a caller is full again: the theoretical arrival time of the generic cell
    /// rate algorithm.
    full: TwoGenerationMap<MonotonicTime>,
    /// The requests and long polls in progress. Only callers with some are entered, so the limit on
    /// all requests bounds the map.
    counts: HashMap<u128, [usize; 2]>,
}

/// A request or long poll of one caller; dropping it ends the count.
pub(super) struct Permit {
    callers: Arc<Callers>,
    key: u128,
    is_long_poll: bool,
}

impl Callers {
    pub(super) fn new(
        rate: Rate,
        concurrent: usize,
        long_polls: usize,
        remembered: usize,
        names: [&'static str; 3],
    ) -> Arc<Self> {
        let state =
            Mutex::new(State { full: TwoGenerationMap::new(remembered), counts: HashMap::new() });
        Arc::new(Self { rate, concurrent, long_polls, names, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a request of this caller.
    ///
    /// # Errors
    /// Class `rate`, with the time to wait.
    pub(super) fn enter(
        self: &Arc<Self>,
        name: &impl Hash,
        now: MonotonicTime,
    ) -> Result<Permit, Error> {
        let mut state = self.state();
        let key = state.full.key(name);
        if state.counts.get(&key).is_some_and(|counts| counts[0] >= self.concurrent) {
            return Err(Error::new(Class::Rate, "", "too many requests at a time")
                .with_retry_after(Duration::from_secs(1))
                .with_source(LimitMet::new(self.names[1], self.concurrent)));
        }
        let full = state.full.get(key).map_or(now, |full| (*full).max(now));
        if let Some(pause) = self.rate.exceeded(full.saturating_duration_since(now)) {
            return Err(Error::new(Class::Rate, "", "too many requests")
                .with_retry_after(pause)
                .with_source(LimitMet::rate(self.names[0], self.rate)));
        }
        state.full.insert(key, full.saturating_add(self.rate.interval()));
        state.counts.entry(key).or_default()[0] += 1;
        Ok(Permit { callers: self.clone(), key, is_long_poll: false })
    }
}

impl Permit {
    /// Counts the request as a long poll from now on.
    ///
    /// # Errors
    /// Class `rate` if there are too many.
    pub(super) fn wait(&mut self) -> Result<(), Error> {
        let mut state = self.callers.state();
        let counts = state.counts.entry(self.key).or_default();
        if counts[1] >= self.callers.long_polls {
            return Err(Error::new(Class::Rate, "", "too many long polls")
                .with_retry_after(Duration::from_secs(5))
                .with_source(LimitMet::new(self.callers.names[2], self.callers.long_polls)));
        }
        counts[0] = counts[0].saturating_sub(1);
        counts[1] += 1;
        self.is_long_poll = true;
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.callers.state();
        if let Some(counts) = state.counts.get_mut(&self.key) {
            let count = &mut counts[usize::from(self.is_long_poll)];
            *count = count.saturating_sub(1);
            if *counts == [0, 0] {
                state.counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["rate", "concurrent", "long_polls"];

    fn at(millis: u64) -> MonotonicTime {
        MonotonicTime::since_start(Duration::from_millis(millis))
    }

    #[test]
    fn a_bucket_holds_its_burst_and_fills_at_its_rate() {
        let callers = Callers::new(Rate::new(10, 3), 100, 1, 16, NAMES);
        let passes = |name: &str, now| callers.enter(&name, at(now)).map(drop);
        for _ in 0..3 {
            passes("a", 0).unwrap();
        }
        let error = passes("a", 0).unwrap_err();
        assert_eq!(
            (error.class(), error.retry_after()),
            (Class::Rate, Some(Duration::from_millis(100)))
        );
        passes("b", 0).unwrap();
        assert!(passes("a", 99).is_err());
        passes("a", 100).unwrap();
        assert!(passes("a", 100).is_err());
        for _ in 0..3 {
            passes("a", 10_000).unwrap();
        }
        assert!(passes("a", 10_000).is_err());
    }

    #[test]
    fn what_is_unlimited_is_never_refused() {
        let callers = Callers::new(Rate::unlimited(), usize::MAX, 1, 16, NAMES);
        assert!((0..10_000).all(|_| callers.enter(&"a", at(0)).is_ok()));
        // Of two threads, the one that read the clock first may come second.
        callers.enter(&"a", at(1)).unwrap();
        callers.enter(&"a", at(0)).unwrap();
    }

    #[test]
    fn requests_and_long_polls_are_counted_apart_and_forgotten_when_they_end() {
        let callers = Callers::new(Rate::unlimited(), 2, 1, 16, NAMES);
        let mut one = callers.enter(&"a", at(0)).unwrap();
        let mut two = callers.enter(&"a", at(0)).unwrap();
        assert!(callers.enter(&"a", at(0)).is_err());
        one.wait().unwrap();
        assert!(two.wait().is_err());
        drop(callers.enter(&"a", at(0)).unwrap());
        drop((one, two));
        assert!(callers.state().counts.is_empty());
    }
}
