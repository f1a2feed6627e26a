//! What waits to be written to one bridge's connection.

use std::collections::VecDeque;
use std::sync::Arc;

use longwave_model::ShardId;
use longwave_port::Mailbox;
use parking_lot::Mutex;

use crate::dispatch::LeaseId;
use crate::frame::{FRAME_BYTES, FRAME_REQUESTS, Request, ToBridge, VERSION};

/// One connection's queue. Bounded by the publishes that may wait at all.
pub(crate) struct Outbox {
    queue: Mutex<VecDeque<Item>>,
    mailbox: Arc<dyn Mailbox>,
}

enum Item {
    Heard(LeaseId, u64),
    Own(LeaseId, Vec<ShardId>),
    Request(LeaseId, Box<Request>),
}

impl Item {
    fn lease(&self) -> LeaseId {
        match self {
            Self::Heard(lease, _) | Self::Own(lease, _) | Self::Request(lease, _) => *lease,
        }
    }
}

impl Outbox {
    pub(crate) fn new(mailbox: Arc<dyn Mailbox>) -> Arc<Self> {
        Arc::new(Self { queue: Mutex::default(), mailbox })
    }

    pub(crate) fn heard(&self, lease: LeaseId, beat: u64) {
        // First, so that a long queue ends no lease.
        self.queue.lock().push_front(Item::Heard(lease, beat));
    }

    pub(crate) fn own(&self, lease: LeaseId, shards: Vec<ShardId>) {
        self.queue.lock().push_back(Item::Own(lease, shards));
    }

    pub(crate) fn request(&self, lease: LeaseId, request: Request) {
        self.queue.lock().push_back(Item::Request(lease, Box::new(request)));
    }

    /// Drops what earlier leases left.
    pub(crate) fn keep_only(&self, lease: LeaseId) {
        self.queue.lock().retain(|item| item.lease() == lease);
    }

    /// Has the connection take what there is.
    pub(crate) fn wake(&self) {
        self.mailbox.wake();
    }

    /// The next frame, if anything waits.
    pub(crate) fn next_frame(&self) -> Option<(LeaseId, ToBridge)> {
        let mut queue = self.queue.lock();
        let lease = queue.front()?.lease();
        let mut frame = ToBridge { version: VERSION, lease: lease.0, ..ToBridge::default() };
        let mut bytes = 0;
        while frame.requests.len() < FRAME_REQUESTS
            && bytes < FRAME_BYTES
            && let Some(item) = queue.pop_front_if(|item| item.lease() == lease)
        {
            match item {
                Item::Heard(_, beat) => frame.heard = frame.heard.max(beat),
                Item::Own(_, shards) => frame.own.extend(shards.iter().map(|shard| u32::from(shard.0))),
                Item::Request(_, request) => {
                    bytes += request.size();
                    frame.requests.push(*request);
                }
            }
        }
        Some((lease, frame))
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("waiting", &self.queue.lock().len()).finish_non_exhaustive()
    }
}
