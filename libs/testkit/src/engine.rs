//! The engines that tests run against: those of `cargo xtask services`, or what a variable names instead.

use std::env;
use std::io::Write as _;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where an engine answers: at what `LONGWAVE_TEST_…` with its name says, else at its usual `host:port`. `None` where none does; the test is
/// then skipped, and says so.
///
/// # Panics
/// Under CI, where nothing is skipped.
#[must_use]
pub fn find(engine: &str, usual: &str) -> Option<String> {
    let address = env::var(variable(engine)).unwrap_or_else(|_| usual.to_owned());
    let there = address.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    if there.is_some_and(|there| TcpStream::connect_timeout(&there, Duration::from_secs(2)).is_ok()) {
        return Some(address);
    }
    let is_ci = env::var("CI").is_ok_and(|ci| !ci.is_empty() && ci != "false");
    assert!(!is_ci, "no {engine} answers at {address}");
    // Not by a macro, whose output the test harness keeps to itself.
    let advice = format!("start it with `cargo xtask services up {engine}`");
    let _ = writeln!(std::io::stderr(), "skipped: no {engine} answers at {address} ({advice})");
    None
}

/// The certificate of a secure engine's authority: what the variable without `SECURE` and with `CA` names, else the one that was made
/// when the engine was started. `scratch` is the test's `CARGO_TARGET_TMPDIR`.
#[must_use]
pub fn authority(engine: &str, scratch: &str) -> PathBuf {
    let beside = || Path::new(scratch).join("../services").join(engine).join("ca.pem");
    let variable = variable(engine).replace("_SECURE", "") + "_CA";
    env::var_os(variable).map_or_else(beside, PathBuf::from)
}

fn variable(engine: &str) -> String {
    format!("LONGWAVE_TEST_{}", engine.to_uppercase().replace('-', "_"))
}
