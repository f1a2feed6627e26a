//! Those who subscribed to one filter. Most filters have one subscriber, some have a hundred thousand who come and go.

use std::hash::Hash;

use rustc_hash::FxHashMap;

/// From so many on, who is where is looked up and not searched.
const SEARCHED: usize = 16;

/// Subscribers of one filter; never empty while it is kept.
#[derive(Debug)]
pub(crate) enum Subscribers<K, V> {
    One(K, V),
    Many { list: Vec<(K, V)>, places: FxHashMap<K, usize> },
}

impl<K: Copy + Eq + Hash, V> Subscribers<K, V> {
    pub(crate) fn for_each<'a>(&'a self, visit: &mut impl FnMut(&'a K, &'a V)) {
        match self {
            Self::One(key, value) => visit(key, value),
            Self::Many { list, .. } => list.iter().for_each(|(key, value)| visit(key, value)),
        }
    }

    /// Adds or replaces; what was there before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(known) = self.get_mut(key) {
            return Some(std::mem::replace(known, value));
        }
        if let Self::Many { list, places } = self {
            list.push((key, value));
            if !places.is_empty() {
                places.insert(key, list.len() - 1);
            } else if list.len() > SEARCHED {
                *places = list.iter().enumerate().map(|(place, (key, _))| (*key, place)).collect();
            }
            return None;
        }
        let one = std::mem::replace(self, Self::Many { list: Vec::with_capacity(2), places: FxHashMap::default() });
        if let (Self::One(first, its), Self::Many { list, .. }) = (one, self) {
            list.push((first, its));
            list.push((key, value));
        }
        None
    }

    fn get_mut(&mut self, key: K) -> Option<&mut V> {
        match self {
            Self::One(known, value) => (*known == key).then_some(value),
            Self::Many { list, places } => {
                let place = place(list, places, key)?;
                Some(&mut list[place].1)
            }
        }
    }

    /// Removes one that is not the only one. `Err` when it is: then the whole is to be dropped.
    pub(crate) fn remove(&mut self, key: K) -> Result<Option<V>, OnlyOne> {
        let Self::Many { list, places } = self else {
            return match self {
                Self::One(known, _) if *known == key => Err(OnlyOne),
                _ => Ok(None),
            };
        };
        let Some(place) = place(list, places, key) else { return Ok(None) };
        if list.len() == 1 {
            return Err(OnlyOne);
        }
        let (_, value) = list.swap_remove(place);
        if !places.is_empty() {
            places.remove(&key);
            if let Some((moved, _)) = list.get(place) {
                places.insert(*moved, place);
            }
            if list.len() <= SEARCHED / 2 {
                *places = FxHashMap::default();
            }
        }
        if list.capacity() > 4 * list.len() {
            list.shrink_to(2 * list.len());
            places.shrink_to(2 * list.len());
        }
        Ok(Some(value))
    }

    pub(crate) fn into_only(self) -> Option<V> {
        match self {
            Self::One(_, value) => Some(value),
            Self::Many { mut list, .. } => list.pop().map(|(_, value)| value),
        }
    }
}

/// It is the last subscriber.
pub(crate) struct OnlyOne;

fn place<K: Copy + Eq + Hash, V>(list: &[(K, V)], places: &FxHashMap<K, usize>, key: K) -> Option<usize> {
    if places.is_empty() { list.iter().position(|(known, _)| *known == key) } else { places.get(&key).copied() }
}
