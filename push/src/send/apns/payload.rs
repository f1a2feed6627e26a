//! The payload for Apple. What the application gets lies under `longwave`; without opt-in text it holds nothing that a user wrote.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::send::wording::Wording;
use crate::send::{Notification, Urgency};

pub(super) fn payload(notification: &Notification, with_text: bool, wording: &Wording) -> Bytes {
    let mut ours: Map<String, Value> =
        notification.data.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
    ours.insert("kind".into(), notification.urgency.as_str().into());
    let mut aps = Map::new();
    match notification.urgency {
        Urgency::Alert => {
            aps.insert("alert".into(), alert(notification, with_text, wording));
            aps.insert("sound".into(), "default".into());
            // Lets the application's extension fetch and decrypt the message before it is shown.
            aps.insert("mutable-content".into(), 1.into());
            let thread = notification.thread.clone();
            aps.insert(
                "thread-id".into(),
                thread.unwrap_or_else(|| wording.collapse.hash(&notification.collapse)).into(),
            );
            if let Some(badge) = notification.badge {
                aps.insert("badge".into(), badge.into());
            }
        }
        // A background push may carry no badge of Apple's, so the application sets it.
        Urgency::Background | Urgency::Clear => {
            aps.insert("content-available".into(), 1.into());
        }
        Urgency::Voip => {}
    }
    if let Some(badge) = notification.badge.filter(|_| notification.urgency != Urgency::Alert) {
        ours.insert("badge".into(), badge.into());
    }
    json!({"aps": aps, "longwave": ours}).to_string().into()
}

fn alert(notification: &Notification, with_text: bool, wording: &Wording) -> Value {
    if let Some(text) = notification.text.as_ref().filter(|_| with_text) {
        return json!({"title": text.title, "body": text.body});
    }
    match wording.of(notification.locale.as_deref()) {
        Some(words) => json!({"body": words}),
        None => json!({"loc-key": wording.loc_key}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::testing::{notification, wording};

    fn written(notification: &Notification, with_text: bool) -> Value {
        serde_json::from_slice(&payload(notification, with_text, &wording())).unwrap()
    }

    #[test]
    fn an_alert_without_text_says_only_that_there_is_one() {
        let mut notification = notification(Urgency::Alert);
        let thread = wording().collapse.hash(&notification.collapse);
        assert_eq!(
            written(&notification, false),
            json!({
                "aps": {"alert": {"loc-key": "NEW"}, "sound": "default", "mutable-content": 1, "thread-id": thread, "badge": 3},
                "longwave": {"kind": "alert", "seq": "7"},
            })
        );
        notification.locale = Some("de-CH".into());
        assert_eq!(written(&notification, false)["aps"]["alert"], json!({"body": "Neue Nachricht"}));
        assert_eq!(written(&notification, true)["aps"]["alert"], json!({"title": "bob", "body": "hello"}));
    }

    #[test]
    fn a_silent_push_shows_nothing() {
        assert_eq!(
            written(&notification(Urgency::Clear), true),
            json!({"aps": {"content-available": 1}, "longwave": {"kind": "clear", "seq": "7", "badge": 3}})
        );
    }
}
