//! Turns an append into rows on the caller's thread, so that the commit thread only moves bytes.

use fjall::Slice;
use rustc_hash::FxHashMap;

use super::keys;
use super::pointers::PointersBuilder;
use super::request::Prepared;
use super::rows;
use super::tables::Table;
use crate::journal::{Append, Audience};
use crate::views::{ViewWrite, views};

/// Encodes the rows of an append.
pub(super) fn prepare(append: &Append) -> Prepared {
    let entries = append.entries.len();
    let mut prepared = Prepared {
        shard: append.shard,
        epoch: append.epoch,
        head: append.head,
        watermarks: append.watermarks,
        count: entries as u64,
        pointers: PointersBuilder::with_capacity(entries),
        rows: Vec::with_capacity(entries * 2),
        heads: Vec::new(),
        facts: Vec::new(),
    };
    // Inbox rows are not raised here (see `Table::Inbox`), so the function is told of no audience.
    let nobody = std::sync::Arc::new(Audience::default());
    let mut heads = FxHashMap::default();
    for appended in &append.entries {
        prepared.pointers.push(&appended.entry.conversation, appended.entry.seq);
        for write in views(&appended.entry, &nobody) {
            match write {
                ViewWrite::Head { conversation, seq } => {
                    let head = heads.entry(conversation).or_insert(0);
                    *head = seq.0.max(*head);
                }
                other => prepare_row(other, &mut prepared),
            }
        }
    }
    prepared.heads = heads.into_iter().collect();
    prepared
}

fn prepare_row(write: ViewWrite, prepared: &mut Prepared) {
    match write {
        ViewWrite::Log(entry) => {
            let key = keys::log(&entry.conversation, entry.seq.0);
            if let Some(at) = entry.expires_at {
                prepared.rows.push((Table::Expiry, keys::expiry(at, &key).into(), Slice::from(&[][..])));
            }
            prepared.rows.push((Table::Log, key.into(), entry.encode().into()));
        }
        ViewWrite::Dedup { conversation, sender, id, seq, ts, expires: _ } => prepared.rows.push((
            Table::Dedup,
            keys::dedup(&conversation, &sender, &id).into(),
            rows::two(seq.0, ts)[..].into(),
        )),
        // Merged into `heads`, or nothing to do here.
        ViewWrite::Head { .. } | ViewWrite::InboxHead { .. } => {}
        ViewWrite::Joined { .. }
        | ViewWrite::Left { .. }
        | ViewWrite::RoleChanged { .. }
        | ViewWrite::Created { .. }
        | ViewWrite::Updated { .. } => prepared.facts.push(write),
    }
}
