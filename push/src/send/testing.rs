//! A notification and words, for unit tests.

use std::collections::BTreeMap;

use super::wording::Wording;
use super::{CollapseKey, Notification, Text, Urgency};

pub(crate) fn notification(urgency: Urgency) -> Notification {
    Notification {
        urgency,
        collapse: b"alice:bob".to_vec(),
        thread: None,
        expires: 2_000_000_000,
        keep: None,
        data: BTreeMap::from([("seq".into(), "7".into())]),
        text: Some(Text { title: "bob".into(), body: "hello".into() }),
        badge: Some(3),
        locale: None,
    }
}

pub(crate) fn wording() -> Wording {
    let mut wording = Wording::new(CollapseKey::new(b"key"));
    wording.loc_key = "NEW".into();
    wording.words.insert("de".into(), "Neue Nachricht".into());
    wording
}
