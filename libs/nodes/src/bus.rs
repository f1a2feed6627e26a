//! The bus as a sender sees it: finds out on which nodes the recipients are, and sends each of those nodes one message, however many of
//! them are there.
//!
//! One task, so that what is handed over in order goes out in order; what has gathered while it waited for Redis goes in one pipeline.
//! Where recipients are is asked anew each time and remembered by nobody: a device that registered before is found.

use std::sync::Arc;

use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
use longwave_model::{Content, ConversationId, Entry, NodeId, UserId};
use longwave_persistence::redis::{Redis, RedisError};
use longwave_port::{Bus, MarkSignal, Recipients, Typing};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

use crate::frame::{Frame, MarkFrame, Signal, TypingFrame};

/// Signals sent in one go.
const BATCH: usize = 512;

/// Members whom each node is told, so that it can tell them of marks; larger groups hear of no delivered marks.
const KNOWN_MEMBERS: usize = 64;

/// The sender. Cheap to share by `Arc`.
#[derive(Debug)]
pub struct RedisBus {
    queue: mpsc::UnboundedSender<Job>,
}

#[derive(Debug)]
enum Job {
    Signal(Box<Outgoing>),
    Direct(NodeId, Bytes),
    Flush(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Outgoing {
    conversation: ConversationId,
    signal: Signal,
    to: Recipients,
    /// Hears of it too, wherever it is: whose membership it changes.
    named: Vec<UserId>,
    /// An entry that many may want to read.
    hot: Option<Arc<Entry>>,
}

impl RedisBus {
    /// Starts it. What goes to `own` is left out: whoever sends has told that node's sessions already.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(redis: Redis, own: Option<NodeId>) -> Arc<Self> {
        let (queue, jobs) = mpsc::unbounded_channel();
        tokio::spawn(run(redis, own, jobs));
        Arc::new(Self { queue })
    }

    /// Sends a message to one node.
    pub(crate) fn direct(&self, node: NodeId, frame: &Frame) {
        self.push(Job::Direct(node, frame.encode()));
    }

    fn signal(&self, conversation: &ConversationId, signal: Signal, to: &Recipients) {
        let (conversation, to) = (conversation.clone(), to.clone());
        self.push(Job::Signal(Box::new(Outgoing { conversation, signal, to, named: Vec::new(), hot: None })));
    }

    fn push(&self, job: Job) {
        // Fails only when the runtime ends.
        let _ = self.queue.send(job);
    }
}

impl Bus for RedisBus {
    fn entry(&self, entry: &Arc<Entry>, to: &Recipients) {
        let named = match &entry.content {
            Content::Member(member) => vec![member.user.clone()],
            Content::Created(created) => created.members.iter().map(|member| member.user.clone()).collect(),
            _ => Vec::new(),
        };
        let hot = (!entry.conversation.is_direct()).then(|| entry.clone());
        let signal = Signal::Entry(entry.encode().into());
        let (conversation, to) = (entry.conversation.clone(), to.clone());
        self.push(Job::Signal(Box::new(Outgoing { conversation, signal, to, named, hot })));
    }

    fn typing(&self, typing: Typing) {
        self.signal(&typing.conversation, Signal::Typing(TypingFrame::new(&typing)), &typing.to);
    }

    fn mark(&self, mark: MarkSignal) {
        self.signal(&mark.conversation, Signal::Mark(MarkFrame::new(&mark)), &mark.to);
    }

    fn flushed(&self) -> Option<oneshot::Receiver<()>> {
        let (told, flushed) = oneshot::channel();
        self.push(Job::Flush(told));
        Some(flushed)
    }
}

async fn run(redis: Redis, own: Option<NodeId>, mut jobs: mpsc::UnboundedReceiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut is_away = false;
    while jobs.recv_many(&mut batch, BATCH).await > 0 {
        let (mut flushes, mut signals) = (Vec::new(), Vec::new());
        for job in batch.drain(..) {
            match job {
                Job::Flush(told) => flushes.push(told),
                other => signals.push(other),
            }
        }
        match send(&redis, own.as_ref(), signals).await {
            Ok(()) => is_away = false,
            // Said once: while Redis is away nobody is told anything, and sessions compare.
            Err(error) if !is_away => {
                warn!(%error, "the bus cannot be reached; sessions on other nodes compare instead");
                is_away = true;
            }
            Err(error) => debug!(%error, "the bus cannot be reached"),
        }
        for told in flushes {
            // Who waited may be gone.
            let _ = told.send(());
        }
    }
}

async fn send(redis: &Redis, own: Option<&NodeId>, jobs: Vec<Job>) -> Result<(), RedisError> {
    // Before anybody is woken to read them.
    let (places, ()) = tokio::try_join!(Places::find(redis, &jobs), remember(redis, &jobs))?;
    let mut messages = Vec::new();
    for job in jobs {
        match job {
            Job::Direct(node, frame) => messages.push((node, frame)),
            Job::Signal(outgoing) => {
                for (node, to) in places.of(&outgoing) {
                    if Some(&node) != own {
                        messages.push((node, Frame::new(outgoing.signal.clone(), Some(&to)).encode()));
                    }
                }
            }
            Job::Flush(_) => {}
        }
    }
    if !messages.is_empty() {
        redis.publish(messages).await?;
    }
    Ok(())
}

/// Keeps the entries of groups and channels at hand for those who are not up to date.
async fn remember(redis: &Redis, jobs: &[Job]) -> Result<(), RedisError> {
    let hot = jobs.iter().filter_map(|job| match job {
        Job::Signal(outgoing) => outgoing.hot.clone(),
        _ => None,
    });
    let hot: Vec<Arc<Entry>> = hot.collect();
    if hot.is_empty() { Ok(()) } else { redis.remember(&hot).await }
}

/// Where everybody is.
struct Places {
    users: HashMap<UserId, Vec<NodeId>>,
    channels: HashMap<ConversationId, Vec<NodeId>>,
}

impl Places {
    async fn find(redis: &Redis, jobs: &[Job]) -> Result<Self, RedisError> {
        let (mut users, mut channels) = (HashSet::new(), HashSet::new());
        for job in jobs {
            let Job::Signal(outgoing) = job else { continue };
            users.extend(outgoing.named.iter().cloned());
            match &outgoing.to {
                Recipients::Users(some) | Recipients::Part(some) => users.extend(some.iter().cloned()),
                Recipients::Interested => {
                    channels.insert(outgoing.conversation.clone());
                }
            }
        }
        let (users, channels): (Vec<_>, Vec<_>) = (users.into_iter().collect(), channels.into_iter().collect());
        let (of_users, of_channels) = tokio::try_join!(
            async { if users.is_empty() { Ok(Vec::new()) } else { redis.nodes_of(&users).await } },
            async { if channels.is_empty() { Ok(Vec::new()) } else { redis.interested(&channels).await } },
        )?;
        Ok(Self {
            users: users.into_iter().zip(of_users).map(|(user, nodes)| (user, nodes.to_vec())).collect(),
            channels: channels.into_iter().zip(of_channels).map(|(channel, nodes)| (channel, nodes.to_vec())).collect(),
        })
    }

    /// The nodes that a signal goes to, and whom it is for there.
    fn of(&self, outgoing: &Outgoing) -> Vec<(NodeId, Recipients)> {
        let mut nodes: HashMap<&NodeId, Vec<UserId>> = HashMap::new();
        let listed: &[UserId] = match &outgoing.to {
            Recipients::Users(users) | Recipients::Part(users) => users,
            Recipients::Interested => &[],
        };
        for user in listed.iter().chain(outgoing.named.iter().filter(|user| !listed.contains(user))) {
            for node in self.users.get(user).into_iter().flatten() {
                nodes.entry(node).or_default().push(user.clone());
            }
        }
        let is_entry = matches!(outgoing.signal, Signal::Entry(_));
        if matches!(outgoing.to, Recipients::Interested) {
            for node in self.channels.get(&outgoing.conversation).into_iter().flatten() {
                nodes.entry(node).or_default();
            }
            return nodes.into_keys().map(|node| (node.clone(), Recipients::Interested)).collect();
        }
        nodes
            .into_iter()
            .map(|(node, users)| match &outgoing.to {
                to @ Recipients::Users(all) if is_entry && all.len() <= KNOWN_MEMBERS => (node.clone(), to.clone()),
                _ if is_entry => (node.clone(), Recipients::Part(Arc::new(users))),
                _ => (node.clone(), Recipients::Users(Arc::new(users))),
            })
            .collect()
    }
}
