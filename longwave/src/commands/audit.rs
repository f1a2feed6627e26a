//! `longwave audit`: exit code 0 when everything agrees, 1 when something does not.

use std::io::Write as _;

use anyhow::ensure;
use hyper::Method;

use crate::audit_report::{FINDING, audit_report};
use crate::backend::Backend;
use crate::cli::Audit;
use crate::commands::control::Control;
use crate::settings;

/// Runs the command.
pub(crate) fn run(arguments: Audit) -> anyhow::Result<()> {
    let settings = settings::read(&arguments.settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        match Control::connect(&settings.store.path).await? {
            Some(mut server) => server.text(Method::GET, "/v1/audit", Vec::new()).await,
            None => Ok(audit_report(&Backend::open(&settings).await?).await?),
        }
    })?;
    std::io::stdout().write_all(report.as_bytes())?;
    let broken = report.lines().any(|line| line.starts_with(FINDING));
    ensure!(!broken, "the tables do not agree with each other (error 5003)");
    Ok(())
}
