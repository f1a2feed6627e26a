//! `conversation.create`: a group or channel begins.
//!
//! Asking again for one that the same user created with the same name and kind gives the same result: the first response may have got
//! lost. Without a name there is no telling, so clients that retry give one.

use longwave_model::{ConversationId, ConversationKind, Created, ErrorCode, Membership, Role};
use serde::{Deserialize, Serialize};

use crate::check::Change;
use crate::core::{Core, Failure};
use crate::verbs::{Asker, bad_params, require_known, user_of};

/// Bytes of a title.
pub(super) const TITLE_BYTES: usize = 256;
/// Names looked at for one in a shard of this owner.
const NAMES_TRIED: usize = 1_000;
const BASE32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    conv: Option<String>,
    kind: Option<String>,
    title: Option<String>,
    #[serde(default)]
    members: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    conv: String,
    kind: &'static str,
    seq: u64,
}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<Outcome, Failure> {
    let kind = match params.kind.as_deref() {
        None | Some("group") => ConversationKind::Group,
        Some("channel") => ConversationKind::Channel,
        Some(_) => return Err(bad_params("kind must be group or channel").into()),
    };
    let name = params.conv.unwrap_or_else(|| new_name(core));
    let id = ConversationId::named(&name).map_err(|error| bad_params(format!("conv {error}")))?;
    if params.title.as_ref().is_some_and(|title| title.len() > TITLE_BYTES) {
        return Err(bad_params(format!("title must have at most {TITLE_BYTES} bytes")).into());
    }
    let role = if kind == ConversationKind::Channel { Role::Reader } else { Role::Member };
    let mut members = vec![Membership { user: asker.user.clone(), role: Role::Owner }];
    let mut seen = std::collections::BTreeSet::from([asker.user.clone()]);
    for member in &params.members {
        let user = user_of(member)?;
        if seen.insert(user.clone()) {
            require_known(core, &user).await?;
            members.push(Membership { user, role });
        }
    }
    let title = params.title.filter(|title| !title.is_empty());
    let change = Change::Create(Created { kind, title, members });
    let outcome = Outcome { conv: name, kind: kind.name(), seq: 1 };
    match core.change(&id, &asker.user, asker.device.as_ref(), asker.lease.as_ref(), change).await {
        Ok(_) => Ok(outcome),
        Err(Failure::Refused(refusal)) if refusal.code == ErrorCode::ConversationExists => {
            let row = core.store.conversation(&id).await?;
            if row.is_some_and(|row| row.creator == asker.user && row.kind == kind) {
                Ok(outcome)
            } else {
                Err(refusal.into())
            }
        }
        Err(failure) => Err(failure),
    }
}

/// A name that nobody has, preferably in a shard that is owned already.
fn new_name(core: &Core) -> String {
    let names = (0..NAMES_TRIED).map(|_| ulid((core.clock)(), rand::random()));
    let at_home = |name: &String| ConversationId::named(name).is_ok_and(|id| core.is_at_home(&id));
    let mut names = names.peekable();
    let any = names.peek().cloned().unwrap_or_default();
    names.find(at_home).unwrap_or(any)
}

/// A ULID: 48 bits of time in milliseconds and 80 random ones, in Crockford's base 32.
fn ulid(now: u64, random: u128) -> String {
    let bits = u128::from(now) << 80 | random >> 48;
    (0..26).rev().map(|digit| char::from(BASE32[usize::try_from(bits >> (digit * 5) & 31).unwrap_or(0)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ulids_sort_by_time_and_are_names() {
        // The example of the specification: 1469918176385 is 01ARYZ6S41.
        let id = ulid(1_469_918_176_385, u128::MAX);
        assert_eq!(id, "01ARYZ6S41ZZZZZZZZZZZZZZZZ");
        assert!(ConversationId::named(&id).is_ok());
        assert!(ulid(1, u128::MAX) < ulid(2, 0));
    }
}
