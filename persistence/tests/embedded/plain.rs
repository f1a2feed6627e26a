//! Retained messages and wills: what was stored is there after a restart, and what was removed is not.

use longwave_model::{DeviceId, PlainFact, PlainFlight, PlainState, UserId};
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use longwave_persistence::{LogRow, MessageRow, Plain, PlainLog, PropertyRow, WillRow};

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

fn entry(payload: &'static str, filters: &[&str]) -> LogRow {
    let filters = filters.iter().map(ToString::to_string).collect();
    LogRow { message: message("t/1", payload), filters, ts: 5 }
}

async fn numbers(store: &Embedded, filter: &str, after: u64, most: usize) -> Vec<u64> {
    store.references(filter, after, most).await.unwrap().into_iter().map(|reference| reference.number).collect()
}

#[tokio::test]
async fn the_log_is_read_by_filter_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert_eq!(store.last_number().await.unwrap(), 0);
    let rows = vec![(1, entry("1", &["t/+", "t/#"])), (2, entry("2", &["t/+"])), (300, entry("300", &["t/+/", "t/#"]))];
    store.append(rows.clone(), Vec::new()).await.unwrap();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.last_number().await.unwrap(), 300);
    assert_eq!(numbers(&store, "t/+", 0, 9).await, [1, 2], "not those of `t/+/`");
    assert_eq!(numbers(&store, "t/#", 1, 9).await, [300]);
    assert_eq!(numbers(&store, "t/#", 0, 1).await, [1]);
    let latest = |most| store.latest_references("t/+", most);
    assert_eq!(latest(1).await.unwrap().iter().map(|one| one.number).collect::<Vec<_>>(), [2]);
    assert_eq!(latest(9).await.unwrap().iter().map(|one| one.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(store.references("t/#", 0, 1).await.unwrap()[0].size, 4);
    assert_eq!(store.rows(1, 9).await.unwrap(), rows[1..]);
    let forgotten = vec![(1, vec!["t/+".to_owned(), "t/#".to_owned()])];
    store.forget(forgotten).await.unwrap();
    store.consume(vec![("t/#".to_owned(), 300)]).await.unwrap();
    assert_eq!(store.messages(vec![1, 300]).await.unwrap(), [None, Some(rows[2].1.clone())]);
    assert!(numbers(&store, "t/#", 0, 9).await.is_empty());
    assert_eq!(numbers(&store, "t/+", 0, 9).await, [2]);
}

#[tokio::test]
async fn facts_of_a_session_are_replaced_and_end_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let of = |device: &str, fact| PlainState {
        user: UserId::parse("alice").unwrap(),
        device: DeviceId::parse(device).unwrap(),
        fact,
    };
    let flight = |received| PlainFact::Flight { number: 7, flight: Some(PlainFlight { packet_id: 0x8001, received }) };
    let since = |number| PlainFact::Since { filter: "t/+".into(), number };
    let before = [
        PlainFact::Done(3),
        since(Some(2)),
        flight(false),
        PlainFact::Taken { packet_id: 9, uses: Some(1) },
        PlainFact::Taken { packet_id: 10, uses: Some(1) },
    ];
    let facts = before.into_iter().chain([PlainFact::Done(4), flight(true)]).map(|fact| of("phone", fact));
    store.append(Vec::new(), facts.collect()).await.unwrap();
    store.append(Vec::new(), vec![of("tablet", PlainFact::Done(1))]).await.unwrap();
    store.append(Vec::new(), vec![of("phone", PlainFact::Taken { packet_id: 10, uses: None })]).await.unwrap();
    drop(store);
    let store = open(folder.path());
    let kept = [PlainFact::Done(4), flight(true), since(Some(2)), PlainFact::Taken { packet_id: 9, uses: Some(1) }];
    let mut expected: Vec<_> = kept.into_iter().map(|fact| of("phone", fact)).collect();
    expected.push(of("tablet", PlainFact::Done(1)));
    assert_eq!(store.facts().await.unwrap(), expected);
    let ended = vec![of("phone", PlainFact::Done(9)), of("phone", PlainFact::Ended), of("phone", since(Some(8)))];
    store.append(Vec::new(), ended).await.unwrap();
    assert_eq!(store.facts().await.unwrap(), [of("phone", since(Some(8))), of("tablet", PlainFact::Done(1))]);
}
