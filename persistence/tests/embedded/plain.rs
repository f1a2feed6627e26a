//! Retained messages and wills: what was stored is there after a restart, and what was removed is not.

use longwave_model::{DeviceId, UserId};
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use longwave_persistence::{MessageRow, Plain, PropertyRow, WillRow};

fn open(folder: &std::path::Path) -> Embedded {
    Embedded::open(EmbeddedConfig { shards: 4, free_space_mark: 0, ..EmbeddedConfig::new(folder.join("store")) })
        .unwrap()
}

fn message(topic: &str, payload: &'static str) -> MessageRow {
    MessageRow {
        topic: topic.into(),
        payload: payload.into(),
        qos: 2,
        retain: true,
        user: "alice".into(),
        device: "phone".into(),
        expires_at: Some(7),
        content_type: Some("text/plain".into()),
        correlation_data: Some(bytes::Bytes::from_static(&[0, 255])),
        response_topic: Some("to/me".into()),
        utf8_payload: Some(true),
        user_properties: vec![PropertyRow { name: "a".into(), value: "b".into() }],
        expiry_seconds: Some(60),
    }
}

#[tokio::test]
async fn retained_messages_come_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let [one, two, three] = [message("a", "1"), message("a/b", "2"), message("a/b/c", "3")];
    let set = |row: &MessageRow| (row.topic.clone(), Some(row.clone()));
    store.retain(vec![set(&one), set(&two), set(&three)]).await.unwrap();
    let newer = message("a/b", "newer");
    store.retain(vec![set(&newer), ("a/b/c".into(), None), ("never/there".into(), None)]).await.unwrap();
    assert_eq!(store.retained().await.unwrap(), [one.clone(), newer.clone()]);
    drop(store);
    assert_eq!(open(folder.path()).retained().await.unwrap(), [one, newer]);
}

#[tokio::test]
async fn a_device_has_one_will_until_it_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let user = UserId::parse("alice").unwrap();
    let [phone, tablet] = ["phone", "tablet"].map(|device| DeviceId::parse(device).unwrap());
    let will = |payload| WillRow { message: message("gone", payload), delay_seconds: 3, expiry_seconds: 60 };
    store.put_will(&user, &phone, Some(will("old"))).await.unwrap();
    store.put_will(&user, &phone, Some(will("new"))).await.unwrap();
    store.put_will(&user, &tablet, Some(will("tablet"))).await.unwrap();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.wills().await.unwrap(), [will("new"), will("tablet")]);
    store.put_will(&user, &phone, None).await.unwrap();
    drop(store);
    assert_eq!(open(folder.path()).wills().await.unwrap(), [will("tablet")]);
}
