//! What must hold at each step, as functions: the same ones serve `debug_assert!` in the code, the contract that every backend must
//! pass, and the model of the journal.
//!
//! Each answers one question about plain values and reads nothing, so that whoever has the values can ask. Rule numbers are those of the
//! journal protocol.

use std::hash::Hash;

use hashbrown::{HashMap, HashSet};
use longwave_model::{ConversationId, Entry, Epoch, Position, Seq};
use rustc_hash::FxBuildHasher;

use crate::journal::Watermarks;
use crate::log::Page;

/// A seq follows the head without a gap and without reuse.
#[must_use]
pub fn follows(head: Seq, seq: Seq) -> bool {
    seq.0 == head.0 + 1
}

/// Within each conversation the entries' seqs rise by one, and their times never fall.
#[must_use]
pub fn is_dense<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> bool {
    let mut times: HashMap<&ConversationId, u64, FxBuildHasher> = HashMap::default();
    let mut rises = true;
    let places = entries.into_iter().map(|entry| {
        rises &= times.insert(&entry.conversation, entry.ts).is_none_or(|before| before <= entry.ts);
        (&entry.conversation, entry.seq)
    });
    let dense = seqs_rise_by_one(places);
    dense && rises
}

/// Within each conversation the seqs rise by one, in the order of the journal.
#[must_use]
pub fn seqs_rise_by_one<C: Eq + Hash>(places: impl IntoIterator<Item = (C, Seq)>) -> bool {
    let mut heads: HashMap<C, Seq, FxBuildHasher> = HashMap::default();
    // No short cut: a caller may watch the entries go by.
    places.into_iter().fold(true, |dense, (conversation, seq)| {
        heads.insert(conversation, seq).is_none_or(|head| follows(head, seq)) && dense
    })
}

/// No key comes twice; of entries the key is (conversation, sender, message id).
#[must_use]
pub fn are_distinct<K: Eq + Hash>(keys: impl IntoIterator<Item = K>) -> bool {
    let mut seen: HashSet<K, FxBuildHasher> = HashSet::default();
    keys.into_iter().all(|key| seen.insert(key))
}

/// Whether an append under this epoch, to a journal believed to end at this head, counts where they are `now`.
#[must_use]
pub fn fence_opens(epoch: Epoch, head: Position, now: (Epoch, Position)) -> bool {
    (epoch, head) == now
}

/// Entries were appended under epochs that never fall: once a new owner has appended, no former one has.
#[must_use]
pub fn epochs_never_fall(epochs: impl IntoIterator<Item = Epoch>) -> bool {
    epochs.into_iter().is_sorted()
}

/// Of a journal's rows those above `trimmed` are all there, in order, up to the head and not beyond (rule 5).
#[must_use]
pub fn rows_are_complete(trimmed: Position, head: Position, rows: impl IntoIterator<Item = Position>) -> bool {
    let mut next = trimmed.0;
    let ordered = rows.into_iter().filter(|position| *position > trimmed).all(|position| {
        next += 1;
        position.0 == next
    });
    ordered && next == head.0
}

/// Watermarks lie between what is trimmed and the end of the journal (rule 5).
#[must_use]
pub fn is_within(watermarks: Watermarks, trimmed: Position, head: Position) -> bool {
    let done = trimmed..=head;
    done.contains(&watermarks.applied) && done.contains(&watermarks.settled)
}

/// Whether rows up to here may go: every stored watermark has passed them (rule 5).
#[must_use]
pub fn may_trim(through: Position, stored: Watermarks) -> bool {
    through <= stored.applied.min(stored.settled)
}

/// No watermark goes back.
#[must_use]
pub fn never_fall(before: Watermarks, after: Watermarks) -> bool {
    before.applied <= after.applied && before.settled <= after.settled
}

/// What the views hold of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewsOfEntry {
    /// A log row is there, with or without content.
    pub row: bool,
    /// The log row has the content.
    pub content: bool,
    /// The seq in the dedup row, if there is one.
    pub dedup: Option<Seq>,
    /// The conversation's head.
    pub head: Option<Seq>,
    /// The inbox row's head, of a member who has one.
    pub inbox: Option<Seq>,
}

/// An entry is applied: everything of it is stored (rule 10), except the content of an expired one (rule 7). `with_id` and `in_inbox` say
/// whether there has to be a dedup row and a raised inbox.
#[must_use]
pub fn is_applied(seq: Seq, views: ViewsOfEntry, expired: bool, with_id: bool, in_inbox: bool) -> bool {
    views.row
        && (views.content || expired)
        && (!with_id || views.dedup == Some(seq))
        && views.head >= Some(seq)
        && (!in_inbox || views.inbox >= Some(seq))
}

/// A reader that has read this head finds every entry after `floor` and up to it, or knows that it has expired (rule 6).
#[must_use]
pub fn is_readable(floor: Seq, head: Seq, mut is_there: impl FnMut(Seq) -> bool) -> bool {
    (floor.0 + 1..=head.0).all(|seq| is_there(Seq(seq)))
}

/// A page goes one way, never past the head that it was read under, and lacks only what has expired.
#[must_use]
pub fn is_whole(page: &Page, mut has_expired: impl FnMut(Seq) -> bool) -> bool {
    let Some(covered) = &page.covered else { return page.entries.is_empty() };
    let seqs: Vec<Seq> = page.entries.iter().map(|entry| entry.seq).collect();
    let one_way = seqs.is_sorted_by(|one, next| one < next) || seqs.is_sorted_by(|one, next| one > next);
    let inside = *covered.end() <= page.head.seq.0 && seqs.iter().all(|seq| covered.contains(&seq.0));
    let before = Seq(covered.start().saturating_sub(1));
    one_way && inside && is_readable(before, Seq(*covered.end()), |seq| seqs.contains(&seq) || has_expired(seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(applied: u64, settled: u64) -> Watermarks {
        Watermarks { applied: Position(applied), settled: Position(settled) }
    }

    fn rises(places: &[(&str, u64)]) -> bool {
        seqs_rise_by_one(places.iter().map(|(conversation, seq)| (*conversation, Seq(*seq))))
    }

    #[test]
    fn seqs_count_per_conversation() {
        assert!(rises(&[("a", 4), ("b", 1), ("a", 5), ("b", 2)]));
        assert!(!rises(&[("a", 4), ("a", 4)]), "reuse");
        assert!(!rises(&[("a", 4), ("b", 1), ("a", 6)]), "a gap");
        assert!(!rises(&[("a", 4), ("a", 6), ("a", 7)]), "a gap is not forgotten");
    }

    #[test]
    fn rows_are_judged_above_what_is_trimmed() {
        let complete = |rows: &[u64]| rows_are_complete(Position(2), Position(4), rows.iter().copied().map(Position));
        assert!(complete(&[3, 4]));
        assert!(complete(&[1, 3, 4]), "a trimmed row came back");
        assert!(!complete(&[3]));
        assert!(!complete(&[4]));
        assert!(!complete(&[3, 4, 5]));
    }

    #[test]
    fn trimming_waits_for_the_last_watermark() {
        assert!(may_trim(Position(3), at(5, 3)));
        assert!(!may_trim(Position(4), at(5, 3)));
        assert!(is_within(at(5, 3), Position(3), Position(5)));
        assert!(!is_within(at(5, 3), Position(4), Position(5)));
        assert!(!is_within(at(6, 3), Position(0), Position(5)));
        assert!(never_fall(at(5, 3), at(5, 4)) && !never_fall(at(5, 3), at(6, 2)));
    }

    #[test]
    fn an_expired_entry_is_applied_without_its_content() {
        let views =
            ViewsOfEntry { row: true, content: false, dedup: Some(Seq(3)), head: Some(Seq(4)), inbox: Some(Seq(3)) };
        assert!(is_applied(Seq(3), views, true, true, true));
        assert!(!is_applied(Seq(3), views, false, true, true));
        assert!(!is_applied(Seq(3), ViewsOfEntry { dedup: None, ..views }, true, true, true));
        assert!(is_applied(Seq(3), ViewsOfEntry { inbox: None, ..views }, true, true, false));
        assert!(!is_applied(Seq(3), ViewsOfEntry { head: Some(Seq(2)), ..views }, true, true, true));
    }

    #[test]
    fn a_reader_misses_nothing_below_the_head() {
        assert!(is_readable(Seq(2), Seq(4), |seq| seq.0 != 2));
        assert!(!is_readable(Seq(2), Seq(4), |seq| seq.0 != 3));
        assert!(is_readable(Seq(4), Seq(4), |_| false));
    }

    #[test]
    fn keys_and_epochs() {
        assert!(are_distinct(["a", "b"]) && !are_distinct(["a", "b", "a"]));
        assert!(epochs_never_fall([1, 1, 3].map(Epoch)) && !epochs_never_fall([2, 1].map(Epoch)));
        assert!(fence_opens(Epoch(2), Position(7), (Epoch(2), Position(7))));
        assert!(!fence_opens(Epoch(1), Position(7), (Epoch(2), Position(7))));
    }
}
