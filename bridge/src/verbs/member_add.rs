//! `member.add`: a user becomes a member.

use longwave_model::Role;
use serde::Deserialize;

use crate::check::Change;
use crate::core::{Core, Failure};
use crate::verbs::{Asker, AtSeq, bad_params, conversation_of, require_known, user_of};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    conv: String,
    user: String,
    role: Option<String>,
}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<AtSeq, Failure> {
    let id = conversation_of(&params.conv, asker)?;
    let user = user_of(&params.user)?;
    let role = params.role.as_deref().map(role_of).transpose()?;
    require_known(core, &user).await?;
    let change = Change::Add { user: user.clone(), role };
    let changed = core.change(&id, &asker.user, asker.device.as_ref(), asker.lease.as_ref(), change).await?;
    if changed.stored.is_some() {
        return Ok(AtSeq { seq: changed.seq().0 });
    }
    // It was a member before: the seq of that.
    let joined = core.store.member(&id, &user).await?.map_or(changed.head, |member| member.joined);
    Ok(AtSeq { seq: joined.0 })
}

pub(super) fn role_of(name: &str) -> Result<Role, longwave_model::Refusal> {
    Role::from_name(name).ok_or_else(|| bad_params("role must be reader, member, admin or owner"))
}
