//! Interest: which nodes have members of a channel online, so that one message per node crosses the bus.

use longwave_model::{ConversationId, NodeId};
use smallvec::SmallVec;

use super::Redis;
use super::error::RedisError;
use super::lease::{self, Contest};
use super::presence::node_id;
use super::request::Request;

impl Redis {
    /// Says that this node wants the messages of these channels, for the life time of presence. True where it was missing before, so
    /// that the sessions there have to compare again.
    ///
    /// # Errors
    /// [`RedisError`] when some could not be registered.
    pub async fn register_interest(&self, node: &NodeId, channels: &[ConversationId]) -> Result<Vec<bool>, RedisError> {
        let settings = &self.0.settings;
        let requests = channels.iter().map(|channel| {
            lease::put(&settings.interest_key(channel), settings.presence_millis, node.as_str(), "", Contest::Take)
        });
        let answers = self.run(requests.collect()).await?;
        answers.into_iter().map(|answer| Ok(lease::put_answer(answer)?.is_none())).collect()
    }

    /// Says that this node wants them no more.
    ///
    /// # Errors
    /// [`RedisError`] when some could not be unregistered; they expire.
    pub async fn unregister_interest(&self, node: &NodeId, channels: &[ConversationId]) -> Result<(), RedisError> {
        let requests = channels
            .iter()
            .map(|channel| Request::command("HDEL", &self.0.settings.interest_key(channel)).arg(node.as_str()));
        self.run(requests.collect()).await.map(drop)
    }

    /// For each channel, the nodes that want its messages, in one round trip.
    ///
    /// # Errors
    /// [`RedisError`] when some could not be read.
    pub async fn interested(&self, channels: &[ConversationId]) -> Result<Vec<SmallVec<[NodeId; 4]>>, RedisError> {
        let requests = channels.iter().map(|channel| lease::all(&self.0.settings.interest_key(channel)));
        let answers = self.run_clocked(requests.collect()).await?;
        let nodes = answers.into_iter().map(|answer| lease::living(answer)?.map(|(node, _)| node_id(&node)).collect());
        nodes.collect()
    }
}
