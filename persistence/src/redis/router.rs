//! Which server a key is on: the map of slots to masters, kept up to date by one task.
//!
//! A single server and a master that Sentinels chose are maps with one range. Until the first map is there, requests wait for it; when it
//! cannot be had, they fail with the reason at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::config::{Settings, Topology};
use super::discover::{Discovery, Range};
use super::error::RedisError;
use super::link::Link;
use super::open::Opener;
use super::slot::SLOTS;
use super::task::Task;

/// How often the map is looked at when nothing seems wrong.
const REFRESH: Duration = Duration::from_secs(5);
/// Between two looks, however much seems wrong.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// Finds the server of a key.
pub(super) struct Router {
    pub(super) opener: Opener,
    limit: Duration,
    state: watch::Sender<State>,
    links: Mutex<HashMap<Arc<str>, Arc<Link>>>,
    /// Told when the map seems to be wrong.
    trouble: Arc<Notify>,
}

#[derive(Clone, Default)]
struct State {
    map: Option<Arc<Map>>,
    /// Why the last look failed.
    problem: Option<RedisError>,
}

/// Ranges of slots in order, each with its master.
pub(super) struct Map(Vec<(Range, Arc<Link>)>);

impl Map {
    /// The master of a slot.
    ///
    /// # Errors
    /// [`RedisError::Unavailable`] when nobody serves it.
    pub(super) fn master_of(&self, slot: u16) -> Result<&Arc<Link>, RedisError> {
        let after = self.0.partition_point(|(range, _)| range.last < slot);
        match self.0.get(after) {
            Some((range, link)) if range.first <= slot => Ok(link),
            _ => Err(RedisError::Unavailable(format!("no master of the cluster serves slot {slot}").into())),
        }
    }
}

impl Router {
    /// Begins to look for the servers; also the task that keeps looking, if they may change.
    pub(super) fn start(settings: &Settings) -> (Arc<Self>, Option<Task>) {
        let router = Arc::new(Self {
            opener: Opener::of_servers(settings),
            limit: settings.limit,
            state: watch::channel(State::default()).0,
            links: Mutex::default(),
            trouble: Arc::new(Notify::new()),
        });
        if settings.topology == Topology::Single {
            let all = Range { first: 0, last: SLOTS - 1, master: Arc::clone(&settings.addresses[0]) };
            router.take(vec![all]);
            return (router, None);
        }
        let keeper = Task::spawn(keep(Arc::clone(&router), Discovery::new(settings)));
        (router, Some(keeper))
    }

    /// The map as it is known.
    ///
    /// # Errors
    /// [`RedisError`] when none is there by the deadline.
    pub(super) async fn map(&self, deadline: Instant) -> Result<Arc<Map>, RedisError> {
        let mut state = self.state.subscribe();
        let known = state.wait_for(|state| state.map.is_some() || state.problem.is_some());
        let State { map, problem } = match timeout_at(deadline, known).await {
            Ok(Ok(state)) => State::clone(&state),
            _ => return Err(RedisError::Unavailable("no server was found in time".into())),
        };
        map.ok_or_else(|| problem.unwrap_or_else(|| RedisError::Unavailable("no server is known".into())))
    }

    /// The link to a server that another one named.
    pub(super) fn link(&self, address: &Arc<str>) -> Arc<Link> {
        let mut links = self.links.lock();
        let start = || Link::start(Arc::clone(address), self.opener.clone(), Arc::clone(&self.trouble));
        Arc::clone(links.entry(Arc::clone(address)).or_insert_with(start))
    }

    /// The map seems to be wrong; look again soon.
    pub(super) fn doubt(&self) {
        self.trouble.notify_one();
    }

    fn take(&self, ranges: Vec<Range>) {
        let map: Vec<_> = ranges
            .into_iter()
            .map(|range| {
                let link = self.link(&range.master);
                (range, link)
            })
            .collect();
        self.links.lock().retain(|address, _| map.iter().any(|(range, _)| range.master == *address));
        self.state.send_replace(State { map: Some(Arc::new(Map(map))), problem: None });
    }

    fn known(&self) -> Vec<Arc<Link>> {
        self.links.lock().values().cloned().collect()
    }
}

async fn keep(router: Arc<Router>, mut discovery: Discovery) {
    loop {
        // Several servers may be asked, each with the limit of one.
        match discovery.look(&router.known(), router.limit).await {
            Ok(ranges) => router.take(ranges),
            Err(error) => {
                tracing::debug!(error = error.to_string(), "the servers of redis cannot be found");
                router.state.send_modify(|state| state.problem = Some(error));
            }
        }
        sleep(LEAST_PAUSE).await;
        let _ = timeout(REFRESH, router.trouble.notified()).await;
    }
}
