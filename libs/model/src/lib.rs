//! The words of Longwave as types: ids, journal entries, error numbers, and the protobuf messages on the wire.
//!
//! This crate depends on none of the others and does no input or output.

mod conversation;
mod entry;
mod error_code;
mod ids;
mod network;
mod plain_state;
mod shard;

pub use conversation::{ConversationId, ConversationKind, MemberChange, Membership, Role};
pub use entry::{Content, Created, Entry, EntryError, FirstSending, MemberEntry, Message, Origin, Updated};
pub use error_code::{ErrorCode, Refusal};
pub use ids::{DeviceId, IdError, MessageId, NodeId, Seq, UserId};
pub use network::{Network, NetworkError};
pub use plain_state::{PlainFact, PlainFlight, PlainState};
pub use shard::{Epoch, OwnerId, Position, ShardId, shard_of};

/// Protobuf types generated from `proto/longwave/v1`.
#[allow(missing_docs, reason = "generated; the .proto files carry the comments")]
pub mod pb {
    include!(concat!(env!("OUT_DIR"), "/longwave.v1.rs"));
}
