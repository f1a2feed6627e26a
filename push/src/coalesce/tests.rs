//! Schedules of pushes, by a clock that the tests set.

use super::*;

const WINDOWS: Windows = Windows { grace: 2_000, first: 3_000, longest: 60_000 };

fn pair(conversation: &str) -> Pair {
    Pair {
        user: UserId::parse("bob").unwrap(),
        device: DeviceId::parse("phone").unwrap(),
        conversation: ConversationId::parse(conversation).unwrap(),
    }
}

fn owed(seq: u64, weight: Weight) -> Owed {
    Owed {
        seq: Seq(seq),
        ts: seq,
        gone: None,
        weight,
        text: None,
        sender: UserId::parse("alice").unwrap(),
        ticket: PushTicket::new(()),
    }
}

fn seqs(waiting: &Waiting) -> Vec<u64> {
    waiting.iter().map(|owed| owed.seq.0).collect()
}

/// Runs until a time, sending whatever is due; when and what was sent.
fn run(pairs: &mut Pairs, from: u64, until: u64) -> Vec<(u64, Vec<u64>)> {
    let mut sent = Vec::new();
    for now in (from..=until).step_by(100) {
        while let Some((key, waiting)) = pairs.next(now) {
            sent.push((now, seqs(&waiting)));
            pairs.end(&key, Turn::Sent, now);
        }
    }
    sent
}

#[test]
fn the_first_goes_out_after_the_grace_time_and_the_rest_in_growing_windows() {
    let mut pairs = Pairs::new(WINDOWS);
    let mut sent = Vec::new();
    for second in 0..600 {
        pairs.add(pair("team"), owed(second + 1, Weight::Plain), second * 1_000);
        sent.extend(run(&mut pairs, second * 1_000, second * 1_000 + 900));
    }
    let times: Vec<u64> = sent.iter().map(|(time, _)| *time / 1_000).collect();
    assert_eq!(times, [2, 5, 11, 23, 47, 95, 155, 215, 275, 335, 395, 455, 515, 575]);
    assert_eq!(sent[1].1, [6], "the newest alone");
    assert_eq!(pairs.waiting(), 1);
}

#[test]
fn after_silence_a_message_is_a_first_one_again() {
    let mut pairs = Pairs::new(WINDOWS);
    pairs.add(pair("team"), owed(1, Weight::Plain), 0);
    assert_eq!(run(&mut pairs, 0, 2_000), [(2_000, vec![1])]);
    pairs.add(pair("team"), owed(2, Weight::Plain), 2_500);
    assert_eq!(run(&mut pairs, 2_500, 10_000), [(5_000, vec![2])], "the window holds it back");
    assert_eq!(run(&mut pairs, 10_100, 60_000), []);
    assert!(pairs.states.is_empty(), "nothing is remembered");
    pairs.add(pair("team"), owed(3, Weight::Plain), 60_000);
    assert_eq!(run(&mut pairs, 60_000, 63_000), [(62_000, vec![3])]);
}

#[test]
fn conversations_do_not_wait_for_each_other() {
    let mut pairs = Pairs::new(WINDOWS);
    pairs.add(pair("team"), owed(1, Weight::Plain), 0);
    pairs.add(pair("news"), owed(7, Weight::Plain), 0);
    assert_eq!(run(&mut pairs, 0, 3_000).len(), 2);
}

#[test]
fn a_mention_is_not_covered_by_a_later_message() {
    let mut pairs = Pairs::new(WINDOWS);
    for (seq, weight) in [
        (1, Weight::Plain),
        (2, Weight::Mention),
        (3, Weight::Plain),
        (4, Weight::Silent),
        (5, Weight::Silent),
        (4, Weight::Silent),
        (1, Weight::Plain),
    ] {
        pairs.add(pair("team"), owed(seq, weight), 0);
    }
    let (_, waiting) = pairs.next(2_000).unwrap();
    assert_eq!(seqs(&waiting), [2, 3, 5]);
}

#[test]
fn what_comes_during_a_turn_waits_for_its_end() {
    let mut pairs = Pairs::new(WINDOWS);
    pairs.add(pair("team"), owed(1, Weight::Plain), 0);
    let (key, _) = pairs.next(2_000).unwrap();
    pairs.add(pair("team"), owed(2, Weight::Plain), 2_100);
    assert!(pairs.next(50_000).is_none(), "one turn at a time");
    pairs.end(&key, Turn::Ended, 2_200);
    assert_eq!(pairs.next_due(), Some(4_200));
    let (key, waiting) = pairs.next(4_200).unwrap();
    assert_eq!(seqs(&waiting), [2]);
    pairs.add(pair("team"), owed(3, Weight::Plain), 4_250);
    pairs.end(&key, Turn::Again(waiting, 500), 4_300);
    assert_eq!(pairs.waiting(), 1);
    let (_, waiting) = pairs.next(4_800).unwrap();
    assert_eq!(seqs(&waiting), [3]);
}

#[test]
fn tickets_of_messages_that_others_stand_for_are_given_back() {
    let count = Arc::new(());
    let mut pairs = Pairs::new(WINDOWS);
    for seq in 1..100 {
        let owed = Owed { ticket: PushTicket::new(count.clone()), ..owed(seq, Weight::Plain) };
        pairs.add(pair("team"), owed, 0);
    }
    assert_eq!(Arc::strong_count(&count), 2);
}

#[test]
fn those_that_nobody_takes_can_be_given_up_oldest_first() {
    let mut pairs = Pairs::new(WINDOWS);
    for conversation in ["a", "b", "c"] {
        pairs.add(pair(conversation), owed(1, Weight::Plain), 0);
    }
    for now in [2_000, 2_001] {
        let (key, waiting) = pairs.next(now).unwrap();
        pairs.end(&key, Turn::Again(waiting, 10_000), now);
    }
    assert_eq!(pairs.waiting(), 3);
    assert_eq!(pairs.give_up_oldest_stuck().unwrap().0.conversation.as_str(), "a");
    assert_eq!(pairs.give_up_oldest_stuck().unwrap().0.conversation.as_str(), "b");
    assert!(pairs.give_up_oldest_stuck().is_none(), "the third only waits for its turn");
    assert_eq!((pairs.waiting(), pairs.states.len()), (1, 1));
}
