//! Takes out of the log what nobody is owed any more, and what has waited too long.
//!
//! It goes round and round, a part at a time: a session that is away keeps what it is owed, and must not keep everything behind it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use longwave_model::Refusal;
use longwave_port::LoggedMessage;
use tracing::warn;

use super::router::Router;
use super::stats::RouteStats;

/// Between two parts, when the log is short.
const PAUSE: Duration = Duration::from_secs(2);
/// Messages of a part.
const PART: usize = 2_000;

/// What is in the log.
#[derive(Debug, Default)]
pub(super) struct Kept {
    messages: usize,
    bytes: usize,
}

impl Kept {
    fn add(&mut self, logged: &LoggedMessage) {
        self.messages += 1;
        self.bytes += logged.message.topic.len() + logged.message.payload.len();
    }

    fn remove(&mut self, logged: &LoggedMessage) {
        self.messages -= 1;
        self.bytes -= logged.message.topic.len() + logged.message.payload.len();
    }

    fn report(&self, stats: &RouteStats) {
        stats.logged_messages.set(i64::try_from(self.messages).unwrap_or(i64::MAX));
        stats.logged_bytes.set(i64::try_from(self.bytes).unwrap_or(i64::MAX));
    }
}

impl Router {
    pub(super) async fn tidy_up(router: Weak<Self>) {
        let mut after = 0;
        let mut counted = Kept::default();
        loop {
            if after == 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let Some(router) = router.upgrade() else { return };
            if after == 0
                && let Err(refusal) = router.pass_over().await
            {
                warn!(code = refusal.code.number(), reason = %refusal.reason, "the log of plain topics cannot be read");
            }
            match router.tidy_part(after).await {
                Ok((next, kept)) => {
                    counted.messages += kept.messages;
                    counted.bytes += kept.bytes;
                    after = next;
                    if next == 0 {
                        std::mem::take(&mut counted).report(router.stats());
                    }
                }
                Err(refusal) => {
                    warn!(code = refusal.code.number(), reason = %refusal.reason, "the log of plain topics is not tidied up");
                    (after, counted) = (0, Kept::default());
                }
            }
        }
    }

    /// One part after this number: where the next begins (0 = from the start), and what was left in the log.
    pub(super) async fn tidy_part(&self, after: u64) -> Result<(u64, Kept), Refusal> {
        let last = self.log.last();
        let part = self.log.store().logged(after, PART).await?;
        let Some(next) = part.last().map(|(number, _)| *number) else { return Ok((0, Kept::default())) };
        let is_last = part.len() < PART;
        let places = self.places(last);
        let oldest =
            self.now().saturating_sub(u64::try_from(self.parts.settings.queue_age.as_millis()).unwrap_or(u64::MAX));
        let mut kept = Kept::default();
        for (_, logged) in &part {
            kept.add(logged);
        }
        let gone: Vec<_> = part
            .into_iter()
            // The latest stays: it tells the next process which numbers were given away.
            .filter(|(number, _)| *number < last)
            .filter(|(number, logged)| {
                let is_done = |filter: &Arc<str>| places.get(filter).is_none_or(|place| place >= number);
                logged.ts < oldest || logged.filters.iter().all(is_done)
            })
            .map(|(number, logged)| {
                kept.remove(&logged);
                (number, logged.filters)
            })
            .collect();
        if !gone.is_empty() {
            self.log.store().forget(gone).await?;
        }
        Ok((if is_last { 0 } else { next }, kept))
    }

    /// Per filter, up to where all are done that subscribed by it.
    fn places(&self, last: u64) -> HashMap<Arc<str>, u64> {
        let mut places: HashMap<Arc<str>, u64> = HashMap::new();
        let subscribers: Vec<_> = self.subscribers.lock().values().cloned().collect();
        for subscriber in subscribers {
            let Some(done) = subscriber.done_to(last) else { continue };
            let state = subscriber.state.lock();
            for (filter, since) in state.lasting.iter().flat_map(|lasting| &lasting.since) {
                let place = places.entry(filter.clone()).or_insert(u64::MAX);
                *place = (*place).min(done.max(*since));
            }
        }
        for group in self.groups.lock().values() {
            places.insert(group.filter.clone(), group.done_to(last));
        }
        places
    }
}
