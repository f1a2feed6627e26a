//! Certificates for an engine's TLS, made by `openssl` and valid for loopback only: an authority, and a server certificate of it.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::program;

/// The authority's certificate, which clients take as their root.
pub(super) const AUTHORITY: &str = "ca.pem";
/// The server's certificate.
pub(super) const SERVER: &str = "server.pem";
/// The server's key.
pub(super) const KEY: &str = "server.key";

const EXTENSIONS: &str = "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n";

/// Makes them in this directory, unless they are there.
pub(super) fn make(directory: &Path) -> Result<()> {
    if [AUTHORITY, SERVER, KEY].iter().all(|file| directory.join(file).is_file()) {
        return Ok(());
    }
    if !program::is_installed("openssl") {
        bail!("`openssl` is not installed (Debian: openssl)");
    }
    fs::write(directory.join("extensions"), EXTENSIONS)?;
    let steps = [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=Longwave-tests -keyout ca.key -out ca.pem",
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile extensions -out server.pem",
    ];
    for step in steps {
        program::output(program::command("openssl", directory).args(step.split(' ')))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_made_once() {
        let directory = tempfile::tempdir().unwrap();
        make(directory.path()).unwrap();
        let first = fs::read(directory.path().join(SERVER)).unwrap();
        make(directory.path()).unwrap();
        assert_eq!(fs::read(directory.path().join(SERVER)).unwrap(), first);
        let mut verify = program::command("openssl", directory.path());
        program::output(verify.args(["verify", "-CAfile", AUTHORITY, SERVER])).unwrap();
    }
}
