//! Requests on `u/{user}/rpc/{encoding}` and their responses: JSON-RPC 2.0, also inside protobuf.
//!
//! Strict where the specification is: `jsonrpc` must be `"2.0"`. Batches are refused; a request without `id` is a notification and
//! gets no response.

use bytes::Bytes;
use longwave_model::{ErrorCode, Refusal};
use longwave_topics::Encoding;
use serde::Serialize;
use serde_json::Value;

mod json;
mod protobuf;

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcRequest {
    /// What the response repeats; `None` for a notification, which gets none.
    pub id: Option<RpcId>,
    /// The verb.
    pub method: String,
    /// An object; empty when the request has none.
    pub params: Value,
}

/// The caller's name for a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum RpcId {
    /// A text; the only form in protobuf.
    String(String),
    /// A number.
    Number(serde_json::Number),
    /// No id could be read, or it was null.
    Null,
}

/// A payload that is no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcFault {
    /// Its id where that could be read, else [`RpcId::Null`].
    pub id: RpcId,
    /// The JSON-RPC code: -32700 when it is not even JSON or protobuf, -32602 when its params are no object, else -32600.
    pub rpc_code: i32,
    /// [`ErrorCode::BadPayload`], or [`ErrorCode::BadParams`] with -32602.
    pub refusal: Refusal,
}

/// Reads a request. The size of a payload is bounded by the broker's packet limit, its depth here.
///
/// # Errors
/// [`RpcFault`] when the payload is no request; answer it with [`encode_rpc_fault`].
pub fn decode_rpc(encoding: Encoding, payload: &Bytes) -> Result<RpcRequest, Box<RpcFault>> {
    match encoding {
        Encoding::Msg => protobuf::decode(payload),
        Encoding::Json | Encoding::Raw => json::decode(payload),
    }
}

/// Writes the response of a request that was done.
pub fn encode_rpc_result<T: Serialize + ?Sized>(encoding: Encoding, id: &RpcId, result: &T) -> Bytes {
    match encoding {
        Encoding::Msg => protobuf::result(id, result),
        Encoding::Json | Encoding::Raw => json::result(id, result),
    }
}

/// Writes the response of a request that was refused: JSON-RPC code -32601 for an unknown method, -32602 for bad parameters, else the
/// error's own number, which `data.error` always has.
pub fn encode_rpc_error(encoding: Encoding, id: &RpcId, refusal: &Refusal) -> Bytes {
    error(encoding, id, rpc_code(refusal), refusal)
}

/// Writes the response to a payload that is no request.
pub fn encode_rpc_fault(encoding: Encoding, fault: &RpcFault) -> Bytes {
    error(encoding, &fault.id, fault.rpc_code, &fault.refusal)
}

fn error(encoding: Encoding, id: &RpcId, code: i32, refusal: &Refusal) -> Bytes {
    match encoding {
        Encoding::Msg => protobuf::error(id, code, refusal),
        Encoding::Json | Encoding::Raw => json::error(id, code, refusal),
    }
}

fn fault(id: RpcId, rpc_code: i32, reason: impl Into<std::borrow::Cow<'static, str>>) -> Box<RpcFault> {
    Box::new(RpcFault { id, rpc_code, refusal: Refusal::new(ErrorCode::BadPayload, reason) })
}

fn fault_of(id: RpcId, refusal: Refusal) -> Box<RpcFault> {
    Box::new(RpcFault { id, rpc_code: rpc_code(&refusal), refusal })
}

fn rpc_code(refusal: &Refusal) -> i32 {
    match refusal.code {
        ErrorCode::UnknownMethod => -32601,
        ErrorCode::BadParams => -32602,
        other => i32::from(other.number()),
    }
}

/// The `data` of an error.
#[derive(Serialize)]
struct ErrorData {
    error: u16,
}

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const INTERNAL_ERROR: i32 = -32603;
/// Such as a map whose keys are no texts.
const NO_JSON_FORM: &str = "the result has no JSON form";

#[cfg(test)]
mod tests;
