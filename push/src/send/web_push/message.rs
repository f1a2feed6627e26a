//! What a Web Push message says, before encryption: JSON for the service worker.

use serde_json::{Value, json};

use crate::send::Notification;
use crate::send::wording::Wording;

pub(super) fn message(notification: &Notification, with_text: bool, wording: &Wording) -> Vec<u8> {
    let mut message = json!({"kind": notification.urgency.as_str(), "data": notification.data});
    let mut add = |name: &str, value: Value| message[name] = value;
    if let Some(badge) = notification.badge {
        add("badge", badge.into());
    }
    if let Some(thread) = &notification.thread {
        add("thread", thread.as_str().into());
    }
    match notification.text.as_ref().filter(|_| with_text) {
        Some(text) => {
            add("title", text.title.as_str().into());
            add("body", text.body.as_str().into());
        }
        None => {
            if let Some(words) = wording.of(notification.locale.as_deref()) {
                add("words", words.into());
            }
        }
    }
    message.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::Urgency;
    use crate::send::testing::{notification, wording};

    #[test]
    fn with_and_without_text() {
        let read = |with_text| -> Value {
            serde_json::from_slice(&message(&notification(Urgency::Alert), with_text, &wording())).unwrap()
        };
        assert_eq!(read(false), json!({"kind": "alert", "badge": 3, "data": {"seq": "7"}}));
        assert_eq!(read(true)["body"], "hello");
    }
}
