//! Writes the views of entries that are in the journal.
//!
//! First the log rows and dedup rows, one batch per partition; when all of them are stored, heads, members and inboxes (protocol rule 6). Of
//! several raises of one row only the highest is written. An entry whose content has expired is applied like any other
//! but for its content (rules 7 and 8).

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hashbrown::HashMap;
use longwave_model::{ConversationId, Entry, MessageId, Seq, UserId};
use rustc_hash::FxBuildHasher;
use scylla::value::CqlValue;

use super::execute::{Bound, signed};
use super::{Cassandra, now_millis};
use crate::error::StoreError;
use crate::members::ConversationRow;
use crate::views::ViewWrite;

/// Entries per partition of a log.
pub(super) const BUCKET: u64 = 4096;

/// Statements of one unlogged batch at most; each entry makes two.
const BATCH: usize = 200;

/// Writes under way at once for one call.
const PARALLEL: usize = 32;

type Map<K, V> = HashMap<K, V, FxBuildHasher>;

impl Cassandra {
    pub(super) async fn apply_views(&self, writes: Vec<ViewWrite>) -> Result<(), StoreError> {
        let plan = Plan::of(self, writes);
        let logs = plan.logs.into_values().flat_map(chunks).map(|rows| self.write_partition("log", rows));
        run(logs.collect()).await?;
        run(plan.rest.into_iter().map(|(table, rows)| self.write_partition(table, rows)).collect()).await
    }
}

async fn run<F>(writes: Vec<F>) -> Result<(), StoreError>
where
    F: Future<Output = Result<(), StoreError>>,
{
    stream::iter(writes).buffer_unordered(PARALLEL).try_collect().await
}

/// In seq order, so that what is stored of a partition that fails halfway is its beginning.
fn chunks(rows: Vec<Bound>) -> impl Iterator<Item = Vec<Bound>> {
    let mut rows = rows.into_iter().peekable();
    std::iter::from_fn(move || {
        rows.peek()?;
        Some(rows.by_ref().take(BATCH).collect())
    })
}

/// What is to be written, by partition.
struct Plan<'a> {
    store: &'a Cassandra,
    now: u64,
    logs: Map<(ConversationId, u64), Vec<Bound>>,
    rest: Vec<(&'static str, Vec<Bound>)>,
}

impl<'a> Plan<'a> {
    fn of(store: &'a Cassandra, writes: Vec<ViewWrite>) -> Self {
        let mut plan = Self { store, now: now_millis(), logs: Map::default(), rest: Vec::new() };
        let mut heads: Map<ConversationId, Seq> = Map::default();
        let mut inboxes: Map<(UserId, ConversationId), Seq> = Map::default();
        for write in writes {
            match write {
                ViewWrite::Log(entry) => plan.log(&entry),
                ViewWrite::Dedup { conversation, sender, id, seq, ts, expires } => {
                    plan.dedup(conversation, &sender, &id, seq, ts, expires);
                }
                ViewWrite::Head { conversation, seq } => raise(&mut heads, conversation, seq),
                ViewWrite::InboxHead { user, conversation, seq } => raise(&mut inboxes, (user, conversation), seq),
                other => plan.fact(other),
            }
        }
        let st = &store.statements;
        for (conversation, seq) in heads {
            let values = vec![text(conversation.as_str()), number(seq.0), number(seq.0)];
            plan.row("log", (st.log_head.clone(), values));
        }
        for ((user, conversation), seq) in inboxes {
            let values = vec![number(seq.0), number(seq.0), text(user.as_str()), text(conversation.as_str())];
            plan.row("inbox", (st.inbox_head.clone(), values));
        }
        plan
    }

    /// The row with its time stays for ever, so that a missing one is always a loss; the content goes when it expires.
    fn log(&mut self, entry: &Entry) {
        let st = &self.store.statements;
        let (conversation, seq) = (&entry.conversation, entry.seq.0);
        let bucket = seq / BUCKET;
        let key = CqlValue::Blob(seq.to_be_bytes().to_vec());
        let place = [text(conversation.as_str()), number(bucket), key];
        let times = [number(entry.ts), number(entry.ts)];
        let shell = || place.iter().chain(&times).cloned();
        let rows = self.logs.entry((conversation.clone(), bucket)).or_default();
        match entry.expires_at {
            None => {
                let content = [CqlValue::Blob(entry.encode()), number(seq)];
                rows.push((st.log_entry.clone(), shell().chain(content).collect()));
            }
            Some(_) => rows.push((st.log_shell.clone(), shell().chain([number(seq)]).collect())),
        }
        if let Some(ttl) = entry.expires_at.and_then(|at| ttl(at, self.now)) {
            let content = [number(seq), CqlValue::Int(ttl), CqlValue::Blob(entry.encode())];
            rows.push((st.log_content.clone(), content.into_iter().chain(place).collect()));
        }
    }

    fn dedup(
        &mut self,
        conversation: ConversationId,
        sender: &UserId,
        id: &MessageId,
        seq: Seq,
        ts: u64,
        expires: u64,
    ) {
        let Some(ttl) = ttl(expires, self.now) else { return };
        let values = vec![
            text(conversation.as_str()),
            number(seq.0 / BUCKET),
            CqlValue::Blob(dedup_key(sender, id)),
            number(seq.0),
            number(ts),
            number(seq.0),
            CqlValue::Int(ttl),
        ];
        let row = (self.store.statements.log_dedup.clone(), values);
        self.logs.entry((conversation, seq.0 / BUCKET)).or_default().push(row);
    }

    /// What changes memberships and facts.
    fn fact(&mut self, write: ViewWrite) {
        let st = &self.store.statements;
        match write {
            ViewWrite::Joined { conversation, kind, user, role, seq } => {
                let (conversation, user) = (text(conversation.as_str()), text(user.as_str()));
                let at = number(seq.0);
                let role = CqlValue::TinyInt(role as i8);
                let member = vec![at.clone(), role, at.clone(), conversation.clone(), user.clone()];
                let kind = CqlValue::TinyInt(kind as i8);
                let inbox = vec![at.clone(), kind, at.clone(), at, user, conversation];
                self.row("member", (st.member_joined.clone(), member));
                self.row("inbox", (st.inbox_joined.clone(), inbox));
            }
            ViewWrite::Left { conversation, user, seq } => {
                let (conversation, user) = (text(conversation.as_str()), text(user.as_str()));
                let at = number(seq.0);
                let member = vec![at.clone(), at.clone(), conversation.clone(), user.clone()];
                let inbox = vec![at.clone(), at.clone(), at, user, conversation];
                self.row("member", (st.member_left.clone(), member));
                self.row("inbox", (st.inbox_left.clone(), inbox));
            }
            ViewWrite::RoleChanged { conversation, user, role, seq } => {
                let role = CqlValue::TinyInt(role as i8);
                let member = vec![number(seq.0), role, text(conversation.as_str()), text(user.as_str())];
                self.row("member", (st.member_role.clone(), member));
            }
            ViewWrite::Created { conversation, row } => self.created(&conversation, row),
            ViewWrite::Updated { conversation, update, members, seq } => {
                self.updated(&conversation, &update, seq);
                if let Some(kind) = update.kind {
                    for user in &members.0 {
                        let kind = CqlValue::TinyInt(kind as i8);
                        let inbox = vec![number(seq.0), kind, text(user.as_str()), text(conversation.as_str())];
                        self.row("inbox", (st.inbox_kind.clone(), inbox));
                    }
                }
            }
            ViewWrite::Log(_) | ViewWrite::Dedup { .. } | ViewWrite::Head { .. } | ViewWrite::InboxHead { .. } => {}
        }
    }

    fn created(&mut self, conversation: &ConversationId, row: ConversationRow) {
        let st = &self.store.statements;
        let (name, at) = (text(conversation.as_str()), number(row.version.0));
        let kind = CqlValue::TinyInt(row.kind as i8);
        let facts = vec![name.clone(), kind, number(row.created), text(row.creator.as_str()), at.clone(), at.clone()];
        let mut rows = vec![(st.conversation_facts.clone(), facts)];
        if let Some(title) = row.title {
            rows.push((st.conversation_title.clone(), vec![at, CqlValue::Text(title), name]));
        }
        self.rest.push(("conversation", rows));
    }

    fn updated(&mut self, conversation: &ConversationId, update: &longwave_model::Updated, seq: Seq) {
        let st = &self.store.statements;
        let at = || number(seq.0);
        let mut rows = vec![(st.conversation_version.clone(), at())];
        if let Some(title) = &update.title {
            rows.push((st.conversation_title.clone(), CqlValue::Text(title.clone())));
        }
        if let Some(kind) = update.kind {
            rows.push((st.conversation_kind.clone(), CqlValue::TinyInt(kind as i8)));
        }
        if let Some(age) = update.retention_age_seconds {
            rows.push((st.conversation_age.clone(), number(age)));
        }
        if let Some(entries) = update.retention_entries {
            rows.push((st.conversation_entries.clone(), number(entries)));
        }
        let name = text(conversation.as_str());
        let bound = rows.into_iter().map(|(statement, value)| (statement, vec![at(), value, name.clone()])).collect();
        self.rest.push(("conversation", bound));
    }

    fn row(&mut self, table: &'static str, row: Bound) {
        self.rest.push((table, vec![row]));
    }
}

/// The clustering key of a dedup row: a user id has no 0x00.
pub(super) fn dedup_key(sender: &UserId, id: &MessageId) -> Vec<u8> {
    [sender.as_str().as_bytes(), &[0], id.as_bytes()].concat()
}

/// Takes such a key apart.
pub(super) fn parse_dedup_key(key: &[u8]) -> Option<(UserId, MessageId)> {
    let end = key.iter().position(|byte| *byte == 0)?;
    let user = UserId::parse(std::str::from_utf8(&key[..end]).ok()?).ok()?;
    Some((user, MessageId::parse(key[end + 1..].to_vec().into()).ok()?))
}

/// Seconds that are left; `None` when that is less than one (a TTL of 0 would mean for ever).
fn ttl(expires_at: u64, now: u64) -> Option<i32> {
    /// Cassandra's greatest TTL, 20 years.
    const MAX: u64 = 630_720_000;
    let seconds = expires_at.saturating_sub(now).div_ceil(1000).min(MAX);
    i32::try_from(seconds).ok().filter(|seconds| *seconds >= 1)
}

fn raise<K: Eq + std::hash::Hash>(map: &mut Map<K, Seq>, key: K, seq: Seq) {
    let highest = map.entry(key).or_default();
    *highest = seq.max(*highest);
}

fn text(text: &str) -> CqlValue {
    CqlValue::Text(text.to_owned())
}

fn number(number: u64) -> CqlValue {
    CqlValue::BigInt(signed(number))
}

#[cfg(test)]
mod tests {
    use super::ttl;

    #[test]
    fn nothing_lives_for_ever_by_having_expired() {
        assert_eq!(ttl(5_000, 5_000), None);
        assert_eq!(ttl(5_001, 5_000), Some(1));
        assert_eq!(ttl(4_000, 5_000), None);
        assert_eq!(ttl(u64::MAX, 5_000), Some(630_720_000));
    }
}
