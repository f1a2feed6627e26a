//! What a lane knows of one conversation. Kept current by the lane's own entries, because nobody else can append any.

use std::sync::Arc;

use hashbrown::HashMap;
use longwave_model::{Content, ConversationId, ConversationKind, Entry, MemberChange, Role, Seq, UserId};
use longwave_persistence::Audience;
use longwave_port::Recipients;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::lane::seen::Seen;

/// A conversation as its lane sees it.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// Seq of its last entry; 0 = it does not exist.
    pub(crate) head: Seq,
    /// Its kind; meaningless while it does not exist.
    pub(crate) kind: ConversationKind,
    /// What a direct conversation has beside its name.
    pub(crate) direct: Option<Direct>,
    /// Which message ids are stored.
    pub(crate) seen: Seen,
    members: Arc<HashMap<UserId, Role, FxBuildHasher>>,
    audience: Arc<Audience>,
    recipients: Recipients,
}

/// Facts about a direct conversation that are not in its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Direct {
    /// Which of the two have blocked the other.
    pub(crate) blocked_by: SmallVec<[UserId; 2]>,
    /// Which of the two are not known to this system; looked up only while the conversation does not exist.
    pub(crate) unknown: SmallVec<[UserId; 2]>,
    /// Whether they may open it; looked up only while it does not exist.
    pub(crate) may_open: bool,
}

/// A conversation at one moment, for requests.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) head: Seq,
    pub(crate) kind: ConversationKind,
    pub(crate) members: Arc<HashMap<UserId, Role, FxBuildHasher>>,
}

impl Conversation {
    /// One that has no entry yet.
    pub(crate) fn absent(id: &ConversationId, direct: Option<Direct>) -> Self {
        let kind = if id.is_direct() { ConversationKind::Direct } else { ConversationKind::Group };
        Self::existing(id, Seq::ZERO, kind, [], direct)
    }

    /// One that the store knows. `members` are the present ones; a direct conversation's are in its name.
    pub(crate) fn existing(
        id: &ConversationId,
        head: Seq,
        kind: ConversationKind,
        members: impl IntoIterator<Item = (UserId, Role)>,
        direct: Option<Direct>,
    ) -> Self {
        let mut members: HashMap<_, _, _> = members.into_iter().collect();
        if head > Seq::ZERO
            && let Some(users) = direct_users(id)
        {
            members.extend(users.into_iter().map(|user| (user, Role::Member)));
        }
        let mut conversation = Self {
            head,
            kind,
            direct,
            seen: Seen::Some { lookups: 0 },
            members: Arc::new(members),
            audience: Arc::default(),
            recipients: Recipients::Interested,
        };
        conversation.recount();
        conversation
    }

    /// Whether it has its creation entry.
    pub(crate) fn exists(&self) -> bool {
        self.head > Seq::ZERO
    }

    /// The role of a present member.
    pub(crate) fn role(&self, user: &UserId) -> Option<Role> {
        self.members.get(user).copied()
    }

    /// Present members.
    pub(crate) fn members(&self) -> &HashMap<UserId, Role, FxBuildHasher> {
        &self.members
    }

    /// Whose inbox an entry raises.
    pub(crate) fn audience(&self) -> &Arc<Audience> {
        &self.audience
    }

    /// Who hears of an entry.
    pub(crate) fn recipients(&self) -> &Recipients {
        &self.recipients
    }

    /// Whose devices may have to be woken for an entry: nobody's for what is no message. In a channel those of the members who are mentioned,
    /// for a channel costs the same however many members it has.
    pub(crate) fn woken_by(&self, entry: &Entry) -> Option<Arc<Vec<UserId>>> {
        let message = entry.message()?;
        match &self.recipients {
            Recipients::Users(users) | Recipients::Part(users) => Some(users.clone()),
            Recipients::Interested => {
                let mentioned = message.mentions.iter().filter(|user| self.members.contains_key(*user));
                let mentioned: Vec<_> = mentioned.cloned().collect();
                (!mentioned.is_empty()).then(|| Arc::new(mentioned))
            }
        }
    }

    /// Takes one of the conversation's own entries into account, the next one.
    pub(crate) fn absorb(&mut self, entry: &Entry) {
        // A new owner applies rows once more whose views are stored in part.
        self.head = self.head.max(entry.seq);
        match &entry.content {
            Content::Message(_) => return,
            Content::Created(created) => {
                self.kind = created.kind;
                self.members = Arc::new(created.members.iter().map(|m| (m.user.clone(), m.role)).collect());
            }
            Content::Member(member) => {
                let members = Arc::make_mut(&mut self.members);
                match member.change {
                    MemberChange::Added | MemberChange::Role => members.insert(member.user.clone(), member.role),
                    MemberChange::Removed | MemberChange::Left => members.remove(&member.user),
                };
            }
            Content::Updated(updated) => self.kind = updated.kind.unwrap_or(self.kind),
        }
        self.recount();
    }

    /// As it is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot { head: self.head, kind: self.kind, members: self.members.clone() }
    }

    fn recount(&mut self) {
        if self.kind == ConversationKind::Channel {
            self.audience = Arc::default();
            self.recipients = Recipients::Interested;
            return;
        }
        let mut users: Vec<_> = self.members.keys().cloned().collect();
        users.sort_unstable();
        self.recipients = Recipients::Users(Arc::new(users.clone()));
        self.audience = Arc::new(Audience(users));
    }
}

/// The users of a direct conversation: two, or one that talks to itself.
pub(crate) fn direct_users(id: &ConversationId) -> Option<SmallVec<[UserId; 2]>> {
    let (first, second) = id.peers()?;
    let mut users = SmallVec::new();
    users.push(UserId::parse(first).ok()?);
    if first != second {
        users.push(UserId::parse(second).ok()?);
    }
    Some(users)
}
