//! Reads settings from their sources and says exactly what is wrong with them.
//!
//! `config` lays the sources over each other but knows no lines; so the file alone is first parsed with `toml`, whose errors do.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat};

use crate::sections::Settings;

/// Environment variables that begin with `LONGWAVE_` and are not settings: the file's name, and what tests and their tools read.
const NOT_SETTINGS: [&str; 4] = ["LONGWAVE_CONFIG", "LONGWAVE_FAULT", "LONGWAVE_CACHE", "LONGWAVE_BIN"];

/// What the names begin with by which tests find their engines; whoever names one starts servers under it too.
const ENGINES_OF_TESTS: &str = "LONGWAVE_TEST_";

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The TOML file, if one is named.
    pub file: Option<PathBuf>,
    /// Environment variables: `LONGWAVE_LIMITS__IN_FLIGHT=50` sets `limits.in_flight`.
    pub environment: HashMap<String, String>,
    /// `--set limits.in_flight=50` on the command line.
    pub overrides: Vec<(String, String)>,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's word.
        reason: std::io::Error,
    },
    /// A line of the file is wrong.
    #[error("{file}:{line}: {reason} (error 5001)")]
    InFile {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Which key, and what is wrong with it.
        reason: String,
    },
    /// A variable or flag is wrong.
    #[error("{origin}: {reason} (error 5001)")]
    Elsewhere {
        /// The variable or flag.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads the settings.
///
/// # Errors
/// [`SettingsError`] naming the file and line, the variable or the flag.
pub fn load(sources: &Sources) -> Result<Settings, SettingsError> {
    let mut builder = Config::builder();
    if let Some(file) = &sources.file {
        let text =
            std::fs::read_to_string(file).map_err(|reason| SettingsError::Unreadable { file: file.clone(), reason })?;
        check_file(file, &text)?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let mut settings = layered(builder.clone(), "settings")?;
    for (name, value) in setting_variables(&sources.environment)? {
        let one = HashMap::from([(name.clone(), value)]);
        let source = Environment::with_prefix("LONGWAVE")
            .prefix_separator("_")
            .separator("__")
            .try_parsing(true)
            .source(Some(one));
        builder = builder.add_source(source);
        settings = layered(builder.clone(), &name)?;
    }
    for (key, value) in &sources.overrides {
        let origin = format!("--set {key}");
        let elsewhere =
            |error: config::ConfigError| SettingsError::Elsewhere { origin: origin.clone(), reason: error.to_string() };
        builder = builder.set_override(key, typed(value)).map_err(elsewhere)?;
        settings = layered(builder.clone(), &origin)?;
    }
    Ok(settings)
}

fn layered(
    builder: config::ConfigBuilder<config::builder::DefaultState>,
    origin: &str,
) -> Result<Settings, SettingsError> {
    builder
        .build()
        .and_then(Config::try_deserialize)
        .map_err(|error| SettingsError::Elsewhere { origin: origin.to_owned(), reason: error.to_string() })
}

fn check_file(file: &Path, text: &str) -> Result<(), SettingsError> {
    let Err(error) = toml::from_str::<Settings>(text) else {
        return Ok(());
    };
    let offset = error.span().map_or(0, |span| span.start);
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let key = text.lines().nth(line - 1).unwrap_or("").trim();
    Err(SettingsError::InFile { file: file.to_owned(), line, reason: format!("`{key}`: {}", error.message()) })
}

/// The variables that set something, in the order of their names.
fn setting_variables(environment: &HashMap<String, String>) -> Result<Vec<(String, String)>, SettingsError> {
    let mut variables: Vec<_> = environment
        .iter()
        .filter(|(name, _)| name.starts_with("LONGWAVE_") && !NOT_SETTINGS.contains(&name.as_str()))
        .filter(|(name, _)| !name.starts_with(ENGINES_OF_TESTS))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    variables.sort();
    match variables.iter().find(|(name, _)| !name.contains("__")) {
        None => Ok(variables),
        Some((name, _)) => Err(SettingsError::Elsewhere {
            origin: name.clone(),
            reason: "names no setting; write LONGWAVE_SECTION__KEY, as in LONGWAVE_LIMITS__IN_FLIGHT".to_owned(),
        }),
    }
}

fn typed(value: &str) -> config::Value {
    let kind = if let Ok(flag) = value.parse::<bool>() {
        config::ValueKind::Boolean(flag)
    } else if let Ok(number) = value.parse::<i64>() {
        config::ValueKind::I64(number)
    } else {
        config::ValueKind::String(value.to_owned())
    };
    config::Value::new(None, kind)
}

#[cfg(test)]
mod tests;
