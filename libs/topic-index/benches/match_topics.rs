//! What a look-up costs as the number of filters grows, and what a subscription costs in memory: per-user filters, deep wildcards,
//! and many `+` at once. `cargo bench -p longwave-topic-index [-- <filters>]`.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark for people")]

use std::time::Instant;

use longwave_topic_index::TopicIndex;

const LOOK_UPS: usize = 200_000;

/// What a router keeps per subscription: a pointer and the options.
type Value = (u64, u64);

fn main() {
    let most: usize = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(1_000_000);
    println!(
        "{:<14} {:>10} {:>12} {:>12} {:>12} {:>10}",
        "filters", "count", "insert ns", "match ns", "remove ns", "bytes/sub"
    );
    for (name, filter) in SHAPES {
        let mut count = 10;
        while count <= most {
            measure(name, count, filter);
            count *= if count * 100 <= most || count == most { 100 } else { most / count };
        }
    }
    one_filter(100_000);
}

/// A name and its n-th filter.
type Shape = (&'static str, fn(usize) -> String);

const SHAPES: [Shape; 3] = [
    ("per user", |n| format!("devices/user-{n}/commands/+")),
    ("deep", |n| format!("site/{}/+/line-{}/+/machine-{n}/#", n % 100, n % 1_000)),
    ("plus storm", |n| {
        // Every topic of these five levels goes through each combination of `+` and names.
        (0..5)
            .map(|level| if n >> level & 1 == 1 { "+".to_owned() } else { format!("l{level}-{}", n >> 5) })
            .collect::<Vec<_>>()
            .join("/")
    }),
];

fn topic(name: &str, n: usize) -> String {
    match name {
        "per user" => format!("devices/user-{n}/commands/reboot"),
        "deep" => format!("site/{}/hall/line-{}/shift/machine-{n}/state/temperature", n % 100, n % 1_000),
        _ => (0..5).map(|level| format!("l{level}-{}", n >> 5)).collect::<Vec<_>>().join("/"),
    }
}

fn measure(name: &str, count: usize, filter: fn(usize) -> String) {
    let filters: Vec<String> = (0..count).map(filter).collect();
    let topics: Vec<String> = (0..1_000).map(|n| topic(name, n * 7_919 % count)).collect();
    let before = resident();
    let mut index: TopicIndex<u64, Value> = TopicIndex::default();
    let start = Instant::now();
    for (key, filter) in filters.iter().enumerate() {
        index.insert(filter, key as u64, (key as u64, 1));
    }
    let inserted = per(start, count);
    let bytes = resident().saturating_sub(before) / count;
    let start = Instant::now();
    let mut found = 0_usize;
    for n in 0..LOOK_UPS {
        index.for_each_match(&topics[n % topics.len()], |_, _| found += 1);
    }
    let matched = per(start, LOOK_UPS);
    assert!(found >= LOOK_UPS, "every topic has a filter");
    let start = Instant::now();
    for (key, filter) in filters.iter().enumerate() {
        index.remove(filter, key as u64).unwrap();
    }
    let removed = per(start, count);
    println!("{name:<14} {count:>10} {inserted:>12} {matched:>12} {removed:>12} {bytes:>10}");
}

/// Many subscribers of one filter, who leave in any order.
fn one_filter(count: usize) {
    let before = resident();
    let mut index: TopicIndex<u64, Value> = TopicIndex::default();
    let start = Instant::now();
    for key in 0..count as u64 {
        index.insert("news/all", key, (key, 1));
    }
    let inserted = per(start, count);
    let bytes = resident().saturating_sub(before) / count;
    let start = Instant::now();
    let mut found = 0_usize;
    index.for_each_match("news/all", |_, _| found += 1);
    let matched = start.elapsed().as_nanos();
    let start = Instant::now();
    for n in 0..count {
        index.remove("news/all", (n * 7_919 % count) as u64).unwrap();
    }
    println!("{:<14} {found:>10} {inserted:>12} {matched:>12} {:>12} {bytes:>10}", "one filter", per(start, count));
}

fn per(start: Instant, count: usize) -> u128 {
    start.elapsed().as_nanos() / count as u128
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
