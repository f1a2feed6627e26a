//! `push.register`: the device that asks can be woken from now on.

use longwave_wake::{Address, Registration, WakeError, register};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::{Core, Failure};
use crate::verbs::{Asker, bad_params};

/// Longest token of a provider in bytes; Apple's have 64 characters now and may grow, Google's a few hundred.
const TOKEN_BYTES: usize = 4_096;
/// Longest endpoint in bytes; those of browsers have 150 to 600.
const ENDPOINT_BYTES: usize = 2_048;
/// Longest BCP 47 tag in bytes (RFC 5646, 4.4.1: at least 35 must be possible).
const LOCALE_BYTES: usize = 35;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    provider: String,
    app: String,
    token: Option<String>,
    installation: Option<String>,
    environment: Option<String>,
    subscription: Option<Subscription>,
    locale: Option<String>,
}

/// What a browser's `PushSubscription.toJSON()` gives (W3C Push API).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    endpoint: String,
    #[serde(rename = "expirationTime")]
    _expiration_time: Option<Value>,
    keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Outcome {}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<Outcome, Failure> {
    let device = asker.device.clone().ok_or_else(|| bad_params("a service has no device to wake"))?;
    let (app, locale) = (params.app.clone(), params.locale.clone());
    let address = address(params)?;
    if !core.settings.push_apps.iter().any(|(provider, name)| *provider == address.provider() && *name == app) {
        return Err(bad_params(format!("there is no application {app:?} at {} here", address.provider())).into());
    }
    if locale.as_ref().is_some_and(|locale| locale.len() > LOCALE_BYTES || !locale.bytes().all(is_of_tag)) {
        return Err(bad_params("locale must be a language tag such as de-CH").into());
    }
    let registration = Registration { device, app, address, locale, registered_at: (core.clock)() };
    match register(&*core.store, &asker.user, &registration).await {
        Ok(()) => {}
        Err(WakeError::Store(error)) => return Err(error.into()),
        Err(error @ WakeError::TooMany) => return Err(bad_params(error.to_string()).into()),
    }
    if let Some(push) = &core.push {
        push.registered(&asker.user);
    }
    Ok(Outcome {})
}

fn is_of_tag(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn address(params: Params) -> Result<Address, longwave_model::Refusal> {
    let sandbox = match params.environment.as_deref() {
        None | Some("production") => false,
        Some("sandbox") => true,
        Some(_) => return Err(bad_params("environment must be production or sandbox")),
    };
    if params.environment.is_some() && params.provider != "apns" {
        return Err(bad_params("only apns has environments"));
    }
    match (params.provider.as_str(), params.token, params.installation, params.subscription) {
        ("apns", Some(token), None, None) => {
            let hexadecimal = token.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !hexadecimal || token.len() < 2 || token.len() > TOKEN_BYTES {
                return Err(bad_params("token must be Apple's device token in hexadecimal"));
            }
            Ok(Address::Apns { token, sandbox })
        }
        ("fcm", Some(token), None, None) => Ok(Address::Fcm { token: plain(token, "token", TOKEN_BYTES)? }),
        ("fcm", None, Some(id), None) => {
            Ok(Address::FcmInstallation { id: plain(id, "installation", TOKEN_BYTES)? })
        }
        ("web_push", None, None, Some(Subscription { endpoint, keys, .. })) => {
            if !endpoint.starts_with("https://") {
                return Err(bad_params("subscription.endpoint must be an https URL"));
            }
            let endpoint = plain(endpoint, "subscription.endpoint", ENDPOINT_BYTES)?;
            let p256dh = plain(keys.p256dh, "subscription.keys.p256dh", 128)?;
            Ok(Address::WebPush { endpoint, p256dh, auth: plain(keys.auth, "subscription.keys.auth", 64)? })
        }
        ("apns", ..) => Err(bad_params("apns takes a token")),
        ("fcm", ..) => Err(bad_params("fcm takes either a token or an installation")),
        ("web_push", ..) => Err(bad_params("web_push takes a subscription")),
        _ => Err(bad_params("provider must be apns, fcm or web_push")),
    }
}

/// Printable ASCII within a limit. The value itself is secret and in no refusal.
fn plain(text: String, name: &str, limit: usize) -> Result<String, longwave_model::Refusal> {
    if text.is_empty() || text.len() > limit || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad_params(format!("{name} must be 1 to {limit} printable characters")));
    }
    Ok(text)
}
