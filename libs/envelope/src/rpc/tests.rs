//! Requests and responses by the JSON-RPC 2.0 specification, in both encodings.

use longwave_model::pb;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::json;

use super::*;

fn decode(payload: &str) -> Result<RpcRequest, Box<RpcFault>> {
    decode_rpc(Encoding::Json, &Bytes::copy_from_slice(payload.as_bytes()))
}

fn answer(payload: &str) -> Value {
    let fault = decode(payload).unwrap_err();
    serde_json::from_slice(&encode_rpc_fault(Encoding::Json, &fault)).unwrap()
}

#[test]
fn requests_in_both_encodings() {
    let expected = RpcRequest {
        id: Some(RpcId::String("a".into())),
        method: "member.add".into(),
        params: json!({"conv": "team", "user": "bob"}),
    };
    let text = r#"{"jsonrpc":"2.0","id":"a","method":"member.add","params":{"conv":"team","user":"bob"}}"#;
    assert_eq!(decode(text), Ok(expected.clone()));
    let request = pb::RpcRequest {
        id: "a".into(),
        method: "member.add".into(),
        params: r#"{"conv":"team","user":"bob"}"#.into(),
    };
    assert_eq!(decode_rpc(Encoding::Msg, &request.encode_to_vec().into()), Ok(expected));
}

#[test]
fn ids_come_back_as_they_were() {
    for (text, id) in [("7", Some(7)), ("null", None), ("-1", None), ("\"\\u00e9\"", None)] {
        let request = decode(&format!(r#"{{"method":"me.get","id":{text},"jsonrpc":"2.0"}}"#)).unwrap();
        assert_eq!(request.params, json!({}));
        let given = request.id.unwrap();
        if let Some(number) = id {
            assert_eq!(given, RpcId::Number(number.into()));
        }
        let response: Value = serde_json::from_slice(&encode_rpc_result(Encoding::Json, &given, &json!({}))).unwrap();
        assert_eq!(response["id"], serde_json::from_str::<Value>(text).unwrap());
    }
    assert_eq!(decode(r#"{"jsonrpc":"2.0","method":"typing"}"#).unwrap().id, None);
}

#[test]
fn faults_are_answered_under_the_id_where_it_can_be_read() {
    for (payload, id, code, reason) in [
        ("{", json!(null), -32700, "not JSON: EOF while parsing an object at line 1 column 1"),
        ("hello", json!(null), -32700, "not a JSON object"),
        ("[]", json!(null), -32600, "batches are not available"),
        (r#"{"id":1,"method":"x"}"#, json!(1), -32600, "`jsonrpc` must be \"2.0\""),
        (r#"{"id":1,"method":"x","jsonrpc":2.0}"#, json!(1), -32600, "`jsonrpc` must be \"2.0\""),
        (r#"{"id":1,"jsonrpc":"2.0"}"#, json!(1), -32600, "`method` is missing"),
        (r#"{"id":1,"jsonrpc":"2.0","method":3}"#, json!(1), -32600, "`method` must be a text"),
        (r#"{"id":[1],"jsonrpc":"2.0","method":"x"}"#, json!(null), -32600, "`id` must be a text, a number or null"),
        (r#"{"id":1,"id":2,"jsonrpc":"2.0","method":"x"}"#, json!(2), -32600, "a member of the request comes twice"),
        (
            r#"{"id":1,"jsonrpc":"2.0","method":"x","extra":1}"#,
            json!(1),
            -32600,
            "a request has only `jsonrpc`, `id`, `method` and `params`",
        ),
        (
            r#"{"id":1,"jsonrpc":"2.0","method":"x","params":[1]}"#,
            json!(1),
            -32602,
            "`params` must be an object, not nested too deep",
        ),
    ] {
        let number = if code == -32602 { 3002 } else { 2003 };
        let error = json!({"code": code, "message": reason, "data": {"error": number}});
        assert_eq!(answer(payload), json!({"jsonrpc": "2.0", "id": id, "error": error}), "{payload}");
    }
}

#[test]
fn deep_params_are_refused() {
    let params = format!("{{\"a\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    let payload = format!(r#"{{"id":1,"jsonrpc":"2.0","method":"x","params":{params}}}"#);
    assert_eq!(answer(&payload)["error"]["code"], -32602);
}

#[test]
fn protobuf_is_strict_too() {
    let decode = |payload: &[u8]| decode_rpc(Encoding::Msg, &Bytes::copy_from_slice(payload)).unwrap_err();
    assert_eq!(decode(&[0x22, 0]).refusal.reason, "not an RpcRequest: unknown field 4");
    assert_eq!(decode(&[0x0a, 1, b'7']).id, RpcId::String("7".into()));
    assert_eq!(decode(&[0x12, 1, 0xff]).rpc_code, -32700);
    assert_eq!(decode(&[0x12, 1, b'x', 0x1a, 1, b'[']).rpc_code, -32602);
    assert_eq!(decode(&[0x12, 1, b'x', 0x1a, 1, 0xff]).rpc_code, -32602);
}

#[test]
fn results_and_errors_are_written_in_a_fixed_order() {
    let id = RpcId::Number(7.into());
    let result = encode_rpc_result(Encoding::Json, &id, &json!({"seq": 3}));
    assert_eq!(result, r#"{"jsonrpc":"2.0","id":7,"result":{"seq":3}}"#);
    for (code, rpc_code) in
        [(ErrorCode::UnknownMethod, -32601), (ErrorCode::BadParams, -32602), (ErrorCode::GroupFull, 3004)]
    {
        let refusal = Refusal::new(code, "no \"x\"");
        let number = code.number();
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":7,"error":{{"code":{rpc_code},"message":"no \"x\"","data":{{"error":{number}}}}}}}"#
        );
        assert_eq!(encode_rpc_error(Encoding::Json, &id, &refusal), text);
        let response = pb::RpcResponse::decode(encode_rpc_error(Encoding::Msg, &id, &refusal)).unwrap();
        let data = format!(r#"{{"error":{number}}}"#).into();
        let error = pb::RpcError { code: rpc_code, message: "no \"x\"".into(), data };
        assert_eq!(
            response,
            pb::RpcResponse { id: "7".into(), outcome: Some(pb::rpc_response::Outcome::Error(error)) }
        );
    }
}

#[test]
fn a_result_without_a_json_form_is_an_error_and_not_silence() {
    let result: std::collections::BTreeMap<Vec<u8>, u8> = [(vec![1], 1)].into();
    let id = RpcId::Number(7.into());
    let response: Value = serde_json::from_slice(&encode_rpc_result(Encoding::Json, &id, &result)).unwrap();
    assert_eq!((&response["error"]["code"], &response["id"]), (&json!(-32603), &json!(7)));
    let response = pb::RpcResponse::decode(encode_rpc_result(Encoding::Msg, &id, &result)).unwrap();
    assert!(matches!(response.outcome, Some(pb::rpc_response::Outcome::Error(error)) if error.code == -32603));
}

proptest! {
    #[test]
    fn requests_survive(id: u64, method: String, key: String, value: String) {
        let text = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {key.clone(): value.clone()}}).to_string();
        let request = decode(&text).unwrap();
        let expected = RpcRequest { id: Some(RpcId::Number(id.into())), method, params: json!({key: value}) };
        prop_assert_eq!(request, expected);
    }

    #[test]
    fn hostile_payloads_do_not_panic(bytes: Vec<u8>, text in r#"[\[{](["{}:,0-9a-z\[\]\\]|"jsonrpc":|"id":|"method":|"params":|"2.0",){0,12}"#) {
        let _ = decode_rpc(Encoding::Json, &bytes.clone().into());
        let _ = decode_rpc(Encoding::Msg, &bytes.into());
        let _ = decode(&text);
    }
}
