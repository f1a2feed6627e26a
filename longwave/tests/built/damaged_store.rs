//! A store that something has damaged: the server says what and what to do, or serves all that it acknowledged; never a part.

use std::fs;
use std::path::{Path, PathBuf};

use longwave_testkit::client::{Client, json_of};
use longwave_testkit::server::{Server, ServerPlan};
use longwave_testkit::wire::Hello;

use crate::rig::{Rig, binary, set};

const MESSAGES: usize = 300;

/// A stopped server with messages for Bob, none of which he has.
fn filled() -> Rig {
    let mut rig = Rig::dev(&[]);
    rig.listener("bob", "phone").leave().unwrap();
    let mut alice = rig.device("alice", "laptop");
    for number in 0..MESSAGES {
        assert_eq!(alice.say("@bob", &number.to_string()).unwrap().code, 0);
    }
    rig.server.stop().unwrap();
    rig
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Starts a server on this data; what it said if it does not start.
fn start(data: &Path, settings: &[&str]) -> Result<Server, String> {
    let mut plan = ServerPlan::new(binary(), data.parent().unwrap()).unwrap();
    plan.data = data.to_owned();
    plan.log = data.with_extension("log");
    plan.arguments = set(settings);
    let server = Server::start(plan).map_err(|error| error.to_string())?;
    server.wait_until_ready().unwrap();
    Ok(server)
}

/// Bob gets everything, in order.
fn serves_all(server: &Server) -> Result<(), String> {
    let mut bob = Client::connect(server.plan().mqtt, &Hello::durable("bob", "phone")).map_err(|e| e.to_string())?;
    if !bob.resumed {
        return Err("the session is gone".to_owned());
    }
    let mut alice =
        Client::connect(server.plan().mqtt, &Hello::durable("alice", "tablet")).map_err(|e| e.to_string())?;
    let end = alice.say("@bob", "the end").map_err(|e| e.to_string())?;
    if end.seq != Some(MESSAGES as u64 + 2) {
        return Err(format!("the next message got {end:?}"));
    }
    for number in 0..MESSAGES {
        let event = json_of(&bob.receive().map_err(|e| e.to_string())?);
        if event["body"].as_str() != Some(number.to_string().as_str()) {
            return Err(format!("instead of {number} came {event}"));
        }
    }
    Ok(())
}

#[test]
fn damage_anywhere_is_named_or_does_no_harm() {
    let rig = filled();
    let mut places = Vec::new();
    files(&rig.data().join("store"), &mut places);
    places.retain(|path| fs::metadata(path).unwrap().len() > 0);
    // The tables' own files are many of a kind: one of each kind and table folder is enough for a run of a minute.
    places.sort();
    let few = |path: &PathBuf| {
        let name = path.strip_prefix(rig.data()).unwrap().to_str().unwrap().to_owned();
        !name.contains("keyspaces/")
            || ["keyspaces/0/", "keyspaces/1/", "keyspaces/5/"].iter().any(|one| name.contains(one))
    };
    places.retain(few);
    assert!(places.len() > 8, "{places:?}");
    let (mut named, mut harmless) = (0, 0);
    for place in &places {
        let name = place.strip_prefix(rig.data()).unwrap();
        let length = fs::metadata(place).unwrap().len();
        for damage in ["flip", "truncate", "remove"] {
            let data = rig.directory.path().join("damaged");
            copy(&rig.data(), &data);
            let target = data.join(name);
            match damage {
                "flip" => {
                    let mut bytes = fs::read(&target).unwrap();
                    // A log is mostly room that is not used yet: its beginning is what counts.
                    let at = bytes.len().min(600) / 2;
                    bytes[at] ^= 0xff;
                    fs::write(&target, bytes).unwrap();
                }
                "truncate" => fs::File::options().write(true).open(&target).unwrap().set_len(length / 2).unwrap(),
                _ => fs::remove_file(&target).unwrap(),
            }
            match start(&data, &[]) {
                Err(said) => {
                    named += 1;
                    assert!(said.contains("error 5003") || said.contains("error 5002"), "{damage} {name:?}: {said}");
                    assert!(said.contains("damaged/store"), "{damage} {name:?}: no file is named: {said}");
                    assert!(
                        said.contains("restore") || said.contains("backup"),
                        "{damage} {name:?}: no advice: {said}"
                    );
                }
                Ok(server) => {
                    harmless += 1;
                    serves_all(&server).unwrap_or_else(|what| panic!("{damage} {name:?} started half: {what}"));
                }
            }
            fs::remove_dir_all(&data).unwrap();
        }
    }
    assert!(named > 0, "no damage was noticed in {} places, {harmless} did no harm", places.len());
}

#[test]
fn a_store_of_a_newer_release_is_left_alone() {
    let rig = filled();
    let marker = rig.data().join("store/store.json");
    let text = fs::read_to_string(&marker).unwrap();
    let newer = text.replacen("\"format\": 4", "\"format\": 99", 1);
    assert_ne!(text, newer);
    fs::write(&marker, newer).unwrap();
    let said = start(&rig.data(), &[]).err().unwrap();
    assert!(said.contains("error 5002") && said.contains("format 99"), "{said}");
    fs::write(&marker, text).unwrap();
    serves_all(&start(&rig.data(), &[]).unwrap()).unwrap();
}

#[test]
fn another_number_of_shards_is_refused() {
    let rig = filled();
    let said = start(&rig.data(), &["store.shards=16"]).err().unwrap();
    assert!(said.contains("error 5005") && said.contains("64"), "{said}");
    serves_all(&start(&rig.data(), &["store.shards=64"]).unwrap()).unwrap();
}

#[test]
fn a_second_server_on_the_same_data_is_refused_and_does_not_disturb_the_first() {
    let rig = Rig::dev(&[]);
    let said = start(&rig.data(), &[]).err().unwrap();
    assert!(said.contains("error 5004") && said.contains("in use"), "{said}");
    let mut alice = rig.device("alice", "laptop");
    assert_eq!(alice.say("@bob", "still here").unwrap().code, 0);
    // Its socket is still the first one's.
    let listed = crate::rig::longwave(&["user", "list", "--data-dir", rig.data().to_str().unwrap()]);
    assert_eq!(listed.code, 0, "{listed:?}");
}
