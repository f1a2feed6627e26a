//! `longwave drain`: has the server on this machine leave, and says how far it is. `longwave health`: whether it is there, or ready.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use hyper::Method;

use crate::cli::{Drain, Health};
use crate::commands::control::Control;
use crate::settings;

/// How often it is looked how far the server is.
const LOOK: Duration = Duration::from_secs(1);
/// What counts the connections that are left, on the metrics page.
const LEFT: &str = "longwave_sessions_connected ";

/// Runs the command.
pub(crate) fn run(arguments: &Drain) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(drain(arguments))
}

async fn drain(arguments: &Drain) -> anyhow::Result<()> {
    let settings = settings::read(&arguments.settings)?;
    let data = &settings.store.path;
    let Some(mut server) = Control::connect(data).await? else { bail!("no server runs on {}", data.display()) };
    server.request(Method::POST, "/v1/drain", Vec::new()).await?;
    let mut out = std::io::stdout();
    writeln!(out, "the server leaves; new clients are to go elsewhere")?;
    // Its socket goes away last.
    while let Ok(metrics) = server.text(Method::GET, "/metrics", Vec::new()).await {
        let left = metrics.lines().find_map(|line| line.strip_prefix(LEFT)).unwrap_or("0");
        writeln!(out, "{left} connections left")?;
        tokio::time::sleep(LOOK).await;
    }
    writeln!(out, "gone")?;
    Ok(())
}

/// Runs `longwave health`.
pub(crate) fn health(arguments: &Health) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let settings = settings::read(&arguments.settings)?;
    let path = if arguments.live { "/livez" } else { "/readyz" };
    let said = runtime.block_on(async {
        let data = &settings.store.path;
        let server = Control::connect(data).await?;
        let mut server = server.with_context(|| format!("no server runs on {}", data.display()))?;
        server.text(Method::GET, path, Vec::new()).await
    })?;
    Ok(std::io::stdout().write_all(said.as_bytes())?)
}
