//! `me.quiet_hours`: hours of the day in which none of the user's devices is woken.

use longwave_wake::{QuietHours, set_quiet_hours};
use serde::{Deserialize, Serialize};

use crate::core::{Core, Failure};
use crate::verbs::{Asker, bad_params};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    from: Option<String>,
    to: Option<String>,
    zone: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Outcome {}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<Outcome, Failure> {
    let hours = match (params.from, params.to, params.zone) {
        (None, None, None) => None,
        (Some(from), Some(to), Some(zone)) => {
            Some(QuietHours::parse(&from, &to, &zone).map_err(|error| bad_params(error.to_string()))?)
        }
        _ => return Err(bad_params("from, to and zone go together; none of them ends quiet hours").into()),
    };
    set_quiet_hours(&*core.store, &asker.user, hours.as_ref()).await?;
    Ok(Outcome {})
}
