//! `longwave settings-reference`: the page of all settings, made from the code.

use std::io::Write as _;

/// Prints the page.
pub(crate) fn run() -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(longwave_settings::reference_markdown().as_bytes())?)
}
