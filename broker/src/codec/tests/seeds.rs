//! The seeds of the fuzz targets are the wire cases, and what fuzzing has found (`found-…`). After a change to the table, run this test once with `LONGWAVE_WRITE_SEEDS=1`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::packet::Version;
use super::super::wire_cases::{self, Expected};

/// Options of a session's script (`fuzz/src/client.rs`): 1 = 5.0, 2 = live from the start, 16 = a session that was present.
const LIVE: u8 = 2 | 16;

/// File and content of each.
fn seeds() -> BTreeMap<PathBuf, Vec<u8>> {
    let mut seeds = BTreeMap::new();
    for case in wire_cases::all() {
        let (target, options) = match case.version {
            Version::V311 => ("codec_v3", 0),
            Version::V5 => ("codec_v5", 1),
        };
        let bytes = case.bytes();
        // Split behind its first two bytes.
        seeds.insert(Path::new(target).join(case.name), [&[2], &bytes[..]].concat());
        if matches!(case.expected, Expected::Packet(_)) {
            let options = if case.name.contains("-connect") { options } else { options | LIVE };
            // The packet, then an answer.
            let script = [&[options, 0], &bytes[..], &[4, 0]].concat();
            seeds.insert(Path::new("session").join(case.name), script);
        }
    }
    seeds
}

#[test]
fn seeds_are_the_wire_cases() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    let seeds = seeds();
    if std::env::var_os("LONGWAVE_WRITE_SEEDS").is_some() {
        for target in ["codec_v3", "codec_v5", "session"] {
            for stale in from_cases(&directory.join(target)) {
                fs::remove_file(stale).unwrap();
            }
        }
        for (path, bytes) in &seeds {
            fs::write(directory.join(path), bytes).unwrap();
        }
    }
    let mut found = BTreeMap::new();
    for target in ["codec_v3", "codec_v5", "session"] {
        for path in from_cases(&directory.join(target)) {
            found.insert(Path::new(target).join(path.file_name().unwrap()), fs::read(&path).unwrap());
        }
    }
    assert!(found == seeds, "fuzz/seeds is not the table; run this test with LONGWAVE_WRITE_SEEDS=1");
}

/// Seeds that come from the table.
fn from_cases(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with("found-"))
        .map(|entry| entry.path())
        .collect()
}
