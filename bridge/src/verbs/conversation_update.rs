//! `conversation.update`: title, kind, retention.

use longwave_model::{ConversationKind, Updated};
use serde::Deserialize;

use crate::check::Change;
use crate::core::{Core, Failure};
use crate::verbs::conversation_create::TITLE_BYTES;
use crate::verbs::{Asker, AtSeq, bad_params, conversation_of};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    conv: String,
    title: Option<String>,
    kind: Option<String>,
    retention_age: Option<u64>,
    retention_entries: Option<u64>,
}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<AtSeq, Failure> {
    let id = conversation_of(&params.conv, asker)?;
    if params.title.as_ref().is_some_and(|title| title.len() > TITLE_BYTES) {
        return Err(bad_params(format!("title must have at most {TITLE_BYTES} bytes")).into());
    }
    let kind = match params.kind.as_deref() {
        None => None,
        Some("channel") => Some(ConversationKind::Channel),
        Some(_) => return Err(bad_params("kind can only become channel").into()),
    };
    let updated = Updated {
        title: params.title,
        kind,
        retention_age_seconds: params.retention_age,
        retention_entries: params.retention_entries,
    };
    if updated == Updated::default() {
        return Err(bad_params("nothing to set").into());
    }
    let changed = core.change(&id, &asker.user, asker.device.as_ref(), asker.lease.as_ref(), Change::Update(updated)).await?;
    Ok(AtSeq { seq: changed.seq().0 })
}
