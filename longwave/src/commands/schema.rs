//! `longwave schema`: makes keyspace and tables on Cassandra, or brings them up to date.

use std::io::Write as _;

use anyhow::ensure;
use longwave_persistence::cassandra::migrate;

use crate::backend::{cassandra_config, is_on_cassandra, numbered};
use crate::cli::Schema;
use crate::settings;

/// Runs the command.
pub(crate) fn run(arguments: Schema) -> anyhow::Result<()> {
    let settings = settings::read(&arguments.settings)?;
    ensure!(
        is_on_cassandra(&settings),
        "cassandra.contact_points names no node; the embedded store makes its tables by itself (error 5001)"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let config = cassandra_config(&settings)?;
    let version = runtime.block_on(migrate(&config)).map_err(numbered)?;
    Ok(writeln!(std::io::stdout(), "keyspace {} has schema version {version}", config.keyspace)?)
}
