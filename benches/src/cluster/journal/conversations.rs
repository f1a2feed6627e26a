//! Who writes to whom in the journal figure: the same users, conversations and bodies for all three ways of storing.

use std::sync::Arc;

use bytes::Bytes;
use longwave_model::{Content, ConversationId, Entry, Message, MessageId, Seq, UserId};
use longwave_persistence::Audience;

use super::JournalSettings;

/// Name of the group.
pub(super) const GROUP: &str = "hot";

/// One conversation as the driver's loads see it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: ConversationId,
    pub(super) sender: UserId,
    pub(super) audience: Arc<Audience>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Conversations {
    pub(super) all: Vec<Known>,
    body: Bytes,
}

impl Conversations {
    pub(super) fn new(settings: &JournalSettings) -> anyhow::Result<Self> {
        let body = Bytes::from(vec![b'.'; settings.body]);
        let senders: Vec<UserId> =
            (0..settings.devices).map(|n| UserId::parse(&sender(n))).collect::<Result<_, _>>()?;
        if settings.group {
            let known = Known {
                id: ConversationId::named(GROUP)?,
                sender: senders[0].clone(),
                audience: Arc::new(Audience(senders)),
            };
            return Ok(Self { all: vec![known], body });
        }
        let mut all = Vec::with_capacity(settings.devices * settings.peers);
        // In the order in which the devices send: all of one after the other, each to its next peer.
        for to in 0..settings.peers {
            for (n, sender) in senders.iter().enumerate() {
                let peer = UserId::parse(&peer(n, to))?;
                all.push(Known {
                    id: ConversationId::direct(sender, &peer),
                    sender: sender.clone(),
                    audience: Arc::new(Audience(vec![sender.clone(), peer])),
                });
            }
        }
        Ok(Self { all, body })
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The entry that a message becomes.
    pub(super) fn entry(&self, known: &Known, seq: u64, now_millis: u64) -> anyhow::Result<Entry> {
        Ok(Entry {
            conversation: known.id.clone(),
            seq: Seq(seq),
            ts: now_millis,
            sender: known.sender.clone(),
            device: None,
            id: Some(MessageId::parse(Bytes::from(format!("{seq:016x}")))?),
            expires_at: None,
            origin: None,
            content: Content::Message(Message {
                body: self.body.clone(),
                content_type: None,
                mentions: Vec::new(),
                silent: false,
                scheme: None,
            }),
        })
    }
}

/// A device's user.
pub(super) fn sender(n: usize) -> String {
    format!("s{n}")
}

/// A user that a device writes to; it never connects.
pub(super) fn peer(n: usize, to: usize) -> String {
    format!("p{n}-{to}")
}
