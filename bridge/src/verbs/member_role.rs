//! `member.role`: a member gets another role.

use serde::Deserialize;

use crate::check::Change;
use crate::core::{Core, Failure};
use crate::verbs::member_add::role_of;
use crate::verbs::{Asker, AtSeq, conversation_of, user_of};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    conv: String,
    user: String,
    role: String,
}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<AtSeq, Failure> {
    let id = conversation_of(&params.conv, asker)?;
    let (user, role) = (user_of(&params.user)?, role_of(&params.role)?);
    let changed = core.change(&id, &asker.user, asker.device.as_ref(), asker.lease.as_ref(), Change::SetRole { user, role }).await?;
    Ok(AtSeq { seq: changed.seq().0 })
}
