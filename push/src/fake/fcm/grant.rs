//! Google's token endpoint: the JWT-bearer grant of RFC 7523, verified.

use std::collections::{HashMap, VecDeque};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;

use crate::fake::FakeError;
use crate::fake::call::{Answered, Call, answer};
use crate::send::Clock;

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
const HOUR: u64 = 3600;

/// What to do with one request for an access token, after it passed all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantAct {
    /// A token that lives this many seconds. Without a script: 3,600.
    Live(u64),
    /// An error: HTTP status and `error`.
    Refuse(u16, String),
    /// No answer, ever.
    Stall,
}

pub(super) struct Grants {
    email: String,
    key_id: String,
    pem: String,
    public: DecodingKey,
    pub(super) token_uri: String,
    pub(super) script: VecDeque<GrantAct>,
    /// Token → Unix milliseconds when it ends.
    pub(super) tokens: HashMap<String, u64>,
    pub(super) asked: u64,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    scope: String,
    aud: String,
    iat: u64,
    exp: u64,
}

impl Grants {
    pub(super) fn new(email: &str) -> Result<Self, FakeError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| FakeError::Key)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| FakeError::Key)?;
        let public = pair.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let modulus = number(public.modulus().big_endian_without_leading_zero());
        let exponent = number(public.exponent().big_endian_without_leading_zero());
        Ok(Self {
            email: email.to_owned(),
            key_id: format!("{:016x}", rand::random::<u64>()),
            pem: pem(der.as_ref()),
            public: DecodingKey::from_rsa_components(&modulus, &exponent).map_err(|_| FakeError::Key)?,
            token_uri: String::new(),
            script: VecDeque::new(),
            tokens: HashMap::new(),
            asked: 0,
        })
    }

    pub(super) fn file(&self, project: &str) -> String {
        json!({
            "type": "service_account",
            "project_id": project,
            "private_key_id": self.key_id,
            "private_key": self.pem,
            "client_email": self.email,
            "token_uri": self.token_uri,
        })
        .to_string()
    }

    pub(super) fn is_good(&self, token: &str, now: u64) -> bool {
        self.tokens.get(token).is_some_and(|ends| now < *ends)
    }

    fn check(&self, call: &Call, now: u64) -> Option<()> {
        if call.method != hyper::Method::POST
            || call.header("content-type") != Some("application/x-www-form-urlencoded")
        {
            return None;
        }
        let form = std::str::from_utf8(&call.body).ok()?;
        let fields: HashMap<_, _> = form.split('&').filter_map(|field| field.split_once('=')).collect();
        if fields.get("grant_type") != Some(&GRANT) {
            return None;
        }
        let assertion = fields.get("assertion")?;
        if jsonwebtoken::decode_header(assertion).ok()?.kid.as_ref() != Some(&self.key_id) {
            return None;
        }
        let mut rules = Validation::new(Algorithm::RS256);
        rules.validate_exp = false;
        rules.validate_aud = false;
        let claims = jsonwebtoken::decode::<Claims>(assertion, &self.public, &rules).ok()?.claims;
        let good = claims.iss == self.email
            && claims.scope == SCOPE
            && claims.aud == self.token_uri
            && claims.iat <= now
            && claims.exp > now
            && claims.exp - claims.iat <= HOUR;
        good.then_some(())
    }

    fn act(&mut self, call: &Call, now: u64) -> GrantAct {
        self.asked += 1;
        if self.check(call, now).is_none() {
            return GrantAct::Refuse(400, "invalid_grant".into());
        }
        self.script.pop_front().unwrap_or(GrantAct::Live(HOUR))
    }
}

pub(super) async fn perform(grants: &Mutex<Grants>, call: &Call, clock: &Clock) -> Answered {
    let act = grants.lock().act(call, clock.seconds());
    match act {
        GrantAct::Live(seconds) => {
            let token = format!("ya29.{:032x}", rand::random::<u128>());
            let ends = clock.millis().saturating_add(seconds.saturating_mul(1000));
            grants.lock().tokens.insert(token.clone(), ends);
            let body = json!({"access_token": token, "expires_in": seconds, "token_type": "Bearer"});
            Ok(answer(200, &[("content-type", "application/json")], Some(&body)))
        }
        GrantAct::Refuse(status, error) => Ok(answer(status, &[], Some(&json!({"error": error})))),
        GrantAct::Stall => std::future::pending().await,
    }
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}
