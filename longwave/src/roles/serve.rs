//! `longwave serve`: broker, bridge and feed in one process, on the embedded store or on Cassandra.
//!
//! Starting opens the store first and the listeners last; stopping goes the other way round, so that nothing is acknowledged that
//! has no lane, and cursors are flushed after the last PUBACK.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use longwave_bridge::{Bridge, BridgeParts, BridgeStats, Ownership};
use longwave_broker::stats::BrokerStats;
use longwave_broker::{Broker, BrokerParts};
use longwave_feed::{FeedHub, FeedStats};
use longwave_port::Alone;
use longwave_settings::{LogFormat, Settings};
use longwave_telemetry::start_log;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::{admission, listeners, parts};
use crate::accounts::LocalAccounts;
use crate::admin::{self, Admin, AdminSocket, Health, Operations};
use crate::backend::{Backend, is_on_cassandra};
use crate::banner::banner;
use crate::cli::Serve;
use crate::commands::socket_path;
use crate::{metrics, settings};

/// Longest drain; what is not closed by then is closed by the end of the process.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// How often Cassandra is asked how it is.
const PING: Duration = Duration::from_secs(5);

/// Runs the role until SIGTERM or SIGINT.
pub(crate) fn run(arguments: Serve) -> anyhow::Result<()> {
    let settings = settings::read(&arguments.settings)?;
    settings::check(&settings, arguments.dev)?;
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
    let result = runtime.block_on(serve(&settings, arguments.dev));
    runtime.shutdown_timeout(Duration::from_secs(5));
    result
}

async fn serve(settings: &Settings, dev: bool) -> anyhow::Result<()> {
    let mut stop = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let backend = Backend::open(settings).await?;
    let running = Running::start(settings, dev, &backend).await?;
    tokio::select! {
        _ = stop.0.recv() => info!("stopping on SIGTERM"),
        _ = stop.1.recv() => info!("stopping on SIGINT"),
    }
    running.stop(settings.limits.drain_per_second).await;
    info!("stopped");
    Ok(())
}

struct Running {
    broker: Arc<Broker>,
    bridge: Arc<Bridge>,
    feed: Arc<FeedHub>,
    health: Arc<Health>,
    tasks: Vec<JoinHandle<()>>,
    _socket: AdminSocket,
}

impl Running {
    async fn start(settings: &Settings, dev: bool, backend: &Backend) -> anyhow::Result<Self> {
        let store = backend.store();
        let broker_stats = Arc::new(BrokerStats::default());
        let accounts = Arc::new(LocalAccounts::new(store.clone()));
        let admit = admission::admission(settings, dev, accounts.clone(), &broker_stats).await?;
        let feed_stats = Arc::new(FeedStats::default());
        let clock = Arc::new(parts::now_millis);
        let feed = Arc::new(FeedHub::new(
            store.clone(),
            parts::feed(settings),
            clock.clone(),
            feed_stats.clone(),
            Arc::new(Alone),
        ));
        let bridge_stats = Arc::new(BridgeStats::default());
        let bridge = Bridge::start(BridgeParts {
            store: store.clone(),
            bus: feed.clone(),
            admit: admit.clone(),
            clock,
            settings: parts::bridge(settings, dev),
            stats: bridge_stats.clone(),
            ownership: Ownership::Always,
        });
        bridge.ready().await;
        let broker = Broker::new(BrokerParts {
            admit,
            gate: bridge.clone(),
            feed: feed.clone(),
            limits: parts::limits(settings),
            stats: broker_stats.clone(),
            failed_login_delay: Duration::from_millis(settings.auth.failed_login_delay_millis),
        });

        let health = Arc::new(Health::new(vec![store_probe(backend.clone()), lanes_probe(bridge.clone())]));
        let exporter = metrics::exporter(broker_stats, bridge_stats, feed_stats, backend);
        let admin = Admin { health: health.clone(), metrics: Arc::new(exporter.into_registry()) };
        let operations = Arc::new(Operations { backend: backend.clone(), accounts });
        let (socket, socket_listener) = AdminSocket::bind(&socket_path(&settings.store.path))?;
        let mut tasks = vec![
            tokio::spawn(look_after(backend.clone(), settings.clone())),
            tokio::spawn(answer(axum::serve(socket_listener, admin::private_routes(admin.clone(), operations)))),
        ];
        let mut addresses = listeners::open(&broker, settings)?;
        if let Some(address) = settings.listen.admin {
            let listener = tokio::net::TcpListener::bind(address)
                .await
                .with_context(|| format!("listen.admin: cannot listen on {address} (error 5006)"))?;
            addresses.listeners.push(("Health, metrics", format!("http://{}", listener.local_addr()?)));
            tasks.push(tokio::spawn(answer(axum::serve(listener, admin::public_routes(admin)))));
        }
        health.set_listening();
        std::io::stdout().write_all(banner(&addresses, dev, &place(settings)).as_bytes())?;
        Ok(Self { broker, bridge, feed, health, tasks, _socket: socket })
    }

    async fn stop(self, per_second: u32) {
        self.health.set_stopping();
        if tokio::time::timeout(DRAIN_LIMIT, self.broker.drain(per_second)).await.is_err() {
            warn!("not all connections could be drained in time");
        }
        self.bridge.stop().await;
        if let Err(error) = self.feed.shutdown().await {
            warn!(%error, "cursors not flushed; their messages will be delivered again");
        }
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

/// What a store needs done for as long as the server runs.
async fn look_after(backend: Backend, settings: Settings) {
    tokio::join!(sweep(backend.clone(), settings), ping(backend));
}

/// Removes what has expired or is past retention.
async fn sweep(backend: Backend, settings: Settings) {
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

fn store_probe(backend: Backend) -> Box<dyn Fn() -> Option<String> + Send + Sync> {
    Box::new(move || backend.unavailable())
}

fn lanes_probe(bridge: Arc<Bridge>) -> Box<dyn Fn() -> Option<String> + Send + Sync> {
    Box::new(move || (!bridge.is_ready()).then(|| "not every shard has an owner".to_owned()))
}
