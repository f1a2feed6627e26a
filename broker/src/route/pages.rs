//! Reads the log for those whose queues have room: sessions that are behind, and shared subscriptions whose members were away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use longwave_model::Refusal;
use tracing::warn;

use super::backlog::Plan;
use super::group::Group;
use super::lasting::{PAGE, Page};
use super::router::Router;
use super::stats::Dropped;
use super::subscriber::Subscriber;

/// References looked at for one page at most: what is passed over costs only them.
const REFERENCES: usize = 4_096;
/// Wait after the log could not be read.
const PAUSE: Duration = Duration::from_secs(1);

impl Router {
    /// Reads a page for a session, which [`super::subscriber::State::wants_page`] has said it wants.
    pub(super) fn read_page(self: Arc<Self>, subscriber: Arc<Subscriber>) {
        tokio::spawn(async move {
            if let Err(refusal) = self.fill(&subscriber).await {
                warn!(code = refusal.code.number(), reason = %refusal.reason, "the log of plain topics cannot be read");
                tokio::time::sleep(PAUSE).await;
                subscriber.page_failed();
            }
        });
    }

    /// Passes over what was dropped for sessions that are away, so that the log need not keep it.
    pub(super) async fn pass_over(&self) -> Result<(), Refusal> {
        let subscribers: Vec<_> = self.subscribers.lock().values().cloned().collect();
        for subscriber in subscribers {
            // A whole round of references each time: no message is read for it.
            while subscriber.wants_to_pass_over(REFERENCES) {
                if let Err(refusal) = self.fill(&subscriber).await {
                    subscriber.page_failed();
                    return Err(refusal);
                }
                self.log.moved(&subscriber);
            }
        }
        Ok(())
    }

    async fn fill(&self, subscriber: &Arc<Subscriber>) -> Result<(), Refusal> {
        let Some(wanted) = subscriber.wanted() else { return Ok(()) };
        let page = self.page(wanted.plan, &wanted.filters).await?;
        let (copies, facts) = subscriber.copies_of(&page, &wanted);
        self.log.keep(facts).await?;
        subscriber.take_page(&page, &wanted, copies, self.stats());
        Ok(())
    }

    /// Gives members of a shared subscription what waits for it.
    pub(super) fn hand_out_backlog(self: Arc<Self>, group: Arc<Group>) {
        tokio::spawn(async move {
            if let Err(refusal) = self.fill_group(&group).await {
                warn!(code = refusal.code.number(), reason = %refusal.reason, "the log of plain topics cannot be read");
                tokio::time::sleep(PAUSE).await;
                group.page_failed();
            }
        });
    }

    async fn fill_group(self: &Arc<Self>, group: &Arc<Group>) -> Result<(), Refusal> {
        let plan = group.plan();
        let page = self.page(plan, &[(group.filter.clone(), 0)]).await?;
        group.take_page(&page, plan, self.stats());
        if group.wants_page(&self.parts.settings, self.stats(), self.now()) {
            self.clone().hand_out_backlog(group.clone());
        }
        Ok(())
    }

    /// The next part of what these filters refer to.
    async fn page(&self, plan: Plan, filters: &[(Arc<str>, u64)]) -> Result<Page, Refusal> {
        let store = self.log.store();
        let most = (plan.skip + PAGE).min(REFERENCES);
        let (mut found, mut bound) = (BTreeMap::new(), u64::MAX);
        for (filter, since) in filters {
            let references = store.references(filter, plan.after.max(*since), most).await?;
            if references.len() == most
                && let Some(last) = references.last()
            {
                bound = bound.min(last.number);
            }
            found.extend(references.into_iter().map(|reference| (reference.number, reference.size)));
        }
        found.retain(|number, _| *number <= bound);
        let skipped = match bound {
            // All of them are here, and the last are those that are owed: of those to be passed over some may be gone by their age.
            u64::MAX => plan.skip.min(found.len().saturating_sub(plan.unread)),
            _ => plan.skip.min(found.len()),
        };
        let complete = bound == u64::MAX && found.len() <= skipped + PAGE;
        let numbers: Vec<u64> = found.keys().copied().take((skipped + PAGE).min(most)).collect();
        let read_to = numbers.last().copied().unwrap_or(plan.after);
        let numbers = numbers[skipped.min(numbers.len())..].to_vec();
        let messages = store.messages(numbers.clone()).await?;
        let messages = numbers.into_iter().zip(messages).filter_map(|(number, message)| Some((number, message?)));
        Ok(Page { read_to, skipped, messages: messages.collect(), complete })
    }

    /// Copies that a member of a shared subscription did not get go to others.
    pub(super) fn hand_on(self: &Arc<Self>, copies: Vec<super::queue::Copy>) {
        let now = self.now();
        for copy in copies {
            match copy.group.clone() {
                Some(group) if copy.number > 0 => group.give_back(copy, &self.parts.settings, self.stats(), now),
                Some(group) => group.hand_out(copy, &self.parts.settings, self.stats(), now, &mut || None),
                None => self.stats().drop_one(Dropped::SessionEnded),
            }
        }
    }

    /// Has the shared subscriptions of a session that takes look for what waits for them.
    pub(super) fn pull(self: &Arc<Self>, subscriber: &Subscriber) {
        let groups = subscriber.state.lock().groups.clone();
        for group in groups.into_iter().filter(|group| group.is_lasting()) {
            if group.wants_page(&self.parts.settings, self.stats(), self.now()) {
                self.clone().hand_out_backlog(group);
            }
        }
    }
}
