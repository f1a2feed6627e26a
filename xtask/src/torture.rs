//! `cargo xtask torture`: starts the torture program of libs/testkit.
//!
//! It is a program of its own, because it needs the client and the runtime that this tool
//! does without. Whatever follows `torture` is passed on.

use std::path::Path;

use anyhow::Result;

use crate::program;

/// What `cargo xtask torture` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Passed on to `longwave-torture`; `--help` there lists what it takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Builds the server and the torture program and runs it; true if every promise held.
pub(crate) fn run(root: &Path, args: &Args) -> Result<bool> {
    let mut build = program::cargo(root);
    build.args(["build", "--locked", "--package", "longwave"]);
    if !program::succeeds(&mut build)? {
        return Ok(false);
    }
    let mut torture = program::cargo(root);
    torture
        .args(["run", "--locked", "--package", "longwave-testkit"])
        .args(["--bin", "longwave-torture", "--"])
        .args(&args.rest);
    program::succeeds(&mut torture)
}
