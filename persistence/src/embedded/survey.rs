//! The audit's view of the embedded store: one snapshot.

use longwave_model::{ConversationId, DeviceId, MessageId, Position, Seq, ShardId, UserId};
use prost::Message as _;

use super::Embedded;
use super::keys;
use super::log_row::LogRow;
use super::pointers::Pointers;
use super::read::read_head;
use super::rows::{self, MembershipRow};
use super::tables::{Table, View, damaged};
use crate::audit::{Finding, LogFact, MembershipFact, Rows, Summary, Survey, audit};
use crate::error::StoreError;
use crate::log::{Head, Stored};
use crate::push_row;

impl Embedded {
    /// Audits one snapshot, on a thread of its own, while the store goes on; answers at most `most` findings.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub async fn audit(&self, most: usize) -> Result<(Summary, Vec<Finding>), StoreError> {
        let (shared, now) = (self.shared.clone(), self.shared.now());
        let work = move || {
            let snapshot = Snapshot { view: shared.view()?, shards: shared.config.shards };
            let mut findings = Vec::new();
            let summary = audit(&snapshot, now, &mut |finding| {
                if findings.len() < most {
                    findings.push(finding);
                }
            })?;
            Ok((summary, findings))
        };
        let failed = |error: tokio::task::JoinError| StoreError::Unavailable(error.to_string().into());
        tokio::task::spawn_blocking(work).await.map_err(failed)?
    }
}

struct Snapshot {
    view: View,
    shards: u16,
}

impl Survey for Snapshot {
    fn conversations(&self) -> Rows<'_, ConversationId> {
        let heads = self.view.prefix(Table::Head, &[]).map(|row| {
            let (key, _) = row?;
            keys::conversation(&key).ok_or_else(|| damaged(Table::Head, "a key is not one"))
        });
        Box::new(heads.chain(self.logs_without_head()))
    }

    fn head(&self, conversation: &ConversationId) -> Result<Option<Head>, StoreError> {
        read_head(&self.view, conversation)
    }

    fn log<'a>(&'a self, conversation: &ConversationId) -> Rows<'a, LogFact> {
        let rows = self.view.range(Table::Log, &keys::log(conversation, 0), &keys::log(conversation, u64::MAX));
        Box::new(rows.map(|row| {
            let (key, row) = row?;
            let seq = keys::parse_log(&key).ok_or_else(|| damaged(Table::Log, "a key is not one"))?.1;
            Ok(match LogRow::decode(&row)? {
                LogRow::Removed { ts } => LogFact { seq, removed: true, names: None, id: None, ts },
                LogRow::Entry(entry) => LogFact {
                    seq,
                    removed: false,
                    names: Some((entry.conversation.clone(), entry.seq)),
                    id: entry.id.clone().map(|id| (entry.sender.clone(), id)),
                    ts: entry.ts,
                },
            })
        }))
    }

    fn dedup<'a>(&'a self, conversation: &ConversationId) -> Rows<'a, (UserId, MessageId, Stored)> {
        Box::new(self.view.prefix(Table::Dedup, &keys::prefix(conversation.as_str())).map(|row| {
            let (key, row) = row?;
            let (_, sender, id) = keys::parse_dedup(&key).ok_or_else(|| damaged(Table::Dedup, "a key is not one"))?;
            let stored = rows::parse_stored(&row).ok_or_else(|| damaged(Table::Dedup, "a row is cut short"))?;
            Ok((sender, id, stored))
        }))
    }

    fn members(&self) -> Rows<'_, MembershipFact> {
        Box::new(self.view.prefix(Table::Member, &[]).map(|row| {
            let (key, row) = row?;
            let ids = keys::parse_pair(&key);
            let ids = ids.and_then(|(first, second)| keys::conversation(first).zip(keys::user(second)));
            let (conversation, user) = ids.ok_or_else(|| damaged(Table::Member, "a key is not one"))?;
            membership(Table::Member, conversation, user, &row)
        }))
    }

    fn inbox(&self, user: &UserId, conversation: &ConversationId) -> Result<Option<MembershipFact>, StoreError> {
        let row = self.view.get(Table::Inbox, &keys::pair(user.as_str(), conversation.as_str()))?;
        row.map(|row| membership(Table::Inbox, conversation.clone(), user.clone(), &row)).transpose()
    }

    fn inbox_rows(&self) -> Result<u64, StoreError> {
        self.view.prefix(Table::Inbox, &[]).try_fold(0, |count, row| row.map(|_| count + 1))
    }

    fn cursors(&self) -> Rows<'_, (UserId, DeviceId, ConversationId, Seq)> {
        Box::new(self.view.prefix(Table::Cursor, &[]).map(|row| {
            let (key, row) = row?;
            let cursor = keys::parse_cursor(&key).zip(rows::parse_one(&row));
            let ((user, device, conversation), seq) =
                cursor.ok_or_else(|| damaged(Table::Cursor, "a row is not one"))?;
            Ok((user, device, conversation, Seq(seq)))
        }))
    }

    fn marks(&self) -> Rows<'_, (ConversationId, UserId, Seq, Seq)> {
        Box::new(self.view.prefix(Table::Mark, &[]).map(|row| {
            let (key, row) = row?;
            let ids = keys::parse_pair(&key);
            let ids = ids.and_then(|(first, second)| keys::conversation(first).zip(keys::user(second)));
            let mark = ids.and_then(|(conversation, user)| Some((conversation, rows::parse_mark(user, &row)?)));
            let (conversation, mark) = mark.ok_or_else(|| damaged(Table::Mark, "a row is not one"))?;
            Ok((conversation, mark.user, mark.delivered, mark.read))
        }))
    }

    fn pushes(&self) -> Rows<'_, (UserId, DeviceId, ConversationId, Seq)> {
        Box::new(self.view.prefix(Table::Push, &[]).map(|row| {
            let (key, row) = row?;
            let record = keys::parse_cursor(&key)
                .and_then(|(user, device, conversation)| push_row::decode(&user, device, conversation, &row));
            let record = record.ok_or_else(|| damaged(Table::Push, "a row is not one"))?;
            Ok((record.user, record.device, record.conversation, record.seq))
        }))
    }

    fn shards(&self) -> u16 {
        self.shards
    }

    fn journal_bounds(&self, shard: ShardId) -> Result<(Position, Position), StoreError> {
        let statics = self.view.statics(shard)?;
        Ok((statics.trimmed, statics.head))
    }

    fn applied(&self, shard: ShardId) -> Result<Position, StoreError> {
        Ok(self.view.statics(shard)?.head)
    }

    fn journal(&self, shard: ShardId) -> Rows<'_, (Position, ConversationId, Seq)> {
        let rows = self.view.range(Table::Journal, &keys::journal(shard, 0), &keys::journal(shard, u64::MAX));
        Box::new(rows.flat_map(|row| match row.and_then(|(key, row)| positions(&key, &row)) {
            Ok(positions) => positions.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }))
    }

    fn has_log_row(&self, conversation: &ConversationId, seq: Seq) -> Result<bool, StoreError> {
        Ok(self.view.get(Table::Log, &keys::log(conversation, seq.0))?.is_some())
    }
}

impl Snapshot {
    /// Steps through the log from conversation to conversation.
    fn logs_without_head(&self) -> impl Iterator<Item = Result<ConversationId, StoreError>> + '_ {
        let mut after = Vec::new();
        std::iter::from_fn(move || {
            loop {
                let (key, _) = match self.view.after(Table::Log, &after).next()? {
                    Ok(row) => row,
                    Err(error) => return Some(Err(error)),
                };
                let Some((conversation, _)) = keys::parse_log(&key) else {
                    // Goes on behind the key, so that one bad key is reported once.
                    after = key.to_vec();
                    return Some(Err(damaged(Table::Log, "a key is not one")));
                };
                after = keys::log(&conversation, u64::MAX);
                match self.head(&conversation) {
                    Ok(Some(_)) => {}
                    Ok(None) => return Some(Ok(conversation)),
                    Err(error) => return Some(Err(error)),
                }
            }
        })
    }
}

fn positions(key: &[u8], row: &[u8]) -> Result<Vec<(Position, ConversationId, Seq)>, StoreError> {
    let row = keys::parse_journal(key).zip(Pointers::decode(row));
    let ((_, last), pointers) = row.ok_or_else(|| damaged(Table::Journal, "a row is not one"))?;
    let first = pointers.first(last).0;
    let positions = (first..).zip(pointers.entries);
    Ok(positions.map(|(position, (conversation, seq))| (Position(position), conversation, seq)).collect())
}

fn membership(
    table: Table,
    conversation: ConversationId,
    user: UserId,
    row: &[u8],
) -> Result<MembershipFact, StoreError> {
    let row = MembershipRow::decode(row).map_err(|error| damaged(table, format!("{conversation}: {error}")))?;
    Ok(MembershipFact { conversation, user, joined: Seq(row.joined), left: row.left.map(Seq) })
}
