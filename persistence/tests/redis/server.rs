//! A redis-server of a test's own, to be killed, paused and started again.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{FromRedisValue, Value};
use tempfile::TempDir;

use crate::engine::PATIENCE;

/// A server on a free port of loopback.
pub(crate) struct Server {
    pub(crate) port: u16,
    options: Vec<String>,
    directory: TempDir,
    child: Option<Child>,
}

impl Server {
    /// Starts one with these options besides; `None` where redis-server is not installed, which under CI is a failure.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        let server = Self::prepared(options)?;
        Some(server.started())
    }

    /// One that has a port and does not run yet.
    pub(crate) fn prepared(options: &[&str]) -> Option<Self> {
        if Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_err() {
            let strict = std::env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false");
            assert!(!strict, "redis-server is not installed");
            eprintln!("skipped: redis-server is not installed (Debian: redis-server)");
            return None;
        }
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Some(Self { port: free_port(), options, directory: tempfile::tempdir().unwrap(), child: None })
    }

    pub(crate) fn started(mut self) -> Self {
        self.start_again();
        self
    }

    /// Starts it on the same port, with no data.
    pub(crate) fn start_again(&mut self) {
        let mut command = Command::new("redis-server");
        // A configuration file, because Sentinel insists on one that it may write.
        let settings = self.directory.path().join("server.conf");
        let mut text = format!("port {}\nbind 127.0.0.1\ndir \"{}\"\n", self.port, self.directory.path().display());
        if !self.is_sentinel() {
            text.push_str("save \"\"\nappendonly no\n");
        }
        std::fs::write(&settings, text).unwrap();
        command.arg(settings).args(&self.options).stdin(Stdio::null()).stdout(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        let started = Instant::now();
        // One that asks for a password answers too.
        while self.try_ask::<Value>(&["PING"]).is_err_and(|error| error.is_io_error()) {
            assert!(started.elapsed() < PATIENCE, "redis-server does not answer on port {}", self.port);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends it a signal: STOP, CONT.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sends it a command of these words.
    pub(crate) fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).unwrap()
    }

    fn try_ask<T: FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(format!("redis://{}", self.address()))?;
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(5))?;
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        command.query(&mut connection)
    }

    fn is_sentinel(&self) -> bool {
        self.options.iter().any(|option| option == "--sentinel")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on, and whose companion for cluster nodes (10,000 above) exists.
fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        if port < 55_000 {
            return port;
        }
    }
}
