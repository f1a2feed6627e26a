//! Requests and responses as JSON-RPC 2.0 text.

use std::fmt;

use bytes::Bytes;
use longwave_model::{ErrorCode, Refusal};
use serde::Serialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{ErrorData, INVALID_REQUEST, PARSE_ERROR, RpcFault, RpcId, RpcRequest, fault, fault_of};

/// Members are first taken as text, so that a fault in one of them can still be answered under the request's id.
pub(super) fn decode(payload: &Bytes) -> Result<RpcRequest, Box<RpcFault>> {
    let members = members(payload)?;
    let mut id = None;
    let mut wrong_id = false;
    for (name, value) in &members {
        if name == "id" {
            id = read_id(value.get());
            wrong_id = id.is_none();
        }
    }
    let invalid = |reason: &'static str| fault(id.clone().unwrap_or(RpcId::Null), INVALID_REQUEST, reason);
    if wrong_id {
        return Err(invalid("`id` must be a text, a number or null"));
    }
    let (mut version, mut method, mut params) = (false, None, None);
    for (index, (name, value)) in members.iter().enumerate() {
        if members[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(invalid("a member of the request comes twice"));
        }
        match name.as_str() {
            "id" => {}
            "jsonrpc" => version = serde_json::from_str::<String>(value.get()).is_ok_and(|version| version == "2.0"),
            "method" => {
                method = serde_json::from_str::<String>(value.get()).ok();
                if method.is_none() {
                    return Err(invalid("`method` must be a text"));
                }
            }
            "params" => params = Some(value.get()),
            _ => return Err(invalid("a request has only `jsonrpc`, `id`, `method` and `params`")),
        }
    }
    if !version {
        return Err(invalid("`jsonrpc` must be \"2.0\""));
    }
    let Some(method) = method else {
        return Err(invalid("`method` is missing"));
    };
    let params = read_params(params.unwrap_or("{}"), id.as_ref())?;
    Ok(RpcRequest { id, method, params })
}

/// Params by name only; their depth is bounded by serde_json (128 levels).
pub(super) fn read_params(text: &str, id: Option<&RpcId>) -> Result<Value, Box<RpcFault>> {
    match serde_json::from_str(text) {
        Ok(params @ Value::Object(_)) => Ok(params),
        _ => {
            let refusal = Refusal::new(ErrorCode::BadParams, "`params` must be an object, not nested too deep");
            Err(fault_of(id.cloned().unwrap_or(RpcId::Null), refusal))
        }
    }
}

pub(super) fn result<T: Serialize + ?Sized>(id: &RpcId, result: &T) -> Bytes {
    #[derive(Serialize)]
    struct Response<'a, T: ?Sized> {
        jsonrpc: &'static str,
        id: &'a RpcId,
        result: &'a T,
    }
    match serde_json::to_vec(&Response { jsonrpc: "2.0", id, result }) {
        Ok(response) => response.into(),
        Err(_) => write_error(id, super::INTERNAL_ERROR, super::NO_JSON_FORM, None),
    }
}

pub(super) fn error(id: &RpcId, code: i32, refusal: &Refusal) -> Bytes {
    write_error(id, code, &refusal.reason, Some(ErrorData { error: refusal.code.number() }))
}

fn write_error(id: &RpcId, code: i32, message: &str, data: Option<ErrorData>) -> Bytes {
    #[derive(Serialize)]
    struct Response<'a> {
        jsonrpc: &'static str,
        id: &'a RpcId,
        error: Failure<'a>,
    }
    #[derive(Serialize)]
    struct Failure<'a> {
        code: i32,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<ErrorData>,
    }
    let response = Response { jsonrpc: "2.0", id, error: Failure { code, message, data } };
    // Texts and numbers always have a JSON form.
    serde_json::to_vec(&response).unwrap_or_default().into()
}

fn members(payload: &Bytes) -> Result<Vec<(String, &RawValue)>, Box<RpcFault>> {
    match payload.trim_ascii_start().first() {
        Some(b'{') => {}
        Some(b'[') => return Err(fault(RpcId::Null, INVALID_REQUEST, "batches are not available")),
        _ => return Err(fault(RpcId::Null, PARSE_ERROR, "not a JSON object")),
    }
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    deserializer
        .deserialize_map(Members)
        .and_then(|members| deserializer.end().map(|()| members))
        .map_err(|error| fault(RpcId::Null, PARSE_ERROR, format!("not JSON: {error}")))
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Self::Value = Vec::with_capacity(4);
        while let Some(member) = map.next_entry()? {
            // One more than a request has is enough to refuse it: the check for duplicates stays short.
            if members.len() < 5 {
                members.push(member);
            }
        }
        Ok(members)
    }
}

fn read_id(text: &str) -> Option<RpcId> {
    match serde_json::from_str(text).ok()? {
        Value::String(id) => Some(RpcId::String(id)),
        Value::Number(id) => Some(RpcId::Number(id)),
        Value::Null => Some(RpcId::Null),
        _ => None,
    }
}
