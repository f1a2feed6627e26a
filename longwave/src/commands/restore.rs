//! `longwave restore --from FILE`: makes a store in an empty directory.

use std::fs::File;
use std::io::{BufReader, Write as _};

use anyhow::{Context as _, ensure};

use crate::backend::{embedded_config, is_on_cassandra};
use crate::cli::Restore;
use crate::settings;

/// Runs the command.
pub(crate) fn run(arguments: Restore) -> anyhow::Result<()> {
    let settings = settings::read(&arguments.settings)?;
    ensure!(!is_on_cassandra(&settings), "the store is on Cassandra: restore Cassandra's own snapshots there");
    let file = File::open(&arguments.from).with_context(|| format!("{}", arguments.from.display()))?;
    longwave_persistence::embedded::restore(&embedded_config(&settings), &mut BufReader::new(file))
        .with_context(|| format!("{}", arguments.from.display()))?;
    Ok(writeln!(std::io::stdout(), "{} holds the backup now", settings.store.path.display())?)
}
