//! What payloads say, in the three encodings: commands from devices, events to them, requests and responses.
//!
//! The contract is `mqtt-topics.md`, whose table of examples a test of this crate runs byte for byte. Nothing here knows a socket, a
//! store or who may do what.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod command;
mod event;
mod json_text;
mod presence;
mod rpc;
mod wire;

pub use command::{Command, CommandLimits, CommandProperties, SendCommand, decode_command, refused_id};
pub use event::{ConversationChange, Encoded, Event, MessageEvent, encode_event, from_entry};
pub use presence::{Presence, encode_presence};
pub use rpc::{RpcFault, RpcId, RpcRequest, decode_rpc, encode_rpc_error, encode_rpc_fault, encode_rpc_result};
