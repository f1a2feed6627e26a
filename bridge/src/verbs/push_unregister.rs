//! `push.unregister`: the device that asks, or another of the user's, is woken no more.

use longwave_model::DeviceId;
use longwave_wake::unregister;
use serde::{Deserialize, Serialize};

use crate::core::{Core, Failure};
use crate::verbs::{Asker, bad_params};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    device: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    registered: bool,
}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<Outcome, Failure> {
    let device = match params.device {
        Some(device) => Some(DeviceId::parse(&device).map_err(|error| bad_params(format!("device {error}")))?),
        None => asker.device.clone(),
    };
    let device = device.ok_or_else(|| bad_params("a service has to name a device"))?;
    let was = unregister(&*core.store, &asker.user, &device).await?;
    if let Some(push) = &core.push {
        push.registered(&asker.user);
    }
    Ok(Outcome { registered: was })
}
