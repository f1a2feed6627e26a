//! What every role does alike: read settings, start the log, run until a signal, and serve health, metrics and operators.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use longwave_settings::{LogFormat, Settings};
use longwave_telemetry::{Exporter, start_log};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::parts;
use crate::admin::{self, Admin, AdminSocket, Health, Operations, Probe};
use crate::backend::{Backend, is_on_cassandra};
use crate::banner::{Addresses, banner};
use crate::cli::Serve;
use crate::commands::socket_path;
use crate::settings::{self, Role};

/// How often Cassandra is asked how it is.
const PING: Duration = Duration::from_secs(5);

/// A role while it runs.
pub(crate) trait Running: Sized {
    /// Which one.
    const ROLE: Role;

    /// Starts everything and says so.
    async fn start(settings: &Settings, dev: bool, backend: &Backend) -> anyhow::Result<Self>;

    /// Ends everything in an orderly way.
    async fn stop(self, settings: &Settings);
}

/// Reads the settings and runs a role until SIGTERM or SIGINT.
pub(crate) fn run<R: Running>(arguments: &Serve) -> anyhow::Result<()> {
    let mut settings = settings::read(&arguments.settings)?;
    if arguments.test_broker {
        settings.test_broker.get_or_insert_default();
    } else if settings.test_broker.is_some() {
        anyhow::bail!("test_broker: means nothing without --test-broker (error 5001)");
    }
    settings::check(&settings, R::ROLE, arguments.dev)?;
    if arguments.print_config {
        std::io::stdout().write_all(longwave_settings::to_toml(&settings)?.as_bytes())?;
    }
    if arguments.check_config {
        writeln!(std::io::stderr(), "the settings are valid")?;
    }
    if arguments.print_config || arguments.check_config {
        return Ok(());
    }
    start_log(&settings.log.level, settings.log.format == LogFormat::Json)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(until_stopped::<R>(&settings, arguments.dev));
    runtime.shutdown_timeout(Duration::from_secs(5));
    result
}

async fn until_stopped<R: Running>(settings: &Settings, dev: bool) -> anyhow::Result<()> {
    // Before anything is started, so that none is missed.
    let mut signals = Signals::new()?;
    let backend = Backend::open(settings).await?;
    let running = R::start(settings, dev, &backend).await?;
    signals.stop().await;
    tokio::select! {
        () = running.stop(settings) => info!("stopped"),
        () = signals.stop() => {
            warn!("a second signal: the process ends without closing what is open; nothing acknowledged is lost");
            std::process::exit(1);
        }
    }
    Ok(())
}

/// The signals that end a process.
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
    }

    /// Waits for one.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.0.recv() => info!("stopping on SIGTERM"),
            _ = self.1.recv() => info!("stopping on SIGINT"),
        }
    }
}

/// What serves operators while the process runs.
pub(super) struct Desk {
    pub(super) health: Arc<Health>,
    tasks: Vec<JoinHandle<()>>,
    _socket: AdminSocket,
}

impl Desk {
    /// Opens the socket and the admin port.
    pub(super) async fn open(
        settings: &Settings,
        health: Arc<Health>,
        exporter: Exporter,
        operations: Operations,
        addresses: &mut Addresses,
    ) -> anyhow::Result<Self> {
        let admin = Admin { health: health.clone(), metrics: Arc::new(exporter.into_registry()) };
        let backend = operations.backend.clone();
        let (socket, listener) = AdminSocket::bind(&socket_path(&settings.store.path))?;
        let private = admin::private_routes(admin.clone(), Arc::new(operations));
        let health_watch = tokio::spawn(admin::watch(health.clone()));
        let mut tasks =
            vec![tokio::spawn(ping(backend)), health_watch, tokio::spawn(answer(axum::serve(listener, private)))];
        if let Some(address) = settings.listen.admin {
            let listener = tokio::net::TcpListener::bind(address)
                .await
                .with_context(|| format!("listen.admin: cannot listen on {address} (error 5006)"))?;
            addresses.listeners.push(("Health, metrics", format!("http://{}", listener.local_addr()?)));
            tasks.push(tokio::spawn(answer(axum::serve(listener, admin::public_routes(admin)))));
        }
        Ok(Self { health, tasks, _socket: socket })
    }

    /// Says that the process takes clients, also to people.
    pub(super) fn announce(&self, settings: &Settings, dev: bool, addresses: &Addresses) -> anyhow::Result<()> {
        self.health.set_listening();
        std::io::stdout()
            .write_all(banner(addresses, dev, settings.test_broker.is_some(), &place(settings)).as_bytes())?;
        Ok(())
    }

    /// A task that runs as long as the process does.
    pub(super) fn keep(&mut self, task: JoinHandle<()>) {
        self.tasks.push(task);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn answer<F: IntoFuture<Output = std::io::Result<()>>>(server: F) {
    if let Err(error) = server.await {
        error!(%error, "admin server ended");
    }
}

/// Where the data is, for people.
fn place(settings: &Settings) -> String {
    match is_on_cassandra(settings) {
        true => format!("keyspace {} on Cassandra", settings.cassandra.keyspace),
        false => settings.store.path.display().to_string(),
    }
}

/// Removes what has expired or is past retention, for ever.
pub(super) async fn sweep(backend: Backend, settings: Settings) {
    let every = Duration::from_secs(settings.retention.sweep_seconds.max(1));
    let policy = parts::retention(&settings);
    loop {
        tokio::time::sleep(every).await;
        match backend.sweep(policy).await {
            Ok(report) => info!(?report, "swept"),
            Err(error) => warn!(%error, "sweep failed; it is tried again"),
        }
    }
}

/// Asks a store elsewhere whether it is there.
async fn ping(backend: Backend) {
    let Backend::Cassandra(store) = backend else { return };
    loop {
        tokio::time::sleep(PING).await;
        // Its failure is noted where requests are counted.
        let _ = store.ping().await;
    }
}

/// Objects while the store cannot be used.
pub(super) fn store_probe(backend: Backend) -> Probe {
    Box::new(move || backend.unavailable())
}
