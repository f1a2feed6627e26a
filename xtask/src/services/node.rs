//! One process of an engine: started in the background, found again by its pid file, stopped by its pid.
//!
//! A pid counts only while the process of that number has the node's directory in its command line: after a reboot the number
//! may be anybody's.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::program;

/// How long a node may take to answer.
const START_LIMIT: Duration = Duration::from_secs(240);
/// How long it may take to end when asked to.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// How long its port may stay taken before it starts.
const PORT_LIMIT: Duration = Duration::from_secs(3);
/// Lines of its log that are shown when it does not come up.
const LOG_LINES: usize = 25;

/// One process of an engine.
pub(super) struct Node {
    /// As `status` names it.
    pub(super) name: String,
    /// Where clients reach it.
    pub(super) address: SocketAddr,
    /// Where its data, configuration, log and pid file are.
    pub(super) directory: PathBuf,
    /// Writes its configuration and says how it is started. The command line names the directory.
    pub(super) prepare: fn(&Node) -> Result<Command>,
    /// Whether it answers as its protocol says.
    pub(super) ready: fn(SocketAddr) -> bool,
}

impl Node {
    /// Whether it answers.
    pub(super) fn answers(&self) -> bool {
        self.pid().is_some() && (self.ready)(self.address)
    }

    /// Starts it, on its data or with none, and waits until it answers.
    pub(super) fn start(&self, keep: bool) -> Result<()> {
        if self.answers() {
            println!("{}", self.status());
            return Ok(());
        }
        if self.pid().is_some() {
            self.stop()?;
        }
        // A process that was killed gives its sockets back a moment after it is gone.
        let asked = Instant::now();
        while std::net::TcpListener::bind(self.address).is_err() {
            if asked.elapsed() > PORT_LIMIT {
                bail!("{}: {} belongs to another program; stop that first", self.name, self.address);
            }
            sleep(Duration::from_millis(100));
        }
        if !keep && self.directory.exists() {
            fs::remove_dir_all(&self.directory)
                .with_context(|| format!("{} cannot be emptied", self.directory.display()))?;
        }
        fs::create_dir_all(&self.directory).with_context(|| format!("{}", self.directory.display()))?;
        let started = Instant::now();
        let mut command = (self.prepare)(self)?;
        let log = File::create(self.log()).with_context(|| format!("{}", self.log().display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Outlives this program and hears no Ctrl-C meant for it.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{}: cannot start {}", self.name, command.get_program().to_string_lossy()))?;
        fs::write(self.pid_file(), child.id().to_string())?;
        // Also until its pid is known by its command line, which is empty for a moment after the start.
        while !self.answers() {
            if let Some(status) = child.try_wait()? {
                bail!("{} ended ({status}) before it answered; the end of its log:\n{}", self.name, self.log_end());
            }
            if started.elapsed() > START_LIMIT {
                self.stop()?;
                bail!("{} did not answer within {START_LIMIT:?}; the end of its log:\n{}", self.name, self.log_end());
            }
            sleep(Duration::from_millis(200));
        }
        println!("{} (after {:.1} s)", self.status(), started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Asks it to end, and ends it when it does not.
    pub(super) fn stop(&self) -> Result<()> {
        if self.pid().is_none() {
            return Ok(());
        }
        // A paused process hears nothing but this.
        self.signal("CONT")?;
        self.signal("TERM")?;
        let asked = Instant::now();
        while self.pid().is_some() {
            if asked.elapsed() > STOP_LIMIT {
                self.signal("KILL")?;
            }
            sleep(Duration::from_millis(100));
        }
        println!("{}: stopped", self.name);
        Ok(())
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: &str) -> Result<()> {
        let Some(pid) = self.pid() else { bail!("{} does not run", self.name) };
        let mut kill = program::command("kill", Path::new("/"));
        program::output(kill.args([format!("-{signal}"), pid.to_string()]))?;
        Ok(())
    }

    /// One line: name, address, pid, state.
    pub(super) fn status(&self) -> String {
        let state = match self.pid() {
            None => "not running".to_owned(),
            Some(pid) if (self.ready)(self.address) => format!("pid {pid}, answers"),
            Some(pid) => format!("pid {pid}, does not answer"),
        };
        format!("{:<20} {:<16} {state}", self.name, self.address.to_string())
    }

    /// Its pid, if it runs.
    fn pid(&self) -> Option<u32> {
        let pid = fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()?;
        is_ours(pid, &self.directory).then_some(pid)
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.join("pid")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log.txt")
    }

    fn log_end(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

/// Whether the process of this number was started with this directory, and is not just waiting to be buried.
fn is_ours(pid: u32, directory: &Path) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains(&*directory.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};
    use std::path::Path;
    use std::process::Command;

    use super::Node;

    fn sleeper(directory: &Path, address: SocketAddr) -> Node {
        Node {
            name: "sleeper".to_owned(),
            address,
            directory: directory.join("sleeper"),
            prepare: |node| {
                let mut command = Command::new("sh");
                command.args(["-c", "sleep 60; true"]).arg(&node.directory);
                Ok(command)
            },
            ready: |_| true,
        }
    }

    fn free_address() -> SocketAddr {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
    }

    #[test]
    fn starts_once_and_stops_by_its_pid() {
        let directory = tempfile::tempdir().unwrap();
        let node = sleeper(directory.path(), free_address());
        node.start(false).unwrap();
        let pid = node.pid().unwrap();
        node.start(false).unwrap();
        assert_eq!(node.pid(), Some(pid), "a node that answers is not started again");
        node.stop().unwrap();
        assert_eq!(node.pid(), None);
        node.stop().unwrap();
        assert!(node.signal("STOP").unwrap_err().to_string().contains("does not run"));
    }

    #[test]
    fn a_stale_pid_file_is_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let node = sleeper(directory.path(), free_address());
        std::fs::create_dir_all(&node.directory).unwrap();
        std::fs::write(node.directory.join("pid"), std::process::id().to_string()).unwrap();
        assert_eq!(node.pid(), None, "this test runs under that number, and is no such node");
        assert!(node.status().ends_with("not running"));
    }

    #[test]
    fn somebody_elses_port_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let error = sleeper(directory.path(), taken.local_addr().unwrap()).start(false).unwrap_err();
        assert!(error.to_string().contains("belongs to another program"), "{error}");
    }

    #[test]
    fn a_program_that_ends_at_once_shows_its_log() {
        let directory = tempfile::tempdir().unwrap();
        let mut node = sleeper(directory.path(), free_address());
        node.prepare = |node| {
            let mut command = Command::new("sh");
            command.args(["-c", "echo no such option; exit 3"]).arg(&node.directory);
            Ok(command)
        };
        node.ready = |_| false;
        let error = node.start(false).unwrap_err().to_string();
        assert!(error.contains("no such option"), "{error}");
    }
}
