//! Who does a publish: its shard, and what must keep its order.

use longwave_model::{ConversationId, DeviceId, ShardId, UserId, shard_of};
use longwave_port::Publish;
use longwave_topics::{Encoding, Topic, parse_topic};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

/// What keeps its order: a session's publishes into one conversation, or its requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ChainKey {
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    /// `None`: its requests, which are done one after another.
    pub(crate) conversation: Option<ConversationId>,
}

/// Where a publish goes.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) chain: ChainKey,
    pub(crate) shard: ShardId,
}

/// Finds out where a publish goes. One that is nobody's goes to any bridge, which refuses it.
pub(crate) fn address(publish: &Publish, shards: u16) -> Address {
    let (user, device) = (publish.sender.user.clone(), publish.sender.device.clone());
    let any = || ShardId(u16::try_from(xxh3_64(user.as_str().as_bytes()) % u64::from(shards.max(1))).unwrap_or(0));
    let (conversation, shard) = match parse_topic(&publish.topic) {
        Ok(Topic::Conversation { conversation, .. }) => {
            let shard = shard_of(&conversation, shards);
            (Some(conversation), shard)
        }
        Ok(Topic::Rpc { user: viewer, encoding }) => {
            let about = subject(&publish.payload, encoding, &viewer);
            (None, about.map_or_else(any, |conversation| shard_of(&conversation, shards)))
        }
        _ => (None, any()),
    };
    Address { chain: ChainKey { user, device, conversation }, shard }
}

/// The conversation that a request is about, so that it is done where that is owned. A hint: a bridge that does not own it takes it.
fn subject(payload: &[u8], encoding: Encoding, viewer: &UserId) -> Option<ConversationId> {
    let request = longwave_envelope::decode_rpc(encoding, &bytes::Bytes::copy_from_slice(payload)).ok()?;
    let text = |key: &str| request.params.get(key).and_then(Value::as_str);
    match text("conv") {
        Some(conv) => ConversationId::resolve(conv, viewer).ok(),
        // Blocking somebody is about the conversation with them.
        None if request.method.starts_with("user.") => {
            Some(ConversationId::direct(viewer, &UserId::parse(text("user")?).ok()?))
        }
        None => None,
    }
}
