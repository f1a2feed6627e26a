//! The sweeper: raises floors past what retention no longer keeps, deletes the rows below them, and ends sessions that have outlived
//! their expiry. Expired bodies and dedup rows go by themselves, by their TTL.
//!
//! One process sweeps at a time, by a lease in `meta`; a lease that is lost halfway does no harm, because all of it may be done twice. A floor
//! is a max register like the head; it is raised first, since it is what readers obey, and bucket by bucket, so that a crash
//! leaves at most one bucket's rows behind, which the next sweep deletes. The deletions carry the floor as their timestamp: they cover every
//! row that may be written late, and nothing above.
//!
//! A session whose node was killed has no time of its end, and another node cannot know that it did not live on: it stays until its device
//! comes back.

use std::hash::{BuildHasher as _, RandomState};

use longwave_model::{ConversationId, DeviceId, Seq, UserId};
use scylla::deserialize::row::DeserializeRow;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::statement::prepared::PreparedStatement;

use super::apply::BUCKET;
use super::execute::{applied, damaged, signed, unavailable, unsigned};
use super::{Cassandra, now_millis};
use crate::error::StoreError;
use crate::log::{Head, Log as _};
use crate::retention::{RetentionPolicy, SweepReport};
use crate::session_row;
use crate::sessions::Sessions as _;

/// Seconds that a process remains the one that sweeps without sweeping.
const LEASE_SECONDS: i32 = 600;

/// Rows of one read.
const ROWS: i32 = 1000;

/// Where the rounds through the tables have come to; `None` = at the start.
pub(super) struct Rounds {
    /// Names this process in the lease.
    sweeper: i64,
    sessions: Option<PagingState>,
    conversations: Option<PagingState>,
}

impl Rounds {
    pub(super) fn new() -> Self {
        // Random without a generator of its own: the keys of a hasher are.
        let sweeper = RandomState::new().hash_one(now_millis()).cast_signed();
        Self { sweeper, sessions: None, conversations: None }
    }
}

impl Cassandra {
    /// One sweep, looking at about `budget` rows per kind of work; does nothing while another process is the sweeper. To be called
    /// again and again, from one task, some seconds apart.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or written; what was done before that stays done.
    pub async fn sweep(&self, policy: RetentionPolicy, budget: usize) -> Result<SweepReport, StoreError> {
        let mut rounds = self.rounds.lock().await;
        let mut report = SweepReport::default();
        if self.is_sweeper(rounds.sweeper).await? {
            self.sweep_sessions(&mut rounds, budget, &mut report).await?;
            self.sweep_retention(&mut rounds, policy, budget, &mut report).await?;
        }
        Ok(report)
    }

    /// Raises a conversation's floor: entries at or below are past retention, and their rows are deleted. Never above the head.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or written; call again.
    pub async fn raise_floor(&self, conversation: &ConversationId, floor: Seq) -> Result<(), StoreError> {
        match self.head(conversation).await? {
            Some(head) => self.raise_floor_from(conversation, head, floor.0.min(head.seq.0)).await,
            None => Ok(()),
        }
    }

    async fn raise_floor_from(&self, id: &ConversationId, head: Head, floor: u64) -> Result<(), StoreError> {
        let st = &self.statements;
        for bucket in head.floor.0 / BUCKET..=floor / BUCKET {
            let through = floor.min((bucket + 1) * BUCKET - 1);
            let number = signed(through);
            if through > head.floor.0 {
                self.write("log", &st.log_floor, (id.as_str(), number, number)).await?;
            }
            let values = (number, id.as_str(), signed(bucket), &through.to_be_bytes()[..]);
            self.write("log", &st.log_below, values).await?;
        }
        Ok(())
    }

    async fn is_sweeper(&self, me: i64) -> Result<bool, StoreError> {
        let st = &self.statements;
        let kept = self.driver().execute_unpaged(&st.sweeper_keep, (LEASE_SECONDS, me, me)).await;
        if applied(kept.map_err(|error| unavailable("writing", "meta", &error))?)? {
            return Ok(true);
        }
        let taken = self.driver().execute_unpaged(&st.sweeper_take, (me, LEASE_SECONDS)).await;
        applied(taken.map_err(|error| unavailable("writing", "meta", &error))?)
    }

    async fn sweep_sessions(
        &self,
        rounds: &mut Rounds,
        budget: usize,
        report: &mut SweepReport,
    ) -> Result<(), StoreError> {
        type Row = (String, String, Option<Vec<u8>>);
        let (now, before) = (now_millis(), report.examined);
        while report.examined - before < budget as u64 {
            let at = rounds.sessions.take().unwrap_or_default();
            let (rows, next) = self.part::<Row>("session", &self.statements.scan_sessions, at).await?;
            for (user, device, content) in rows {
                report.examined += 1;
                // What a deletion left.
                let Some(content) = content else { continue };
                let bad = || damaged("session", format!("{user}, {device}"));
                let (user, device) = (UserId::parse(&user), DeviceId::parse(&device));
                let (user, device) = user.ok().zip(device.ok()).ok_or_else(bad)?;
                let row = session_row::decode(user.clone(), device.clone(), &content).ok_or_else(bad)?;
                let over = |at: u64| at.saturating_add(u64::from(row.expiry_seconds) * 1000) < now;
                if row.expiry_seconds != u32::MAX && row.disconnected_at.is_some_and(over) {
                    // A connection that has come meanwhile has a higher number and stays.
                    self.end_session(&user, &device, row.connection).await?;
                    report.sessions += 1;
                }
            }
            rounds.sessions = next;
            if rounds.sessions.is_none() {
                return Ok(());
            }
        }
        report.unfinished = true;
        Ok(())
    }

    async fn sweep_retention(
        &self,
        rounds: &mut Rounds,
        policy: RetentionPolicy,
        budget: usize,
        report: &mut SweepReport,
    ) -> Result<(), StoreError> {
        type Row = (String, Option<i64>, Option<i64>);
        let (now, end) = (now_millis(), report.examined + budget as u64);
        while report.examined < end {
            let at = rounds.conversations.take().unwrap_or_default();
            let (rows, next) = self.part::<Row>("conversation", &self.statements.scan_limits, at).await?;
            for (name, age, entries) in rows {
                report.examined += 1;
                let own = |limit: Option<i64>| limit.map(unsigned).filter(|limit| *limit != 0);
                let limits = RetentionPolicy {
                    age_seconds: own(age).or(policy.age_seconds),
                    entries: own(entries).or(policy.entries),
                };
                if limits != RetentionPolicy::default() {
                    let bad = |_| damaged("conversation", format!("{name}: not a conversation"));
                    let id = ConversationId::parse(&name).map_err(bad)?;
                    self.retire(&id, limits, now, end, report).await?;
                }
            }
            rounds.conversations = next;
            if rounds.conversations.is_none() {
                return Ok(());
            }
        }
        report.unfinished = true;
        Ok(())
    }

    async fn retire(
        &self,
        id: &ConversationId,
        limits: RetentionPolicy,
        now: u64,
        end: u64,
        report: &mut SweepReport,
    ) -> Result<(), StoreError> {
        let Some(head) = self.head(id).await? else { return Ok(()) };
        let too_many = limits.entries.map_or(0, |keep| head.seq.0.saturating_sub(keep));
        let mut floor = head.floor.0.max(too_many);
        if let Some(age) = limits.age_seconds {
            let oldest = now.saturating_sub(age.saturating_mul(1000));
            floor = self.last_before(id, floor, head.seq.0, oldest, end, report).await?;
        }
        if floor > head.floor.0 {
            self.raise_floor_from(id, head, floor).await?;
            report.retired += floor - head.floor.0;
        }
        Ok(())
    }

    /// The last seq from `floor` to `head` whose entry is older than `oldest`, as far as the budget goes: entries have rising times.
    async fn last_before(
        &self,
        id: &ConversationId,
        mut floor: u64,
        head: u64,
        oldest: u64,
        end: u64,
        report: &mut SweepReport,
    ) -> Result<u64, StoreError> {
        let mut at = floor;
        while at < head && report.examined < end {
            let bucket = (at + 1) / BUCKET;
            let values = (id.as_str(), signed(bucket), &at.to_be_bytes()[..], ROWS);
            let rows: Vec<(Vec<u8>, Option<i64>)> = self.all("log", &self.statements.log_times, values).await?;
            let more = rows.len() == ROWS as usize;
            for (key, ts) in rows {
                report.examined += 1;
                let seq = key.try_into().map(u64::from_be_bytes).map_err(|_| damaged("log", "a key is not a seq"))?;
                if seq > head || ts.is_none_or(|ts| unsigned(ts) >= oldest) {
                    return Ok(floor);
                }
                (floor, at) = (seq, seq);
            }
            if !more {
                at = at.max((bucket + 1) * BUCKET - 1);
            }
        }
        Ok(floor)
    }

    /// Some rows of a whole table, and where they end; `None` when that is the table's end.
    async fn part<R>(
        &self,
        table: &'static str,
        statement: &PreparedStatement,
        at: PagingState,
    ) -> Result<(Vec<R>, Option<PagingState>), StoreError>
    where
        R: for<'frame> DeserializeRow<'frame, 'frame>,
    {
        let mut statement = statement.clone();
        statement.set_page_size(ROWS);
        let _permit = self.permit().await?;
        let answer = self.driver().execute_single_page(&statement, (), at).await;
        let (rows, next) = answer.map_err(|error| unavailable("reading", table, &error))?;
        let rows = rows.into_rows_result().map_err(|error| unavailable("reading", table, &error))?;
        let typed = rows.rows::<R>().map_err(|error| damaged(table, error.to_string()))?;
        let rows = typed.collect::<Result<_, _>>().map_err(|error| damaged(table, error.to_string()))?;
        Ok((
            rows,
            match next {
                PagingStateResponse::HasMorePages { state } => Some(state),
                PagingStateResponse::NoMorePages => None,
            },
        ))
    }
}
