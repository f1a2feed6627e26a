//! `cargo xtask services`: the real engines that tests run against, on loopback, without containers.
//!
//! Each engine has fixed ports of its own (none of them the usual ones, so that a developer's own server is left alone), a directory
//! below `target/services` and a pid file there. Who has an engine already names it in the variable that the tests read; then it is left alone.

mod cassandra;
mod certificate;
mod engine;
mod jars;
mod node;
mod ready;
mod redis;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::program;
use engine::{ENGINES, Engine};
use node::Node;

/// What `cargo xtask services` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Start engines and wait until they answer.
    Up {
        /// Start on the data that is there, instead of with none.
        #[arg(long)]
        keep: bool,
        /// Which: cassandra and redis when none is named.
        names: Vec<String>,
    },
    /// Stop engines: all that were started when none is named.
    Down {
        /// Which.
        names: Vec<String>,
    },
    /// Say which engines run, and where.
    Status,
    /// End a node at once, as a power cut would (SIGKILL).
    Kill {
        /// The node, as `status` names it.
        node: String,
    },
    /// Stop a node from running without ending it (SIGSTOP).
    Pause {
        /// The node, as `status` names it.
        node: String,
    },
    /// Let a paused node run on (SIGCONT).
    Resume {
        /// The node, as `status` names it.
        node: String,
    },
    /// Start a node again on its data.
    Start {
        /// The node, as `status` names it.
        node: String,
    },
}

/// Does it; errors say what is missing.
pub(crate) fn run(root: &Path, args: &Args) -> Result<bool> {
    let home = home(root);
    match &args.action {
        Action::Up { keep, names } => {
            let names: Vec<&str> = match names.as_slice() {
                [] => vec!["cassandra", "redis"],
                _ => names.iter().map(String::as_str).collect(),
            };
            up(&home, &names, *keep)?;
        }
        Action::Down { names } => {
            for engine in ENGINES.iter().filter(|engine| names.is_empty() || names.iter().any(|n| n == engine.name)) {
                engine.nodes(&home).iter().try_for_each(Node::stop)?;
            }
        }
        Action::Status => {
            for node in nodes(&home) {
                println!("{}", node.status());
            }
        }
        Action::Kill { node } => find(&home, node)?.signal("KILL")?,
        Action::Pause { node } => find(&home, node)?.signal("STOP")?,
        Action::Resume { node } => find(&home, node)?.signal("CONT")?,
        Action::Start { node } => find(&home, node)?.start(true)?,
    }
    Ok(true)
}

/// The names of the nodes that run.
pub(crate) fn running(root: &Path) -> Vec<String> {
    nodes(&home(root)).filter(Node::answers).map(|node| node.name).collect()
}

/// Stops all nodes but these.
pub(crate) fn stop_all_but(root: &Path, keep: &[String]) -> Result<()> {
    nodes(&home(root)).filter(|node| !keep.contains(&node.name)).try_for_each(|node| node.stop())
}

fn home(root: &Path) -> PathBuf {
    program::target_directory(root).join("services")
}

fn nodes(home: &Path) -> impl Iterator<Item = Node> {
    ENGINES.iter().flat_map(|engine| engine.nodes(home))
}

/// Starts the engines of these names below `home`, side by side: most of what Cassandra takes is waiting.
fn up(home: &Path, names: &[&str], keep: bool) -> Result<()> {
    let mut engines: Vec<&Engine> = Vec::new();
    for name in names {
        let Some(engine) = ENGINES.iter().find(|engine| engine.name == *name) else {
            let known: Vec<_> = ENGINES.iter().map(|engine| engine.name).collect();
            bail!("no engine is called {name}; there are {}", known.join(", "));
        };
        match std::env::var(engine.variable) {
            Ok(address) if !address.is_empty() => {
                println!("{name}: {} is set to {address}; left alone", engine.variable)
            }
            // Named twice is meant once.
            _ if engines.iter().any(|other| other.name == engine.name) => {}
            _ => engines.push(engine),
        }
    }
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let starting: Vec<_> = engines.iter().map(|engine| scope.spawn(move || start(engine, home, keep))).collect();
        let ended = starting.into_iter().map(|thread| thread.join());
        ended.map(|ended| ended.unwrap_or_else(|_| bail!("an engine could not be started"))).collect()
    });
    results.into_iter().collect()
}

fn start(engine: &Engine, home: &Path, keep: bool) -> Result<()> {
    let nodes = engine.nodes(home);
    if nodes.iter().all(Node::answers) {
        nodes.iter().for_each(|node| println!("{}", node.status()));
        return Ok(());
    }
    nodes.iter().try_for_each(|node| node.start(keep))?;
    (engine.after)(&nodes)
}

fn find(home: &Path, name: &str) -> Result<Node> {
    let mut nodes: Vec<Node> = nodes(home).collect();
    match nodes.iter().position(|node| node.name == name) {
        Some(index) => Ok(nodes.swap_remove(index)),
        None => {
            let known: Vec<_> = nodes.iter().map(|node| node.name.clone()).collect();
            bail!("no node is called {name}; there are {}", known.join(", "))
        }
    }
}
