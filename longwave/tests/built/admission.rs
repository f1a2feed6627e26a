//! Who may connect: local users, tokens of every kind, and for how long.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use longwave_testkit::client::{Client, End, Receipt};
use longwave_testkit::wire::{Hello, Version};
use serde_json::{Value, json};

use crate::rig::{Ended, Rig, binary, eventually, run};

const SECRET: &str = "a secret of the tests, thirty-two bytes and more";

fn in_seconds(seconds: u64) -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + seconds
}

fn hs256(claims: &Value) -> String {
    signed(Algorithm::HS256, None, claims, &EncodingKey::from_secret(SECRET.as_bytes()))
}

fn signed(algorithm: Algorithm, kid: Option<&str>, claims: &Value, key: &EncodingKey) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, claims, key).unwrap()
}

/// A server that takes tokens signed with this key, and whose clock has no leeway.
fn with_key(key: &str) -> Rig {
    Rig::with(|plan| {
        let file = plan.data.with_file_name("key");
        std::fs::write(&file, key).unwrap();
        let file = format!("auth.jwt.key_file={}", file.display());
        plan.dev = false;
        plan.arguments = crate::rig::set(&[&file, "auth.jwt.leeway_seconds=0", "auth.failed_login_delay_millis=1"]);
    })
}

fn connect(server: SocketAddr, user: Option<&str>, device: &str, password: Option<&str>) -> Result<Client, Receipt> {
    let hello = Hello {
        user: user.map(str::to_owned),
        password: password.map(str::to_owned),
        ..Hello::durable("nobody", device)
    };
    Client::try_connect(server, &hello).unwrap()
}

fn refused(result: Result<Client, Receipt>) -> (u8, Option<u64>) {
    let receipt = result.expect_err("it must be refused");
    (receipt.code, receipt.error)
}

fn user_command(data: &Path, arguments: &[&str], input: &str) -> Ended {
    run(Command::new(binary()).arg("user").args(arguments).arg("--data-dir").arg(data), input)
}

#[test]
fn nobody_comes_in_without_a_name_and_a_password() {
    let rig = Rig::secure(&["auth.failed_login_delay_millis=1"]);
    for (user, password) in [(None, None), (Some("bob"), None), (Some("bob"), Some("")), (Some("bob"), Some("x"))] {
        let (code, error) = refused(connect(rig.mqtt(), user, "phone", password));
        assert!(matches!(code, 0x86 | 0x87), "{user:?} {password:?}: {code:#x}");
        assert_eq!(error, Some(1001));
    }
    let old = Hello { version: Version::V311, ..Hello::durable("bob", "phone") };
    let answer = Client::try_connect(rig.mqtt(), &old).unwrap();
    assert!(matches!(answer.unwrap_err().code, 4 | 5));
}

#[test]
fn local_users_are_managed_with_and_without_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let added = user_command(&data, &["add", "bob", "--password-stdin"], "first password\n");
    assert_eq!((added.code, added.out.as_str()), (0, "user bob can connect now\n"), "{added:?}");
    assert_ne!(user_command(&data, &["add", "short", "--password-stdin"], "1234567\n").code, 0);
    assert_ne!(user_command(&data, &["add", "no/name", "--password-stdin"], "long enough\n").code, 0);

    let rig = Rig::with(|plan| {
        plan.dev = false;
        plan.data.clone_from(&data);
        plan.arguments = crate::rig::set(&["auth.failed_login_delay_millis=1"]);
    });
    let socket = std::fs::metadata(data.join("admin.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    assert_eq!(socket.uid(), std::fs::metadata(&data).unwrap().uid());

    assert!(connect(rig.mqtt(), Some("bob"), "phone", Some("first password")).is_ok());
    assert_eq!(refused(connect(rig.mqtt(), Some("bob"), "phone", Some("another password"))).1, Some(1001));
    assert_eq!(user_command(&data, &["add", "carol", "--password-stdin"], "carols password\n").code, 0);
    assert_eq!(user_command(&data, &["list"], "").out, "bob\ncarol\n");
    assert!(connect(rig.mqtt(), Some("carol"), "phone", Some("carols password")).is_ok());
    assert_eq!(user_command(&data, &["add", "bob", "--password-stdin"], "second password\n").code, 0);
    assert_eq!(refused(connect(rig.mqtt(), Some("bob"), "phone", Some("first password"))).1, Some(1001));
    assert!(connect(rig.mqtt(), Some("bob"), "phone", Some("second password")).is_ok());
    let removed = user_command(&data, &["remove", "bob"], "");
    assert_eq!((removed.code, removed.out.as_str()), (0, "user bob has no password any more\n"));
    assert_eq!(user_command(&data, &["remove", "bob"], "").out, "user bob had none\n");
    assert_eq!(refused(connect(rig.mqtt(), Some("bob"), "phone", Some("second password"))).1, Some(1001));

    drop(rig);
    assert_eq!(user_command(&data, &["list"], "").out, "carol\n");
}

#[test]
fn tokens_say_who_it_is() {
    let rig = with_key(SECRET);
    let exp = in_seconds(3_600);
    let bob = hs256(&json!({"sub": "bob", "exp": exp}));
    assert!(connect(rig.mqtt(), Some("bob"), "phone", Some(&bob)).is_ok());
    let mut nameless = connect(rig.mqtt(), None, "phone", Some(&bob)).unwrap();
    assert!(nameless.subscribe("u/bob/c/+/json", 1).unwrap().code <= 1);
    assert!(nameless.subscribe("u/alice/c/+/json", 1).unwrap().code >= 0x80);
    assert_eq!(refused(connect(rig.mqtt(), Some("alice"), "phone", Some(&bob))).1, Some(1001));

    let expired = hs256(&json!({"sub": "bob", "exp": exp - 7_200}));
    assert_eq!(refused(connect(rig.mqtt(), Some("bob"), "phone", Some(&expired))).1, Some(1002));
    let foreign = EncodingKey::from_secret(b"the secret of somebody else, long enough");
    let foreign = signed(Algorithm::HS256, None, &json!({"sub": "bob", "exp": exp}), &foreign);
    assert_eq!(refused(connect(rig.mqtt(), Some("bob"), "phone", Some(&foreign))).1, Some(1001));

    let pinned = hs256(&json!({"sub": "bob", "exp": exp, "device": "phone"}));
    assert!(connect(rig.mqtt(), Some("bob"), "phone", Some(&pinned)).is_ok());
    assert_eq!(refused(connect(rig.mqtt(), Some("bob"), "tablet", Some(&pinned))).1, Some(1003));
}

#[test]
fn a_service_may_write_for_others_and_nobody_else_may() {
    let rig = with_key(SECRET);
    let exp = in_seconds(3_600);
    let token = |claims: Value| hs256(&claims);
    let mut bob = connect(rig.mqtt(), None, "phone", Some(&token(json!({"sub": "bob", "exp": exp})))).unwrap();
    assert!(bob.subscribe("u/bob/c/+/json", 1).unwrap().code <= 1);
    // Alice is known from her first connection on.
    let mut alice = connect(rig.mqtt(), None, "laptop", Some(&token(json!({"sub": "alice", "exp": exp})))).unwrap();
    assert_eq!(alice.publish("u/carol/c/@bob/json", br#"{"body":"forged"}"#).unwrap().error, Some(2001));
    let bot = token(json!({"sub": "bot", "exp": exp, "service": true}));
    let mut bot = connect(rig.mqtt(), None, "b1", Some(&bot)).unwrap();
    let receipt = bot.publish("u/alice/c/@bob/json", br#"{"body":"on behalf of alice"}"#).unwrap();
    assert_eq!(receipt.code, 0, "{receipt:?}");
    let message = bob.event("message").unwrap();
    assert_eq!((&message["conv"], &message["from"]), (&json!("@alice"), &json!("alice")));
}

#[test]
fn public_keys_of_every_kind() {
    let rsa = tempfile::tempdir().unwrap();
    let (private, public) = (rsa.path().join("private.pem"), rsa.path().join("public.pem"));
    let openssl = |arguments: &[&str]| {
        let ended = run(Command::new("openssl").args(arguments), "");
        assert_eq!(ended.code, 0, "{ended:?}");
    };
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private.to_str().unwrap()]);
    openssl(&["pkey", "-in", private.to_str().unwrap(), "-pubout", "-out", public.to_str().unwrap()]);
    let rsa = std::fs::read(private).unwrap();
    let ec = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let ed = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let kinds = [
        (Algorithm::RS256, EncodingKey::from_rsa_pem(&rsa).unwrap(), std::fs::read_to_string(public).unwrap()),
        (Algorithm::ES256, EncodingKey::from_ec_der(&ec.serialize_der()), ec.public_key_pem()),
        (Algorithm::EdDSA, EncodingKey::from_ed_der(&ed.serialize_der()), ed.public_key_pem()),
    ];
    let claims = json!({"sub": "bob", "exp": in_seconds(3_600)});
    for (algorithm, key, public) in &kinds {
        let rig = with_key(public);
        let token = signed(*algorithm, None, &claims, key);
        assert!(connect(rig.mqtt(), Some("bob"), "phone", Some(&token)).is_ok(), "{algorithm:?}");
        // The public key is no secret: signing with it as if it were one must not help.
        let confused = signed(Algorithm::HS256, None, &claims, &EncodingKey::from_secret(public.as_bytes()));
        assert_eq!(refused(connect(rig.mqtt(), Some("bob"), "phone", Some(&confused))).1, Some(1001));
        let others = kinds.iter().filter(|(other, ..)| other != algorithm);
        for (other, key, _) in others {
            let token = signed(*other, None, &claims, key);
            assert_eq!(refused(connect(rig.mqtt(), Some("bob"), "phone", Some(&token))).1, Some(1001));
        }
    }
}

#[test]
fn a_token_ends_its_connection_unless_it_is_renewed() {
    let rig = with_key(SECRET);
    let short = hs256(&json!({"sub": "bob", "exp": in_seconds(15)}));
    let mut ending = connect(rig.mqtt(), Some("bob"), "ending", Some(&short)).unwrap();
    let mut renewed = connect(rig.mqtt(), Some("bob"), "renewed", Some(&short)).unwrap();
    assert!(renewed.subscribe("u/bob/rpc/json", 0).unwrap().code <= 1);
    let exp = in_seconds(3_600);
    let renew = |token: String| json!({ "token": token });
    let for_another = renew(hs256(&json!({"sub": "alice", "exp": exp})));
    assert_eq!(renewed.request("session.renew", &for_another).unwrap()["error"]["data"]["error"], 1001);
    let longer = renew(hs256(&json!({"sub": "bob", "exp": exp})));
    assert_eq!(renewed.request("session.renew", &longer).unwrap()["result"]["expires_at"], exp * 1_000);
    assert_eq!(ending.end().unwrap(), End::Told { code: 0x87, error: Some(1002) });
    // The first token's end is past, and the renewed connection lives.
    assert_eq!(renewed.request("me.get", &json!({})).unwrap()["result"]["device"], "renewed");
}

#[test]
fn keys_behind_a_url_may_change() {
    let keys = [0, 1].map(|_| rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap());
    let served = KeyServer::start(key_set("first", &keys[0]));
    let url = format!("auth.jwt.jwks_url=http://{}/keys", served.address);
    let rig = Rig::secure(&[&url, "auth.failed_login_delay_millis=1"]);
    let claims = json!({"sub": "bob", "exp": in_seconds(3_600)});
    let tokens = [("first", &keys[0]), ("second", &keys[1])].map(|(kid, key)| {
        signed(Algorithm::EdDSA, Some(kid), &claims, &EncodingKey::from_ed_der(&key.serialize_der()))
    });
    assert!(connect(rig.mqtt(), Some("bob"), "phone", Some(&tokens[0])).is_ok());
    assert_eq!(refused(connect(rig.mqtt(), Some("bob"), "phone", Some(&tokens[1]))).1, Some(1001));
    served.serve(key_set("second", &keys[1]));
    // An unknown key makes the server look again, though not at once after the last look.
    eventually("the second key is known", || connect(rig.mqtt(), Some("bob"), "phone", Some(&tokens[1])).is_ok());
    assert_eq!(refused(connect(rig.mqtt(), Some("bob"), "phone", Some(&tokens[0]))).1, Some(1001));
}

fn key_set(kid: &str, key: &rcgen::KeyPair) -> String {
    let x = URL_SAFE_NO_PAD.encode(key.public_key_raw());
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": kid, "x": x}]}).to_string()
}

/// Answers every HTTP request with the current key set.
struct KeyServer {
    address: SocketAddr,
    keys: Arc<Mutex<String>>,
}

impl KeyServer {
    fn start(keys: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), keys: Arc::new(Mutex::new(keys)) };
        let keys = server.keys.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let body = keys.lock().unwrap().clone();
                // One read has all of such a short request.
                let _ = stream.read(&mut [0; 4096]);
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        server
    }

    fn serve(&self, keys: String) {
        *self.keys.lock().unwrap() = keys;
    }
}
