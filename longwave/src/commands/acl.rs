//! `longwave acl explain`: what the access list of the settings says, and which rule says it. Asks no server: the settings are all it needs.

use std::io::Write as _;

use anyhow::Context as _;
use longwave_access::Who;
use longwave_model::{DeviceId, UserId};
use longwave_settings::Settings;

use crate::access::access_list;
use crate::cli::{Acl, AclCommand, AclExplain};
use crate::settings;

/// Runs the command.
pub(crate) fn run(arguments: Acl) -> anyhow::Result<()> {
    let AclCommand::Explain(arguments) = arguments.command;
    let settings = settings::read(&arguments.settings)?;
    let said = explain(&settings, &arguments)?;
    Ok(std::io::stdout().write_all(said.as_bytes())?)
}

fn explain(settings: &Settings, arguments: &AclExplain) -> anyhow::Result<String> {
    let list = access_list(settings)?;
    let user = UserId::parse(&arguments.user).with_context(|| format!("--user {:?}", arguments.user))?;
    let client_id = DeviceId::parse(&arguments.client_id).context("--client-id")?;
    let who = Who { user: &user, client_id: &client_id, groups: &[] };
    let decision = match (&arguments.publish, &arguments.subscribe) {
        (Some(topic), _) => list.publish(&who, topic, arguments.retain),
        (None, Some(filter)) => list.subscribe(&who, filter),
        (None, None) => anyhow::bail!("give --publish TOPIC or --subscribe FILTER"),
    };
    Ok(format!("{decision}\n"))
}
