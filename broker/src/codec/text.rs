//! Rules for texts: UTF-8, topic names and topic filters (MQTT 1.5.4, 4.7, 4.8.2).

use longwave_model::ErrorCode;

use super::DecodeError;

/// A text field: UTF-8 [MQTT-1.5.4-1] without U+0000 [MQTT-1.5.4-2].
pub(super) fn check(bytes: &[u8]) -> Result<&str, DecodeError> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(DecodeError::malformed("a text is not UTF-8"));
    };
    if bytes.contains(&0) {
        return Err(DecodeError::malformed("a text contains U+0000"));
    }
    Ok(text)
}

/// A topic name: not empty [MQTT-4.7.3-1], without wildcards [MQTT-3.3.2-2].
pub(super) fn check_topic(topic: &str) -> Result<(), DecodeError> {
    if topic.is_empty() {
        return Err(DecodeError::malformed("a topic name is empty"));
    }
    if topic.bytes().any(|byte| matches!(byte, b'+' | b'#')) {
        return Err(DecodeError::malformed("a topic name contains a wildcard"));
    }
    Ok(())
}

/// A topic filter, also a shared one.
pub(super) fn check_filter(filter: &str) -> Result<(), DecodeError> {
    match filter.strip_prefix("$share/") {
        None if filter == "$share" => bad("a shared subscription has no share name"),
        None => check_plain_filter(filter),
        Some(shared) => {
            let Some((name, rest)) = shared.split_once('/') else {
                return bad("a shared subscription has no filter");
            };
            // [MQTT-4.8.2-1], [MQTT-4.8.2-2]
            if name.is_empty() || name.contains(['+', '#']) {
                return bad("the share name of a shared subscription is empty or contains a wildcard");
            }
            check_plain_filter(rest)
        }
    }
}

fn check_plain_filter(filter: &str) -> Result<(), DecodeError> {
    if filter.is_empty() {
        return bad("a topic filter is empty");
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        // [MQTT-4.7.1-1]
        if level.contains('#') && (level != "#" || levels.peek().is_some()) {
            return bad("'#' must be the whole last level of a topic filter");
        }
        // [MQTT-4.7.1-2]
        if level.contains('+') && level != "+" {
            return bad("'+' must be a whole level of a topic filter");
        }
    }
    Ok(())
}

fn bad(text: &'static str) -> Result<(), DecodeError> {
    Err(DecodeError::new(0x81, ErrorCode::BadFilter, text))
}
