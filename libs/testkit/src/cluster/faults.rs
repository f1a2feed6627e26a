//! What is done to a cluster, one thing or two at a time.

use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;
use tokio::time::sleep;

use super::engines::Engines;
use super::node::Node;
use super::proxy::Passage;

/// One fault. Nodes are numbered, brokers first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL, and started again after a while.
    Kill(usize),
    /// SIGSTOP for longer or shorter than it takes to be given up, then SIGCONT: a zombie wakes.
    Freeze(usize),
    /// What it sends and gets is held back.
    Hold(usize),
    /// Its connections are cut.
    Cut(usize),
    /// Its clock steps, forth or back.
    Clock(usize, i64),
    /// SIGTERM, and started again.
    Restart(usize),
    /// Redis is emptied.
    FlushRedis,
    /// Redis is killed and started again, empty.
    KillRedis,
    /// A Cassandra node is frozen.
    FreezeCassandra(usize),
    /// A Cassandra node is killed and started again.
    KillCassandra(usize),
}

impl Fault {
    /// A random one.
    pub(super) fn random(random: &mut StdRng, nodes: usize, cassandra: usize) -> Self {
        let node = random.random_range(0..nodes);
        match random.random_range(0..100) {
            0..22 => Self::Kill(node),
            22..42 => Self::Freeze(node),
            42..52 => Self::Hold(node),
            52..60 => Self::Cut(node),
            60..70 => {
                let seconds = [-3_600, -5, 5, 3_600, 86_400][random.random_range(0..5)];
                Self::Clock(node, seconds)
            }
            70..78 => Self::Restart(node),
            78..84 => Self::FlushRedis,
            84..90 => Self::KillRedis,
            90..97 => Self::FreezeCassandra(random.random_range(0..cassandra)),
            _ => Self::KillCassandra(random.random_range(0..cassandra)),
        }
    }

    /// What it is done to; two at once are done to different things.
    pub(super) fn target(self) -> usize {
        match self {
            Self::Kill(node)
            | Self::Freeze(node)
            | Self::Hold(node)
            | Self::Cut(node)
            | Self::Clock(node, _)
            | Self::Restart(node) => node,
            Self::FlushRedis | Self::KillRedis => 1_000,
            // Two nodes down are a test of their own.
            Self::FreezeCassandra(_) | Self::KillCassandra(_) => 2_000,
        }
    }

    /// Begins it.
    pub(super) async fn begin(self, nodes: &mut [Node], engines: &Engines) -> anyhow::Result<()> {
        match self {
            Self::Kill(node) => nodes[node].server.kill()?,
            Self::Freeze(node) => nodes[node].server.pause()?,
            Self::Hold(node) => nodes[node].pass(Passage::Held),
            Self::Cut(node) => nodes[node].pass(Passage::Closed),
            Self::Clock(node, seconds) => nodes[node].step_clock(seconds)?,
            Self::Restart(node) => nodes[node].server.ask_to_stop()?,
            Self::FlushRedis => engines.flush_redis().await?,
            Self::KillRedis => engines.services("kill", &engines.redis_node).await?,
            Self::FreezeCassandra(node) => engines.services("pause", &engines.cassandra_nodes[node]).await?,
            Self::KillCassandra(node) => engines.services("kill", &engines.cassandra_nodes[node]).await?,
        }
        Ok(())
    }

    /// How long it lasts.
    pub(super) fn lasts(self, random: &mut StdRng) -> Duration {
        let millis = match self {
            Self::Freeze(_) | Self::Hold(_) | Self::Cut(_) => random.random_range(300..6_000),
            Self::FreezeCassandra(_) => random.random_range(300..4_000),
            _ => random.random_range(100..2_000),
        };
        Duration::from_millis(millis)
    }

    /// Ends it.
    pub(super) async fn end(self, nodes: &mut [Node], engines: &Engines) -> anyhow::Result<()> {
        match self {
            Self::Kill(node) => nodes[node].restart().await?,
            Self::Freeze(node) => nodes[node].server.resume()?,
            Self::Hold(node) | Self::Cut(node) => nodes[node].pass(Passage::Open),
            // The next step ends this one: clocks that were wrong are put right.
            Self::Clock(node, _) => nodes[node].step_clock(0)?,
            Self::Restart(node) => {
                // Aside from this runtime's clients, which the stopping process waits for.
                while !nodes[node].server.has_ended()? {
                    sleep(Duration::from_millis(50)).await;
                }
                nodes[node].restart().await?;
            }
            Self::FlushRedis => {}
            Self::KillRedis => engines.services("start", &engines.redis_node).await?,
            Self::FreezeCassandra(node) => engines.services("resume", &engines.cassandra_nodes[node]).await?,
            Self::KillCassandra(node) => engines.services("start", &engines.cassandra_nodes[node]).await?,
        }
        Ok(())
    }
}
