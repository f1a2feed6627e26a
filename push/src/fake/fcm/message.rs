//! Google's rules of a message, as far as the sending side uses them; unknown fields are refused, as Google does.

use serde_json::{Map, Value};

use super::error::Problem;

pub(super) fn check(body: &Value) -> Result<(), Problem> {
    let message = object(body, "", &["message", "validate_only"])?
        .get("message")
        .ok_or_else(|| Problem::invalid("message", "Message is missing."))?;
    let fields = object(message, "message", &["token", "fid", "data", "android"])?;
    let device: Vec<_> = ["token", "fid"].iter().filter(|name| fields.contains_key(**name)).collect();
    let [name] = device[..] else {
        return Err(Problem::invalid("message", "Exactly one recipient must be named."));
    };
    if fields[*name].as_str().is_none_or(|token| token.is_empty() || token.contains(char::is_whitespace)) {
        let text = "The registration token is not a valid FCM registration token";
        return Err(Problem::invalid(&format!("message.{name}"), text));
    }
    data(&message["data"])?;
    android(&message["android"])
}

fn data(data: &Value) -> Result<(), Problem> {
    let Some(data) = data.as_object() else {
        return Ok(());
    };
    let mut bytes = 0;
    for (name, value) in data {
        let field = format!("message.data.{name}");
        let value = value.as_str().ok_or_else(|| Problem::invalid(&field, "Must be a string."))?;
        if name == "from" || name == "message_type" || name.starts_with("google") || name.starts_with("gcm") {
            return Err(Problem::invalid(&field, "Invalid data payload key."));
        }
        bytes += name.len() + value.len();
    }
    if bytes > 4096 {
        return Err(Problem::invalid("message", "Android message is too big"));
    }
    Ok(())
}

fn android(android: &Value) -> Result<(), Problem> {
    if android.is_null() {
        return Ok(());
    }
    object(android, "message.android", &["collapse_key", "priority", "ttl"])?;
    if android["priority"].as_str().is_some_and(|priority| !matches!(priority, "NORMAL" | "HIGH")) {
        return Err(Problem::invalid("message.android.priority", "Invalid value."));
    }
    let seconds = android["ttl"].as_str().map_or(Some(0), |ttl| ttl.strip_suffix('s')?.parse::<u64>().ok());
    if seconds.is_none_or(|seconds| seconds > 2_419_200) {
        return Err(Problem::invalid("message.android.ttl", "Invalid value."));
    }
    Ok(())
}

fn object<'a>(value: &'a Value, field: &str, known: &[&str]) -> Result<&'a Map<String, Value>, Problem> {
    let object = value.as_object().ok_or_else(|| Problem::invalid(field, "Must be an object."))?;
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(object),
        Some(_) => Err(Problem::invalid(field, "Unknown name.")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_google_refuses() {
        let good = json!({"message": {"token": "t", "data": {"a": "b"}, "android": {"ttl": "5s", "priority": "HIGH"}}});
        assert!(check(&good).is_ok());
        for wrong in [
            json!({}),
            json!({"message": {}}),
            json!({"message": {"token": "t", "fid": "f"}}),
            json!({"message": {"token": "a b"}}),
            json!({"message": {"token": "t", "extra": 1}}),
            json!({"message": {"token": "t", "data": {"n": 1}}}),
            json!({"message": {"token": "t", "data": {"google.x": "1"}}}),
            json!({"message": {"token": "t", "data": {"n": "x".repeat(4096)}}}),
            json!({"message": {"token": "t", "android": {"ttl": "5"}}}),
            json!({"message": {"token": "t", "android": {"ttl": "2419201s"}}}),
            json!({"message": {"token": "t", "android": {"priority": "high"}}}),
        ] {
            assert!(check(&wrong).is_err(), "{wrong}");
        }
    }
}
