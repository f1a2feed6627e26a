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
    if !program::build_everything(root)? {
        return Ok(false);
    }
    let Some(server) = program::beside_this("longwave") else {
        bail!("the build made no longwave binary");
    };
    let mut interop = program::command(script, root);
    interop.env("LONGWAVE_BIN", server).args(&args.rest);
    program::succeeds(&mut interop)
}
