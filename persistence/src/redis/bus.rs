//! The bus: one channel per node, and nobody else listens on it. In a cluster the channels are sharded, so that a message goes to the one
//! master that its channel hashes to and not to all.

use bytes::Bytes;
use longwave_model::NodeId;

use super::error::RedisError;
use super::request::Request;
use super::subscription::BusReceiver;
use super::{Redis, Topology};

impl Redis {
    /// Sends each message to its node; those for one master in one pipeline. Answers how many heard each: 0 means that the node does not
    /// listen. Never sent twice.
    ///
    /// # Errors
    /// [`RedisError`] when one could not be sent; others may have been.
    pub async fn publish(&self, messages: Vec<(NodeId, Bytes)>) -> Result<Vec<u64>, RedisError> {
        let command = if self.sharded() { "SPUBLISH" } else { "PUBLISH" };
        let requests = messages
            .into_iter()
            .map(|(node, message)| Request::command(command, &self.0.settings.bus_channel(&node)).arg(&message[..]));
        let answers = self.run(requests.collect()).await?;
        let count = |answer| redis::from_redis_value(answer).map_err(|_| RedisError::odd("number of receivers"));
        answers.into_iter().map(count).collect()
    }

    /// Listens on this node's channel until the receiver is dropped. Needs a tokio runtime; Redis need not be there.
    #[must_use]
    pub fn subscribe(&self, node: &NodeId) -> BusReceiver {
        BusReceiver::start(self, self.0.settings.bus_channel(node))
    }

    /// Whether channels are sharded over a cluster.
    pub(super) fn sharded(&self) -> bool {
        self.0.settings.topology == Topology::Cluster
    }
}
