//! Reads what a lane does not remember: conversations and message ids, many at once, so that a slow store costs one wait per turn.

use futures_util::future::{join_all, join3, try_join, try_join3};
use longwave_model::{ConversationId, ConversationKind, MessageId, UserId};
use longwave_persistence::{MemberRow, Store, StoreError, Stored};
use smallvec::SmallVec;

use crate::lane::conversation::{Conversation, Direct, direct_users};
use crate::lane::keys::DedupKey;
use crate::registers;
use crate::settings::{BridgeSettings, DirectPolicy, UnknownPeers};

/// A publish with an id of which nothing is remembered.
#[derive(Debug, Clone)]
pub(crate) struct WantedId {
    pub(crate) key: DedupKey,
    pub(crate) conversation: ConversationId,
    pub(crate) sender: UserId,
    pub(crate) id: MessageId,
}

/// All ids of a conversation with their senders, if they are not too many.
pub(crate) type AllIds = Option<Vec<(UserId, MessageId)>>;

/// What was missing, with what was found.
pub(crate) struct Loaded {
    pub(crate) conversations: Vec<(ConversationId, Result<Conversation, StoreError>)>,
    pub(crate) ids: Vec<(WantedId, Result<Option<Stored>, StoreError>)>,
    pub(crate) all_ids: Vec<(ConversationId, Result<AllIds, StoreError>)>,
}

/// Ids of one conversation that are read at once at most.
const ALL_IDS: usize = 100_000;

/// Reads all of it concurrently.
pub(crate) async fn load(
    store: &dyn Store,
    settings: &BridgeSettings,
    conversations: Vec<ConversationId>,
    ids: Vec<WantedId>,
    scans: Vec<ConversationId>,
) -> Loaded {
    let conversations = join_all(conversations.into_iter().map(async |id| {
        let loaded = conversation(store, settings, &id).await;
        (id, loaded)
    }));
    let ids = join_all(ids.into_iter().map(async |wanted| {
        let found = store.dedup(&wanted.conversation, &wanted.sender, &wanted.id).await;
        (wanted, found)
    }));
    let all_ids = join_all(scans.into_iter().map(async |id| {
        let all = store.dedup_ids(&id, ALL_IDS).await;
        (id, all)
    }));
    let (conversations, ids, all_ids) = join3(conversations, ids, all_ids).await;
    Loaded { conversations, ids, all_ids }
}

/// Reads one conversation.
pub(crate) async fn conversation(
    store: &dyn Store,
    settings: &BridgeSettings,
    id: &ConversationId,
) -> Result<Conversation, StoreError> {
    if let Some(users) = direct_users(id) {
        return direct_conversation(store, settings, id, &users).await;
    }
    let (head, row, members) = try_join3(store.head(id), store.conversation(id), store.members(id)).await?;
    let (Some(head), Some(row)) = (head, row) else {
        return Ok(Conversation::absent(id, None));
    };
    let present = members.into_iter().filter(MemberRow::is_present).map(|member| (member.user, member.role));
    Ok(Conversation::existing(id, head.seq, row.kind, present, None))
}

async fn direct_conversation(
    store: &dyn Store,
    settings: &BridgeSettings,
    id: &ConversationId,
    users: &[UserId],
) -> Result<Conversation, StoreError> {
    let (head, blocked_by) = try_join(store.head(id), blocked_by(store, users)).await?;
    let mut direct = Direct { blocked_by, ..Direct::default() };
    if let Some(head) = head {
        return Ok(Conversation::existing(id, head.seq, ConversationKind::Direct, [], Some(direct)));
    }
    if settings.unknown_peers == UnknownPeers::Refused {
        for user in users {
            if !registers::is_known(store, user).await? {
                direct.unknown.push(user.clone());
            }
        }
    }
    direct.may_open = match (users, settings.direct) {
        ([_], _) | (_, DirectPolicy::Anyone) => true,
        (_, DirectPolicy::NobodyNew) => false,
        ([one, other, ..], DirectPolicy::SharedGroup) => share_a_group(store, one, other).await?,
        ([], DirectPolicy::SharedGroup) => false,
    };
    Ok(Conversation::absent(id, Some(direct)))
}

async fn blocked_by(store: &dyn Store, users: &[UserId]) -> Result<SmallVec<[UserId; 2]>, StoreError> {
    let mut blocked_by = SmallVec::new();
    if let [one, other] = users {
        let (first, second) =
            try_join(registers::has_blocked(store, one, other), registers::has_blocked(store, other, one)).await?;
        blocked_by.extend(first.then(|| one.clone()));
        blocked_by.extend(second.then(|| other.clone()));
    }
    Ok(blocked_by)
}

async fn share_a_group(store: &dyn Store, one: &UserId, other: &UserId) -> Result<bool, StoreError> {
    let (ones, others) = try_join(store.inbox(one), store.inbox(other)).await?;
    let present = |row: &longwave_persistence::InboxRow| {
        row.kind == ConversationKind::Group && row.left.is_none_or(|left| left < row.joined)
    };
    let groups: hashbrown::HashSet<_> = ones.iter().filter(|row| present(row)).map(|row| &row.conversation).collect();
    Ok(others.iter().any(|row| present(row) && groups.contains(&row.conversation)))
}
