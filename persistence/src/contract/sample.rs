//! Ids, entries and appends for tests.

use std::sync::Arc;

use bytes::Bytes;
use longwave_model::{
    Content, ConversationId, ConversationKind, Created, DeviceId, Entry, FirstSending, MemberChange, MemberEntry,
    Membership, Message, MessageId, Origin, OwnerId, Position, Role, Seq, ShardId, Updated, UserId, shard_of,
};

use crate::invariant;
use crate::journal::{Append, Appended, Audience, Outcome, Tenure, Watermarks};
use crate::store::Store;

pub fn user(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

pub fn device(text: &str) -> DeviceId {
    DeviceId::parse(text).unwrap()
}

pub fn conversation(text: &str) -> ConversationId {
    ConversationId::parse(text).unwrap()
}

pub fn message_id(text: &str) -> MessageId {
    MessageId::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// An owner of one shard, as a lane is.
pub struct Owner {
    pub store: Arc<dyn Store>,
    pub shard: ShardId,
    pub tenure: Tenure,
}

impl Owner {
    /// Takes the shard of a conversation.
    pub async fn of(store: Arc<dyn Store>, conversation: &ConversationId) -> Self {
        let shard = shard_of(conversation, store.shards());
        Self::take(store, shard).await
    }

    pub async fn take(store: Arc<dyn Store>, shard: ShardId) -> Self {
        let tenure = store.take(shard, OwnerId(rand_owner())).await.unwrap();
        assert!(invariant::is_within(tenure.watermarks, tenure.trimmed, tenure.head), "{tenure:?}");
        Self { store, shard, tenure }
    }

    /// Appends, applies the views, and moves on if it was applied.
    pub async fn append(&mut self, entries: Vec<Entry>, audience: &[&str]) -> Outcome {
        let audience = Arc::new(Audience(audience.iter().map(|name| user(name)).collect()));
        let entries: Vec<_> =
            entries.into_iter().map(|entry| Appended { entry: Arc::new(entry), audience: audience.clone() }).collect();
        let head = Position(self.tenure.head.0 + entries.len() as u64);
        let writes = entries.iter().flat_map(|one| crate::views::views(&one.entry, &one.audience)).collect();
        let outcome = self.store.append(self.request(entries)).await;
        if matches!(outcome, Outcome::Applied) {
            self.tenure.head = head;
            self.store.apply(writes).await.unwrap();
            self.tenure.watermarks = Watermarks { applied: head, settled: head };
        }
        outcome
    }

    pub fn request(&self, entries: Vec<Appended>) -> Append {
        Append {
            shard: self.shard,
            epoch: self.tenure.epoch,
            head: self.tenure.head,
            entries,
            watermarks: self.tenure.watermarks,
        }
    }

    /// Appends and expects success.
    pub async fn applied(&mut self, entries: Vec<Entry>, audience: &[&str]) {
        let outcome = self.append(entries, audience).await;
        assert!(matches!(outcome, Outcome::Applied), "{outcome:?}");
    }

    /// Carries the watermarks to the head.
    pub async fn settle(&mut self) {
        let head = self.tenure.head;
        self.tenure.watermarks = Watermarks { applied: head, settled: head };
        self.applied(Vec::new(), &[]).await;
    }
}

/// A message with a body and an id that name it.
pub fn message(conversation: &ConversationId, seq: u64, sender: &str) -> Entry {
    Entry {
        conversation: conversation.clone(),
        seq: Seq(seq),
        ts: now(),
        sender: user(sender),
        device: Some(device("phone")),
        id: Some(message_id(&format!("{sender}-{seq}"))),
        expires_at: None,
        origin: Some(Origin {
            incarnation: 1,
            first: FirstSending { connection: 2, number: 5 },
            packet_id: 3,
            fingerprint: 4,
        }),
        content: Content::Message(Message {
            body: Bytes::from(format!("body {seq}")),
            content_type: Some("text/plain".to_owned()),
            mentions: vec![user("bob")],
            silent: true,
            scheme: None,
        }),
    }
}

/// Seq 1 of a conversation.
pub fn created(conversation: &ConversationId, kind: ConversationKind, members: &[(&str, Role)]) -> Entry {
    let members = members.iter().map(|(name, role)| Membership { user: user(name), role: *role }).collect();
    let title = (kind != ConversationKind::Direct).then(|| "A title".to_owned());
    Entry { content: Content::Created(Created { kind, title, members }), id: None, ..message(conversation, 1, "alice") }
}

/// Seq 1 of the direct conversation of alice and bob.
pub fn direct() -> (ConversationId, Entry) {
    let id = conversation("alice:bob");
    let entry = created(&id, ConversationKind::Direct, &[("alice", Role::Member), ("bob", Role::Member)]);
    (id, entry)
}

pub fn member(
    conversation: &ConversationId,
    seq: u64,
    change: MemberChange,
    who: &str,
    role: Role,
    kind: ConversationKind,
) -> Entry {
    let content = Content::Member(MemberEntry { change, user: user(who), role, kind });
    Entry { content, id: None, ..message(conversation, seq, "alice") }
}

pub fn updated(conversation: &ConversationId, seq: u64, update: Updated) -> Entry {
    Entry { content: Content::Updated(update), id: None, ..message(conversation, seq, "alice") }
}

fn rand_owner() -> u128 {
    use std::hash::{BuildHasher as _, RandomState};
    u128::from(RandomState::new().hash_one(now()))
}
