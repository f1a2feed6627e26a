//! Any interleaving of live entries, lost wake-ups, pages, acknowledgements and reconnects: every device gets what it is owed, in
//! order, and the cursor never passes something that was not acknowledged.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Two entries in three are for the device.
fn is_for_device(seq: u64) -> bool {
    !seq.is_multiple_of(3)
}

fn item(seq: u64) -> Option<u64> {
    is_for_device(seq).then_some(seq)
}

#[derive(Debug, Clone)]
enum Step {
    /// An entry is stored; its wake-up arrives or is lost.
    Append {
        arrives: bool,
    },
    /// The latest wake-ups come again, as after a change of owner.
    Repeat,
    /// The session compares heads.
    Compare,
    /// A page is asked for and stays on its way.
    Ask {
        limit: u64,
    },
    /// The page arrives.
    Arrive,
    Take {
        count: usize,
    },
    Ack {
        which: usize,
    },
    /// The connection is lost; the next one starts from the stored cursor, knowing what was in flight, or not (a crash).
    Reconnect {
        knows_in_flight: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(|arrives| Step::Append { arrives }),
        1 => Just(Step::Repeat),
        1 => Just(Step::Compare),
        2 => (1..6u64).prop_map(|limit| Step::Ask { limit }),
        2 => Just(Step::Arrive),
        4 => (1..4usize).prop_map(|count| Step::Take { count }),
        4 => (0..4usize).prop_map(|which| Step::Ack { which }),
        1 => any::<bool>().prop_map(|knows_in_flight| Step::Reconnect { knows_in_flight }),
    ]
}

/// A device, its server side, and what the device saw.
struct World {
    position: Position<u64>,
    head: u64,
    page: Option<RangeInclusive<u64>>,
    in_flight: Vec<u64>,
    acked: BTreeSet<u64>,
    /// Highest seq that this connection (or one it continues) was sent.
    last_sent: u64,
}

impl World {
    fn new() -> Self {
        Self {
            position: Position::new(0, 1, None),
            head: 0,
            page: None,
            in_flight: Vec::new(),
            acked: BTreeSet::new(),
            last_sent: 0,
        }
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Append { arrives } => {
                self.head += 1;
                if *arrives {
                    self.position.offer(self.head, item(self.head), 3);
                }
            }
            Step::Repeat => {
                for seq in self.head.saturating_sub(3).max(1)..=self.head {
                    self.position.offer(seq, item(seq), 3);
                }
            }
            Step::Compare => self.position.raise_head(self.head),
            Step::Ask { limit } => {
                self.page =
                    self.position.wanted().map(|range| *range.start()..=(*range.end()).min(range.start() + limit - 1));
            }
            Step::Arrive => {
                if let Some(page) = self.page.take() {
                    self.position.accept(page.clone(), 0, page.map(|seq| (seq, item(seq))), |_, _| None);
                }
            }
            Step::Take { count } => {
                for _ in 0..*count {
                    if let Some((seq, sent)) = self.position.take() {
                        self.check_sent(seq, sent);
                    }
                }
            }
            Step::Ack { which } => {
                if !self.in_flight.is_empty() {
                    let seq = self.in_flight.remove(which % self.in_flight.len());
                    self.acked.insert(seq);
                    self.position.ack(seq);
                }
            }
            Step::Reconnect { knows_in_flight } => {
                let cursor = self.position.cursor();
                self.position = Position::new(cursor, 1, None);
                self.page = None;
                if *knows_in_flight {
                    self.position.resume(self.in_flight.iter().copied());
                } else {
                    self.in_flight.clear();
                }
                // What was acknowledged out of order beyond the last in flight is not remembered, and sent again.
                self.last_sent = self.in_flight.last().copied().unwrap_or(cursor);
                self.position.raise_head(self.head);
            }
        }
        self.check();
    }

    fn check_sent(&mut self, seq: u64, sent: u64) {
        assert_eq!(seq, sent);
        assert!(is_for_device(seq));
        let next = (self.last_sent + 1..).find(|seq| is_for_device(*seq)).unwrap();
        assert_eq!(seq, next, "sent out of order or with a gap");
        self.last_sent = seq;
        self.in_flight.push(seq);
    }

    fn check(&self) {
        let cursor = self.position.cursor();
        assert!(cursor <= self.head, "cursor above the head");
        for seq in (1..=cursor).filter(|seq| is_for_device(*seq)) {
            assert!(self.acked.contains(&seq), "the cursor passed {seq}, which was not acknowledged");
        }
    }

    fn drain(&mut self) {
        self.position.raise_head(self.head);
        for _ in 0..10_000 {
            self.run(&Step::Ask { limit: 5 });
            self.run(&Step::Arrive);
            self.run(&Step::Take { count: 3 });
            self.run(&Step::Ack { which: 0 });
            if self.position.is_caught_up() && self.in_flight.is_empty() {
                return;
            }
        }
        panic!("never caught up: {:?}", self.position);
    }
}

proptest! {
    #[test]
    fn every_entry_is_sent_in_order_and_the_cursor_waits_for_acknowledgements(
        steps in proptest::collection::vec(step(), 1..120)
    ) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
        }
        world.drain();
        prop_assert_eq!(world.position.cursor(), world.head);
        let owed: BTreeSet<u64> = (1..=world.head).filter(|seq| is_for_device(*seq)).collect();
        prop_assert_eq!(world.acked, owed);
    }
}

#[test]
fn a_live_entry_above_the_next_waits_for_the_log() {
    let mut position = Position::new(4, 1, None);
    assert_eq!(position.offer(6, Some(6), 8), Offered::Later);
    assert_eq!(position.wanted(), Some(5..=6));
    assert_eq!(position.offer(5, Some(5), 8), Offered::Taken);
    assert_eq!(position.offer(5, Some(5), 8), Offered::Known);
    assert_eq!(position.wanted(), Some(6..=6));
}

#[test]
fn own_entries_move_the_cursor_only_when_everything_below_is_acknowledged() {
    let mut position = Position::new(0, 1, None);
    position.offer(1, Some(1), 8);
    position.offer(2, None, 8);
    assert_eq!(position.take(), Some((1, 1)));
    assert_eq!(position.cursor(), 0);
    assert!(position.ack(1));
    assert_eq!(position.cursor(), 2);
}

#[test]
fn a_gap_is_acknowledged_as_a_whole() {
    let mut position = Position::new(2, 1, None);
    position.raise_head(20);
    assert!(position.accept(3..=12, 10, [(11, Some(11)), (12, Some(12))], |from, to| Some(from * 100 + to)));
    assert_eq!(position.take(), Some((10, 310)));
    assert_eq!(position.cursor(), 2);
    position.ack(10);
    assert_eq!(position.cursor(), 10);
    assert_eq!(position.take(), Some((11, 11)));
    assert_eq!(position.wanted(), Some(13..=20));
}

#[test]
fn a_page_that_begins_above_the_next_is_not_trusted() {
    let mut position = Position::new(0, 1, None);
    position.raise_head(9);
    assert!(!position.accept(5..=9, 0, [(5, Some(5))], |_, _| None));
    assert_eq!(position.take(), None);
    assert_eq!(position.cursor(), 0);
    position.raise_head(9);
    assert_eq!(position.wanted(), Some(1..=9));
}

#[test]
fn nothing_above_the_leaving_entry_is_sent_and_rejoining_starts_at_the_joining_one() {
    let mut position = Position::new(0, 1, None);
    position.raise_head(6);
    position.leave(4);
    assert_eq!(position.offer(7, Some(7), 8), Offered::Known);
    assert_eq!(position.wanted(), Some(1..=4));
    position.rejoin(9);
    position.raise_head(12);
    assert_eq!(position.wanted(), Some(1..=4));
    position.accept(1..=4, 0, (1..=4).map(|seq| (seq, Some(seq))), |_, _| None);
    assert_eq!(position.wanted(), Some(9..=12));
    position.accept(9..=12, 0, (9..=12).map(|seq| (seq, Some(seq))), |_, _| None);
    let sent: Vec<u64> = std::iter::from_fn(|| position.take().map(|(seq, _)| seq)).collect();
    assert_eq!(sent, [1, 2, 3, 4, 9, 10, 11, 12]);
    for seq in sent {
        position.ack(seq);
    }
    assert_eq!(position.cursor(), 12);
    assert!(position.is_caught_up());
}

#[test]
fn leaving_withdraws_what_was_queued_beyond_it() {
    let mut position = Position::new(0, 1, None);
    for seq in 1..=5 {
        position.offer(seq, Some(seq), 8);
    }
    position.leave(3);
    assert_eq!(std::iter::from_fn(|| position.take().map(|(seq, _)| seq)).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_resumed_position_waits_for_what_was_in_flight() {
    let mut position: Position<u64> = Position::new(4, 1, None);
    position.resume([5, 7]);
    position.raise_head(9);
    assert_eq!(position.wanted(), Some(8..=9));
    position.ack(7);
    assert_eq!(position.cursor(), 4);
    position.ack(5);
    assert_eq!(position.cursor(), 7);
}
