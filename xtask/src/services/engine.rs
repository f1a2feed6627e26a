//! Which engines there are: their names, the variables that replace them, their nodes.

use std::path::Path;

use anyhow::Result;

use super::node::Node;
use super::{cassandra, redis};

/// One or more nodes that are started and stopped together.
pub(super) struct Engine {
    pub(super) name: &'static str,
    /// The variable by which the tests find it; when it is set, the engine is somebody else's.
    pub(super) variable: &'static str,
    make: fn(&Path) -> Vec<Node>,
    /// What is to be done when all nodes answer.
    pub(super) after: fn(&[Node]) -> Result<()>,
}

impl Engine {
    /// Its nodes, below `home`.
    pub(super) fn nodes(&self, home: &Path) -> Vec<Node> {
        (self.make)(home)
    }
}

/// All engines.
pub(super) const ENGINES: [Engine; 8] = [
    Engine {
        name: "cassandra",
        variable: "LONGWAVE_TEST_CASSANDRA",
        make: |home| vec![cassandra::single(home)],
        after: |_| Ok(()),
    },
    Engine {
        name: "cassandra-cluster",
        variable: "LONGWAVE_TEST_CASSANDRA_CLUSTER",
        make: cassandra::three,
        after: |_| Ok(()),
    },
    Engine {
        name: "cassandra-secure",
        variable: "LONGWAVE_TEST_CASSANDRA_SECURE",
        make: |home| vec![cassandra::secure(home)],
        after: |_| Ok(()),
    },
    Engine {
        name: "redis",
        variable: "LONGWAVE_TEST_REDIS",
        make: |home| vec![redis::single(home)],
        after: |_| Ok(()),
    },
    Engine {
        name: "redis-cluster",
        variable: "LONGWAVE_TEST_REDIS_CLUSTER",
        make: redis::three_masters,
        after: redis::join_masters,
    },
    Engine {
        name: "redis-sentinel",
        variable: "LONGWAVE_TEST_REDIS_SENTINEL",
        make: |home| vec![redis::sentinel(home)],
        after: |_| Ok(()),
    },
    Engine {
        name: "redis-secure",
        variable: "LONGWAVE_TEST_REDIS_SECURE",
        make: |home| vec![redis::secure(home)],
        after: |_| Ok(()),
    },
    Engine {
        name: "redis-secure-cluster",
        variable: "LONGWAVE_TEST_REDIS_SECURE_CLUSTER",
        make: redis::secure_masters,
        after: redis::join_masters,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::ENGINES;

    #[test]
    fn no_two_nodes_share_an_address_or_a_directory() {
        let nodes: Vec<_> = ENGINES.iter().flat_map(|engine| engine.nodes(Path::new("/services"))).collect();
        let addresses: HashSet<_> = nodes.iter().map(|node| node.address).collect();
        let directories: HashSet<_> = nodes.iter().map(|node| node.directory.clone()).collect();
        assert_eq!((addresses.len(), directories.len()), (nodes.len(), nodes.len()));
        assert!(nodes.iter().all(|node| node.address.ip().is_loopback()));
    }
}
