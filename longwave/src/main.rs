//! The one binary: reads the command line and runs a role or an operator's command.

mod access;
mod accounts;
mod admin;
mod audit_report;
mod backend;
mod banner;
mod bans;
mod cli;
mod clock;
mod commands;
mod metrics;
mod plain_log_rows;
mod plain_store;
mod push_report;
mod roles;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::roles::{AllInOne, BridgeNode, BrokerNode, PushNode};

/// glibc's allocator took a fifth of the server's time under load; see docs/adr/dependencies.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Memory is to follow what is in use: huge pages rounded an idle server up from 16 to 21 MiB. Refused by old kernels, without harm.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(arguments) => roles::run::<AllInOne>(&arguments),
        Command::Broker(arguments) => roles::run::<BrokerNode>(&arguments),
        Command::Bridge(arguments) => roles::run::<BridgeNode>(&arguments),
        Command::Push(arguments) => match arguments.command {
            Some(command) => commands::push::run(command),
            None => roles::run::<PushNode>(&arguments.serve),
        },
        Command::FakePush(arguments) => commands::fake_push::run(&arguments),
        Command::Drain(arguments) => commands::drain::run(&arguments),
        Command::Health(arguments) => commands::drain::health(&arguments),
        Command::User(arguments) => commands::user::run(arguments),
        Command::Ban(arguments) => commands::ban::run(arguments),
        Command::Acl(arguments) => commands::acl::run(arguments),
        Command::Audit(arguments) => commands::audit::run(arguments),
        Command::Backup(arguments) => commands::backup::run(arguments),
        Command::Restore(arguments) => commands::restore::run(arguments),
        Command::Schema(arguments) => commands::schema::run(arguments),
        Command::SettingsReference => commands::settings_reference::run(),
    }
}

#[expect(clippy::print_stderr, reason = "the last word of a command goes to its user, log or no log")]
fn complain(error: &anyhow::Error) {
    eprintln!("longwave: {error:#}");
}
