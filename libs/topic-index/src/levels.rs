//! Topic levels as numbers: each text is kept once, however many filters have it, and goes with its last use.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// The texts that are in use.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    known: HashTable<u32>,
    entries: Vec<Level>,
    free: Vec<u32>,
    /// Keyed at random: clients choose the texts.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Level {
    text: Box<str>,
    uses: u32,
}

impl Levels {
    /// The number of a text that is in use.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(text);
        self.known.find(hash, |id| *self.entries[*id as usize].text == *text).copied()
    }

    /// The number of a text, and one more use of it.
    pub(crate) fn take(&mut self, text: &str) -> u32 {
        if let Some(id) = self.find(text) {
            self.entries[id as usize].uses += 1;
            return id;
        }
        let level = Level { text: text.into(), uses: 1 };
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = level;
                id
            }
            None => {
                self.entries.push(level);
                u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
            }
        };
        let Self { known, entries, hasher, .. } = self;
        known.insert_unique(hasher.hash_one(text), id, |id| hasher.hash_one(&*entries[*id as usize].text));
        id
    }

    /// The text with this number.
    pub(crate) fn text(&self, id: u32) -> &str {
        &self.entries[id as usize].text
    }

    /// One use less.
    pub(crate) fn give_back(&mut self, id: u32) {
        let level = &mut self.entries[id as usize];
        level.uses -= 1;
        if level.uses > 0 {
            return;
        }
        let text = std::mem::take(&mut level.text);
        let Self { known, entries, hasher, .. } = self;
        if let Ok(entry) = known.find_entry(hasher.hash_one(&*text), |known| *known == id) {
            entry.remove();
        }
        self.free.push(id);
        if self.known.is_empty() {
            *self = Self::default();
        } else if self.known.capacity() > 64 && self.known.len() * 4 < self.known.capacity() {
            self.known.shrink_to_fit(|id| hasher.hash_one(&*entries[*id as usize].text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_until_its_last_use_ends() {
        let mut levels = Levels::default();
        let a = levels.take("a");
        assert_eq!(levels.take("a"), a);
        let b = levels.take("b");
        assert_ne!(a, b);
        levels.give_back(a);
        assert_eq!(levels.find("a"), Some(a));
        levels.give_back(a);
        assert_eq!(levels.find("a"), None);
        assert_eq!(levels.text(b), "b");
        assert_eq!(levels.take("c"), a, "the number is used again");
        assert_eq!((levels.find("b"), levels.find("c")), (Some(b), Some(a)));
    }
}
