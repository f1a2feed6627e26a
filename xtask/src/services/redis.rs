//! Redis: one server, a cluster of three masters, a Sentinel that watches the one server, and the first two once more with TLS and a user
//! who may do no more than Longwave needs.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, bail};

use super::certificate;
use super::node::Node;
use super::ready;
use crate::program;

const SINGLE_PORT: u16 = 16379;
const SENTINEL_PORT: u16 = 16380;
const SECURE_PORT: u16 = 16381;
const MASTER_PORTS: [u16; 3] = [17101, 17102, 17103];
const SECURE_MASTER_PORTS: [u16; 3] = [17104, 17105, 17106];

/// The name by which the Sentinel knows the one server.
const MASTER_NAME: &str = "longwave";

/// The user of the secure server, as docs/operate/redis.md tells operators to make it.
const USER: &str = "user longwave on >longwave-test ~lw:* resetchannels &lw:* -@all +ping +time +role +exists +evalsha +script|load \
    +hset +hget +hgetall +hdel +pttl +pexpire +get +set +zadd +zrangebyscore +zremrangebyscore +zremrangebyrank \
    +xadd +xdel +xack +xreadgroup +xautoclaim +xgroup|create +xgroup|delconsumer +xinfo|stream +xinfo|consumers \
    +publish +subscribe +spublish +ssubscribe +cluster|slots +asking";

/// Who makes masters a cluster where the default user is off.
const ADMIN: [&str; 2] = ["admin", "longwave-admin"];

/// One server.
pub(super) fn single(home: &Path) -> Node {
    node(home, "redis", SINGLE_PORT, |node| server(node, &[]))
}

/// Three masters, each to have a third of the slots.
pub(super) fn three_masters(home: &Path) -> Vec<Node> {
    let cluster: fn(&Node) -> Result<Command> =
        |node| server(node, &["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]);
    let names = ["redis-1", "redis-2", "redis-3"];
    names.into_iter().zip(MASTER_PORTS).map(|(name, port)| node(home, name, port, cluster)).collect()
}

/// Makes the three masters one cluster, if they are not.
pub(super) fn join_masters(nodes: &[Node]) -> Result<()> {
    let [first, ..] = nodes else { return Ok(()) };
    if !is_one(first)? {
        let mut cli = client(first);
        cli.args(["--cluster", "create"]).args(nodes.iter().map(|node| node.address.to_string()));
        program::output(cli.args(["--cluster-yes", "--cluster-replicas", "0"]))?;
    }
    for _ in 0..100 {
        if nodes.iter().map(is_one).collect::<Result<Vec<_>>>()?.iter().all(|one| *one) {
            return Ok(());
        }
        sleep(Duration::from_millis(100));
    }
    bail!("the masters do not become one cluster")
}

/// A Sentinel for the one server.
pub(super) fn sentinel(home: &Path) -> Node {
    node(home, "redis-sentinel", SENTINEL_PORT, |node| {
        let settings = node.directory.join("sentinel.conf");
        let text = format!(
            "port {SENTINEL_PORT}\nbind 127.0.0.1\ndir \"{}\"\nsentinel monitor {MASTER_NAME} 127.0.0.1 {SINGLE_PORT} 1\n\
             sentinel down-after-milliseconds {MASTER_NAME} 2000\n",
            node.directory.display()
        );
        fs::write(&settings, text)?;
        let mut command = Command::new("redis-server");
        // The server shortens its own command line to address and mode, unless told not to.
        command.arg(settings).args(["--sentinel", "--set-proc-title", "no"]);
        Ok(command)
    })
}

/// A server with TLS alone, whose only user has a password and no more permissions than Longwave needs.
pub(super) fn secure(home: &Path) -> Node {
    let prepare: fn(&Node) -> Result<Command> = |node| {
        certificate::make(&node.directory)?;
        secure_server(node, &node.directory, "")
    };
    Node { ready: ready::tls, ..node(home, "redis-secure", SECURE_PORT, prepare) }
}

/// Three masters with TLS alone, towards each other too, and the same user.
pub(super) fn secure_masters(home: &Path) -> Vec<Node> {
    let prepare: fn(&Node) -> Result<Command> = |node| {
        let certificates = shared_certificates(node);
        fs::create_dir_all(&certificates)?;
        certificate::make(&certificates)?;
        let [name, password] = ADMIN;
        let mut command = secure_server(node, &certificates, &format!("user {name} on >{password} ~* &* +@all\n"))?;
        command.args(["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--tls-cluster", "yes"]);
        Ok(command)
    };
    let names = ["redis-secure-1", "redis-secure-2", "redis-secure-3"];
    let nodes = names.into_iter().zip(SECURE_MASTER_PORTS);
    nodes.map(|(name, port)| Node { ready: ready::tls, ..node(home, name, port, prepare) }).collect()
}

/// The masters are known to clients as one, so their certificates are of one authority.
fn shared_certificates(node: &Node) -> PathBuf {
    node.directory.with_file_name("redis-secure-cluster")
}

fn secure_server(node: &Node, certificates: &Path, more_users: &str) -> Result<Command> {
    fs::write(node.directory.join("users.acl"), format!("user default off\n{more_users}{USER}\n"))?;
    let mut command = server(node, &["--tls-auth-clients", "no", "--port", "0", "--tls-port"])?;
    command.arg(node.address.port().to_string());
    let files = [
        ("--tls-cert-file", certificate::SERVER),
        ("--tls-key-file", certificate::KEY),
        ("--tls-ca-cert-file", certificate::AUTHORITY),
    ];
    for (option, file) in files {
        command.arg(option).arg(certificates.join(file));
    }
    command.arg("--aclfile").arg(node.directory.join("users.acl"));
    Ok(command)
}

fn node(home: &Path, name: &str, port: u16, prepare: fn(&Node) -> Result<Command>) -> Node {
    Node {
        name: name.to_owned(),
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        directory: home.join(name),
        prepare,
        ready: ready::redis,
    }
}

fn server(node: &Node, more: &[&str]) -> Result<Command> {
    if !program::is_installed("redis-server") {
        bail!("`redis-server` is not installed (Debian: redis-server)");
    }
    let mut command = Command::new("redis-server");
    command.arg("--dir").arg(&node.directory).args(["--bind", "127.0.0.1", "--port"]);
    command.arg(node.address.port().to_string()).args(["--save", "", "--appendonly", "no", "--set-proc-title", "no"]);
    command.args(more);
    Ok(command)
}

fn client(node: &Node) -> Command {
    let mut command = program::command("redis-cli", Path::new("/"));
    command.args(["-h", "127.0.0.1", "-p"]).arg(node.address.port().to_string());
    if SECURE_MASTER_PORTS.contains(&node.address.port()) {
        let [name, password] = ADMIN;
        command.args(["--user", name, "--pass", password, "--no-auth-warning", "--tls", "--cacert"]);
        command.arg(shared_certificates(node).join(certificate::AUTHORITY));
    }
    command
}

fn is_one(node: &Node) -> Result<bool> {
    let state = program::output(client(node).args(["cluster", "info"]))?;
    Ok(state.contains("cluster_state:ok") && state.contains("cluster_size:3"))
}
