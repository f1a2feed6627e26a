//! The sweeper: gives back the space of what has expired or is past retention. fjall has no expiry of its own.
//!
//! Nothing depends on when it runs: readers already take expired entries and everything at or below a floor for absent. An entry that
//! the journal still points to keeps its log row, without its body if it has expired, so that the tail has no holes.

mod retention;
mod rounds;

use std::sync::Arc;

use longwave_model::{Content, ConversationId, Message, Position, ShardId};

use super::Embedded;
use super::keys;
use super::log_row::{LogRow, removed};
use super::pointers::Pointers;
use super::request::{Request, Sweeping};
use super::rows;
use super::stage::is_over;
use super::tables::{Table, View, damaged};
use crate::error::StoreError;
use crate::push_row::{self, KEPT_SECONDS};
use crate::retention::{RetentionPolicy, SweepReport};
use crate::session_row;
use crate::views::DEDUP_MILLIS;

pub(super) use rounds::Rounds;

/// How long journal rows are kept beyond their watermarks, in milliseconds: 1 h, so that a new owner can fill its memory of
/// recent publishes.
pub const JOURNAL_MILLIS: u64 = 60 * 60 * 1000;

impl Embedded {
    /// One sweep, looking at about `budget` rows per kind of work. To be called again and again, from one task, a few seconds apart.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or written; what was done before that stays done.
    pub async fn sweep(&self, policy: RetentionPolicy, budget: usize) -> Result<SweepReport, StoreError> {
        let now = self.shared.now();
        let mut report = SweepReport::default();
        self.trim_old(now).await?;
        self.sweep_expired(now, budget, &mut report).await?;
        self.sweep_dedup(now, budget, &mut report).await?;
        self.sweep_sessions(now, budget, &mut report).await?;
        self.sweep_pushes(now, budget, &mut report).await?;
        self.sweep_retention(now, policy, budget, &mut report).await?;
        self.shared.stats.swept(report.expired + report.dedup + report.retired + report.sessions + report.pushes);
        Ok(report)
    }

    /// Trims every journal below its watermarks, except for the last hour.
    async fn trim_old(&self, now: u64) -> Result<(), StoreError> {
        for shard in (0..self.shared.config.shards).map(ShardId) {
            while let Some(through) = self.old_rows(shard, now)? {
                self.ask(|answer| Request::Trim(shard, through, answer)).await?;
            }
        }
        Ok(())
    }

    /// The last position of some rows that are old enough and settled.
    fn old_rows(&self, shard: ShardId, now: u64) -> Result<Option<Position>, StoreError> {
        let view = self.shared.view()?;
        let statics = view.statics(shard)?;
        let bound = statics.watermarks.applied.min(statics.watermarks.settled);
        let mut through = None;
        if bound <= statics.trimmed {
            return Ok(None);
        }
        let (first, last) = (keys::journal(shard, statics.trimmed.0 + 1), keys::journal(shard, bound.0));
        for row in view.range(Table::Journal, &first, &last).take(1024) {
            let (key, row) = row?;
            let pointers = Pointers::decode(&row);
            let (pointers, (_, last)) = pointers
                .zip(keys::parse_journal(&key))
                .ok_or_else(|| damaged(Table::Journal, format!("shard {shard}")))?;
            if pointers.ts.saturating_add(JOURNAL_MILLIS) > now {
                break;
            }
            through = Some(Position(last));
        }
        Ok(through)
    }

    async fn sweep_expired(&self, now: u64, budget: usize, report: &mut SweepReport) -> Result<(), StoreError> {
        let mut steps = Vec::new();
        {
            let view = self.shared.view()?;
            let journals = view.journal_starts(self.shared.config.shards)?;
            let last = keys::expiry(now, &[]);
            for row in view.range(Table::Expiry, &[], &last).take(budget) {
                let (key, _) = row?;
                report.examined += 1;
                let (_, log_key) =
                    keys::parse_expiry(&key).ok_or_else(|| damaged(Table::Expiry, "a key is not one"))?;
                steps.push(Sweeping::Delete(Table::Expiry, key.to_vec()));
                let row = view.get(Table::Log, log_key)?.map(|row| LogRow::decode(&row)).transpose()?;
                let Some(entry) = row.and_then(LogRow::entry) else { continue };
                if journals.are_past(&entry.conversation, entry.ts) {
                    steps.push(Sweeping::Write(Table::Log, log_key.to_vec(), removed(entry.ts)));
                } else {
                    let again = keys::expiry(now.saturating_add(JOURNAL_MILLIS), log_key);
                    steps.push(Sweeping::Write(Table::Expiry, again, Vec::new()));
                    if entry.message().is_none_or(|message| *message == Message::default()) {
                        continue;
                    }
                    let mut entry = Arc::unwrap_or_clone(entry);
                    entry.content = Content::Message(Message::default());
                    steps.push(Sweeping::Write(Table::Log, log_key.to_vec(), entry.encode()));
                }
                report.expired += 1;
            }
        }
        report.unfinished |= report.examined == budget as u64;
        self.carry_out(steps).await
    }

    /// Goes round the dedup table, a part at a time: an index by time would double the rows of every message.
    async fn sweep_dedup(&self, now: u64, budget: usize, report: &mut SweepReport) -> Result<(), StoreError> {
        let mut steps = Vec::new();
        {
            let view = self.shared.view()?;
            for row in self.rounds.lock().part(&view, Table::Dedup, budget)? {
                let (key, row) = row;
                report.examined += 1;
                let stored = rows::parse_stored(&row).ok_or_else(|| damaged(Table::Dedup, "a row is cut short"))?;
                if stored.ts.saturating_add(DEDUP_MILLIS) <= now {
                    steps.push(Sweeping::Delete(Table::Dedup, key.to_vec()));
                    report.dedup += 1;
                }
            }
        }
        self.carry_out(steps).await
    }

    async fn sweep_sessions(&self, now: u64, budget: usize, report: &mut SweepReport) -> Result<(), StoreError> {
        let mut steps = Vec::new();
        {
            let view = self.shared.view()?;
            for (key, row) in self.rounds.lock().part(&view, Table::Session, budget)? {
                report.examined += 1;
                let times = session_row::times(&row).ok_or_else(|| damaged(Table::Session, "a row does not decode"))?;
                if is_over(&times, now, self.boot) {
                    let (user, device) =
                        keys::parse_pair(&key).ok_or_else(|| damaged(Table::Session, "a key is not one"))?;
                    let owner = keys::user(user).zip(keys::device(device));
                    let (user, device) = owner.ok_or_else(|| damaged(Table::Session, "a key is not one"))?;
                    steps.push(Sweeping::Expire(user, device, now));
                    report.sessions += 1;
                }
            }
        }
        self.carry_out(steps).await
    }

    async fn sweep_pushes(&self, now: u64, budget: usize, report: &mut SweepReport) -> Result<(), StoreError> {
        let mut steps = Vec::new();
        {
            let view = self.shared.view()?;
            let before = now.saturating_sub(u64::from(KEPT_SECONDS.unsigned_abs()) * 1000);
            for (key, row) in self.rounds.lock().part(&view, Table::Push, budget)? {
                report.examined += 1;
                let (_, ts) =
                    push_row::seq_and_ts(&row).ok_or_else(|| damaged(Table::Push, "a row does not decode"))?;
                if ts < before {
                    steps.push(Sweeping::ForgetPush(key.to_vec(), before));
                    report.pushes += 1;
                }
            }
        }
        self.carry_out(steps).await
    }

    /// Has the commit thread do it, in commits of bounded size.
    async fn carry_out(&self, steps: Vec<Sweeping>) -> Result<(), StoreError> {
        let mut steps = steps.into_iter().peekable();
        while steps.peek().is_some() {
            let some = steps.by_ref().take(1024).collect();
            self.ask(|answer| Request::Sweep(some, answer)).await?;
        }
        Ok(())
    }
}

/// Per shard, from when on its journal has rows.
struct JournalStarts(Vec<u64>);

impl JournalStarts {
    /// Whether the journal no longer points to an entry of that time.
    fn are_past(&self, conversation: &ConversationId, ts: u64) -> bool {
        let shards = u16::try_from(self.0.len()).unwrap_or(u16::MAX);
        let shard = longwave_model::shard_of(conversation, shards);
        self.0.get(usize::from(shard.0)).is_some_and(|start| ts < *start)
    }
}

impl View {
    fn journal_starts(&self, shards: u16) -> Result<JournalStarts, StoreError> {
        let start = |shard| {
            let trimmed = self.statics(shard)?.trimmed;
            let (first, last) = (keys::journal(shard, trimmed.0 + 1), keys::journal(shard, u64::MAX));
            match self.range(Table::Journal, &first, &last).next() {
                Some(row) => {
                    let oldest =
                        Pointers::decode(&row?.1).ok_or_else(|| damaged(Table::Journal, format!("shard {shard}")))?;
                    // The entry was given its time before the commit was.
                    Ok(oldest.ts.saturating_sub(CLOCK_SLACK))
                }
                None => Ok(u64::MAX),
            }
        };
        (0..shards).map(|shard| start(ShardId(shard))).collect::<Result<_, _>>().map(JournalStarts)
    }
}

/// An entry waits at most this long, in milliseconds, between getting its time and being committed; a publish that waits for
/// longer has closed its connection (protocol rule 21).
const CLOCK_SLACK: u64 = 60_000;
