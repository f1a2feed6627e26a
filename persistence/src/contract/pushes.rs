//! Push records: the latest per device and conversation.

use longwave_model::Seq;

use super::Backend;
use super::sample::{Owner, conversation, device, direct, now, user};
use crate::contract::devices::session;
use crate::pushes::{PushRecord, PushState};

fn record(who: &str, on: &str, place: &str, seq: u64, state: PushState) -> PushRecord {
    PushRecord {
        user: user(who),
        device: device(on),
        conversation: conversation(place),
        seq: Seq(seq),
        state,
        detail: None,
        ts: now(),
    }
}

pub async fn a_push_record_comes_back_as_it_was(backend: &mut dyn Backend) {
    let mut written = Vec::new();
    for (number, state) in PushState::ALL.into_iter().enumerate() {
        let plain = record("bob", "phone", &format!("plain-{number}"), number as u64 + 1, state);
        let detail = Some(format!("projects/a/messages/{number}: „é“ \u{1f4ec}"));
        let detailed = PushRecord { conversation: conversation(&format!("detail-{number}")), detail, ..plain.clone() };
        let empty = PushRecord {
            conversation: conversation(&format!("empty-{number}")),
            detail: Some(String::new()),
            ..plain.clone()
        };
        written.extend([plain, detailed, empty]);
    }
    backend.store().record_pushes(written.clone()).await.unwrap();
    backend.store().record_pushes(Vec::new()).await.unwrap();
    backend.restart().await;
    let store = backend.store();
    for one in &written {
        let read = store.push_record(&one.user, &one.device, &one.conversation).await.unwrap();
        assert_eq!(read.as_ref(), Some(one));
    }
    written.sort_by(|one, other| one.conversation.cmp(&other.conversation));
    assert_eq!(store.push_records(&user("bob")).await.unwrap(), written);
}

pub async fn only_a_later_push_replaces_a_record(backend: &mut dyn Backend) {
    let store = backend.store();
    let (bob, phone, team) = (user("bob"), device("phone"), conversation("team"));
    let with = |seq, state, detail: Option<&str>| PushRecord {
        detail: detail.map(str::to_owned),
        ..record("bob", "phone", "team", seq, state)
    };
    let sent = with(7, PushState::Sent, Some("id-7"));
    store.record_pushes(vec![sent.clone()]).await.unwrap();
    store.record_pushes(vec![with(6, PushState::Failed, Some("late"))]).await.unwrap();
    assert_eq!(store.push_record(&bob, &phone, &team).await.unwrap(), Some(sent.clone()));

    // Of two with one seq either stays, whole.
    let rival = with(7, PushState::Muted, None);
    store.record_pushes(vec![rival.clone()]).await.unwrap();
    let stayed = store.push_record(&bob, &phone, &team).await.unwrap().unwrap();
    assert!(stayed == sent || stayed == rival, "{stayed:?}");

    // In one call, in whatever order.
    let latest = with(10, PushState::Expired, None);
    let several = vec![with(9, PushState::Sent, Some("id-9")), latest.clone(), with(8, PushState::Quiet, None)];
    store.record_pushes(several).await.unwrap();
    assert_eq!(store.push_record(&bob, &phone, &team).await.unwrap(), Some(latest.clone()));
    drop(store);
    backend.restart().await;
    assert_eq!(backend.store().push_records(&bob).await.unwrap(), [latest]);
}

pub async fn push_records_are_of_one_user_and_ordered(backend: &mut dyn Backend) {
    let store = backend.store();
    // Devices may have nearly any name; none is the neighbour of another because it begins like it.
    let devices = ["a/b", "a", "a:b", "é: ü/\u{1f4f1}", "a b", "'; DROP TABLE push; --", "alice", "ab"];
    let mut mine: Vec<_> = devices
        .iter()
        .flat_map(|on| ["team", "alice:bob"].map(|place| record("al", on, place, 3, PushState::Sent)))
        .collect();
    let others = ["alice", "a", "al.", "bob"].map(|who| record(who, "a", "team", 4, PushState::Failed));
    store.record_pushes(mine.iter().chain(&others).cloned().collect()).await.unwrap();
    mine.sort_by(|one, other| (&one.device, &one.conversation).cmp(&(&other.device, &other.conversation)));
    assert_eq!(store.push_records(&user("al")).await.unwrap(), mine);
    for other in others {
        assert_eq!(store.push_records(&other.user).await.unwrap(), [other]);
    }
    assert_eq!(store.push_records(&user("carol")).await.unwrap(), []);
    for one in &mine {
        let read = store.push_record(&one.user, &one.device, &one.conversation).await.unwrap();
        assert_eq!(read.as_ref(), Some(one));
    }
    let missing = store.push_record(&user("al"), &device("a/"), &conversation("team")).await.unwrap();
    assert_eq!(missing, None);
}

pub async fn push_records_outlive_the_session(backend: &mut dyn Backend) {
    let (id, first) = direct();
    let mut owner = Owner::of(backend.store(), &id).await;
    owner.applied(vec![first], &["alice", "bob"]).await;
    let store = backend.store();
    store.put_session(session("phone", 5)).await.unwrap();
    let sent = record("alice", "phone", id.as_str(), 1, PushState::Sent);
    store.record_pushes(vec![sent.clone()]).await.unwrap();
    store.end_session(&user("alice"), &device("phone"), 5).await.unwrap();
    assert_eq!(store.session(&user("alice"), &device("phone")).await.unwrap(), None);
    assert_eq!(store.push_records(&user("alice")).await.unwrap(), [sent]);
}
