//! `conversation.get`: what a conversation is, as one of its members sees it.

use hashbrown::HashMap;
use longwave_model::{ConversationKind, ErrorCode, Role, Seq, UserId};
use longwave_persistence::{Mark, MemberRow};
use serde::{Deserialize, Serialize};

use crate::core::{Core, Failure};
use crate::lane::conversation::direct_users;
use crate::verbs::{Asker, conversation_of, unknown_conversation};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    conv: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    conv: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    head: u64,
    floor: u64,
    created: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<String>,
    role: &'static str,
    joined: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_age: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_entries: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<Member>>,
}

#[derive(Debug, Serialize)]
struct Member {
    user: String,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<u64>,
}

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<Outcome, Failure> {
    let id = conversation_of(&params.conv, asker)?;
    let snapshot = match core.look(&id).await {
        // Nobody has written in it yet.
        Err(Failure::Refused(refusal)) if refusal.code == ErrorCode::UnknownConversation && id.is_direct() => {
            return Ok(unopened(params.conv, direct_users(&id).unwrap_or_default().iter()));
        }
        looked => looked?,
    };
    let role = *snapshot.members.get(&asker.user).ok_or_else(unknown_conversation)?;
    let row = core.store.conversation(&id).await?.ok_or_else(unknown_conversation)?;
    let floor = core.store.head(&id).await?.map_or(Seq::ZERO, |head| head.floor);
    let joined = core.store.member(&id, &asker.user).await?.map_or(Seq(1), |member: MemberRow| member.joined);
    let members = if snapshot.kind == ConversationKind::Channel {
        None
    } else {
        let marks = core.store.marks(&id).await?;
        let marks: HashMap<&UserId, &Mark> = marks.iter().map(|mark| (&mark.user, mark)).collect();
        let mut members: Vec<_> =
            snapshot.members.iter().map(|(user, role)| member(user, *role, marks.get(user).copied())).collect();
        members.sort_unstable_by(|one, other| one.user.cmp(&other.user));
        Some(members)
    };
    Ok(Outcome {
        conv: params.conv,
        kind: snapshot.kind.name(),
        title: row.title.filter(|title| !title.is_empty()),
        head: snapshot.head.0,
        floor: floor.0,
        created: row.created,
        creator: Some(row.creator.as_str().to_owned()),
        role: role.name(),
        joined: joined.0,
        retention_age: row.retention_age_seconds,
        retention_entries: row.retention_entries,
        members,
    })
}

fn unopened<'a>(conv: String, users: impl Iterator<Item = &'a UserId>) -> Outcome {
    Outcome {
        conv,
        kind: ConversationKind::Direct.name(),
        title: None,
        head: 0,
        floor: 0,
        created: 0,
        creator: None,
        role: Role::Member.name(),
        joined: 1,
        retention_age: None,
        retention_entries: None,
        members: Some(users.map(|user| member(user, Role::Member, None)).collect()),
    }
}

fn member(user: &UserId, role: Role, mark: Option<&Mark>) -> Member {
    let above_zero = |seq: Seq| (seq > Seq::ZERO).then_some(seq.0);
    Member {
        user: user.as_str().to_owned(),
        role: role.name(),
        delivered: mark.and_then(|mark| above_zero(mark.delivered)),
        read: mark.and_then(|mark| above_zero(mark.read)),
    }
}
