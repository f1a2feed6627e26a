//! Presence: on which node each device is connected.
//!
//! Registering takes a device over, refreshing does not: a node that has not heard yet that its session moved would otherwise take it back
//! every fifteen seconds.

use std::time::Duration;

use longwave_model::{DeviceId, NodeId, UserId};
use smallvec::SmallVec;

use super::Redis;
use super::error::RedisError;
use super::lease::{self, Contest};

/// Where a device was registered before a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nowhere: never, expired, or Redis was emptied. The session has to compare again.
    Missing,
    /// On the node that called.
    Here,
    /// On another node.
    Elsewhere(NodeId),
}

impl Holder {
    /// Whether the session has to compare again.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        *self == Self::Missing
    }
}

impl Redis {
    /// Says that these devices are connected to this node, whoever had them before. In one round trip for every 4,096; lives for
    /// [`RedisConfig::presence_life_time`](super::RedisConfig::presence_life_time).
    ///
    /// # Errors
    /// [`RedisError`] when some could not be registered.
    pub async fn register(&self, node: &NodeId, sessions: &[(UserId, DeviceId)]) -> Result<Vec<Holder>, RedisError> {
        self.put_presence(node, sessions, Contest::Take).await
    }

    /// Prolongs the registration of devices that are connected to this node. One that is missing is registered again; one
    /// that another node has registered since stays there: its session here is over (protocol rule 22).
    ///
    /// # Errors
    /// [`RedisError`] when some could not be prolonged.
    pub async fn refresh(&self, node: &NodeId, sessions: &[(UserId, DeviceId)]) -> Result<Vec<Holder>, RedisError> {
        self.put_presence(node, sessions, Contest::Keep).await
    }

    async fn put_presence(
        &self,
        node: &NodeId,
        sessions: &[(UserId, DeviceId)],
        contest: Contest,
    ) -> Result<Vec<Holder>, RedisError> {
        let settings = &self.0.settings;
        let requests = sessions.iter().map(|(user, device)| {
            let key = settings.user_key(user);
            lease::put(&key, settings.presence_millis, device.as_str(), node.as_str(), contest)
        });
        let answers = self.run(requests.collect()).await?;
        let holder = |before: Option<String>| match before {
            None => Ok(Holder::Missing),
            Some(before) if before == node.as_str() => Ok(Holder::Here),
            Some(before) => Ok(Holder::Elsewhere(node_id(&before)?)),
        };
        answers.into_iter().map(|answer| lease::put_answer(answer).and_then(holder)).collect()
    }

    /// Says that these devices are no longer connected to this node; one that another node has registered since stays.
    ///
    /// # Errors
    /// [`RedisError`] when some could not be unregistered; they expire.
    pub async fn unregister(&self, node: &NodeId, sessions: &[(UserId, DeviceId)]) -> Result<(), RedisError> {
        let requests = sessions
            .iter()
            .map(|(user, device)| lease::drop_if(&self.0.settings.user_key(user), device.as_str(), node.as_str()));
        self.run(requests.collect()).await.map(drop)
    }

    /// For each user, the nodes to which its devices are connected, in one round trip.
    ///
    /// # Errors
    /// [`RedisError`] when some could not be read.
    pub async fn nodes_of(&self, users: &[UserId]) -> Result<Vec<SmallVec<[NodeId; 2]>>, RedisError> {
        let requests = users.iter().map(|user| lease::all(&self.0.settings.user_key(user)));
        let answers = self.run_clocked(requests.collect()).await?;
        let nodes = answers.into_iter().map(|answer| {
            let mut nodes = SmallVec::new();
            for (_device, node) in lease::living(answer)? {
                let node = node_id(&node)?;
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
            Ok(nodes)
        });
        nodes.collect()
    }

    /// The node to which a device is connected.
    ///
    /// # Errors
    /// [`RedisError`] when it could not be read.
    pub async fn node_of_device(&self, user: &UserId, device: &DeviceId) -> Result<Option<NodeId>, RedisError> {
        let request = lease::one(&self.0.settings.user_key(user), device.as_str());
        let answer = self.run_clocked(vec![request]).await?.pop().ok_or_else(|| RedisError::odd("answer"))?;
        lease::living_one(answer)?.as_deref().map(node_id).transpose()
    }

    /// The devices of a user that are connected anywhere, and where.
    ///
    /// # Errors
    /// [`RedisError`] when they could not be read.
    pub async fn devices_of(&self, user: &UserId) -> Result<Vec<(DeviceId, NodeId)>, RedisError> {
        let request = lease::all(&self.0.settings.user_key(user));
        let answer = self.run_clocked(vec![request]).await?.pop().ok_or_else(|| RedisError::odd("answer"))?;
        let device = |text: &str| DeviceId::parse(text).map_err(|_| RedisError::odd("device"));
        lease::living(answer)?.map(|(one, node)| Ok((device(&one)?, node_id(&node)?))).collect()
    }

    /// How long a registration lives unless it is refreshed.
    #[must_use]
    pub fn presence_life_time(&self) -> Duration {
        Duration::from_millis(self.0.settings.presence_millis)
    }
}

pub(super) fn node_id(text: &str) -> Result<NodeId, RedisError> {
    NodeId::parse(text).map_err(|_| RedisError::odd("node"))
}
