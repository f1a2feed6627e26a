//! How fast one core moves entries through the feed: bus → session → take → acknowledgement, without sockets. Prints deliveries per
//! second; `cargo bench -p longwave-feed`.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark for people")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use longwave_feed::{FeedHub, FeedSettings, FeedStats};
use longwave_model::{Content, ConversationId, DeviceId, Entry, Message, Refusal, Seq, UserId};
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use longwave_port::{Alone, Bus as _, Feed as _, Mailbox, Open, Outlet, Recipients, Subscription};

struct Silent;

impl Mailbox for Silent {
    fn wake(&self) {}
    fn close(&self, _: Refusal) {}
}

struct Receiver {
    outlet: Arc<dyn Outlet>,
    taken: Vec<longwave_port::Delivery>,
}

impl Receiver {
    fn drain(&mut self) -> usize {
        self.outlet.take(64, 1 << 20, &mut self.taken);
        let count = self.taken.len();
        for delivery in self.taken.drain(..) {
            if let Some(ticket) = delivery.ticket {
                self.outlet.acked(ticket);
            }
        }
        count
    }
}

async fn receiver(hub: &FeedHub, user: &UserId) -> Receiver {
    let open = Open {
        user: user.clone(),
        device: DeviceId::parse("phone").unwrap(),
        service: false,
        clean_start: false,
        expiry_seconds: 86_400,
        will: None,
        now: 1_700_000_000_000,
        mailbox: Arc::new(Silent),
    };
    let opened = hub.open(open).await.unwrap();
    let subscription = Subscription {
        filter: format!("u/{user}/c/+/json"),
        qos: 1,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
        identifier: None,
    };
    opened.outlet.subscribe(vec![subscription]).await.unwrap()[0].clone().unwrap();
    Receiver { outlet: opened.outlet, taken: Vec::new() }
}

fn entry(conversation: &ConversationId, seq: u64, sender: &UserId) -> Arc<Entry> {
    Arc::new(Entry {
        conversation: conversation.clone(),
        seq: Seq(seq),
        ts: 1_700_000_000_000,
        sender: sender.clone(),
        device: None,
        id: None,
        expires_at: None,
        origin: None,
        content: Content::Message(Message { body: Bytes::from_static(&[b'x'; 64]), ..Message::default() }),
    })
}

/// `pairs` direct conversations, one receiver each.
async fn direct(hub: &FeedHub, pairs: usize, rounds: u64) {
    let mut lanes = Vec::new();
    for pair in 0..pairs {
        let sender = UserId::parse(&format!("sender-{pair}")).unwrap();
        let user = UserId::parse(&format!("receiver-{pair}")).unwrap();
        let receiver = receiver(hub, &user).await;
        let conversation = ConversationId::direct(&sender, &user);
        lanes.push((conversation, sender.clone(), Recipients::Users(Arc::new(vec![user, sender])), receiver));
    }
    for (conversation, sender, to, receiver) in &mut lanes {
        hub.entry(&entry(conversation, 1, sender), to);
        while receiver.drain() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let begin = Instant::now();
    let mut delivered = 0;
    for seq in 2..2 + rounds {
        for (conversation, sender, to, receiver) in &mut lanes {
            hub.entry(&entry(conversation, seq, sender), to);
            delivered += receiver.drain();
        }
        tokio::task::yield_now().await;
    }
    report(&format!("direct, {pairs} receivers"), delivered, begin);
}

/// One group, everybody connected.
async fn group(hub: &FeedHub, members: usize, rounds: u64) {
    let conversation = ConversationId::named("team").unwrap();
    let users: Vec<UserId> = (0..members).map(|member| UserId::parse(&format!("member-{member}")).unwrap()).collect();
    let mut receivers = Vec::new();
    for user in &users {
        receivers.push(receiver(hub, user).await);
    }
    let sender = users[0].clone();
    let to = Recipients::Users(Arc::new(users.clone()));
    let created = Content::Created(longwave_model::Created {
        kind: longwave_model::ConversationKind::Group,
        title: None,
        members: users
            .iter()
            .map(|user| longwave_model::Membership { user: user.clone(), role: longwave_model::Role::Member })
            .collect(),
    });
    let first = Entry { content: created, ..(*entry(&conversation, 1, &sender)).clone() };
    hub.entry(&Arc::new(first), &to);
    for receiver in &mut receivers {
        while receiver.drain() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let begin = Instant::now();
    let mut delivered = 0;
    for seq in 2..2 + rounds {
        hub.entry(&entry(&conversation, seq, &sender), &to);
        delivered += receivers.iter_mut().map(Receiver::drain).sum::<usize>();
        tokio::task::yield_now().await;
    }
    report(&format!("group of {members}"), delivered, begin);
}

fn report(what: &str, delivered: usize, begin: Instant) {
    let seconds = begin.elapsed().as_secs_f64();
    println!("{what}: {delivered} deliveries in {seconds:.2} s, {:.0} per second", delivered as f64 / seconds);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = EmbeddedConfig::new(folder.path().join("store"));
    config.free_space_mark = 0;
    let store = Arc::new(Embedded::open(config).unwrap());
    let hub = FeedHub::new(
        store,
        FeedSettings::default(),
        Arc::new(|| 1_700_000_000_000),
        Arc::new(FeedStats::default()),
        Arc::new(Alone),
    );
    direct(&hub, 100, 2000).await;
    group(&hub, 100, 2000).await;
}
