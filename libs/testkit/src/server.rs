//! The built binary as a child process: start, kill -9, stop, start again on the same ports and data.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// How long a start may take on a slow machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// What a process runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything in one.
    Serve,
    /// Connections and sessions.
    Broker,
    /// Shards of conversations; no listener for clients.
    Bridge,
    /// Pushes; no listener for clients.
    Push,
}

impl Role {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Broker => "broker",
            Self::Bridge => "bridge",
            Self::Push => "push",
        }
    }
}

/// How to run a server.
#[derive(Debug, Clone)]
pub struct ServerPlan {
    /// The built binary.
    pub binary: PathBuf,
    /// What it runs as.
    pub role: Role,
    /// Its data directory.
    pub data: PathBuf,
    /// Where its output goes.
    pub log: PathBuf,
    /// Run with `--dev`: any user name is that user.
    pub dev: bool,
    /// Where MQTT over TCP is listened on.
    pub mqtt: SocketAddr,
    /// Where MQTT over WebSocket is listened on.
    pub websocket: SocketAddr,
    /// Where the admin HTTP is listened on.
    pub admin: SocketAddr,
    /// More arguments.
    pub arguments: Vec<String>,
    /// More environment.
    pub environment: Vec<(String, String)>,
}

impl ServerPlan {
    /// A plan with free loopback ports, in `--dev`, with its data and log below `directory`.
    ///
    /// # Errors
    /// When no port is free.
    pub fn new(binary: &Path, directory: &Path) -> anyhow::Result<Self> {
        let [mqtt, websocket, admin] = free_addresses()?;
        Ok(Self {
            binary: binary.to_owned(),
            role: Role::Serve,
            data: directory.join("data"),
            log: directory.join("server.log"),
            dev: true,
            mqtt,
            websocket,
            admin,
            arguments: Vec::new(),
            environment: Vec::new(),
        })
    }
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    plan: ServerPlan,
    child: Option<Child>,
}

impl Server {
    /// Starts a server and waits until it accepts connections.
    ///
    /// # Errors
    /// When it ends at once, or does not listen in time; the message has the end of its log.
    pub fn start(plan: ServerPlan) -> anyhow::Result<Self> {
        let mut server = Self { plan, child: None };
        server.restart()?;
        Ok(server)
    }

    /// Starts it again after [`Server::kill`] or [`Server::stop`].
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn restart(&mut self) -> anyhow::Result<()> {
        ensure!(self.child.is_none(), "the server runs already");
        let plan = &self.plan;
        let log = File::options().create(true).append(true).open(&plan.log)?;
        let child = Command::new(&plan.binary)
            .arg(plan.role.name())
            .args(plan.dev.then_some("--dev"))
            .arg("--data-dir")
            .arg(&plan.data)
            .args(["--set".to_owned(), format!("listen.mqtt={}", plan.mqtt)])
            .args(["--set".to_owned(), format!("listen.websocket={}", plan.websocket)])
            .args(["--set".to_owned(), format!("listen.admin={}", plan.admin)])
            .args(&plan.arguments)
            .envs(plan.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} cannot be started", plan.binary.display()))?;
        self.child = Some(child);
        self.wait_until_listening()
    }

    fn wait_until_listening(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        let listens =
            if matches!(self.plan.role, Role::Bridge | Role::Push) { self.plan.admin } else { self.plan.mqtt };
        while started.elapsed() < START_LIMIT {
            if TcpStream::connect_timeout(&listens, Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait()?
            {
                self.child = None;
                bail!("the server ended with {status}:\n{}", self.end_of_log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("the server does not listen on {listens}:\n{}", self.end_of_log())
    }

    /// Waits until `/readyz` says ready: the admin port opens last.
    ///
    /// # Errors
    /// When that does not happen in time; the message has the last answer.
    pub fn wait_until_ready(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let answer = crate::http::get(self.plan.admin, "/readyz");
            if matches!(answer, Ok((200, _))) {
                return Ok(());
            }
            if started.elapsed() > START_LIMIT {
                bail!("not ready: {answer:?}\n{}", self.end_of_log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL, and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be killed or waited for.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// SIGTERM, and waits until it has drained and ended by itself.
    ///
    /// # Errors
    /// When it ends with a failure, or not within a minute.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.ask_to_stop()?;
        self.wait_until_stopped()
    }

    /// SIGTERM, without waiting.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn ask_to_stop(&self) -> anyhow::Result<()> {
        self.signal(libc::SIGTERM)
    }

    /// SIGSTOP: it runs no more, and its connections stay.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(libc::SIGSTOP)
    }

    /// SIGCONT: it goes on as if no time had passed.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(libc::SIGCONT)
    }

    /// Whether it has ended; then it can be started again.
    ///
    /// # Errors
    /// When it ended with a failure.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        let Some(child) = &mut self.child else { return Ok(true) };
        let Some(status) = child.try_wait()? else { return Ok(false) };
        self.child = None;
        ensure!(status.success(), "the server stopped with {status}:\n{}", self.end_of_log());
        Ok(true)
    }

    fn signal(&self, signal: libc::c_int) -> anyhow::Result<()> {
        let Some(child) = &self.child else { return Ok(()) };
        let pid = libc::pid_t::try_from(child.id())?;
        // SAFETY: kill(2) with the pid of our own child, which has not been waited for.
        #[expect(unsafe_code, reason = "std has no way to send signals")]
        let sent = unsafe { libc::kill(pid, signal) };
        ensure!(sent == 0, "signal {signal} could not be sent");
        Ok(())
    }

    /// Waits for the end after [`Server::ask_to_stop`].
    ///
    /// # Errors
    /// When it ends with a failure, or not within a minute.
    pub fn wait_until_stopped(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let asked = Instant::now();
        while asked.elapsed() < START_LIMIT {
            if let Some(status) = child.try_wait()? {
                ensure!(status.success(), "the server stopped with {status}:\n{}", self.end_of_log());
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill()?;
        child.wait()?;
        bail!("the server did not stop:\n{}", self.end_of_log())
    }

    /// Changes the plan of the next [`Server::restart`].
    pub fn plan_mut(&mut self) -> &mut ServerPlan {
        &mut self.plan
    }

    /// The plan it runs by.
    #[must_use]
    pub fn plan(&self) -> &ServerPlan {
        &self.plan
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The last lines of its log.
    #[must_use]
    pub fn end_of_log(&self) -> String {
        let text = std::fs::read_to_string(&self.plan.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about a failure here, and the process may be gone already.
        let _ = self.kill();
    }
}

/// Free loopback addresses, outside the range from which the kernel gives ports to outgoing connections: a server that is restarted finds
/// its port free.
pub(crate) fn free_addresses<const N: usize>() -> anyhow::Result<[SocketAddr; N]> {
    let mut listeners = Vec::new();
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); N];
    for address in &mut addresses {
        let listener = (0..100).find_map(|_| TcpListener::bind(("127.0.0.1", rand::random_range(20_000..32_768))).ok());
        let listener = listener.context("no port is free between 20000 and 32768")?;
        *address = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(addresses)
}
