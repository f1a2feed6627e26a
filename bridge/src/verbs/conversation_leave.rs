//! `conversation.leave`: the asker is a member no more.

use serde::Deserialize;

use crate::check::Change;
use crate::core::{Core, Failure};
use crate::verbs::{Asker, AtSeq, conversation_of};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    conv: String,
}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<AtSeq, Failure> {
    let id = conversation_of(&params.conv, asker)?;
    let changed = core.change(&id, &asker.user, asker.device.as_ref(), asker.lease.as_ref(), Change::Leave).await?;
    Ok(AtSeq { seq: changed.seq().0 })
}
