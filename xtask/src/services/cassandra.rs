//! Cassandra without a container: one node, three on 127.0.0.1, .2 and .3, or one that wants TLS and a password.
//!
//! The settings are those that the promises need (Paxos v2, the commit log synced before a write is answered) and otherwise small: one node
//! fits into a gigabyte, three share two cores with the tests.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::certificate;
use super::jars;
use super::node::Node;
use super::ready;

/// A node's place.
struct Place {
    name: &'static str,
    ip: Ipv4Addr,
    native_port: u16,
    storage_port: u16,
    jmx_port: u16,
    token: &'static str,
    cluster: &'static str,
    /// Clients speak TLS and have a password, and may do only what was granted to them.
    is_secure: bool,
}

const SINGLE: Place = Place {
    name: "cassandra",
    ip: Ipv4Addr::LOCALHOST,
    native_port: 19042,
    storage_port: 17000,
    jmx_port: 17199,
    token: "0",
    cluster: "longwave-one",
    is_secure: false,
};

const SECURE: Place = Place {
    name: "cassandra-secure",
    ip: Ipv4Addr::LOCALHOST,
    native_port: 19142,
    storage_port: 17100,
    jmx_port: 17299,
    token: "0",
    cluster: "longwave-secure",
    is_secure: true,
};

const THREE: [Place; 3] = [
    third("cassandra-1", 1, "-9223372036854775808"),
    third("cassandra-2", 2, "-3074457345618258603"),
    third("cassandra-3", 3, "3074457345618258602"),
];

const fn third(name: &'static str, number: u8, token: &'static str) -> Place {
    Place {
        name,
        ip: Ipv4Addr::new(127, 0, 0, number),
        native_port: 19043,
        storage_port: 17001,
        jmx_port: 17199 + number as u16,
        token,
        cluster: "longwave-three",
        is_secure: false,
    }
}

/// The engine of one node.
pub(super) fn single(home: &Path) -> Node {
    node(&SINGLE, home)
}

/// One node with TLS alone, whose only user at first is Cassandra's own.
pub(super) fn secure(home: &Path) -> Node {
    node(&SECURE, home)
}

/// The engine of three nodes.
pub(super) fn three(home: &Path) -> Vec<Node> {
    THREE.iter().map(|place| node(place, home)).collect()
}

fn node(place: &Place, home: &Path) -> Node {
    Node {
        name: place.name.to_owned(),
        address: SocketAddr::from((place.ip, place.native_port)),
        directory: home.join(place.name),
        prepare,
        ready: if place.is_secure { ready::tls } else { ready::cassandra },
    }
}

fn places() -> impl Iterator<Item = &'static Place> {
    [&SINGLE, &SECURE].into_iter().chain(&THREE)
}

fn prepare(node: &Node) -> Result<Command> {
    let place = places()
        .find(|place| place.name == node.name)
        .with_context(|| format!("no node of Cassandra is called {}", node.name))?;
    let jars = jars::directory()?;
    let yaml = node.directory.join("cassandra.yaml");
    let mut text = settings(place, &node.directory);
    if place.is_secure {
        text.push_str(&security(&node.directory)?);
    }
    fs::write(&yaml, text)?;
    let logback = node.directory.join("logback.xml");
    fs::write(&logback, LOGBACK)?;
    let mut java = Command::new("java");
    java.current_dir(&node.directory).env("MALLOC_ARENA_MAX", "4").args(JVM);
    java.args(MODULES_EXPORTED.iter().map(|module| format!("--add-exports={module}=ALL-UNNAMED")));
    java.args(MODULES_OPENED.iter().map(|module| format!("--add-opens={module}=ALL-UNNAMED")));
    java.arg(joined("-javaagent:", &jars::jar(&jars, "jamm-")?));
    java.arg(joined("-Dcassandra.config=file://", &yaml));
    java.arg(joined("-Dcassandra.storagedir=", &node.directory));
    java.arg(joined("-Dcassandra.logdir=", &node.directory));
    java.arg(joined("-Dlogback.configurationFile=", &logback));
    java.arg(format!("-Dcassandra.jmx.local.port={}", place.jmx_port));
    java.arg("-cp").arg(jars.join("*")).arg("org.apache.cassandra.service.CassandraDaemon");
    Ok(java)
}

fn joined(option: &str, path: &Path) -> OsString {
    let mut joined = OsString::from(option);
    joined.push(path);
    joined
}

fn settings(place: &Place, directory: &Path) -> String {
    let Place { ip, native_port, storage_port, token, cluster, .. } = place;
    let below = |name: &str| directory.join(name).display().to_string();
    let (data, commit_log, hints) = (below("data"), below("commitlog"), below("hints"));
    let (caches, cdc) = (below("saved_caches"), below("cdc_raw"));
    format!(
        "cluster_name: {cluster}
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
num_tokens: 1
initial_token: {token}
auto_bootstrap: false
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: \"127.0.0.1:{storage_port}\"
endpoint_snitch: SimpleSnitch
listen_address: {ip}
rpc_address: {ip}
storage_port: {storage_port}
native_transport_port: {native_port}
data_file_directories: [\"{data}\"]
commitlog_directory: \"{commit_log}\"
hints_directory: \"{hints}\"
saved_caches_directory: \"{caches}\"
cdc_raw_directory: \"{cdc}\"
commitlog_sync: group
commitlog_sync_group_window: 1ms
commitlog_segment_size: 16MiB
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
key_cache_size: 4MiB
file_cache_size: 32MiB
concurrent_reads: 8
concurrent_writes: 16
concurrent_compactors: 1
compaction_throughput: 0MiB/s
auto_snapshot: false
paxos_variant: v2
paxos_state_purging: gc_grace
"
    )
}

/// TLS for clients, passwords and permissions.
fn security(directory: &Path) -> Result<String> {
    certificate::make(directory)?;
    // Cassandra reads PEM too, certificate and key from one file, which spares a keystore and its password.
    let both = directory.join("server-and-key.pem");
    let read = |file: &str| fs::read_to_string(directory.join(file));
    fs::write(&both, read(certificate::KEY)? + &read(certificate::SERVER)?)?;
    Ok(format!(
        "authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
role_manager: CassandraRoleManager
client_encryption_options:
  enabled: true
  optional: false
  require_client_auth: false
  ssl_context_factory:
    class_name: org.apache.cassandra.security.PEMBasedSslContextFactory
  keystore: \"{}\"
",
        both.display()
    ))
}

/// Warnings and errors, so that the end of the log says why a node does not come up.
const LOGBACK: &str = "<configuration><appender name=\"out\" class=\"ch.qos.logback.core.ConsoleAppender\"><encoder>\
    <pattern>%d %-5level %logger{0} %msg%n</pattern></encoder></appender>\
    <root level=\"WARN\"><appender-ref ref=\"out\"/></root></configuration>\n";

const JVM: [&str; 17] = [
    "-Djdk.attach.allowAttachSelf=true",
    "-Xms512M",
    "-Xmx512M",
    "-Xss256k",
    "-XX:+UseG1GC",
    "-XX:MaxDirectMemorySize=256M",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.allocator.useCacheForAllThreads=true",
    "-Dio.netty.allocator.maxOrder=11",
    "-Dcassandra-foreground=yes",
    "-Djava.net.preferIPv4Stack=true",
    "-Dcassandra.available_processors=2",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.ring_delay_ms=1000",
    "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra.consistent.rangemovement=false",
    "-XX:-UsePerfData",
];

const MODULES_EXPORTED: [&str; 9] = [
    "java.base/jdk.internal.misc",
    "java.base/java.lang.ref",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
    "jdk.compiler/com.sun.tools.javac.file",
    "jdk.attach/sun.tools.attach",
];

const MODULES_OPENED: [&str; 14] = [
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.io",
    "java.base/java.util",
    "java.base/sun.nio.ch",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar",
    "jdk.management/com.sun.management.internal",
    "jdk.compiler/com.sun.tools.javac",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{places, settings};

    #[test]
    fn the_settings_are_those_that_the_promises_need() {
        for place in places() {
            let yaml = settings(place, Path::new("/somewhere"));
            assert!(yaml.contains("commitlog_sync: group\n") && yaml.contains("paxos_variant: v2\n"));
            assert!(yaml.contains(&format!("rpc_address: {}\n", place.ip)));
            assert!(yaml.contains("commitlog_directory: \"/somewhere/commitlog\"\n"));
        }
    }
}
