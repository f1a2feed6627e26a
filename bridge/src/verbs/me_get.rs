//! `me.get`: who the connection is, and whom its user has blocked.

use longwave_model::UserId;
use serde::{Deserialize, Serialize};

use crate::core::{Core, Failure};
use crate::registers;
use crate::verbs::Asker;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    user: String,
    device: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    service: bool,
    blocked: Vec<String>,
}

pub(super) async fn perform(core: &Core, asker: &Asker, _: Params) -> Result<Outcome, Failure> {
    let blocked = registers::blocked_by(&*core.store, &asker.user).await?;
    Ok(Outcome {
        user: asker.user.as_str().to_owned(),
        device: asker.sender.device.as_str().to_owned(),
        service: asker.sender.service,
        blocked: blocked.iter().map(UserId::as_str).map(str::to_owned).collect(),
    })
}
