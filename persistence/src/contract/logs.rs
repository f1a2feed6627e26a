//! Logs: pages, expiry, dedup.

use super::Backend;
use super::sample::{Owner, direct, message, message_id, now, user};
use crate::invariant::{ViewsOfEntry, is_applied, is_whole};
use crate::log::Direction;
use longwave_model::{ConversationId, Seq};

const MANY: usize = usize::MAX;

async fn ten(backend: &mut dyn Backend) -> (Owner, ConversationId) {
    let (id, first) = direct();
    let mut owner = Owner::of(backend.store(), &id).await;
    let rest = (2..=10).map(|seq| message(&id, seq, "alice"));
    owner.applied(std::iter::once(first).chain(rest).collect(), &["alice", "bob"]).await;
    (owner, id)
}

fn seqs(page: &crate::Page) -> Vec<u64> {
    page.entries.iter().map(|entry| entry.seq.0).collect()
}

pub async fn an_entry_comes_back_as_it_was(backend: &mut dyn Backend) {
    let (id, first) = direct();
    let mut owner = Owner::of(backend.store(), &id).await;
    let mut second = message(&id, 2, "bob");
    second.expires_at = Some(now() + 3_600_000);
    owner.applied(vec![first.clone(), second.clone()], &["alice", "bob"]).await;
    drop(owner);
    backend.restart().await;
    let page = backend.store().page(&id, 1..=2, Direction::Forward, 10, MANY).await.unwrap();
    assert_eq!((&*page.entries[0], &*page.entries[1]), (&first, &second));
}

pub async fn pages_run_both_ways(backend: &mut dyn Backend) {
    let (owner, id) = ten(backend).await;
    let page = owner.store.page(&id, 3..=5, Direction::Forward, 10, MANY).await.unwrap();
    assert_eq!((seqs(&page), page.covered), (vec![3, 4, 5], Some(3..=5)));
    let page = owner.store.page(&id, 3..=5, Direction::Backward, 10, MANY).await.unwrap();
    assert_eq!((seqs(&page), page.covered), (vec![5, 4, 3], Some(3..=5)));
    let page = owner.store.page(&id, 2..=9, Direction::Backward, 3, MANY).await.unwrap();
    assert!(is_whole(&page, |_| false));
    assert_eq!((seqs(&page), page.covered), (vec![9, 8, 7], Some(7..=9)));
}

pub async fn a_page_has_limits(backend: &mut dyn Backend) {
    let (owner, id) = ten(backend).await;
    let page = owner.store.page(&id, 2..=10, Direction::Forward, 4, MANY).await.unwrap();
    assert_eq!((seqs(&page), page.covered), (vec![2, 3, 4, 5], Some(2..=5)));
    let page = owner.store.page(&id, 2..=10, Direction::Forward, 10, 1).await.unwrap();
    assert_eq!((seqs(&page), page.covered), (vec![2], Some(2..=2)), "one entry always fits");
}

pub async fn a_page_ends_at_the_head(backend: &mut dyn Backend) {
    let (owner, id) = ten(backend).await;
    let page = owner.store.page(&id, 9..=99, Direction::Forward, 10, MANY).await.unwrap();
    assert_eq!((seqs(&page), page.covered, page.head.seq), (vec![9, 10], Some(9..=10), Seq(10)));
    let page = owner.store.page(&id, 11..=99, Direction::Forward, 10, MANY).await.unwrap();
    assert_eq!((seqs(&page), page.covered, page.head.seq), (vec![], None, Seq(10)));
    let nowhere = super::sample::conversation("nobody:none");
    assert_eq!(owner.store.head(&nowhere).await.unwrap(), None);
    let page = owner.store.page(&nowhere, 1..=9, Direction::Backward, 10, MANY).await.unwrap();
    assert_eq!((seqs(&page), page.covered, page.head.seq), (vec![], None, Seq(0)));
}

pub async fn an_expired_entry_is_covered_and_absent(backend: &mut dyn Backend) {
    let (mut owner, id) = ten(backend).await;
    let mut entry = message(&id, 11, "alice");
    entry.expires_at = Some(now() - 1);
    owner.applied(vec![entry, message(&id, 12, "alice")], &["alice", "bob"]).await;
    let page = owner.store.page(&id, 10..=12, Direction::Forward, 10, MANY).await.unwrap();
    assert!(is_whole(&page, |seq| seq == Seq(11)) && !is_whole(&page, |_| false));
    assert_eq!((seqs(&page), page.covered, page.head.seq), (vec![10, 12], Some(10..=12), Seq(12)));
    let page = owner.store.page(&id, 11..=11, Direction::Forward, 10, MANY).await.unwrap();
    assert_eq!((seqs(&page), page.covered), (vec![], Some(11..=11)));
}

pub async fn dedup_knows_the_first_attempt(backend: &mut dyn Backend) {
    let (owner, id) = ten(backend).await;
    let (alice, bob, message) = (user("alice"), user("bob"), message_id("alice-5"));
    let stored = owner.store.dedup(&id, &alice, &message).await.unwrap().unwrap();
    let page = owner.store.page(&id, 5..=5, Direction::Forward, 1, MANY).await.unwrap();
    assert_eq!((stored.seq, stored.ts), (Seq(5), page.entries[0].ts));
    assert_eq!(owner.store.dedup(&id, &bob, &message).await.unwrap(), None);
    assert_eq!(owner.store.dedup(&id, &alice, &message_id("other")).await.unwrap(), None);
    let all = owner.store.dedup_ids(&id, 1_000).await.unwrap().unwrap();
    assert!(all.contains(&(alice.clone(), message.clone())));
    for (sender, message) in &all {
        assert!(owner.store.dedup(&id, sender, message).await.unwrap().is_some(), "{sender} {message:?}");
    }
    assert_eq!(owner.store.dedup_ids(&id, all.len() - 1).await.unwrap(), None, "too many");
    assert_eq!(
        owner.store.dedup_ids(&ConversationId::named("nobody-wrote-here").unwrap(), 10).await.unwrap(),
        Some(Vec::new())
    );
}

/// What the views hold of one of alice's messages, whose row is inside what a page covers.
async fn views(owner: &Owner, id: &ConversationId, seq: u64) -> ViewsOfEntry {
    let page = owner.store.page(id, seq..=seq, Direction::Forward, 1, MANY).await.unwrap();
    let dedup = owner.store.dedup(id, &user("alice"), &message_id(&format!("alice-{seq}"))).await.unwrap();
    let inbox = owner.store.inbox_row(&user("bob"), id).await.unwrap();
    ViewsOfEntry {
        row: page.covered == Some(seq..=seq),
        content: !page.entries.is_empty(),
        dedup: dedup.map(|stored| stored.seq),
        head: owner.store.head(id).await.unwrap().map(|head| head.seq),
        inbox: inbox.map(|row| row.head),
    }
}

pub async fn every_view_of_an_entry_is_stored(backend: &mut dyn Backend) {
    let (mut owner, id) = ten(backend).await;
    for seq in 2..=10 {
        let views = views(&owner, &id, seq).await;
        assert!(is_applied(Seq(seq), views, false, true, true), "{seq}: {views:?}");
    }
    let mut entry = message(&id, 11, "alice");
    entry.expires_at = Some(now() - 1);
    owner.applied(vec![entry], &["alice", "bob"]).await;
    let views = views(&owner, &id, 11).await;
    assert!(is_applied(Seq(11), views, true, true, true) && !views.content, "{views:?}");
}

pub async fn an_expired_entry_keeps_its_dedup_row(backend: &mut dyn Backend) {
    let (mut owner, id) = ten(backend).await;
    let mut entry = message(&id, 11, "alice");
    entry.expires_at = Some(now() - 1);
    owner.applied(vec![entry], &["alice", "bob"]).await;
    let stored = owner.store.dedup(&id, &user("alice"), &message_id("alice-11")).await.unwrap();
    assert_eq!(stored.unwrap().seq, Seq(11));
    assert_eq!(owner.store.head(&id).await.unwrap().unwrap().seq, Seq(11));
}
