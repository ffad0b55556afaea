//! Callbacks that came before.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::server::two_generation_map::TwoGenerationMap;
use crate::{Class, Error};

/// Which callbacks were delivered, and which are being delivered.
pub(super) struct Repeats(Mutex<State>);

struct State {
    delivered: TwoGenerationMap<()>,
    /// Bounded by the limit on requests under way.
    under_way: HashSet<u128>,
}

/// A callback that is being delivered.
pub(super) struct UnderWay {
    repeats: Arc<Repeats>,
    key: u128,
}

impl Repeats {
    pub(super) fn new(remembered: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            delivered: TwoGenerationMap::new(remembered),
            under_way: HashSet::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to deliver what `name` tells apart; `None` if it has been delivered.
    ///
    /// # Errors
    /// Class `unavailable` while it is being delivered: whether that succeeds is not known yet.
    pub(super) fn begin(self: &Arc<Self>, name: &impl Hash) -> Result<Option<UnderWay>, Error> {
        let mut state = self.state();
        let key = state.delivered.key(name);
        if state.delivered.get(key).is_some() {
            return Ok(None);
        }
        if !state.under_way.insert(key) {
            return Err(Error::new(Class::Unavailable, "", "the same is being taken")
                .with_retry_after(Duration::from_secs(1)));
        }
        Ok(Some(UnderWay { repeats: self.clone(), key }))
    }
}

impl UnderWay {
    /// It is delivered.
    pub(super) fn succeed(self) {
        self.repeats.state().delivered.insert(self.key, ());
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.repeats.state().under_way.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_succeeded_is_a_repeat() {
        let repeats = Repeats::new(16);
        let first = repeats.begin(&"a").unwrap().unwrap();
        assert_eq!(repeats.begin(&"a").err().unwrap().class(), Class::Unavailable);
        drop(first);
        repeats.begin(&"a").unwrap().unwrap().succeed();
        assert!(repeats.begin(&"a").unwrap().is_none());
        assert!(repeats.begin(&"b").unwrap().is_some());
    }
}
