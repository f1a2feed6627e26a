//! The programs that the stages start: finds them, and installs what it may.
//!
//! Debian packages are installed only as root and with apt-get present (a CI container);
//! elsewhere the missing ones are named with the command to type. Cargo's own tools are built
//! at fixed versions into the target directory, so nobody's own installation is touched.

use std::env;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::program;

/// What Debian brings: a command that succeeds when it is there, the package, who needs it.
const PACKAGES: [(&str, &str, &str); 13] = [
    ("command -v cc", "build-essential", "build"),
    ("command -v c++", "build-essential", "fuzz"),
    ("command -v mosquitto_sub", "mosquitto-clients", "interop"),
    ("command -v openssl", "openssl", "interop"),
    ("command -v python3", "python3", "interop"),
    ("python3 -c 'import venv, ensurepip'", "python3-venv", "interop"),
    ("command -v node", "nodejs", "interop"),
    ("command -v npm", "npm", "interop"),
    ("command -v java", "openjdk-17-jre-headless", "services"),
    ("command -v mvn", "maven", "services"),
    ("command -v redis-server", "redis-server", "services"),
    ("command -v redis-cli", "redis-tools", "services"),
    ("test -e /usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "libfaketime", "cluster"),
];

/// Tools from crates.io: the binary, its version, the file whose presence calls for it.
const CARGO_TOOLS: [(&str, &str, &str); 2] =
    [("cargo-deny", "0.20.2", "deny.toml"), ("cargo-fuzz", "0.13.2", "fuzz/Cargo.toml")];

/// Installs what is missing and may be installed; returns what is missing still.
pub(super) fn install(root: &Path) -> Vec<String> {
    let mut missing = Vec::new();
    if let Err(error) = packages(root) {
        missing.push(format!("{error:#}"));
    }
    let tools = Tools::of(root);
    for (name, version, needed_by) in CARGO_TOOLS {
        if !root.join(needed_by).is_file() {
            println!("{name}: not needed, there is no {needed_by}");
        } else if let Err(error) = tools.install(root, name, version) {
            missing.push(format!("{name}: {error:#}"));
        }
    }
    missing
}

/// Where cargo's tools are kept.
pub(super) struct Tools {
    directory: PathBuf,
}

impl Tools {
    /// Those of this checkout.
    pub(super) fn of(root: &Path) -> Self {
        Self { directory: program::target_directory(root).join("tools") }
    }

    /// The path of a tool, built first if need be, so that a stage also runs by itself.
    pub(super) fn need(&self, root: &Path, name: &str) -> Result<PathBuf> {
        if let Some((_, version, _)) = CARGO_TOOLS.iter().find(|(tool, ..)| *tool == name) {
            self.install(root, name, version)?;
        }
        self.find(name).with_context(|| format!("{name} is missing after its installation"))
    }

    /// The path of a tool that is installed.
    fn find(&self, name: &str) -> Option<PathBuf> {
        let path = self.directory.join("bin").join(name);
        path.is_file().then_some(path)
    }

    /// Lets a command find the tools, `cargo fuzz` for one.
    pub(super) fn put_on_path(&self, command: &mut Command) {
        let path = env::var_os("PATH").unwrap_or_default();
        let ours = std::iter::once(self.directory.join("bin"));
        if let Ok(path) = env::join_paths(ours.chain(env::split_paths(&path))) {
            command.env("PATH", path);
        }
    }

    fn install(&self, root: &Path, name: &str, version: &str) -> Result<()> {
        // Quick when the wanted version is there already. A debug build: such a tool runs for
        // seconds, and its optimised build takes minutes.
        let mut install = program::cargo(root);
        install
            .args(["install", "--quiet", "--locked", "--debug", "--no-track"])
            .args([name, "--version", version, "--root"])
            .arg(&self.directory)
            .env("CARGO_TARGET_DIR", self.directory.join("build"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        if let Some(found) = self.find(name) {
            let known = program::output(program::command(&found, root).arg("--version"))?;
            if known.split_whitespace().any(|word| word == version) {
                println!("{name} {version}: there");
                return Ok(());
            }
            install.arg("--force");
        }
        println!("{name} {version}: building it");
        if !program::succeeds(&mut install)? {
            bail!("cargo install failed");
        }
        Ok(())
    }
}

fn packages(root: &Path) -> Result<()> {
    let mut names = Vec::new();
    for (probe, package, needed_by) in PACKAGES {
        let mut shell = program::command("sh", root);
        if program::output(shell.args(["-c", probe])).is_err() {
            println!("`{probe}` fails, and {needed_by} needs it; Debian has it in {package}");
            names.push(package);
        }
    }
    names.dedup();
    if names.is_empty() {
        println!("programs from Debian: there");
        return Ok(());
    }
    let names = names.join(" ");
    if !program::is_installed("apt-get") || !is_root()? {
        bail!("install with your package manager what brings: {names} (Debian's names)");
    }
    let script = format!("apt-get update -q && apt-get install -q -y --no-install-recommends {names}");
    let mut apt = program::command("sh", root);
    apt.args(["-c", &script]).env("DEBIAN_FRONTEND", "noninteractive");
    if !program::succeeds(&mut apt)? {
        bail!("apt-get could not install {names}");
    }
    Ok(())
}

fn is_root() -> Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::Tools;

    #[test]
    fn a_tool_of_the_right_version_is_not_built_again() {
        let directory = tempfile::tempdir().unwrap();
        let tools = Tools { directory: directory.path().to_owned() };
        assert!(tools.find("cargo-sheep").is_none());
        let path = directory.path().join("bin/cargo-sheep");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "#!/bin/sh\necho cargo-sheep 1.2.3\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(tools.find("cargo-sheep"), Some(path));
        tools.install(directory.path(), "cargo-sheep", "1.2.3").unwrap();
    }

    #[test]
    fn tools_come_first_on_the_path() {
        let tools = Tools { directory: "/somewhere".into() };
        let mut command = Command::new("sh");
        tools.put_on_path(&mut command);
        let path = command.get_envs().find_map(|(name, value)| (name == "PATH").then_some(value?));
        assert!(path.unwrap().to_string_lossy().starts_with("/somewhere/bin:"));
    }
}
