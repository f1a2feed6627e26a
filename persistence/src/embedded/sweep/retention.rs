//! Retention: raises a conversation's floor past what is too old or too many, and deletes the rows below.
//!
//! The floor is what readers obey; it is raised in the same commit as the first deletions. Rows that the journal still points to are
//! deleted later, so the row of the floor also says how far the deletions are.

use longwave_model::ConversationId;
use prost::Message as _;

use super::JournalStarts;
use crate::embedded::Embedded;
use crate::embedded::keys;
use crate::embedded::log_row::LogRow;
use crate::embedded::read::read_head;
use crate::embedded::request::Sweeping;
use crate::embedded::rows::{self, ConversationFacts};
use crate::embedded::tables::{Table, View, damaged};
use crate::error::StoreError;
use crate::retention::{RetentionPolicy, SweepReport};

impl Embedded {
    pub(super) async fn sweep_retention(
        &self,
        now: u64,
        policy: RetentionPolicy,
        budget: usize,
        report: &mut SweepReport,
    ) -> Result<(), StoreError> {
        let mut steps = Vec::new();
        {
            let view = self.shared.view()?;
            let journals = view.journal_starts(self.shared.config.shards)?;
            let mut budget = budget;
            let mut rounds = self.rounds.lock();
            for (key, row) in rounds.part(&view, Table::Conversation, budget)? {
                report.examined += 1;
                let id = keys::conversation(&key).ok_or_else(|| damaged(Table::Conversation, "a key is not one"))?;
                let facts = ConversationFacts::decode(&*row)
                    .map_err(|error| damaged(Table::Conversation, format!("{id}: {error}")))?;
                let limits = RetentionPolicy {
                    age_seconds: facts.retention_age_seconds.or(policy.age_seconds),
                    entries: facts.retention_entries.or(policy.entries),
                };
                retire(&view, &id, limits, now, &journals, &mut budget, &mut steps, report)?;
                if budget == 0 {
                    report.unfinished = true;
                    rounds.resume_after(Table::Conversation, &key);
                    break;
                }
            }
        }
        self.carry_out(steps).await
    }
}

#[expect(clippy::too_many_arguments, reason = "one step of the loop above")]
fn retire(
    view: &View,
    id: &ConversationId,
    limits: RetentionPolicy,
    now: u64,
    journals: &JournalStarts,
    budget: &mut usize,
    steps: &mut Vec<Sweeping>,
    report: &mut SweepReport,
) -> Result<(), StoreError> {
    let Some(head) = read_head(view, id)? else { return Ok(()) };
    let purged = match view.get(Table::Floor, id.as_str().as_bytes())? {
        Some(row) => rows::parse_two(&row).ok_or_else(|| damaged(Table::Floor, id.to_string()))?.1,
        None => 0,
    };
    let too_many = limits.entries.map_or(0, |keep| head.seq.0.saturating_sub(keep));
    let oldest = limits.age_seconds.map(|age| now.saturating_sub(age.saturating_mul(1000)));
    let (mut floor, mut deleted, mut deleting) = (head.floor.0.max(too_many), purged, true);
    if oldest.is_none() && floor == purged {
        return Ok(());
    }
    let first = keys::log(id, purged + 1);
    for row in view.range(Table::Log, &first, &keys::log(id, head.seq.0)) {
        let (key, row) = row?;
        let ts = LogRow::decode(&row)?.ts();
        let (_, seq) = keys::parse_log(&key).ok_or_else(|| damaged(Table::Log, "a key is not one"))?;
        let seq = seq.0;
        let too_old = oldest.is_some_and(|oldest| ts < oldest);
        if seq > floor && !too_old {
            break;
        }
        if *budget == 0 {
            break;
        }
        *budget -= 1;
        report.examined += 1;
        floor = floor.max(seq);
        deleting &= journals.are_past(id, ts);
        if deleting {
            deleted = seq;
            report.retired += 1;
            steps.push(Sweeping::Delete(Table::Log, key.to_vec()));
        } else if oldest.is_none() {
            // The floor is known already, and nothing more can be deleted now.
            break;
        }
    }
    if floor > head.floor.0 || deleted > purged {
        steps.push(Sweeping::Floor(id.clone(), floor, deleted));
    }
    Ok(())
}
