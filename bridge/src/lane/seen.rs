//! Which message ids of a conversation may be stored: no new id has to be looked up where this knows them all.
//!
//! A few ids are kept as hashes, more as Bloom filters (Bloom 1970) of 16 bits an id, of which one id in some thousands is taken for known and
//! looked up. Nothing that was put in is ever taken for new. It is complete where this owner has created the conversation, or has read all
//! its ids once (protocol rule 19).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::lane::keys::DedupKey;

/// Ids kept as hashes.
const FEW: usize = 256;
/// Ids of one filter.
const BLOCK_IDS: usize = 4_096;
/// Words of one filter: 16 bits an id.
const BLOCK_WORDS: usize = BLOCK_IDS / 4;
/// Bits set for an id.
const PROBES: u64 = 6;

/// What is known of a conversation's ids.
#[derive(Debug)]
pub(crate) enum Seen {
    /// Ids were stored that are not known; so many have been looked up.
    Some { lookups: u32 },
    /// There are too many to know.
    TooMany,
    /// All that are stored are known.
    All(Filter),
}

/// A set that may contain more than was put in.
#[derive(Debug)]
pub(crate) struct Filter {
    few: Vec<u64>,
    blocks: Vec<Block>,
    count: usize,
    /// Ids in all filters of the lane.
    total: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Block {
    bits: Box<[u64]>,
    count: usize,
}

impl Seen {
    /// Whether an id that is not remembered is certainly not stored.
    pub(crate) fn is_new(&self, key: &DedupKey) -> bool {
        match self {
            Self::All(filter) => !filter.may_contain(key),
            Self::Some { .. } | Self::TooMany => false,
        }
    }

    /// An id was stored. `most` is how many all filters of the lane may hold.
    pub(crate) fn insert(&mut self, key: &DedupKey, most: usize) {
        if let Self::All(filter) = self {
            if filter.total.load(Relaxed) < most { filter.insert(key) } else { *self = Self::TooMany }
        }
    }
}

impl Filter {
    /// An empty one, counted in `total`.
    pub(crate) fn new(total: Arc<AtomicUsize>) -> Self {
        Self { few: Vec::new(), blocks: Vec::new(), count: 0, total }
    }

    pub(crate) fn insert(&mut self, key: &DedupKey) {
        self.count += 1;
        self.total.fetch_add(1, Relaxed);
        if self.few.len() < FEW {
            return self.few.push(key.first());
        }
        match self.blocks.last_mut() {
            Some(block) if block.count < BLOCK_IDS => block.insert(key),
            _ => {
                let mut block = Block { bits: vec![0; BLOCK_WORDS].into(), count: 0 };
                block.insert(key);
                self.blocks.push(block);
            }
        }
    }

    fn may_contain(&self, key: &DedupKey) -> bool {
        self.few.contains(&key.first()) || self.blocks.iter().any(|block| block.may_contain(key))
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        self.total.fetch_sub(self.count, Relaxed);
    }
}

impl Block {
    fn insert(&mut self, key: &DedupKey) {
        self.count += 1;
        for (word, bit) in places(key) {
            self.bits[word] |= bit;
        }
    }

    fn may_contain(&self, key: &DedupKey) -> bool {
        places(key).all(|(word, bit)| self.bits[word] & bit != 0)
    }
}

/// Double hashing (Kirsch and Mitzenmacher 2006) of the two halves of a name.
fn places(key: &DedupKey) -> impl Iterator<Item = (usize, u64)> {
    let (first, step) = (key.first(), key.second() | 1);
    (0..PROBES).map(move |probe| {
        let place = first.wrapping_add(step.wrapping_mul(probe)) % (BLOCK_WORDS as u64 * 64);
        (usize::try_from(place / 64).unwrap_or(0), 1 << (place % 64))
    })
}

#[cfg(test)]
mod tests {
    use longwave_model::{ConversationId, MessageId, UserId};

    use super::*;
    use crate::lane::keys::Names;

    #[test]
    fn nothing_put_in_is_new_and_little_else_is_taken_for_known() {
        let names = Names::default();
        let (conversation, user) = (ConversationId::named("team").unwrap(), UserId::parse("alice").unwrap());
        let key = |n: usize| {
            let id = MessageId::parse(format!("m{n}").into()).unwrap();
            names.publish(&conversation, &user, &id)
        };
        let total = Arc::new(AtomicUsize::new(0));
        let mut seen = Seen::All(Filter::new(total.clone()));
        for n in 0..20_000 {
            seen.insert(&key(n), usize::MAX);
        }
        assert!((0..20_000).all(|n| !seen.is_new(&key(n))));
        let mistaken = (20_000..40_000).filter(|n| !seen.is_new(&key(*n))).count();
        assert!(mistaken < 200, "{mistaken} of 20,000 were taken for known");
        assert_eq!(total.load(Relaxed), 20_000);
        seen.insert(&key(0), 20_000);
        assert!(matches!(seen, Seen::TooMany));
        assert_eq!(total.load(Relaxed), 0);
        assert!(!seen.is_new(&key(1_000_000)));
    }
}
