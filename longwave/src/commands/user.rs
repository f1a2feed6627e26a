//! `longwave user add|remove|list`.

use std::io::{BufRead as _, Write as _};

use anyhow::Context as _;
use hyper::Method;
use longwave_model::UserId;

use crate::accounts::LocalAccounts;
use crate::backend::Backend;
use crate::cli::{SettingsArguments, User, UserCommand};
use crate::commands::control::Control;
use crate::settings;

/// Runs the command.
pub(crate) fn run(arguments: User) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let said = match arguments.command {
        UserCommand::Add { name, password_stdin, settings } => {
            let user = UserId::parse(&name).with_context(|| format!("user {name:?}"))?;
            let password = read_password(password_stdin)?;
            runtime.block_on(add(&settings, &user, &password))?;
            format!("user {user} can connect now\n")
        }
        UserCommand::Remove { name, settings } => {
            let user = UserId::parse(&name).with_context(|| format!("user {name:?}"))?;
            let existed = runtime.block_on(remove(&settings, &user))?;
            if existed { format!("user {user} has no password any more\n") } else { format!("user {user} had none\n") }
        }
        UserCommand::List { settings } => runtime.block_on(list(&settings))?,
    };
    Ok(std::io::stdout().write_all(said.as_bytes())?)
}

async fn add(arguments: &SettingsArguments, user: &UserId, password: &str) -> anyhow::Result<()> {
    let settings = settings::read(arguments)?;
    if let Some(mut server) = Control::connect(&settings.store.path).await? {
        let body = serde_json::to_vec(&serde_json::json!({ "password": password }))?;
        server.request(Method::PUT, &format!("/v1/users/{user}"), body).await?;
        return Ok(());
    }
    LocalAccounts::new(Backend::open(&settings).await?.store()).set_password(user, password).await
}

async fn remove(arguments: &SettingsArguments, user: &UserId) -> anyhow::Result<bool> {
    let settings = settings::read(arguments)?;
    if let Some(mut server) = Control::connect(&settings.store.path).await? {
        let existed = server.text(Method::DELETE, &format!("/v1/users/{user}"), Vec::new()).await?;
        return Ok(existed.trim() == "true");
    }
    LocalAccounts::new(Backend::open(&settings).await?.store()).remove_password(user).await
}

async fn list(arguments: &SettingsArguments) -> anyhow::Result<String> {
    let settings = settings::read(arguments)?;
    if let Some(mut server) = Control::connect(&settings.store.path).await? {
        return server.text(Method::GET, "/v1/users", Vec::new()).await;
    }
    let users = LocalAccounts::new(Backend::open(&settings).await?.store()).list().await?;
    Ok(users.into_iter().map(|user| user + "\n").collect())
}

fn read_password(from_stdin: bool) -> anyhow::Result<String> {
    if !from_stdin {
        return rpassword::prompt_password("Password: ")
            .context("no terminal to ask for the password on; use --password-stdin");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
