//! A map with a bounded number of entries.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

/// A map with a bounded number of keys: when the newer half is full, the older half is dropped. It
/// stores a 128-bit hash of each key, made with a random key of this process, so collisions are not
/// to be expected.
pub(crate) struct TwoGenerationMap<V> {
    hashers: (RandomState, RandomState),
    newer: HashMap<u128, V>,
    older: HashMap<u128, V>,
    half: usize,
}

impl<V> TwoGenerationMap<V> {
    pub(crate) fn new(capacity: usize) -> Self {
        let hashers = (RandomState::new(), RandomState::new());
        Self { hashers, newer: HashMap::new(), older: HashMap::new(), half: (capacity / 2).max(1) }
    }

    pub(crate) fn key(&self, name: &impl Hash) -> u128 {
        u128::from(self.hashers.0.hash_one(name)) << 64 | u128::from(self.hashers.1.hash_one(name))
    }

    /// Returns a value, which then counts as new.
    pub(crate) fn get(&mut self, key: u128) -> Option<&mut V> {
        if let Some(value) = self.older.remove(&key) {
            self.insert(key, value);
        }
        self.newer.get_mut(&key)
    }

    pub(crate) fn insert(&mut self, key: u128, value: V) {
        if self.newer.len() >= self.half && !self.newer.contains_key(&key) {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_holds_more_than_it_may_and_forgets_the_oldest() {
        let mut map = TwoGenerationMap::new(8);
        for name in 0..1000_u32 {
            let key = map.key(&name);
            map.insert(key, name);
            assert!(map.newer.len() + map.older.len() <= 8);
            // An entry is kept as long as it is looked up.
            let first = map.key(&0_u32);
            assert_eq!(map.get(first).copied(), Some(0));
            assert_eq!(map.get(key).copied(), Some(name));
        }
        let key = map.key(&1_u32);
        assert!(map.get(key).is_none());
    }
}
