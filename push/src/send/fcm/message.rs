//! The message for Google: data only, so that the application decides what is shown and Google shows nothing by itself.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::send::wording::Wording;
use crate::send::{FcmTarget, Notification};

/// Bytes of names and values in `data` ("About FCM messages": 4,096 in all).
const LARGEST: usize = 4096;
/// Seconds, four weeks ("Set the lifespan of a message").
const LONGEST_TTL: u64 = 28 * 24 * 3600;

/// `None` = too large.
pub(super) fn message(
    target: &FcmTarget,
    notification: &Notification,
    with_text: bool,
    wording: &Wording,
    now: u64,
) -> Option<Bytes> {
    let mut data: Map<String, Value> =
        notification.data.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
    let mut add = |name: &str, value: &str| data.insert(name.to_owned(), value.into());
    add("kind", notification.urgency.as_str());
    if let Some(badge) = notification.badge {
        add("badge", &badge.to_string());
    }
    if let Some(thread) = &notification.thread {
        add("thread", thread);
    }
    match notification.text.as_ref().filter(|_| with_text) {
        Some(text) => {
            add("title", &text.title);
            add("body", &text.body);
        }
        None => {
            if let Some(words) = wording.of(notification.locale.as_deref()) {
                add("words", words);
            }
        }
    }
    let bytes: usize = data.iter().map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum();
    if bytes > LARGEST {
        return None;
    }
    let (name, device) = match target {
        FcmTarget::Registration(token) => ("token", token),
        FcmTarget::Installation(id) => ("fid", id),
    };
    let ttl = notification.kept_until().saturating_sub(now).min(LONGEST_TTL);
    let message = json!({
        name: device.expose(),
        "data": data,
        "android": {
            "collapse_key": wording.collapse.hash(&notification.collapse),
            "priority": if notification.urgency.is_high() { "HIGH" } else { "NORMAL" },
            "ttl": format!("{ttl}s"),
        },
    });
    Some(json!({"message": message}).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::testing::{notification, wording};
    use crate::send::{Secret, Urgency};

    #[test]
    fn data_only_and_within_bounds() {
        let mut notification = notification(Urgency::Alert);
        let target = FcmTarget::Installation(Secret::new("fid1"));
        let now = notification.expires - 90;
        let written = message(&target, &notification, false, &wording(), now).unwrap();
        let collapse = wording().collapse.hash(&notification.collapse);
        assert_eq!(
            serde_json::from_slice::<Value>(&written).unwrap(),
            json!({"message": {
                "fid": "fid1",
                "data": {"kind": "alert", "badge": "3", "seq": "7"},
                "android": {"collapse_key": collapse, "priority": "HIGH", "ttl": "90s"},
            }})
        );
        notification.text.as_mut().unwrap().body = "x".repeat(5000);
        assert!(message(&target, &notification, true, &wording(), now).is_none());
        assert!(message(&target, &notification, false, &wording(), now).is_some());
    }
}
