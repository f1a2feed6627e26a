//! Subscriptions to plain topics: into the index and out of it, and the retained messages that come with one.

use std::sync::Arc;

use longwave_model::Refusal;
use longwave_port::{Asker, Subscription, is_system, shared};

use super::group::{Group, Member};
use super::queue::Copy;
use super::router::{Router, Target, To};
use super::subscriber::Subscriber;

impl Router {
    /// Whether somebody may subscribe to a filter; that of a shared subscription comes without its share name.
    ///
    /// # Errors
    /// A [`Refusal`] when not.
    pub(super) fn check_subscribe(&self, asker: Asker<'_>, filter: &str) -> Result<(), Refusal> {
        self.check_levels(filter)?;
        match is_system(filter) {
            true => self.may_watch(asker),
            false => self.parts.access.may_subscribe(asker, filter),
        }
    }

    /// Adds or replaces a granted subscription, and queues the retained messages that it asks for.
    pub(super) fn add(&self, subscriber: &Arc<Subscriber>, subscription: Subscription) {
        let known = {
            let mut state = subscriber.state.lock();
            let held = &mut state.subscriptions;
            match held.iter_mut().find(|held| held.filter == subscription.filter) {
                Some(held) => {
                    *held = subscription.clone();
                    true
                }
                None => {
                    held.push(subscription.clone());
                    false
                }
            }
        };
        self.enter(subscriber, &subscription);
        // [MQTT-3.3.1-9] to [MQTT-3.3.1-11]; a shared subscription gets none (4.8.2).
        let wanted = match subscription.retain_handling {
            0 => true,
            1 => !known,
            _ => false,
        };
        if wanted && shared(&subscription.filter).is_none() {
            self.send_retained(subscriber, &subscription);
        }
    }

    /// Adds a subscription to the index.
    pub(super) fn enter(&self, subscriber: &Arc<Subscriber>, subscription: &Subscription) {
        let filter = || Some(subscription.filter.as_str().into());
        let target = |to: To| Target {
            filter: if matches!(to, To::Group(_)) || subscriber.is_lasting() { filter() } else { None },
            to,
            qos: subscription.qos,
            no_local: subscription.no_local,
            retain_as_published: subscription.retain_as_published,
            identifier: subscription.identifier,
        };
        let new = match shared(&subscription.filter) {
            None => {
                let to = To::One(subscriber.clone());
                self.index.write().insert(&subscription.filter, subscriber.number, target(to)).is_none()
            }
            Some((_, filter)) => {
                let mut groups = self.groups.lock();
                let group = match groups.get(&subscription.filter) {
                    Some(group) => group.clone(),
                    None => {
                        let whole = subscription.filter.as_str().into();
                        let group = Arc::new(Group::new(self.next_number(), whole, self.log.last()));
                        groups.insert(subscription.filter.clone(), group.clone());
                        // What each member was granted is looked at when it is chosen.
                        let target = Target { qos: 2, no_local: false, ..target(To::Group(group.clone())) };
                        self.index.write().insert(filter, group.number, target);
                        group
                    }
                };
                let mut state = subscriber.state.lock();
                if !state.groups.iter().any(|known| Arc::ptr_eq(known, &group)) {
                    state.groups.push(group.clone());
                }
                drop(state);
                group.join(Member {
                    subscriber: subscriber.clone(),
                    qos: subscription.qos,
                    retain_as_published: subscription.retain_as_published,
                    identifier: subscription.identifier,
                })
            }
        };
        self.parts.stats.subscriptions.add(i64::from(new));
        if new && shared(&subscription.filter).is_some() {
            self.parts.stats.shared_subscriptions.add(1);
        }
    }

    /// Removes a subscription.
    pub(super) fn remove(&self, subscriber: &Subscriber, filter: &str) {
        let mut state = subscriber.state.lock();
        let before = state.subscriptions.len();
        state.subscriptions.retain(|held| held.filter != filter);
        if state.subscriptions.len() == before {
            return;
        }
        state.subscriptions.shrink_to_fit();
        drop(state);
        self.withdraw(subscriber, filter);
    }

    /// Removes a subscription from the index.
    pub(super) fn withdraw(&self, subscriber: &Subscriber, filter: &str) {
        self.parts.stats.subscriptions.add(-1);
        self.parts.stats.shared_subscriptions.add(-i64::from(shared(filter).is_some()));
        match shared(filter) {
            None => {
                self.index.write().remove(filter, subscriber.number);
            }
            Some((_, plain)) => {
                let mut groups = self.groups.lock();
                let Some(group) = groups.get(filter) else { return };
                subscriber.state.lock().groups.retain(|known| known.number != group.number);
                if !group.leave(subscriber.number) {
                    group.end(&self.parts.stats);
                    self.index.write().remove(plain, group.number);
                    groups.remove(filter);
                }
            }
        }
    }

    fn send_retained(&self, subscriber: &Subscriber, subscription: &Subscription) {
        let own = &subscriber.sender;
        let found = match is_system(&subscription.filter) {
            true => self.system.matching(&subscription.filter),
            false => self.retained.matching(&subscription.filter, self.now()),
        };
        let copies: Vec<Copy> = found
            .into_iter()
            .filter(|message| {
                !(subscription.no_local && message.from.device == own.device && message.from.user == own.user)
            })
            .map(|message| Copy {
                qos: message.qos.min(subscription.qos),
                message,
                // [MQTT-3.3.1-8]
                retain: true,
                identifiers: subscription.identifier.into_iter().collect(),
                group: None,
                number: 0,
                flight: None,
            })
            .collect();
        if !copies.is_empty() {
            subscriber.push_retained(copies, &self.parts.settings, &self.parts.stats);
        }
    }
}
