//! At the start: sessions that an earlier process left, with what they are owed. They are subscribed again before anybody publishes.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use longwave_model::{DeviceId, PlainFact, PlainFlight, PlainState, Refusal, UserId};
use longwave_port::{Asker, LastingSession, LogReference, Sender, is_plain, shared};

use super::lasting::Lasting;
use super::router::Router;
use super::subscriber::Subscriber;
use super::taking::Taken;
use super::timers::Due;

/// The latest references of filters: sessions with the same filter share them.
type Latest = HashMap<Arc<str>, Vec<LogReference>>;

/// The facts of one session.
#[derive(Default)]
struct Facts {
    done: u64,
    since: Vec<(Arc<str>, u64)>,
    flights: BTreeMap<u64, PlainFlight>,
    taken: Vec<(u16, u32)>,
}

impl Facts {
    fn add(&mut self, fact: PlainFact) {
        match fact {
            PlainFact::Done(number) => self.done = number,
            PlainFact::Since { filter, number } => self.since.extend(number.map(|number| (filter, number))),
            PlainFact::Flight { number, flight } => self.flights.extend(flight.map(|flight| (number, flight))),
            PlainFact::Taken { packet_id, uses } => self.taken.extend(uses.map(|uses| (packet_id, uses))),
            PlainFact::Ended => {}
        }
    }
}

impl Router {
    pub(super) async fn restore_sessions(self: &Arc<Self>) -> Result<(), Refusal> {
        let mut facts: HashMap<(UserId, DeviceId), Facts> = HashMap::new();
        for PlainState { user, device, fact } in self.log.store().facts().await? {
            facts.entry((user, device)).or_default().add(fact);
        }
        let sessions = self.log.store().lasting_sessions().await?;
        let mut latest = Latest::new();
        for session in sessions {
            let known = facts.remove(&(session.user.clone(), session.device.clone()));
            self.restore_session(session, known, &mut latest).await?;
        }
        for (user, device) in facts.into_keys() {
            self.log.note(PlainState { user, device, fact: PlainFact::Ended });
        }
        let groups: Vec<_> = self.groups.lock().values().cloned().collect();
        for group in groups {
            let (passed, owed) = self.owed(&[(group.filter.clone(), 0)], &mut latest).await?;
            group.restore(passed, owed.into_iter(), self.stats());
        }
        Ok(())
    }

    async fn restore_session(
        self: &Arc<Self>,
        session: LastingSession,
        facts: Option<Facts>,
        latest: &mut Latest,
    ) -> Result<(), Refusal> {
        let LastingSession { user, device, subscriptions, ends_at } = session;
        let has_facts = facts.is_some();
        let Facts { done, mut since, flights, taken } = facts.unwrap_or_default();
        // Whoever comes back gets a sender of its own; this one only says whose it is.
        let sender = Arc::new(Sender { user, device, service: false, incarnation: 0, connection: 0 });
        let subscriber = self.subscriber(&sender);
        let asker: Asker<'_> = (&*sender).into();
        let allowed = |filter: &str| {
            let filter = shared(filter).map_or(filter, |(_, filter)| filter);
            self.check_subscribe(asker, filter).is_ok()
        };
        let plain: Vec<_> =
            subscriptions.into_iter().filter(|held| is_plain(&held.filter) && allowed(&held.filter)).collect();
        since.retain(|(filter, _)| plain.iter().any(|held| held.filter == **filter));
        // One that a former release stored begins now.
        let last = self.log.last();
        for held in plain.iter().filter(|held| shared(&held.filter).is_none()) {
            if since.iter().all(|(filter, _)| **filter != *held.filter) {
                since.push((held.filter.as_str().into(), last));
            }
        }
        let owed: Vec<_> = since.iter().map(|(filter, since)| (filter.clone(), done.max(*since))).collect();
        let (passed, owed) = self.owed(&owed, latest).await?;
        let mut lasting = Lasting::restored(done.max(passed), since, flights);
        for (number, size) in owed {
            lasting.backlog.add(number, size);
        }
        subscriber.restore_owed(lasting, &self.parts.settings, self.stats());
        {
            let mut state = subscriber.state.lock();
            state.received =
                taken.into_iter().map(|(packet_id, uses)| Taken { packet_id, uses, is_done: true }).collect();
            state.has_facts = has_facts;
            state.subscriptions.clone_from(&plain);
        }
        for held in &plain {
            self.enter(&subscriber, held);
        }
        if let Some(at) = ends_at {
            self.timers.add(at, &subscriber, Due::End);
        }
        Ok(())
    }

    /// What these filters refer to after these numbers, numbers and bytes, as far as it may wait; and how far everything is to be passed over,
    /// because more would wait than may.
    async fn owed(
        &self,
        filters: &[(Arc<str>, u64)],
        latest: &mut Latest,
    ) -> Result<(u64, BTreeMap<u64, usize>), Refusal> {
        // One more than may wait: the rest is not looked at, however much that is.
        let most = self.parts.settings.queue_messages.saturating_add(1);
        let (mut passed, mut owed) = (0, BTreeMap::new());
        for (filter, after) in filters {
            let known = match latest.entry(filter.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.log.store().latest_references(filter, most).await?),
            };
            let first = known.partition_point(|reference| reference.number <= *after);
            if first == 0 && known.len() == most {
                passed = passed.max(known[0].number - 1);
            }
            owed.extend(known[first..].iter().map(|reference| (reference.number, reference.size)));
        }
        owed.retain(|number, _| *number > passed);
        Ok((passed, owed))
    }
}

impl Subscriber {
    /// Takes over what an earlier process left, within limits.
    fn restore_owed(
        &self,
        lasting: Lasting,
        settings: &super::settings::RouteSettings,
        stats: &super::stats::RouteStats,
    ) {
        let owed = lasting.backlog.unread();
        self.load.fetch_add(owed, std::sync::atomic::Ordering::Relaxed);
        stats.copies.add(owed as u64);
        stats.waiting.add(i64::try_from(owed).unwrap_or(i64::MAX));
        self.restore_lasting(lasting);
        self.drop_excess(&mut self.state.lock(), settings, stats);
    }
}
