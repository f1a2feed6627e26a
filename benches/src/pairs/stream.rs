//! One sender's side of one direction: its window, its packet ids and what waits for room in the window.

use std::collections::{BTreeSet, VecDeque};

use crate::ledger::{Ledger, Verdict};
use crate::stamp::Stamp;
use crate::wire::PublishTemplate;

/// A publish that waits for its PUBACK.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unanswered {
    packet_id: u16,
    number: u64,
    pub(super) due_ns: u64,
}

/// Messages from one connection to its partner.
#[derive(Debug)]
pub(super) struct Stream {
    template: PublishTemplate,
    /// The topic under which the receiver must get it.
    pub(super) delivered_topic: Box<[u8]>,
    pub(super) ledger: Ledger,
    unanswered: VecDeque<Unanswered>,
    next_packet_id: u16,
    window: usize,
    /// Due, but the window was full: when each was due.
    pub(super) waiting: VecDeque<u64>,
    /// PUBACKs for nothing, or not in the order of the publishes [MQTT-4.6.0-2].
    pub(super) wrong_pubacks: u64,
}

impl Stream {
    pub(super) fn new(template: PublishTemplate, delivered_topic: &str, window: u16) -> Self {
        Self {
            template,
            delivered_topic: delivered_topic.as_bytes().into(),
            ledger: Ledger::default(),
            unanswered: VecDeque::with_capacity(usize::from(window)),
            next_packet_id: 1,
            window: usize::from(window),
            waiting: VecDeque::new(),
            wrong_pubacks: 0,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.unanswered.len() < self.window
    }

    pub(super) fn is_answered(&self) -> bool {
        self.unanswered.is_empty() && self.waiting.is_empty()
    }

    /// Appends the next message to `out`.
    pub(super) fn send(&mut self, sender: u32, run: u32, due_ns: u64, out: &mut Vec<u8>) {
        let number = self.ledger.send();
        let packet_id = self.next_packet_id;
        // The window is far smaller than the space of packet ids, so an id is free again long before its turn.
        self.next_packet_id = if packet_id == u16::MAX { 1 } else { packet_id + 1 };
        self.template.write(out, packet_id, &Stamp { due_ns, sender, run, number }.bytes());
        self.unanswered.push_back(Unanswered { packet_id, number, due_ns });
    }

    /// A PUBACK arrived; the publish that it answers, unless it answers none.
    pub(super) fn answer(&mut self, packet_id: u16, code: u8) -> Option<Unanswered> {
        let at = self.unanswered.iter().position(|waiting| waiting.packet_id == packet_id);
        if at != Some(0) {
            self.wrong_pubacks += 1;
        }
        let answered = self.unanswered.remove(at?)?;
        if code < 0x80 {
            self.ledger.acknowledge();
        } else {
            self.ledger.refuse(answered.number);
        }
        Some(answered)
    }

    /// When everything that has no answer yet was due: what was sent, then what waits for room.
    pub(super) fn open_dues(&self) -> impl Iterator<Item = u64> {
        self.unanswered.iter().map(|open| open.due_ns).chain(self.waiting.iter().copied())
    }

    pub(super) fn close(&self) -> Verdict {
        let unanswered: BTreeSet<u64> = self.unanswered.iter().map(|open| open.number).collect();
        self.ledger.close(&unanswered)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::stamp::blank_body;
    use crate::wire::Version;

    fn stream(window: u16) -> Stream {
        Stream::new(PublishTemplate::new(Version::V4, "t", &blank_body(24)), "t", window)
    }

    #[test]
    fn the_window_bounds_what_is_unanswered_and_ids_wrap_past_zero() {
        let mut stream = stream(2);
        let mut out = Vec::new();
        for due in 0..70_000 {
            assert!(stream.has_room());
            stream.send(0, 0, due, &mut out);
            let packet_id = u16::try_from(due % 65_535 + 1).unwrap();
            assert_eq!(stream.answer(packet_id, 0).unwrap().due_ns, due);
            out.clear();
        }
        stream.send(0, 0, 0, &mut out);
        stream.send(0, 0, 0, &mut out);
        assert!(!stream.has_room() && !stream.is_answered());
        assert_eq!(stream.wrong_pubacks, 0);
    }

    #[test]
    fn pubacks_out_of_order_or_for_nothing_are_counted() {
        let mut stream = stream(4);
        let mut out = Vec::new();
        for due in 0..3 {
            stream.send(0, 0, due, &mut out);
        }
        assert_eq!(stream.answer(2, 0).unwrap().due_ns, 1);
        assert_eq!(stream.wrong_pubacks, 1);
        assert!(stream.answer(2, 0).is_none());
        assert_eq!(stream.wrong_pubacks, 2);
        stream.answer(1, 0x97).unwrap();
        let verdict = stream.close();
        assert_eq!((verdict.acknowledged, verdict.refused, verdict.unanswered), (1, 1, 1));
    }
}
