//! What must hold at each step, as functions: for `debug_assert!` in the code and for the tests.

use hashbrown::HashMap;
use longwave_model::{ConversationId, Entry, Seq};

/// A seq follows the head without a gap and without reuse.
#[must_use]
pub fn follows(head: Seq, seq: Seq) -> bool {
    seq.0 == head.0 + 1
}

/// Within each conversation the entries' seqs rise by one, and their times never fall.
#[must_use]
pub fn is_dense<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> bool {
    let mut heads: HashMap<&ConversationId, (Seq, u64)> = HashMap::new();
    entries.into_iter().all(|entry| {
        let before = heads.insert(&entry.conversation, (entry.seq, entry.ts));
        before.is_none_or(|(head, ts)| follows(head, entry.seq) && ts <= entry.ts)
    })
}
