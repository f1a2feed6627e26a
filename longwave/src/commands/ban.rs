//! `longwave ban add|remove|list`.

use std::io::Write as _;

use hyper::Method;

use crate::backend::Backend;
use crate::bans::{Ban, On, StoredBans};
use crate::cli::{BanArguments, BanCommand, BanOn, SettingsArguments};
use crate::clock::now_millis;
use crate::commands::control::Control;
use crate::settings;

/// Runs the command.
pub(crate) fn run(arguments: BanArguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let said = match arguments.command {
        BanCommand::Add { on, seconds, reason, settings } => {
            let until = seconds.map(|seconds| now_millis().saturating_add(seconds.saturating_mul(1_000)));
            runtime.block_on(add(&settings, &Ban { on: of(on), until, reason }))?;
            "banned; connections are closed at once here, and within 5 seconds by other brokers\n".to_owned()
        }
        BanCommand::Remove { on, settings } => match runtime.block_on(remove(&settings, &of(on)))? {
            true => "not banned any more\n".to_owned(),
            false => "there was no such ban\n".to_owned(),
        },
        BanCommand::List { settings } => runtime.block_on(list(&settings))?,
    };
    Ok(std::io::stdout().write_all(said.as_bytes())?)
}

async fn add(arguments: &SettingsArguments, ban: &Ban) -> anyhow::Result<()> {
    let settings = settings::read(arguments)?;
    if let Some(mut server) = Control::connect(&settings.store.path).await? {
        server.request(Method::PUT, "/v1/bans", serde_json::to_vec(ban)?).await?;
        return Ok(());
    }
    StoredBans::new(Backend::open(&settings).await?.store()).add(ban).await
}

async fn remove(arguments: &SettingsArguments, on: &On) -> anyhow::Result<bool> {
    let settings = settings::read(arguments)?;
    if let Some(mut server) = Control::connect(&settings.store.path).await? {
        let existed = server.text(Method::DELETE, "/v1/bans", serde_json::to_vec(on)?).await?;
        return Ok(existed.trim() == "true");
    }
    StoredBans::new(Backend::open(&settings).await?.store()).remove(on).await
}

async fn list(arguments: &SettingsArguments) -> anyhow::Result<String> {
    let settings = settings::read(arguments)?;
    if let Some(mut server) = Control::connect(&settings.store.path).await? {
        return server.text(Method::GET, "/v1/bans", Vec::new()).await;
    }
    StoredBans::new(Backend::open(&settings).await?.store()).list(now_millis()).await
}

fn of(on: BanOn) -> On {
    match (on.user, on.client_id, on.address) {
        (Some(user), Some(client_id), _) => On::Device { user, client_id },
        (Some(user), None, _) => On::User { user },
        // clap asks for one of the two.
        (None, _, address) => On::Address { address: address.unwrap_or_default() },
    }
}
