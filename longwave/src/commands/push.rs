//! `longwave push show`.

use std::io::Write as _;

use anyhow::Context as _;
use hyper::Method;
use longwave_model::UserId;

use crate::backend::Backend;
use crate::cli::{PushCommand, SettingsArguments};
use crate::commands::control::Control;
use crate::push_report::push_report;
use crate::settings;

/// Runs the command.
pub(crate) fn run(command: PushCommand) -> anyhow::Result<()> {
    let PushCommand::Show { user, settings } = command;
    let user = UserId::parse(&user).with_context(|| format!("user {user:?}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let report = runtime.block_on(show(&settings, &user))?;
    Ok(std::io::stdout().write_all(report.as_bytes())?)
}

async fn show(arguments: &SettingsArguments, user: &UserId) -> anyhow::Result<String> {
    let settings = settings::read(arguments)?;
    if let Some(mut server) = Control::connect(&settings.store.path).await? {
        return server.text(Method::GET, &format!("/v1/push/{user}"), Vec::new()).await;
    }
    push_report(&*Backend::open(&settings).await?.store(), user).await
}
