//! Makes a channel with very many members: the first by its creation, the others by `member.add` from many devices of the owner.
//!
//! Requests of one session are done one after another, and what waits for a shard goes into one append: so it is the number of devices that
//! adds fast, and all entries are in one conversation, hence in one lane.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};

use crate::clock::Clock;
use crate::cluster::devices::{Devices, What};

/// The owner, who also sends.
pub(super) const OWNER: &str = "owner";

/// Members named when the channel is made. One entry carries them, and the answer waits for all their rows.
const AT_CREATION: usize = 5_000;

/// Name of the channel with so many members.
pub(super) fn channel(members: usize) -> String {
    format!("channel-{members}")
}

/// A member's user.
pub(super) fn member(n: usize) -> String {
    format!("m{n}")
}

/// Makes the channel; returns how long that took, in words.
pub(super) fn make(server: SocketAddr, members: usize, adders: usize) -> anyhow::Result<String> {
    let clock = Clock::start();
    let mut devices = Devices::new(clock)?;
    let rpc = format!("u/{OWNER}/rpc/json");
    let maker = devices.connect(server, OWNER, &[&rpc])?;
    let name = channel(members);
    let first = members.min(AT_CREATION);
    let list: Vec<String> = (0..first).map(|n| format!("\"{}\"", member(n))).collect();
    let request = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"conversation.create\",\
         \"params\":{{\"conv\":\"{name}\",\"kind\":\"channel\",\"members\":[{}]}}}}",
        list.join(",")
    );
    let (_, from_ns, to_ns) = devices.ask(maker, OWNER, &request)?;
    let created = (to_ns - from_ns) as f64 / 1e9;
    let from_ns = clock.now_ns();
    add(&mut devices, server, &name, first..members, adders)?;
    let added = (clock.now_ns() - from_ns) as f64 / 1e9;
    Ok(format!("{first} by conversation.create in {created:.1} s, {} by member.add in {added:.1} s", members - first))
}

fn add(
    devices: &mut Devices,
    server: SocketAddr,
    channel: &str,
    mut left: std::ops::Range<usize>,
    adders: usize,
) -> anyhow::Result<()> {
    let rpc = format!("u/{OWNER}/rpc/json");
    let (mut open, total) = (0, left.len());
    let ask = |devices: &mut Devices, who: usize, n: usize| {
        let request = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"member.add\",\"params\":{{\"conv\":\"{channel}\",\"user\":\"{}\"}}}}",
            member(n)
        );
        devices.publish(who, &rpc, true, request.as_bytes())
    };
    // All of them first: a handshake drops what arrives on other connections.
    let mut asking = Vec::new();
    for adder in 0..adders.min(total) {
        asking.push(devices.connect_as(server, OWNER, &format!("adder-{adder}"), &[&rpc])?);
    }
    for who in asking {
        if let Some(n) = left.next() {
            ask(devices, who, n)?;
            open += 1;
        }
    }
    while open > 0 {
        let until_ns = devices.clock().now_ns() + 30_000_000_000;
        let arrived = devices.next(until_ns)?.context("member.add is not answered")?;
        let What::Publish { body, .. } = arrived.what else { continue };
        let text = String::from_utf8_lossy(&body);
        ensure!(!text.contains("\"error\""), "member.add: {text}");
        open -= 1;
        if let Some(n) = left.next() {
            ask(devices, arrived.who, n)?;
            open += 1;
        }
    }
    Ok(())
}
