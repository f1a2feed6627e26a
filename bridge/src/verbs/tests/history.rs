//! History: both ways, in pages, within the membership.

use serde_json::{Value, json};

use crate::testing::{Device, World};

async fn page(device: &Device, params: Value) -> (Vec<u64>, Value) {
    let mut page = device.rpc("history.page", params).await.unwrap();
    let events = page["events"].take();
    (events.as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect(), page)
}

#[tokio::test(start_paused = true)]
async fn pages_go_both_ways() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    alice.rpc("conversation.create", json!({"conv": "t", "members": ["bob"]})).await.unwrap();
    for n in 2..=20 {
        alice.send("t", &format!("m{n}"), &format!("body {n}")).await.unwrap();
    }
    for (params, seqs, from, to, more) in [
        (json!({"limit": 3}), 18..=20, 18, 20, true),
        (json!({}), 1..=20, 1, 20, false),
        (json!({"after": 5, "limit": 3}), 6..=8, 6, 8, true),
        (json!({"after": 17, "limit": 3}), 18..=20, 18, 20, false),
        (json!({"before": 4, "limit": 3}), 1..=3, 1, 3, false),
        (json!({"before": 5, "limit": 3}), 2..=4, 2, 4, true),
        (json!({"after": 5, "before": 9}), 6..=8, 6, 8, false),
        (json!({"after": 5, "before": 9, "limit": 2}), 6..=7, 6, 7, true),
    ] {
        let mut asked = params.clone();
        asked["conv"] = "t".into();
        let (got, rest) = page(&alice, asked).await;
        assert_eq!(got, seqs.collect::<Vec<_>>(), "{params}");
        assert_eq!(
            rest,
            json!({"events": null, "from": from, "to": to, "head": 20, "floor": 0, "more": more}),
            "{params}"
        );
    }
    for params in [json!({"conv": "t", "limit": 0}), json!({"conv": "t", "limit": 201})] {
        assert_eq!(alice.rpc("history.page", params).await, Err(3002));
    }
    let (none, rest) = page(&alice, json!({"conv": "t", "after": 20})).await;
    assert!(none.is_empty());
    assert_eq!((rest.get("from"), rest["more"].as_bool()), (None, Some(false)));
    let (none, _) = page(&alice, json!({"conv": "t", "after": 9, "before": 3})).await;
    assert!(none.is_empty());
}

#[tokio::test(start_paused = true)]
async fn events_have_the_json_form_and_show_ones_own_messages() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    alice.send("@bob", "m1", "hello").await.unwrap();
    let page = alice.rpc("history.page", json!({"conv": "@bob"})).await.unwrap();
    let event = &page["events"][0];
    assert_eq!(page["events"].as_array().unwrap().len(), 1, "the creation of a direct conversation is not shown");
    assert_eq!(page["from"], 1);
    for (name, value) in [
        ("type", json!("message")),
        ("conv", json!("@bob")),
        ("seq", json!(2)),
        ("id", json!("m1")),
        ("body", json!("hello")),
    ] {
        assert_eq!(event[name], value, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn members_see_what_happened_while_they_were_members() {
    let world = World::new();
    let (alice, bob) = (world.device("alice", "laptop"), world.device("bob", "phone"));
    alice.rpc("conversation.create", json!({"conv": "t"})).await.unwrap();
    alice.send("t", "m2", "before").await.unwrap();
    alice.rpc("member.add", json!({"conv": "t", "user": "bob"})).await.unwrap();
    alice.send("t", "m4", "during").await.unwrap();
    assert_eq!(page(&bob, json!({"conv": "t"})).await.0, [3, 4]);
    alice.rpc("member.remove", json!({"conv": "t", "user": "bob"})).await.unwrap();
    alice.send("t", "m6", "after").await.unwrap();
    let (seen, rest) = page(&bob, json!({"conv": "t"})).await;
    assert_eq!(seen, [3, 4, 5], "up to and including the removal");
    assert_eq!(rest["head"], 5, "nor how far it went on");
    assert_eq!(page(&bob, json!({"conv": "t", "after": 0})).await.0, [3, 4, 5]);
    assert_eq!(bob.rpc("conversation.get", json!({"conv": "t"})).await, Err(3005));
}
