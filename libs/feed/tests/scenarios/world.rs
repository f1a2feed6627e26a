//! A store, a feed and a clock that stands still; entries are appended as a bridge does.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use longwave_feed::{FeedHub, FeedSettings, FeedStats};
use longwave_model::{
    Content, ConversationId, ConversationKind, Created, DeviceId, Entry, Epoch, MemberChange, MemberEntry, Membership,
    Message, OwnerId, Position, Role, Seq, ShardId, UserId,
};
use longwave_persistence::embedded::{Embedded, EmbeddedConfig, RetentionPolicy};
use longwave_persistence::{Append, Appended, Audience, Journal as _, Outcome, Watermarks};
use longwave_port::{Alone, Bus as _, Recipients};
use parking_lot::Mutex;
use tempfile::TempDir;

/// Unix time in milliseconds at which every test begins.
pub(crate) const START: u64 = 1_700_000_000_000;

pub(crate) struct World {
    folder: TempDir,
    pub(crate) store: Arc<Embedded>,
    pub(crate) hub: FeedHub,
    pub(crate) time: Arc<AtomicU64>,
    journal: Mutex<(Epoch, Position)>,
    conversations: Mutex<HashMap<ConversationId, Known>>,
}

/// Head, kind and present members of a conversation.
type Known = (u64, ConversationKind, Vec<UserId>);

/// How an entry travels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    Arrives,
    Lost,
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn conversation(id: &str) -> ConversationId {
    ConversationId::parse(id).unwrap()
}

/// In memory where that is possible: how long a sync takes is not what is tested here.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn config(folder: &TempDir, time: &Arc<AtomicU64>) -> EmbeddedConfig {
    let mut config = EmbeddedConfig::new(folder.path().join("store"));
    config.shards = 1;
    config.free_space_mark = 0;
    let time = time.clone();
    config.clock = Arc::new(move || time.load(Ordering::Relaxed));
    config
}

pub(crate) fn settings() -> FeedSettings {
    FeedSettings {
        page_entries: 16,
        live_entries: 8,
        flush_interval: Duration::from_millis(20),
        presence_interval: Duration::from_millis(20),
        retry_interval: Duration::from_millis(20),
        ..FeedSettings::default()
    }
}

fn feed(store: &Arc<Embedded>, time: &Arc<AtomicU64>, settings: FeedSettings) -> FeedHub {
    let time = time.clone();
    FeedHub::new(
        store.clone(),
        settings,
        Arc::new(move || time.load(Ordering::Relaxed)),
        Arc::new(FeedStats::default()),
        Arc::new(Alone),
    )
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(settings()).await
    }

    pub(crate) async fn with(settings: FeedSettings) -> Self {
        let folder = folder();
        let time = Arc::new(AtomicU64::new(START));
        let store = Arc::new(Embedded::open(config(&folder, &time)).unwrap());
        let tenure = store.take(ShardId(0), OwnerId(1)).await.unwrap();
        let hub = feed(&store, &time, settings);
        let journal = Mutex::new((tenure.epoch, tenure.head));
        Self { folder, store, hub, time, journal, conversations: Mutex::default() }
    }

    /// The process dies without closing anything, and starts again.
    pub(crate) async fn crash(self) -> Self {
        let Self { folder, store, hub, time, conversations, .. } = self;
        drop(hub);
        // Aborted timers let go of the store a moment later.
        let mut store = store;
        loop {
            match Arc::try_unwrap(store) {
                Ok(last) => break drop(last),
                Err(shared) => store = shared,
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let store = Arc::new(Embedded::open(config(&folder, &time)).unwrap());
        let tenure = store.take(ShardId(0), OwnerId(2)).await.unwrap();
        let hub = feed(&store, &time, settings());
        let journal = Mutex::new((tenure.epoch, tenure.head));
        Self { folder, store, hub, time, journal, conversations }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.time.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> u64 {
        self.time.load(Ordering::Relaxed)
    }

    /// Creates a group or channel; seq 1.
    pub(crate) async fn create(&self, id: &str, kind: ConversationKind, members: &[&str]) {
        let members: Vec<UserId> = members.iter().map(|name| user(name)).collect();
        self.conversations.lock().insert(conversation(id), (0, kind, members.clone()));
        let created = Created {
            kind,
            title: None,
            members: members.iter().map(|user| Membership { user: user.clone(), role: Role::Member }).collect(),
        };
        self.append(id, members[0].as_str(), "creator", Content::Created(created), None, Wake::Arrives).await;
    }

    /// A message; a direct conversation comes into being with its first one.
    pub(crate) async fn say(&self, id: &str, sender: &str, text: &str) -> u64 {
        self.send(id, sender, "elsewhere", text, None, Wake::Arrives).await
    }

    pub(crate) async fn send(
        &self,
        id: &str,
        sender: &str,
        device: &str,
        text: &str,
        expires_at: Option<u64>,
        wake: Wake,
    ) -> u64 {
        let peers = conversation(id).peers().map(|(one, other)| vec![one.to_owned(), other.to_owned()]);
        if let Some(peers) = peers
            && !self.conversations.lock().contains_key(&conversation(id))
        {
            Box::pin(self.create(id, ConversationKind::Direct, &peers.iter().map(String::as_str).collect::<Vec<_>>()))
                .await;
        }
        let message = Message { body: Bytes::from(text.to_owned()), ..Message::default() };
        self.append(id, sender, device, Content::Message(message), expires_at, wake).await
    }

    pub(crate) async fn change_member(&self, id: &str, member: &str, change: MemberChange) -> u64 {
        let kind = {
            let mut conversations = self.conversations.lock();
            let (_, kind, members) = conversations.get_mut(&conversation(id)).unwrap();
            members.retain(|other| *other != user(member));
            if change == MemberChange::Added {
                members.push(user(member));
            }
            *kind
        };
        let entry = MemberEntry { change, user: user(member), role: Role::Member, kind };
        self.append(id, "operator", "console", Content::Member(entry), None, Wake::Arrives).await
    }

    async fn append(
        &self,
        id: &str,
        sender: &str,
        device: &str,
        content: Content,
        expires_at: Option<u64>,
        wake: Wake,
    ) -> u64 {
        let id = conversation(id);
        let (seq, kind, members) = {
            let mut conversations = self.conversations.lock();
            let (head, kind, members) = conversations.get_mut(&id).unwrap();
            *head += 1;
            (*head, *kind, Arc::new(members.clone()))
        };
        let entry = Arc::new(Entry {
            conversation: id,
            seq: Seq(seq),
            ts: self.now(),
            sender: user(sender),
            device: Some(DeviceId::parse(device).unwrap()),
            id: None,
            expires_at,
            origin: None,
            content,
        });
        let is_channel = kind == ConversationKind::Channel;
        let audience = if is_channel { Audience::default() } else { Audience(members.to_vec()) };
        let (epoch, head) = *self.journal.lock();
        let append = Append {
            shard: ShardId(0),
            epoch,
            head,
            entries: vec![Appended { entry: entry.clone(), audience: Arc::new(audience) }],
            watermarks: Watermarks { applied: head, settled: head },
        };
        assert!(matches!(self.store.append(append).await, Outcome::Applied));
        self.journal.lock().1 = Position(head.0 + 1);
        if wake == Wake::Arrives {
            let to = if is_channel { Recipients::Interested } else { Recipients::Users(members) };
            self.hub.entry(&entry, &to);
        }
        seq
    }

    pub(crate) async fn keep_only(&self, entries: u64) {
        let policy = RetentionPolicy { age_seconds: None, entries: Some(entries) };
        while self.store.sweep(policy, 10_000).await.unwrap().unfinished {}
    }
}
