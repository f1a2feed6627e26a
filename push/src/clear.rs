//! Takes notifications back that the user has read on another device: a silent push, at most one per conversation, device and window.
//!
//! Nothing of it is recorded, and it may be lost: then a notification stays until the application is opened.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use longwave_model::{ConversationId, Seq, UserId};
use longwave_persistence::{PushState, StoreError};
use longwave_port::PushTicket;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

use crate::badge::badge;
use crate::coalesce::{Owed, Pair, Pairs, Turn, Weight, Windows};
use crate::send::{Outcome, Urgency};
use crate::worker::Desk;

/// How long it waits for further reads, and between two of one conversation, in milliseconds.
const WINDOWS: Windows = Windows { grace: 1_000, first: 10_000, longest: 60_000 };
/// Clearings that may wait; more are left out.
const WAITING: usize = 10_000;
/// How long it waits when nothing is due.
const IDLE: Duration = Duration::from_secs(60);

/// Somebody has read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) conversation: ConversationId,
    pub(crate) user: UserId,
    pub(crate) seq: Seq,
}

/// What is to be taken back.
pub(crate) struct Clearing {
    desk: Arc<Desk>,
    pairs: Pairs,
}

impl Clearing {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk, pairs: Pairs::new(WINDOWS) }
    }

    /// Takes reads until the worker ends.
    pub(crate) async fn run(mut self, mut reads: mpsc::Receiver<Read>) {
        loop {
            let now = self.desk.now();
            let due = self.pairs.next_due().map(|due| Duration::from_millis(due.saturating_sub(now)));
            match timeout(due.unwrap_or(IDLE), reads.recv()).await {
                Ok(None) => return,
                Ok(Some(read)) => {
                    if let Err(error) = self.note(read).await {
                        debug!(%error, "a notification is not taken back");
                    }
                }
                Err(_) => {}
            }
            while let Some((pair, _)) = self.pairs.next(self.desk.now()) {
                let turn = match self.clear(&pair).await {
                    Ok(true) => Turn::Sent,
                    Ok(false) => Turn::Ended,
                    Err(error) => {
                        debug!(%error, "a notification is not taken back");
                        Turn::Ended
                    }
                };
                self.pairs.end(&pair, turn, self.desk.now());
            }
        }
    }

    async fn note(&mut self, read: Read) -> Result<(), StoreError> {
        let Read { conversation, user, seq } = read;
        let devices = match self.desk.known.remembered(&user) {
            Some(devices) => devices,
            None => self.desk.known.read(&user).await?,
        };
        for device in devices.iter() {
            if self.pairs.waiting() >= WAITING {
                return Ok(());
            }
            let pair = Pair { user: user.clone(), device: device.clone(), conversation: conversation.clone() };
            let owed = Owed {
                seq,
                ts: self.desk.decider.clock.millis(),
                gone: None,
                weight: Weight::Silent,
                text: None,
                sender: user.clone(),
                ticket: PushTicket::new(()),
            };
            self.pairs.add(pair, owed, self.desk.now());
        }
        Ok(())
    }

    /// Whether a push went out.
    async fn clear(&self, pair: &Pair) -> Result<bool, StoreError> {
        let Desk { decider, sender, stats, .. } = &*self.desk;
        let Pair { user, device, conversation } = pair;
        let store = &*decider.store;
        let (record, mark, cursor, devices) = tokio::try_join!(
            store.push_record(user, device, conversation),
            store.mark(conversation, user),
            store.cursor(user, device, conversation),
            longwave_wake::registrations_of(store, user),
        )?;
        let Some(record) = record.filter(|record| record.state == PushState::Sent) else { return Ok(false) };
        let read = mark.map(|mark| mark.read).unwrap_or_default();
        // A device that has the message itself was awake, and its application knows.
        if read < record.seq || cursor.unwrap_or_default() >= record.seq {
            return Ok(false);
        }
        let Some(registered) = devices.into_iter().find(|found| found.registration.device == *device) else {
            return Ok(false);
        };
        let now = decider.clock.millis();
        let mut push = decider.push(conversation, registered, record.seq, now, Urgency::Clear);
        push.notification.badge = badge(store, user, decider.settings.badge, decider.settings.badge_limit).await?;
        let outcome = sender.send(&push.app, &push.target, &push.notification).await;
        let sent = matches!(outcome, Outcome::Sent { .. });
        if sent {
            stats.cleared.fetch_add(1, Relaxed);
        }
        Ok(sent)
    }
}
