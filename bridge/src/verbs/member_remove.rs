//! `member.remove`: a user is a member no more.

use serde::Deserialize;

use crate::check::Change;
use crate::core::{Core, Failure};
use crate::verbs::{Asker, AtSeq, conversation_of, user_of};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    conv: String,
    user: String,
}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<AtSeq, Failure> {
    let id = conversation_of(&params.conv, asker)?;
    let user = user_of(&params.user)?;
    let changed = core.change(&id, &asker.user, asker.device.as_ref(), asker.lease.as_ref(), Change::Remove { user }).await?;
    Ok(AtSeq { seq: changed.seq().0 })
}
