//! `longwave backup --to FILE`: written beside the file and renamed, so that a file of that name is always whole.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use http_body_util::BodyExt as _;
use hyper::Method;

use crate::backend::Backend;
use crate::cli::Backup;
use crate::commands::control::Control;
use crate::settings;

/// Runs the command.
pub(crate) fn run(arguments: Backup) -> anyhow::Result<()> {
    let settings = settings::read(&arguments.settings)?;
    let target = &arguments.to;
    ensure!(!target.exists(), "{} exists already", target.display());
    let partial = target.with_extension("partial");
    // It holds everybody's messages: for the operator's eyes only.
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(&partial).with_context(|| format!("{}", partial.display()))?;
    let mut writer = BufWriter::new(file);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(write(&settings.store.path, &settings, &mut writer))?;
    writer.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&partial, target)?;
    Ok(writeln!(std::io::stdout(), "{} written", target.display())?)
}

async fn write(
    data: &Path,
    settings: &longwave_settings::Settings,
    writer: &mut BufWriter<File>,
) -> anyhow::Result<()> {
    let Some(mut server) = Control::connect(data).await? else {
        Backend::open(settings).await?.embedded()?.backup(writer)?;
        return Ok(());
    };
    let mut body = server.request(Method::GET, "/v1/backup", Vec::new()).await?.into_body();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            writer.write_all(&data)?;
        }
    }
    Ok(())
}
