//! Bans: by user, device and address, on the running server and kept over a restart.

use longwave_testkit::client::{Client, End};
use longwave_testkit::wire::Hello;

use crate::rig::{Rig, longwave};

fn ban(rig: &Rig, words: &[&str]) -> String {
    let data = rig.data();
    let mut arguments = vec!["ban"];
    arguments.extend_from_slice(words);
    arguments.extend_from_slice(&["--data-dir", data.to_str().unwrap()]);
    let ended = longwave(&arguments);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.out
}

/// What a connection attempt is answered: `None` when it is let in.
fn refusal(rig: &Rig, user: &str, device: &str) -> Option<(u8, Option<u64>)> {
    match Client::try_connect(rig.mqtt(), &Hello::durable(user, device)).unwrap() {
        Ok(_) => None,
        Err(receipt) => Some((receipt.code, receipt.error)),
    }
}

#[test]
fn a_banned_user_is_closed_and_stays_out_until_the_ban_is_taken_back() {
    let mut rig = Rig::dev(&[]);
    let mut eve = rig.device("eve", "phone");
    let mut bob = rig.device("bob", "phone");
    ban(&rig, &["add", "--user", "eve", "--for", "1h", "--reason", "spam"]);
    assert_eq!(eve.end().unwrap(), End::Told { code: 0x98, error: Some(1010) });
    assert_eq!(refusal(&rig, "eve", "tablet"), Some((0x8a, Some(1010))));
    rig.kill_and_restart();
    assert_eq!(refusal(&rig, "eve", "phone"), Some((0x8a, Some(1010))), "it is stored");
    let list = ban(&rig, &["list"]);
    assert!(list.starts_with("user eve  for ") && list.trim_end().ends_with("spam"), "{list}");
    assert!(ban(&rig, &["remove", "--user", "eve"]).contains("not banned any more"));
    assert!(ban(&rig, &["remove", "--user", "eve"]).contains("no such ban"));
    while refusal(&rig, "eve", "phone").is_some() {}
    drop(bob.end());
}

#[test]
fn a_ban_on_a_device_or_an_address_is_on_nothing_else() {
    let rig = Rig::dev(&[]);
    let mut phone = rig.device("eve", "phone");
    ban(&rig, &["add", "--user", "eve", "--client-id", "phone"]);
    assert_eq!(phone.end().unwrap(), End::Told { code: 0x98, error: Some(1010) });
    assert_eq!(refusal(&rig, "eve", "phone"), Some((0x8a, Some(1010))));
    let mut tablet = rig.device("eve", "tablet");
    ban(&rig, &["add", "--address", "192.0.2.0/24"]);
    tablet.say("@bob", "still here").unwrap();
    ban(&rig, &["add", "--address", "127.0.0.0/8"]);
    assert_eq!(tablet.end().unwrap(), End::Told { code: 0x98, error: Some(1010) });
    assert!(Client::try_connect(rig.mqtt(), &Hello::durable("bob", "phone")).is_err(), "not a byte");
    ban(&rig, &["remove", "--address", "127.0.0.0/8"]);
    while Client::connect(rig.mqtt(), &Hello::durable("bob", "phone")).is_err() {}
    let wrong = longwave(&["ban", "add", "--address", "host", "--data-dir", rig.data().to_str().unwrap()]);
    assert!(wrong.code != 0 && wrong.err.contains("no address and no network"), "{wrong:?}");
}
