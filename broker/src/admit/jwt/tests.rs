//! Tokens of every algorithm, good and bad; key files; keys behind a URL that changes and goes down.

use std::time::Duration;

use bytes::Bytes;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::clock::unix_milliseconds;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn in_an_hour() -> u64 {
    unix_milliseconds() / 1_000 + 3_600
}

fn signed(algorithm: Algorithm, kid: Option<&str>, claims: &Value, key: &EncodingKey) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, claims, key).unwrap()
}

fn hs256(claims: &Value) -> String {
    signed(Algorithm::HS256, None, claims, &EncodingKey::from_secret(SECRET))
}

fn key_file(content: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    file
}

fn with_key(content: &[u8], rules: TokenRules) -> JwtAdmit {
    JwtAdmit::from_key_file(key_file(content).path(), rules).unwrap()
}

async fn admit(admit: &JwtAdmit, token: &str) -> Result<Identity, ErrorCode> {
    admit_as(admit, None, token).await
}

async fn admit_as(admit: &JwtAdmit, user: Option<&str>, token: &str) -> Result<Identity, ErrorCode> {
    let credentials = Credentials {
        user_name: user.map(str::to_owned),
        password: Some(Bytes::from(token.to_owned())),
        client_id: "phone".into(),
        certificate: None,
        address: None,
    };
    admit.admit(credentials).await.map_err(|refusal| refusal.code)
}

#[tokio::test]
async fn claims_become_an_identity() {
    let jwt = with_key(SECRET, TokenRules { leeway_seconds: 5, ..TokenRules::default() });
    let exp = in_an_hour();
    let identity = admit(&jwt, &hs256(&json!({"sub": "bob", "exp": exp}))).await.unwrap();
    assert_eq!(identity.user.as_str(), "bob");
    assert_eq!((identity.device, identity.service), (None, false));
    assert_eq!(identity.expires_at, Some((exp + 5) * 1_000));
    let token = hs256(&json!({"sub": "bot", "exp": exp, "device": "d1", "service": true}));
    let identity = admit_as(&jwt, Some("bot"), &token).await.unwrap();
    assert_eq!(identity.device.unwrap().as_str(), "d1");
    assert!(identity.service);
    assert!(jwt.renew(&token).await.is_ok());
    assert_eq!(admit_as(&jwt, Some("eve"), &token).await, Err(ErrorCode::BadCredentials));
    assert!(admit_as(&jwt, Some(""), &token).await.is_ok());
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let jwt = with_key(SECRET, TokenRules::default());
    let (exp, bad) = (in_an_hour(), Err(ErrorCode::BadCredentials));
    assert_eq!(admit(&jwt, &hs256(&json!({"sub": "bob"}))).await, bad, "no exp");
    assert_eq!(admit(&jwt, &hs256(&json!({"exp": exp}))).await, bad, "no sub");
    assert_eq!(admit(&jwt, &hs256(&json!({"sub": "b/b", "exp": exp}))).await, bad);
    assert_eq!(admit(&jwt, &hs256(&json!({"sub": "bob", "exp": exp, "nbf": exp}))).await, bad, "not yet");
    assert_eq!(admit(&jwt, &hs256(&json!({"sub": "bob", "exp": exp, "service": "yes"}))).await, bad);
    let pinned = hs256(&json!({"sub": "bob", "exp": exp, "device": ""}));
    assert_eq!(admit(&jwt, &pinned).await, Err(ErrorCode::BadDeviceId));
    let expired = hs256(&json!({"sub": "bob", "exp": exp - 7_200}));
    assert_eq!(admit(&jwt, &expired).await, Err(ErrorCode::TokenExpired));
    let other = EncodingKey::from_secret(b"another secret of thirty-two bytes");
    assert_eq!(admit(&jwt, &signed(Algorithm::HS256, None, &json!({"sub": "bob", "exp": exp}), &other)).await, bad);
    for nonsense in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJib2IifQ."] {
        assert_eq!(admit(&jwt, nonsense).await, bad, "{nonsense}");
    }
    let none =
        Credentials { user_name: None, password: None, client_id: String::new(), certificate: None, address: None };
    assert!(jwt.admit(none).await.is_err());
}

#[tokio::test]
async fn issuer_and_audience_count_when_set() {
    let rules =
        TokenRules { issuer: Some("us".into()), audiences: vec!["chat".into(), "mqtt".into()], leeway_seconds: 0 };
    let jwt = with_key(SECRET, rules);
    let exp = in_an_hour();
    let claims = |iss: Value, aud: Value| json!({"sub": "bob", "exp": exp, "iss": iss, "aud": aud});
    assert!(admit(&jwt, &hs256(&claims("us".into(), "mqtt".into()))).await.is_ok());
    assert!(admit(&jwt, &hs256(&claims("us".into(), json!(["x", "chat"])))).await.is_ok());
    assert!(admit(&jwt, &hs256(&claims("them".into(), "mqtt".into()))).await.is_err());
    assert!(admit(&jwt, &hs256(&claims("us".into(), "web".into()))).await.is_err());
    assert!(admit(&jwt, &hs256(&json!({"sub": "bob", "exp": exp}))).await.is_err());
    let any = with_key(SECRET, TokenRules::default());
    assert!(admit(&any, &hs256(&claims("them".into(), "web".into()))).await.is_ok());
}

/// A new key pair: the signing key, and the public key as PEM.
fn pair(kind: &'static rcgen::SignatureAlgorithm) -> (rcgen::KeyPair, String) {
    let pair = rcgen::KeyPair::generate_for(kind).unwrap();
    let public = pair.public_key_pem();
    (pair, public)
}

#[tokio::test]
async fn public_keys_of_every_kind_and_no_confusion_between_them() {
    let claims = json!({"sub": "bob", "exp": in_an_hour()});
    let (ec, ec_public) = pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let (ed, ed_public) = pair(&rcgen::PKCS_ED25519);
    let (rsa, rsa_public) = pair(&rcgen::PKCS_RSA_SHA256);
    let tokens = [
        signed(Algorithm::ES256, None, &claims, &EncodingKey::from_ec_pem(ec.serialize_pem().as_bytes()).unwrap()),
        signed(Algorithm::EdDSA, None, &claims, &EncodingKey::from_ed_pem(ed.serialize_pem().as_bytes()).unwrap()),
        signed(Algorithm::RS256, None, &claims, &EncodingKey::from_rsa_pem(rsa.serialize_pem().as_bytes()).unwrap()),
    ];
    for (right, public) in [&ec_public, &ed_public, &rsa_public].into_iter().enumerate() {
        let jwt = with_key(public.as_bytes(), TokenRules::default());
        for (which, token) in tokens.iter().enumerate() {
            assert_eq!(admit(&jwt, token).await.is_ok(), which == right, "{public}");
        }
        // The classic: the public key as an HMAC secret.
        let forged = EncodingKey::from_secret(public.as_bytes());
        assert!(admit(&jwt, &signed(Algorithm::HS256, None, &claims, &forged)).await.is_err());
    }
}

#[test]
fn key_files_that_cannot_be_used_say_why() {
    let reason = |content: &[u8]| {
        let failed = JwtAdmit::from_key_file(key_file(content).path(), TokenRules::default()).err().unwrap();
        assert_eq!(failed.code(), ErrorCode::BadSetting);
        failed.reason
    };
    assert!(reason(b"short\n").contains("needs 32"));
    assert!(reason(b"-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n").contains("BEGIN PUBLIC KEY"));
    let missing = JwtAdmit::from_key_file(Path::new("/nowhere/key"), TokenRules::default()).err().unwrap();
    assert!(missing.to_string().starts_with("/nowhere/key: cannot be read"));
}

#[test]
fn tokens_are_told_from_passwords() {
    assert!(looks_like_a_token(hs256(&json!({"sub": "bob"})).as_bytes()));
    for password in ["", "secret", "a.b.c", "eyJ.x", "eyJ.x.y.z", "eyJ..x", "eyJ x.y.z"] {
        assert!(!looks_like_a_token(password.as_bytes()), "{password}");
    }
}

/// Serves whatever is in `body`; `None` = the connection is cut.
async fn serve(body: Arc<ArcSwap<Option<String>>>) -> (String, Arc<std::sync::atomic::AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            if let Some(body) = body.load().as_ref() {
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    (url, asked)
}

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

fn jwk(kid: &str, pair: &rcgen::KeyPair) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": kid, "x": URL_SAFE_NO_PAD.encode(pair.public_key_raw())})
}

#[tokio::test]
async fn keys_at_a_url_are_found_refreshed_and_kept_while_it_is_down() {
    let (first, _) = pair(&rcgen::PKCS_ED25519);
    let (second, _) = pair(&rcgen::PKCS_ED25519);
    let odd = json!({"kty": "XYZ", "kid": "odd"});
    let body = Arc::new(ArcSwap::from_pointee(Some(json!({"keys": [odd, jwk("1", &first)]}).to_string())));
    let (url, asked) = serve(body.clone()).await;
    let asked = || asked.load(std::sync::atomic::Ordering::SeqCst);
    let settings = JwksSettings {
        url,
        root_certificates: None,
        refresh: Duration::from_secs(3_600),
        refresh_at_least: Duration::from_millis(200),
    };
    let stats = Arc::new(BrokerStats::default());
    let jwt = JwtAdmit::from_jwks(settings, TokenRules::default(), stats.clone()).await.unwrap();
    assert_eq!(asked(), 1);
    let token = |kid: &str, pair: &rcgen::KeyPair| {
        let key = EncodingKey::from_ed_pem(pair.serialize_pem().as_bytes()).unwrap();
        signed(Algorithm::EdDSA, Some(kid), &json!({"sub": "bob", "exp": in_an_hour()}), &key)
    };
    assert!(admit(&jwt, &token("1", &first)).await.is_ok());
    assert_eq!(asked(), 1, "known keys ask nobody");

    // A new key is found, after the least time between two looks.
    body.store(Arc::new(Some(json!({"keys": [jwk("2", &second)]}).to_string())));
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert!(admit(&jwt, &token("2", &second)).await.is_ok());
    assert_eq!(asked(), 2);
    assert_eq!(admit(&jwt, &token("1", &first)).await, Err(ErrorCode::BadCredentials), "withdrawn");

    // Down: what is known stays, forged key ids are refused.
    body.store(Arc::new(None));
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(admit(&jwt, &token("3", &first)).await, Err(ErrorCode::BadCredentials));
    assert!(stats.token_key_errors.get() >= 1);
    assert!(admit(&jwt, &token("2", &second)).await.is_ok());
}

#[tokio::test]
async fn a_url_that_never_answered_refuses_for_now_and_bad_ones_do_not_start() {
    let (key, _) = pair(&rcgen::PKCS_ED25519);
    let (url, _) = serve(Arc::new(ArcSwap::from_pointee(None))).await;
    let start = |url: &str| {
        let settings = JwksSettings {
            url: url.to_owned(),
            root_certificates: None,
            refresh: Duration::from_secs(3_600),
            refresh_at_least: Duration::from_secs(60),
        };
        JwtAdmit::from_jwks(settings, TokenRules::default(), Arc::new(BrokerStats::default()))
    };
    let jwt = start(&url).await.unwrap();
    let key = EncodingKey::from_ed_pem(key.serialize_pem().as_bytes()).unwrap();
    let token = signed(Algorithm::EdDSA, Some("1"), &json!({"sub": "bob", "exp": in_an_hour()}), &key);
    assert_eq!(admit(&jwt, &token).await, Err(ErrorCode::StoreUnavailable));
    assert!(start("http://example.org/keys").await.err().unwrap().reason.contains("https"));
    assert!(start("not a url").await.is_err());
}
