//! A bounded map that forgets what was not used lately: two generations, the older of which is dropped when the younger is full.
//!
//! Cheaper than a linked LRU and never above its capacity.

use std::borrow::Borrow;
use std::hash::Hash;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

type Map<K, V> = HashMap<K, V, FxBuildHasher>;

/// A bounded map.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: Map<K, V>,
    old: Map<K, V>,
    half: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// Holds at most `capacity`, at least 2.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { young: Map::default(), old: Map::default(), half: (capacity / 2).max(1) }
    }

    /// Looks up and counts as use.
    pub(crate) fn get<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        // Two lookups for the young hit: the borrow checker does not accept an early return of one.
        if self.young.contains_key(key) {
            return self.young.get_mut(key);
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.make_room();
        Some(self.young.entry(key).or_insert(value))
    }

    /// Looks up without counting as use.
    pub(crate) fn peek<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// Looks up, to change it, without counting as use.
    pub(crate) fn peek_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        match self.young.get_mut(key) {
            Some(value) => Some(value),
            None => self.old.get_mut(key),
        }
    }

    /// Puts in or replaces.
    pub(crate) fn put(&mut self, key: K, value: V) {
        self.old.remove(&key);
        self.make_room();
        self.young.insert(key, value);
    }

    /// Takes out.
    pub(crate) fn remove<Q>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if self.young.remove(key).is_none() {
            self.old.remove(key);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    fn make_room(&mut self) {
        if self.young.len() >= self.half {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_above_its_capacity_and_keeps_what_is_used() {
        let mut recent = Recent::new(100);
        recent.put(0, 0);
        for n in 1..10_000 {
            recent.put(n, n);
            assert!(recent.young.len() + recent.old.len() <= 100);
            assert_eq!(recent.get(&0), Some(&mut 0));
        }
        assert_eq!(recent.peek(&9_999), Some(&9_999));
        assert_eq!(recent.peek(&9_000), None);
    }

    #[test]
    fn the_newest_value_wins_across_generations() {
        let mut recent = Recent::new(4);
        for n in 0..3 {
            recent.put(n, "first");
        }
        recent.put(0, "second");
        assert_eq!(recent.get(&0), Some(&mut "second"));
        recent.remove(&0);
        assert_eq!(recent.get(&0), None);
    }
}
