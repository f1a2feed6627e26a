//! Plain topics of one process on the embedded store. Elsewhere they are refused.

use std::sync::Arc;
use std::time::Duration;

use longwave_access::{AccessList, Decision, Who};
use longwave_broker::route::{RouteSettings, RouteStats, Router, RouterParts, SharedStrategy};
use longwave_broker::stats::BrokerStats;
use longwave_broker::system;
use longwave_model::{ErrorCode, Refusal};
use longwave_port::{Asker, Feed, Gate, TopicAccess};
use longwave_settings::{Administrators, Settings};
use tokio::task::JoinHandle;

use crate::access::access_list;
use crate::backend::Backend;
use crate::clock::now_millis;
use crate::plain_store::PlainRows;

/// Whether this store serves them.
pub(super) fn are_served(backend: &Backend) -> bool {
    matches!(backend, Backend::Embedded(_))
}

/// Puts a router in front of gate and feed, where the store allows it.
pub(super) async fn start(
    settings: &Settings,
    dev: bool,
    backend: &Backend,
    gate: Arc<dyn Gate>,
    feed: Arc<dyn Feed>,
) -> anyhow::Result<Option<Arc<Router>>> {
    let Backend::Embedded(store) = backend else { return Ok(None) };
    // In --dev the list counts as soon as there is one.
    let is_open = dev && settings.access.rules.is_empty();
    let access: Arc<dyn TopicAccess> = match &settings.test_broker {
        Some(test) => Arc::new(Everybody { no_subscribe: test.no_subscribe.clone() }),
        None if is_open => Arc::new(Everybody { no_subscribe: String::new() }),
        None => Arc::new(ByList::new(settings)?),
    };
    let parts = RouterParts {
        gate,
        feed,
        access,
        store: Arc::new(PlainRows(store.clone())),
        log: Arc::new(PlainRows(store.clone())),
        settings: route(settings),
        stats: Arc::new(RouteStats::default()),
        clock: Arc::new(now_millis),
    };
    Ok(Some(Router::start(parts).await?))
}

/// Tells under `$SYS/` what is counted, if the settings want it.
pub(super) fn tell(settings: &Settings, router: &Arc<Router>, broker: &Arc<BrokerStats>) -> Option<JoinHandle<()>> {
    let interval = Duration::from_secs(settings.plain.sys_interval_seconds);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let told = system::tell(Arc::downgrade(router), broker.clone(), version, interval);
    (!interval.is_zero()).then(|| tokio::spawn(told))
}

fn route(settings: &Settings) -> RouteSettings {
    let plain = &settings.plain;
    RouteSettings {
        levels: plain.levels,
        queue_messages: plain.queue_messages,
        queue_bytes: plain.queue_bytes,
        queue_age: Duration::from_secs(plain.queue_age_seconds),
        unstored_bytes: settings.conversations.queue_bytes,
        publisher_wait: Duration::from_millis(plain.publisher_wait_millis),
        retained_messages: plain.retained_messages,
        retained_bytes: plain.retained_bytes,
        shared: match plain.shared {
            longwave_settings::SharedStrategy::LeastInFlight => SharedStrategy::LeastInFlight,
            longwave_settings::SharedStrategy::StickyByClient => SharedStrategy::StickyByClient,
            longwave_settings::SharedStrategy::Random => SharedStrategy::Random,
        },
        will_grace: Duration::from_secs(plain.will_grace_seconds),
    }
}

/// With `--dev` and `--test-broker`.
struct Everybody {
    /// The filter that a test broker grants nobody.
    no_subscribe: String,
}

impl TopicAccess for Everybody {
    fn may_publish(&self, _: Asker<'_>, _: &str, _: bool) -> Result<(), Refusal> {
        Ok(())
    }

    fn may_subscribe(&self, _: Asker<'_>, filter: &str) -> Result<(), Refusal> {
        match filter == self.no_subscribe {
            true => Err(Refusal::new(ErrorCode::NotYourTopic, "test_broker.no_subscribe is granted to nobody")),
            false => Ok(()),
        }
    }

    fn is_administrator(&self, _: Asker<'_>) -> bool {
        true
    }
}

/// By the access list.
struct ByList {
    list: AccessList,
    administrators: Administrators,
}

impl ByList {
    fn new(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self { list: access_list(settings)?, administrators: settings.access.administrators.clone() })
    }

    fn who<'a>(asker: &Asker<'a>) -> Who<'a> {
        Who { user: asker.user, client_id: asker.device, groups: &[] }
    }
}

impl TopicAccess for ByList {
    fn may_publish(&self, asker: Asker<'_>, topic: &str, retain: bool) -> Result<(), Refusal> {
        allowed(&self.list.publish(&Self::who(&asker), topic, retain))
    }

    fn may_subscribe(&self, asker: Asker<'_>, filter: &str) -> Result<(), Refusal> {
        allowed(&self.list.subscribe(&Self::who(&asker), filter))
    }

    fn is_administrator(&self, asker: Asker<'_>) -> bool {
        let Administrators { users, groups } = &self.administrators;
        let who = Self::who(&asker);
        users.iter().any(|user| user.id() == asker.user) || groups.iter().any(|group| self.list.is_in(group, &who))
    }
}

fn allowed(decision: &Decision<'_>) -> Result<(), Refusal> {
    if decision.is_allowed() {
        return Ok(());
    }
    Err(Refusal::new(ErrorCode::NotYourTopic, "the access list does not allow it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_agree_with_those_of_the_router() {
        assert_eq!(route(&Settings::default()), RouteSettings::default());
    }
}
