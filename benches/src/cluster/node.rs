//! One process of Longwave: started, asked for its numbers, stopped or killed by its own pid.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// A running process.
#[derive(Debug)]
pub(super) struct Node {
    child: Child,
    name: String,
    pub(super) mqtt: SocketAddr,
    admin: SocketAddr,
    log: PathBuf,
}

/// What `/metrics` shows, summed over labels.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers(BTreeMap<String, f64>);

impl Numbers {
    /// A counter or gauge by its name without `_total`; 0 when it is not there.
    pub(super) fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }
}

impl Node {
    pub(super) fn spawn(
        mut command: Command,
        name: &str,
        mqtt: SocketAddr,
        admin: SocketAddr,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let output = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name: name.to_owned(), mqtt, admin, log: log.to_owned() })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a path of the admin listener answers 200.
    pub(super) fn wait(&self, path: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        while !self
            .get(path)
            .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200"))
        {
            if start.elapsed() > START_PATIENCE {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                let last = self.get(path).unwrap_or_default();
                bail!("{} does not answer {path} with 200, but: {last}\n{log}", self.name);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// All its numbers now.
    pub(super) fn numbers(&self) -> anyhow::Result<Numbers> {
        let mut numbers = BTreeMap::new();
        for line in self.get("/metrics")?.lines().filter(|line| line.starts_with("longwave_")) {
            let Some((key, value)) = line.rsplit_once(' ') else { continue };
            let name = key.split('{').next().unwrap_or(key);
            let value: f64 = value.parse().with_context(|| format!("{}: {line}", self.name))?;
            *numbers.entry(name.trim_end_matches("_total").to_owned()).or_default() += value;
        }
        ensure!(!numbers.is_empty(), "{} shows no numbers", self.name);
        Ok(Numbers(numbers))
    }

    /// Ends it as a crash would.
    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end and waits.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)?;
        }
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(start.elapsed() < STOP_PATIENCE, "{} does not stop", self.name);
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn get(&self, path: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.admin)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.admin)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
