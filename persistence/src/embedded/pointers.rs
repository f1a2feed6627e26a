//! A journal row: the positions of one append as pointers into the log, where the bodies are stored once.
//!
//! One row per append, not per entry, keyed by its last position: an append of 200 entries costs one row beside its log rows.

use longwave_model::{ConversationId, Position, Seq};

/// What one append put into the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointers {
    /// Unix time in milliseconds of the commit; trimming goes by it.
    pub(super) ts: u64,
    /// The entries in order of position.
    pub(super) entries: Vec<(ConversationId, Seq)>,
}

impl Pointers {
    /// Position of the first entry, given that of the last.
    pub(super) fn first(&self, last: u64) -> Position {
        Position(last + 1 - self.entries.len() as u64)
    }

    pub(super) fn decode(mut row: &[u8]) -> Option<Self> {
        let (ts, rest) = row.split_first_chunk::<8>()?;
        row = rest;
        let mut entries = Vec::new();
        while let Some((len, rest)) = row.split_first() {
            let (conversation, rest) = rest.split_at_checked(usize::from(*len))?;
            let (seq, rest) = rest.split_first_chunk::<8>()?;
            entries.push((super::keys::conversation(conversation)?, Seq(u64::from_be_bytes(*seq))));
            row = rest;
        }
        (!entries.is_empty()).then_some(Self { ts: u64::from_be_bytes(*ts), entries })
    }
}

/// Writes a row while the append is being prepared; the commit's time is put in last.
#[derive(Debug)]
pub(super) struct PointersBuilder(Vec<u8>);

impl PointersBuilder {
    pub(super) fn with_capacity(entries: usize) -> Self {
        let mut row = Vec::with_capacity(8 + entries * 32);
        row.extend_from_slice(&[0; 8]);
        Self(row)
    }

    pub(super) fn push(&mut self, conversation: &ConversationId, seq: Seq) {
        let id = conversation.as_str().as_bytes();
        // A canonical id has at most 129 bytes: two users and a colon.
        self.0.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
        self.0.extend_from_slice(id);
        self.0.extend_from_slice(&seq.0.to_be_bytes());
    }

    pub(super) fn finish(mut self, ts: u64) -> Vec<u8> {
        self.0[..8].copy_from_slice(&ts.to_be_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_as_it_was_and_a_cut_one_does_not() {
        let (one, two) = (ConversationId::parse("alice:bob").unwrap(), ConversationId::parse("team").unwrap());
        let mut builder = PointersBuilder::with_capacity(2);
        builder.push(&one, Seq(7));
        builder.push(&two, Seq(1));
        let row = builder.finish(99);
        let pointers = Pointers::decode(&row).unwrap();
        assert_eq!(pointers, Pointers { ts: 99, entries: vec![(one, Seq(7)), (two, Seq(1))] });
        assert_eq!(pointers.first(12), Position(11));
        assert_eq!(Pointers::decode(&row[..row.len() - 1]), None);
        assert_eq!(Pointers::decode(&row[..8]), None);
    }
}
