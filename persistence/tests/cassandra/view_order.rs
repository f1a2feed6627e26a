//! View writes commute: in any order, twice, and late, the tables end up the same (protocol rules 6 to 8).

use std::sync::Arc;

use longwave_model::{ConversationId, ConversationKind, Entry, MemberChange, Role, Updated};
use longwave_persistence::contract::Backend as _;
use longwave_persistence::contract::sample::{conversation, created, member, message, updated, user};
use longwave_persistence::views::{ViewWrite, views};
use longwave_persistence::{Audience, Direction, Store};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::engine::Keyspace;

/// Histories tried; each is written twice.
const HISTORIES: u64 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn view_writes_commute() {
    let Some(keyspace) = Keyspace::fresh().await else { return };
    let store: Arc<dyn Store> = keyspace.store();
    for seed in 0..HISTORIES {
        let mut random = StdRng::seed_from_u64(seed);
        let names = [format!("straight-{seed}"), format!("shuffled-{seed}")].map(|name| conversation(&name));
        let seen = history(&mut StdRng::seed_from_u64(seed), &names[0]);
        let straight: Vec<Vec<ViewWrite>> = seen.iter().map(|(entry, audience)| views(entry, audience)).collect();
        let again = history(&mut StdRng::seed_from_u64(seed), &names[1]);
        let mut shuffled: Vec<ViewWrite> = again.iter().flat_map(|(entry, audience)| views(entry, audience)).collect();
        for _ in 0..shuffled.len() / 2 {
            let twice = shuffled[random.random_range(0..shuffled.len())].clone();
            shuffled.push(twice);
        }
        shuffled.shuffle(&mut random);
        for writes in straight {
            store.apply(writes).await.unwrap();
        }
        for writes in shuffled.chunks(3) {
            store.apply(writes.to_vec()).await.unwrap();
        }
        let (one, other) = (tables(&*store, &names[0]).await, tables(&*store, &names[1]).await);
        assert_eq!(one, other, "seed {seed}");
        assert!(one.contains("alice"), "{one}");
    }
    drop(store);
    keyspace.drop().await;
}

/// What the tables say of a conversation, without its name and its times.
async fn tables(store: &dyn Store, id: &ConversationId) -> String {
    let mut conversation = store.conversation(id).await.unwrap().unwrap();
    conversation.created = 0;
    let head = store.head(id).await.unwrap();
    let members = store.members(id).await.unwrap();
    let page = store.page(id, 1..=100, Direction::Forward, 100, usize::MAX).await.unwrap();
    let entries: Vec<_> = page.entries.iter().map(|entry| (entry.seq, entry.sender.clone())).collect();
    let mut inboxes = Vec::new();
    for name in PEOPLE {
        let row = store.inbox_row(&user(name), id).await.unwrap();
        inboxes.push(row.map(|row| (row.kind, row.head, row.joined, row.left)));
    }
    format!("{conversation:?} {head:?} {members:?} {entries:?} {inboxes:?}")
}

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// A group's life: people come, go, come back, get roles; it may become a channel in the end.
fn history(random: &mut StdRng, id: &ConversationId) -> Vec<(Arc<Entry>, Arc<Audience>)> {
    let mut present = vec!["alice"];
    let group = ConversationKind::Group;
    let mut entries = vec![created(id, group, &[("alice", Role::Owner)])];
    let mut audiences = vec![present.clone()];
    for seq in 2..=14 {
        let who = PEOPLE[random.random_range(1..PEOPLE.len())];
        let role = [Role::Member, Role::Admin, Role::Reader][random.random_range(0..3)];
        let entry = match random.random_range(0..6) {
            0 | 1 if !present.contains(&who) => {
                present.push(who);
                member(id, seq, MemberChange::Added, who, role, group)
            }
            2 if present.contains(&who) => {
                present.retain(|name| *name != who);
                member(id, seq, MemberChange::Removed, who, role, group)
            }
            3 if present.contains(&who) => member(id, seq, MemberChange::Role, who, role, group),
            4 => updated(id, seq, Updated { title: Some(format!("title {seq}")), ..Updated::default() }),
            _ => message(id, seq, "alice"),
        };
        entries.push(entry);
        audiences.push(present.clone());
    }
    if random.random_bool(0.3) {
        let grown = Updated { kind: Some(ConversationKind::Channel), ..Updated::default() };
        entries.push(updated(id, 15, grown));
        audiences.push(present);
    }
    let audience = |names: Vec<&str>| Arc::new(Audience(names.into_iter().map(user).collect()));
    entries.into_iter().map(Arc::new).zip(audiences.into_iter().map(audience)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_not_whole_yet_is_none_yet() {
    let Some(keyspace) = Keyspace::fresh().await else { return };
    let store: Arc<dyn Store> = keyspace.store();
    let id = conversation("team");
    let group = ConversationKind::Group;
    let nobody = Arc::new(Audience::default());
    let first = created(&id, group, &[("alice", Role::Owner), ("bob", Role::Member)]);
    let second = member(&id, 2, MemberChange::Role, "bob", Role::Admin, group);
    let third = updated(&id, 3, Updated { title: Some("Another".to_owned()), ..Updated::default() });
    let [first, second, third] = [first, second, third].map(|entry| views(&Arc::new(entry), &nobody));
    for later in [second, third] {
        store.apply(later).await.unwrap();
    }
    assert_eq!(store.conversation(&id).await.unwrap(), None);
    assert_eq!(store.members(&id).await.unwrap(), []);
    assert_eq!(store.member(&id, &user("bob")).await.unwrap(), None);
    store.apply(first).await.unwrap();
    assert_eq!(store.conversation(&id).await.unwrap().unwrap().title.as_deref(), Some("Another"));
    assert_eq!(store.member(&id, &user("bob")).await.unwrap().unwrap().role, Role::Admin);
    drop(store);
    keyspace.drop().await;
}
