//! `history.page`: entries of a conversation by seq, as far as the asker may see them.
//!
//! Asked through the conversation's lane, so that whoever got a receipt finds its message.

use longwave_envelope::from_entry;
use longwave_model::{ConversationId, Seq};
use longwave_persistence::Direction;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::core::{Core, Failure};
use crate::verbs::{Asker, bad_params, conversation_of, unknown_conversation};

const DEFAULT_LIMIT: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    conv: String,
    after: Option<u64>,
    before: Option<u64>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    events: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    head: u64,
    floor: u64,
    more: bool,
}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<Outcome, Failure> {
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > core.settings.page_entries {
        return Err(bad_params(format!("limit must be 1 to {}", core.settings.page_entries)).into());
    }
    let id = conversation_of(&params.conv, asker)?;
    core.look(&id).await?;
    let (first, last) = visible(core, asker, &id).await?;
    let low = first.max(params.after.map_or(1, |after| after.saturating_add(1)));
    let high = last.min(params.before.map_or(u64::MAX, |before| before.saturating_sub(1)));
    let direction = if params.after.is_some() { Direction::Forward } else { Direction::Backward };
    let page = core.store.page(&id, low..=high, direction, limit, core.settings.page_bytes).await?;
    let mut entries = page.entries;
    if direction == Direction::Backward {
        entries.reverse();
    }
    let events = entries.iter().filter_map(|entry| from_entry(entry, &asker.user));
    let events: Vec<_> = events.filter_map(|event| serde_json::to_value(&event).ok()).collect();
    let (from, to) = page.covered.map_or((None, None), |covered| (Some(*covered.start()), Some(*covered.end())));
    let end = high.min(page.head.seq.0);
    let start = low.max(page.head.floor.0 + 1);
    let more = match direction {
        Direction::Forward => to.is_some_and(|to| to < end),
        Direction::Backward => from.is_some_and(|from| from > start),
    };
    Ok(Outcome { events, from, to, head: page.head.seq.0.min(last), floor: page.head.floor.0, more })
}

/// The first and last seq that the asker may see: its membership, present or ended (protocol rule 16).
async fn visible(core: &Core, asker: &Asker, id: &ConversationId) -> Result<(u64, u64), Failure> {
    if id.is_direct() {
        return Ok((1, u64::MAX));
    }
    let member = core.store.member(id, &asker.user).await?.ok_or_else(unknown_conversation)?;
    let last = if member.is_present() { u64::MAX } else { member.left.unwrap_or(Seq::ZERO).0 };
    Ok((member.joined.0, last))
}
