//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A messaging backend that speaks MQTT.
#[derive(Debug, Parser)]
#[command(name = "longwave", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs broker and bridge in one process, on the embedded store or on Cassandra.
    Serve(Serve),
    /// Runs a broker: connections and sessions. Needs Cassandra, Redis and at least one bridge.
    Broker(Serve),
    /// Runs a bridge: owns shards of conversations. Needs Cassandra and Redis, and serves every broker it finds.
    Bridge(Serve),
    /// Runs a push worker, or shows how pushes ended. Needs Cassandra and Redis; `serve` has a worker of its own.
    Push(Push),
    /// Plays Apple's, Google's and a browser's push service on this machine, for people who develop applications.
    FakePush(FakePush),
    /// Has the server of a data directory leave: it becomes unready, waits, closes its connections at a set rate, and ends. Returns when it has.
    Drain(Drain),
    /// Says whether the server of a data directory is ready, and fails when it is not.
    Health(Health),
    /// Manages local users.
    User(User),
    /// Bans users, devices and addresses.
    Ban(BanArguments),
    /// Says what the access list for plain topics decides.
    Acl(Acl),
    /// Checks the whole store and prints what does not agree.
    Audit(Audit),
    /// Writes a consistent copy of the store to a file, while the server runs or not.
    Backup(Backup),
    /// Makes a store from a backup.
    Restore(Restore),
    /// Makes keyspace and tables on Cassandra, or brings them up to date. May be run again.
    Schema(Schema),
    /// Prints the page docs/reference/settings.md.
    #[command(hide = true)]
    SettingsReference,
}

/// Where settings come from.
#[derive(Debug, Args)]
pub(crate) struct SettingsArguments {
    /// TOML file with settings.
    #[arg(long, value_name = "FILE", env = "LONGWAVE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Sets one setting, as in `--set limits.in_flight=50`. May be given more than once.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
    /// Directory of the embedded store; the same as `--set store.path=DIR`.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
    /// Accepts any user name as that user, without a password. Listens on loopback only.
    #[arg(long)]
    pub(crate) dev: bool,
    /// `serve` only: a broker for conformance suites. Anybody may connect, every plain topic is open. Listens on loopback only, unless
    /// `test_broker.any_address` is set.
    #[arg(long, conflicts_with = "dev")]
    pub(crate) test_broker: bool,
    /// Checks the settings and ends.
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Prints the settings in force and ends.
    #[arg(long)]
    pub(crate) print_config: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Push {
    #[command(subcommand)]
    pub(crate) command: Option<PushCommand>,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PushCommand {
    /// Shows a user's devices and how their latest pushes ended, by conversation.
    Show {
        /// The user.
        #[arg(long)]
        user: String,
        #[command(flatten)]
        settings: SettingsArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct FakePush {
    /// Directory for the root certificate, the applications' keys, and the settings to start a server with; made when it does not exist.
    #[arg(long, value_name = "DIR", default_value = "fake-push")]
    pub(crate) directory: PathBuf,
    /// Address to listen on; three ports from this one on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    pub(crate) listen: std::net::SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct Drain {
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Only whether it is alive.
    #[arg(long)]
    pub(crate) live: bool,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
}

#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(subcommand)]
    pub(crate) command: UserCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Adds a user, or gives one a new password. The password is asked for, or read from standard input.
    Add {
        /// The user: 1 to 64 of A-Z a-z 0-9 . _ @ -
        name: String,
        /// Reads the password from standard input instead of the terminal.
        #[arg(long)]
        password_stdin: bool,
        #[command(flatten)]
        settings: SettingsArguments,
    },
    /// Takes a user's password away; its conversations stay.
    Remove {
        /// The user.
        name: String,
        #[command(flatten)]
        settings: SettingsArguments,
    },
    /// Lists the users that have a password.
    List {
        #[command(flatten)]
        settings: SettingsArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BanArguments {
    #[command(subcommand)]
    pub(crate) command: BanCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BanCommand {
    /// Bans a user, one of its devices, or an address; open connections are closed.
    Add {
        #[command(flatten)]
        on: BanOn,
        /// How long, as in `90s`, `15m`, `12h` or `30d`; for ever when it is not given.
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        seconds: Option<u64>,
        /// Why, for other operators; the banned one does not learn it.
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        settings: SettingsArguments,
    },
    /// Takes a ban back.
    Remove {
        #[command(flatten)]
        on: BanOn,
        #[command(flatten)]
        settings: SettingsArguments,
    },
    /// Lists all bans, with their ends and reasons.
    List {
        #[command(flatten)]
        settings: SettingsArguments,
    },
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("on").required(true).args(["user", "address"])))]
pub(crate) struct BanOn {
    /// The user.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Only this device of the user.
    #[arg(long, requires = "user")]
    pub(crate) client_id: Option<String>,
    /// An address, or a network such as 192.0.2.0/24.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Acl {
    #[command(subcommand)]
    pub(crate) command: AclCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AclCommand {
    /// Says whether somebody may publish or subscribe, and which rule of `access.rules` decides it.
    Explain(AclExplain),
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["publish", "subscribe"])))]
pub(crate) struct AclExplain {
    /// The user.
    #[arg(long)]
    pub(crate) user: String,
    /// The client id.
    #[arg(long, default_value = "any")]
    pub(crate) client_id: String,
    /// A topic to publish to.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) publish: Option<String>,
    /// The publish is to be retained.
    #[arg(long, requires = "publish")]
    pub(crate) retain: bool,
    /// A filter to subscribe to.
    #[arg(long, value_name = "FILTER")]
    pub(crate) subscribe: Option<String>,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to write; it must not exist.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The file that `longwave backup` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
    #[command(flatten)]
    pub(crate) settings: SettingsArguments,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE, as in limits.in_flight=50".to_owned()),
    }
}

/// A time with its unit, in seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "expected a number and a unit, as in 90s, 15m, 12h or 30d".to_owned();
    let at = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at)).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(at);
    let each = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(each)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_have_units() {
        assert_eq!(["90s", "15m", "12h", "30d"].map(|text| seconds(text).unwrap_or(0)), [90, 900, 43_200, 2_592_000]);
        for wrong in ["", "s", "90", "-1s", "1.5h", "1w", "1\u{20ac}", "99999999999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
