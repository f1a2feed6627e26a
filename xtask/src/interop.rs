//! `cargo xtask interop`: MQTT clients that nobody here wrote, against the built server.
//!
//! The clients live in `interop/`, which has a start script of its own, because they are
//! written in their own languages; this only builds the server and starts that script.

use std::path::Path;

use anyhow::{Result, bail};

use crate::program;

/// What `cargo xtask interop` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed on to `interop/run`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds the server and runs `interop/run`; true if every client got what it should.
pub(crate) fn run(root: &Path, args: &Args) -> Result<bool> {
    let script = root.join("interop/run");
    if !script.is_file() {
        bail!("there is no interop/run");
    }
    let mut build = program::cargo(root);
    build.args(["build", "--locked", "--package", "longwave"]);
    if !program::succeeds(&mut build)? {
        return Ok(false);
    }
    let server = program::target_directory(root).join("debug/longwave");
    let mut interop = program::command(script, root);
    interop.env("LONGWAVE_BIN", server).args(&args.rest);
    program::succeeds(&mut interop)
}
