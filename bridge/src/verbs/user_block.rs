//! `user.block`: another user's direct messages are refused from now on.

use serde::{Deserialize, Serialize};

use crate::core::{Core, Failure};
use longwave_model::ConversationId;
use crate::registers;
use crate::verbs::{Asker, require_known, user_of};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    user: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Outcome {}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<Outcome, Failure> {
    set(core, asker, &params, true).await
}

/// The register first, then the lane, which reads it again before it decides anything later: whoever has seen the response is not
/// written to any more.
pub(super) async fn set(core: &Core, asker: &Asker, params: &Params, blocked: bool) -> Result<Outcome, Failure> {
    let other = user_of(&params.user)?;
    if blocked {
        require_known(core, &other).await?;
    }
    registers::set_blocked(&*core.store, &asker.user, &other, blocked).await?;
    core.forget(&ConversationId::direct(&asker.user, &other)).await?;
    Ok(Outcome {})
}
