//! Cassandra's jars, from Maven, kept outside the tree: fetched once per version.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use crate::program;

/// The release that tests run against.
pub(super) const VERSION: &str = "5.0.6";

/// The directory with the jars, filled first if need be.
pub(super) fn directory() -> Result<PathBuf> {
    // Engines start side by side; one of them fetches.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let cache = cache()?;
    let jars = cache.join(format!("cassandra-{VERSION}"));
    if jars.is_dir() {
        return Ok(jars);
    }
    if !program::is_installed("mvn") {
        bail!("Cassandra comes from Maven, and `mvn` is not installed (Debian: maven)");
    }
    println!("cassandra {VERSION}: fetching its jars (66 MB) into {}", jars.display());
    // Filled aside and renamed, so that there are all jars or none.
    let draft = cache.join(format!("cassandra-{VERSION}.{}", std::process::id()));
    fs::create_dir_all(&draft).with_context(|| format!("{}", draft.display()))?;
    fs::write(draft.join("pom.xml"), pom())?;
    let mut maven = program::command("mvn", &draft);
    maven.args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "-DincludeScope=runtime"]);
    maven.arg("-DoutputDirectory=lib");
    if !program::succeeds(&mut maven)? {
        bail!("Maven could not fetch org.apache.cassandra:cassandra-all:{VERSION}");
    }
    match fs::rename(draft.join("lib"), &jars) {
        Ok(()) => {}
        // Somebody else was quicker.
        Err(_) if jars.is_dir() => {}
        Err(error) => return Err(error).with_context(|| format!("{}", jars.display())),
    }
    fs::remove_dir_all(&draft)?;
    Ok(jars)
}

/// The jar whose name begins so.
pub(super) fn jar(directory: &Path, begins: &str) -> Result<PathBuf> {
    let found = fs::read_dir(directory)?.filter_map(Result::ok).map(|entry| entry.path());
    let mut found =
        found.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begins)));
    found.next().with_context(|| format!("{} has no {begins}*.jar; remove it and try again", directory.display()))
}

fn cache() -> Result<PathBuf> {
    if let Some(cache) = env::var_os("LONGWAVE_CACHE") {
        return Ok(cache.into());
    }
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .context("neither LONGWAVE_CACHE nor HOME is set")?;
    Ok(base.join("longwave"))
}

fn pom() -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>longwave</groupId><artifactId>jars</artifactId><version>1</version><dependencies><dependency>\
         <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>{VERSION}</version>\
         </dependency></dependencies></project>\n"
    )
}
