//! Starts other programs and says plainly when one cannot be started.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// A program to be run in `directory`, without standard input.
pub(crate) fn command(program: impl AsRef<OsStr>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).stdin(Stdio::null());
    command
}

/// The cargo that runs this, in the root of the workspace.
pub(crate) fn cargo(root: &Path) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(cargo, root);
    // Set by the `cargo run` around this; it would pass for the settings of that package.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Builds what the stage `build` builds: everything, with its tests.
///
/// Commands that need the server alone use this all the same. Cargo unites the features of
/// what it is asked to build, so a smaller selection would compile most crates a second time.
pub(crate) fn build_everything(root: &Path) -> Result<bool> {
    succeeds(cargo(root).args(["build", "--locked", "--workspace", "--all-targets"]))
}

/// This program, to be run again. The path is kept from the start, because a build that
/// replaces the file would turn what the system says about it into "(deleted)".
pub(crate) fn ourselves(root: &Path) -> Result<Command> {
    Ok(command(our_path()?, root))
}

/// Where this program lies; first called at the start.
pub(crate) fn our_path() -> Result<&'static Path> {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = PATH.get() {
        return Ok(path);
    }
    let path = env::current_exe().context("cannot tell where this program lies")?;
    Ok(PATH.get_or_init(|| path))
}

/// Runs to the end; true if the program reported success.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    Ok(status.success())
}

/// Runs to the end and returns what was printed; a failure is an error with the reason.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {}", name(command)))?;
    if !output.status.success() {
        bail!("{} failed ({}): {}", name(command), output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether `program` is on the search path.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// A binary that cargo built into the same directory as this one, if it is there.
pub(crate) fn beside_this(name: &str) -> Option<PathBuf> {
    let path = our_path().ok()?.with_file_name(name);
    path.is_file().then_some(path)
}

/// Where cargo puts what it builds, and where tools are kept between runs.
pub(crate) fn target_directory(root: &Path) -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => root.join(directory),
        None => root.join("target"),
    }
}

/// Whether nobody is watching: then nothing may be skipped.
pub(crate) fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

fn name(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{command, is_installed, output, succeeds};

    #[test]
    fn failures_carry_what_the_program_said() {
        let here = Path::new(".");
        let mut shell = command("sh", here);
        let error = output(shell.args(["-c", "echo no disk >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("no disk") && text.contains('3'), "{text}");
        assert!(!succeeds(command("sh", here).args(["-c", "exit 1"])).unwrap());
        assert!(succeeds(&mut command("no-such-program-here", here)).is_err());
    }

    #[test]
    fn the_search_path_is_searched() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program-here"));
    }
}
