//! `conversation.list`: the conversations that the asker is a member of, with how far it has read.

use longwave_model::{ConversationKind, Seq};
use longwave_persistence::InboxRow;
use serde::{Deserialize, Serialize};

use crate::core::{Core, Failure};
use crate::verbs::{Asker, bad_params, conversation_of};

const DEFAULT_LIMIT: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    conversations: Vec<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Listed {
    conv: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    head: u64,
    read: u64,
}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<Outcome, Failure> {
    let limit = params.limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > core.settings.list_conversations {
        return Err(bad_params(format!("limit must be 1 to {}", core.settings.list_conversations)).into());
    }
    let after = params.after.map(|conv| conversation_of(&conv, asker)).transpose()?;
    let mut rows = core.store.inbox(&asker.user).await?;
    rows.retain(|row| row.left.is_none_or(|left| left < row.joined));
    rows.sort_unstable_by(|one, other| one.conversation.cmp(&other.conversation));
    let first = after.map_or(0, |after| rows.partition_point(|row| row.conversation <= after));
    let more = rows.len() > first + limit;
    let page: Vec<_> = rows.into_iter().skip(first).take(limit).collect();
    let next = page.last().filter(|_| more).map(|row| row.conversation.seen_by(&asker.user).into_owned());
    let listed = futures_util::future::try_join_all(page.into_iter().map(|row| listed(core, asker, row))).await?;
    Ok(Outcome { conversations: listed, next })
}

async fn listed(core: &Core, asker: &Asker, row: InboxRow) -> Result<Listed, Failure> {
    let id = &row.conversation;
    let title = match row.kind {
        ConversationKind::Direct => None,
        _ => core.store.conversation(id).await?.and_then(|facts| facts.title).filter(|title| !title.is_empty()),
    };
    // A channel's inbox row is not raised (protocol rule 12).
    let head = match row.kind {
        ConversationKind::Channel => core.store.head(id).await?.map_or(row.head, |head| head.seq),
        _ => row.head,
    };
    let read = core.store.mark(id, &asker.user).await?.map_or(Seq::ZERO, |mark| mark.read);
    let conv = id.seen_by(&asker.user).into_owned();
    Ok(Listed { conv, kind: row.kind.name(), title, head: head.0, read: read.0 })
}
