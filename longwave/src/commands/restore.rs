//! `longwave restore --from FILE`: makes a store in an empty directory.

use std::fs::File;
use std::io::{BufReader, Write as _};

use anyhow::Context as _;

use crate::cli::Restore;
use crate::roles::serve::store_config;
use crate::settings;

/// Runs the command.
pub(crate) fn run(arguments: Restore) -> anyhow::Result<()> {
    let settings = settings::read(&arguments.settings)?;
    let file = File::open(&arguments.from).with_context(|| format!("{}", arguments.from.display()))?;
    longwave_persistence::embedded::restore(&store_config(&settings), &mut BufReader::new(file))
        .with_context(|| format!("{}", arguments.from.display()))?;
    Ok(writeln!(std::io::stdout(), "{} holds the backup now", settings.store.path.display())?)
}
