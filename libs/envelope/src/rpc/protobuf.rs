//! Requests and responses as protobuf `longwave.v1.RpcRequest` and `RpcResponse`; `params`, `result` and `data` are JSON text.

use bytes::Bytes;
use longwave_model::{Refusal, pb};
use prost::Message as _;
use serde::Serialize;

use super::{
    ErrorData, INTERNAL_ERROR, INVALID_REQUEST, NO_JSON_FORM, PARSE_ERROR, RpcFault, RpcId, RpcRequest, fault, json,
};
use crate::wire::{self, Known};

const FIELDS: &[Known] = &[Known::bytes(1), Known::bytes(2), Known::bytes(3)];

/// An empty id is an absent one: a notification.
pub(super) fn decode(payload: &Bytes) -> Result<RpcRequest, Box<RpcFault>> {
    wire::check(payload, FIELDS)
        .map_err(|error| fault(RpcId::Null, PARSE_ERROR, format!("not an RpcRequest: {error}")))?;
    let request = pb::RpcRequest::decode(payload.clone())
        .map_err(|_| fault(RpcId::Null, PARSE_ERROR, "not an RpcRequest: a text is not UTF-8"))?;
    let id = (!request.id.is_empty()).then_some(RpcId::String(request.id));
    if request.method.is_empty() {
        return Err(fault(id.unwrap_or(RpcId::Null), INVALID_REQUEST, "`method` is missing"));
    }
    let text = if request.params.is_empty() { "{}" } else { std::str::from_utf8(&request.params).unwrap_or_default() };
    let params = json::read_params(text, id.as_ref())?;
    Ok(RpcRequest { id, method: request.method, params })
}

pub(super) fn result<T: Serialize + ?Sized>(id: &RpcId, result: &T) -> Bytes {
    use pb::rpc_response::Outcome;
    let outcome = match serde_json::to_vec(result) {
        Ok(result) => Outcome::Result(result.into()),
        Err(_) => {
            Outcome::Error(pb::RpcError { code: INTERNAL_ERROR, message: NO_JSON_FORM.to_owned(), data: Bytes::new() })
        }
    };
    pb::RpcResponse { id: id_text(id), outcome: Some(outcome) }.encode_to_vec().into()
}

pub(super) fn error(id: &RpcId, code: i32, refusal: &Refusal) -> Bytes {
    let data = serde_json::to_vec(&ErrorData { error: refusal.code.number() }).unwrap_or_default().into();
    let error = pb::RpcError { code, message: refusal.reason.to_string(), data };
    pb::RpcResponse { id: id_text(id), outcome: Some(pb::rpc_response::Outcome::Error(error)) }.encode_to_vec().into()
}

fn id_text(id: &RpcId) -> String {
    match id {
        RpcId::String(id) => id.clone(),
        RpcId::Number(id) => id.to_string(),
        RpcId::Null => String::new(),
    }
}
