//! `conversation.mute`: messages of a conversation wake none of the user's devices, for a time or until further notice.

use longwave_wake::{Mute, set_mute};
use serde::{Deserialize, Serialize};

use crate::core::{Core, Failure};
use crate::verbs::{Asker, conversation_of, unknown_conversation};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    conv: String,
    #[serde(default = "yes")]
    muted: bool,
    /// Unix time in milliseconds.
    until: Option<u64>,
    #[serde(default)]
    except_mentions: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Serialize)]
pub(super) struct Outcome {}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<Outcome, Failure> {
    let conversation = conversation_of(&params.conv, asker)?;
    if !core.look(&conversation).await?.members.contains_key(&asker.user) {
        return Err(unknown_conversation().into());
    }
    let mute = params.muted.then_some(Mute { until: params.until, except_mentions: params.except_mentions });
    set_mute(&*core.store, &asker.user, &conversation, mute).await?;
    Ok(Outcome {})
}
