//! A channel with many members costs its senders nothing.

use longwave_model::ErrorCode;
use longwave_port::Recipients;
use serde_json::json;

use crate::testing::World;

#[tokio::test(start_paused = true)]
async fn members_above_the_group_limit_raise_no_inbox_and_get_no_list() {
    let world = World::new();
    let alice = world.device("alice", "laptop");
    let members: Vec<_> = (0..2_000).map(|n| format!("reader{n}")).collect();
    alice.rpc("conversation.create", json!({"conv": "news", "kind": "channel", "members": members})).await.unwrap();
    for n in 0..50 {
        alice.send("news", &format!("m{n}"), "x").await.unwrap();
    }
    assert_eq!(world.device("reader7", "phone").send("news", "m", "x").await, Err(ErrorCode::RoleTooLow));
    let told = world.notes.entries.lock().clone();
    assert!(matches!(&told[0].1, Recipients::Users(users) if users.len() == 2_001));
    assert!(told[1..].iter().all(|(_, to)| matches!(to, Recipients::Interested)));
    assert_eq!(world.store.inbox_raises(), 0);
    alice.send("@bob", "m", "x").await.unwrap();
    assert_eq!(world.store.inbox_raises(), 2, "in a direct conversation one for each, for both entries together");
}
