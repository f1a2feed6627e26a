//! Which publishes DUP may refer to (protocol rule 20): those of earlier connections that may have been stored although the device
//! has seen no PUBACK. Where it is not certain, a publish counts as new.

use std::collections::VecDeque;

use longwave_port::Unsettled;

use super::{Now, Session};
use crate::codec::packet::Qos;

/// A PUBACK is settled when the connection lived this long after it was written, in milliseconds.
const SETTLED_AFTER: u64 = 2_000;

/// Packet ids used afresh that are remembered while nothing is known of the earlier connections. A device that has sent more than
/// this has long resent what it had to.
const FRESH_MAXIMUM: usize = 1_024;

/// What is remembered about packet ids of QoS 1.
#[derive(Debug)]
pub(super) struct Retry {
    left: Left,
    /// Acknowledged not long ago: packet id and when, oldest first.
    acknowledged: VecDeque<(u16, u64)>,
}

/// What is left to be resent from earlier connections.
#[derive(Debug)]
enum Left {
    /// These.
    Only(Vec<u16>),
    /// Any but these.
    AllBut(Vec<u16>),
}

impl Retry {
    /// For a session that had this left; `None` when it had nothing.
    pub(super) fn after(unsettled: Unsettled) -> Option<Box<Self>> {
        let left = match unsettled {
            Unsettled::Only(ids) if ids.is_empty() => return None,
            Unsettled::Only(ids) => Left::Only(ids),
            Unsettled::Unknown => Left::AllBut(Vec::new()),
        };
        Some(Box::new(Self { left, acknowledged: VecDeque::new() }))
    }

    fn new() -> Self {
        Self { left: Left::Only(Vec::new()), acknowledged: VecDeque::new() }
    }

    /// Whether a publish may be a resend. Whatever it is, the packet id now stands for this publish and no earlier one.
    fn take(&mut self, packet_id: u16, dup: bool) -> bool {
        let was_left = match &mut self.left {
            Left::Only(ids) => match ids.iter().position(|id| *id == packet_id) {
                Some(index) => {
                    ids.swap_remove(index);
                    true
                }
                None => false,
            },
            Left::AllBut(ids) => {
                let known = ids.contains(&packet_id);
                if !known {
                    ids.push(packet_id);
                }
                !known
            }
        };
        if matches!(&self.left, Left::AllBut(ids) if ids.len() > FRESH_MAXIMUM) {
            self.left = Left::Only(Vec::new());
        }
        dup && was_left
    }

    fn forget(&mut self, now: Now) {
        while self.acknowledged.front().is_some_and(|(_, at)| at.saturating_add(SETTLED_AFTER) <= now.monotonic) {
            self.acknowledged.pop_front();
        }
    }

    fn is_empty(&self) -> bool {
        self.acknowledged.is_empty() && matches!(&self.left, Left::Only(ids) if ids.is_empty())
    }
}

impl Session {
    /// Whether a QoS 1 publish may be a resend.
    pub(super) fn is_resend(&mut self, packet_id: u16, dup: bool) -> bool {
        self.retry.as_mut().is_some_and(|retry| retry.take(packet_id, dup))
    }

    /// A PUBACK goes out.
    pub(super) fn remember_acknowledged(&mut self, packet_id: u16, now: Now) {
        let maximum = self.receive_maximum();
        let retry = self.retry.get_or_insert_with(|| Box::new(Retry::new()));
        retry.forget(now);
        // The device awaits no more PUBACKs than this at once, so older ones it has seen.
        if retry.acknowledged.len() >= maximum {
            retry.acknowledged.pop_front();
        }
        retry.acknowledged.push_back((packet_id, now.monotonic));
    }

    /// Gives memory back that only a busy session needs.
    pub(super) fn forget_the_settled(&mut self, now: Now) {
        if let Some(retry) = &mut self.retry {
            retry.forget(now);
            if retry.is_empty() {
                self.retry = None;
            }
        }
    }

    /// What DUP may refer to after this connection, the likeliest first, at most Receive Maximum.
    pub(super) fn unsettled(&mut self, now: Now) -> Vec<u16> {
        let maximum = self.receive_maximum();
        let mut ids: Vec<u16> = self
            .pending
            .iter()
            .filter(|pending| pending.qos == Qos::AtLeastOnce)
            .map(|pending| pending.packet_id)
            .collect();
        if let Some(mut retry) = self.retry.take() {
            retry.forget(now);
            ids.extend(retry.acknowledged.iter().rev().map(|(id, _)| *id));
            if let Left::Only(left) = retry.left {
                ids.extend(left);
            }
        }
        let mut distinct = Vec::with_capacity(ids.len().min(maximum));
        for id in ids {
            if distinct.len() == maximum {
                break;
            }
            if !distinct.contains(&id) {
                distinct.push(id);
            }
        }
        distinct
    }
}
