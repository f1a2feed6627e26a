//! Keeps a broker's sessions and channels known in Redis. A session that Redis did not know, because it was emptied or away, compares; one
//! that is known on another node has moved there and is closed here (protocol rules 17 and 22).

use std::sync::Arc;
use std::time::Duration;

use longwave_model::{DeviceId, UserId};
use longwave_persistence::redis::{Holder, RedisError};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::debug;

use crate::neighbours::{Local, Neighbours, watcher};
use crate::registry::Registry;

/// How often everything is registered again. A third of its life time, so that one failed round loses nothing.
const REFRESH: Duration = Duration::from_secs(10);
/// Pause between two attempts while Redis is away.
const RETRY: Duration = Duration::from_secs(1);
/// How often others are told who came and went.
const PRESENCE: Duration = Duration::from_secs(1);
/// Sessions of one pipeline.
const PIPELINE: usize = 2_000;

/// Runs for ever.
pub async fn refresh(neighbours: Arc<Neighbours>, registry: Arc<Registry>, local: Arc<dyn Local>) {
    tokio::join!(register(&neighbours, &*local), tell(&neighbours, &registry, &*local));
}

async fn register(neighbours: &Neighbours, local: &dyn Local) {
    let mut rounds = interval(REFRESH);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        while let Err(error) = round(neighbours, local).await {
            debug!(%error, "presence not refreshed");
            sleep(RETRY).await;
        }
    }
}

async fn round(neighbours: &Neighbours, local: &dyn Local) -> Result<(), RedisError> {
    for part in 0.. {
        let Some(sessions) = local.sessions(part) else { break };
        for some in sessions.chunks(PIPELINE) {
            let holders = neighbours.redis.refresh(&neighbours.node, some).await?;
            for ((user, device), holder) in some.iter().zip(holders) {
                match holder {
                    Holder::Missing => local.compare(user, device).await,
                    Holder::Elsewhere(_) => local.close_moved(user, device),
                    Holder::Here => {}
                }
            }
        }
    }
    let watched: Vec<(UserId, DeviceId)> =
        local.watched().into_iter().filter_map(|(user, service)| Some((user, watcher(&service)?))).collect();
    if !watched.is_empty() {
        neighbours.redis.register(&neighbours.node, &watched).await?;
    }
    channels(neighbours, local).await
}

async fn channels(neighbours: &Neighbours, local: &dyn Local) -> Result<(), RedisError> {
    let channels = local.channels();
    let gone: Vec<_> = {
        let known = neighbours.known_channels.lock();
        known.iter().filter(|channel| !channels.contains(channel)).cloned().collect()
    };
    if !gone.is_empty() {
        neighbours.redis.unregister_interest(&neighbours.node, &gone).await?;
        neighbours.known_channels.lock().retain(|channel| !gone.contains(channel));
    }
    if channels.is_empty() {
        return Ok(());
    }
    let missing = neighbours.redis.register_interest(&neighbours.node, &channels).await?;
    neighbours.known_channels.lock().extend(channels);
    if missing.contains(&true) {
        local.compare_all().await;
    }
    Ok(())
}

/// Tells other brokers who came and went here, and the sessions here when a whole broker died or came back.
async fn tell(neighbours: &Neighbours, registry: &Registry, local: &dyn Local) {
    let mut rounds = interval(PRESENCE);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let brokers = registry.brokers();
        neighbours.tell_presence(&brokers);
        if neighbours.silent.lock().look(&brokers, Instant::now()) {
            local.tell_presence_again();
        }
    }
}
