//! `session.renew`: a longer-lived token for the connection that asks.

use longwave_model::{ErrorCode, Refusal};
use serde::{Deserialize, Serialize};

use crate::core::{Core, Failure};
use crate::verbs::{Asker, Done, done};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    token: String,
}

#[derive(Debug, Serialize)]
struct Outcome {
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<Done, Failure> {
    let identity = core.admit.renew(&params.token).await?;
    if identity.user != asker.sender.user || identity.service != asker.sender.service {
        return Err(Refusal::new(ErrorCode::BadCredentials, "the token is not for this connection's user").into());
    }
    if identity.device.as_ref().is_some_and(|device| *device != asker.sender.device) {
        return Err(Refusal::new(ErrorCode::BadDeviceId, "the token is pinned to another device").into());
    }
    // A token without an end lets the connection live as long as it likes.
    let renewed_until = Some(identity.expires_at.unwrap_or(u64::MAX));
    Ok(Done { renewed_until, ..done(Outcome { expires_at: identity.expires_at }) })
}
