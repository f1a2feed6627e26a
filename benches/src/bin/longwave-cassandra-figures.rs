//! `longwave-cassandra-figures`: what one Cassandra node carries through Longwave, beside one compare-and-set per message and the view
//! writes alone.

use std::io::Write as _;

use clap::Parser;
use longwave_benches::cassandra::{CassandraSettings, run};

#[derive(Parser)]
#[command(version, about = "Messages per second on one Cassandra node")]
struct Cli {
    #[command(flatten)]
    settings: CassandraSettings,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let Cli { settings } = Cli::parse();
    let rounds = run(&settings, |round| {
        let _ = writeln!(std::io::stdout(), "{round}");
    })
    .await?;
    write!(std::io::stdout(), "{rounds}")?;
    Ok(())
}
