//! Conversations: their ids, kinds, members and roles.
//!
//! A direct conversation carries its two users in its id (`alice:bob`, sorted), so membership needs no read.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::ids::{IdError, UserId, check_name};

/// A conversation's canonical id: `alice:bob` for a direct one, otherwise 1–64 of `[A-Za-z0-9._-]`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationId(Arc<str>);

impl ConversationId {
    /// The direct conversation of two users. A user may have one with itself.
    #[must_use]
    pub fn direct(one: &UserId, other: &UserId) -> Self {
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        let (first, second) = (first.as_str(), second.as_str());
        // Not by `format!`: this runs for every publish.
        let mut id = String::with_capacity(first.len() + 1 + second.len());
        id.push_str(first);
        id.push(':');
        id.push_str(second);
        Self(id.into())
    }

    /// A group or channel by its name.
    ///
    /// # Errors
    /// [`IdError`] when the name is not in the alphabet or has the wrong length.
    pub fn named(name: &str) -> Result<Self, IdError> {
        check_name(name, false)?;
        Ok(Self(name.into()))
    }

    /// What `user` means by a topic level: `@peer` for a direct conversation, otherwise a name.
    ///
    /// # Errors
    /// [`IdError`] when the level is neither.
    pub fn resolve(level: &str, user: &UserId) -> Result<Self, IdError> {
        match level.strip_prefix('@') {
            Some(peer) => Ok(Self::direct(user, &UserId::parse(peer)?)),
            None => Self::named(level),
        }
    }

    /// Takes a canonical id back from storage or an operator's command line.
    ///
    /// # Errors
    /// [`IdError`] when it is not canonical.
    pub fn parse(canonical: &str) -> Result<Self, IdError> {
        match canonical.split_once(':') {
            None => Self::named(canonical),
            Some((first, second)) => {
                let id = Self::direct(&UserId::parse(first)?, &UserId::parse(second)?);
                if id.as_str() == canonical { Ok(id) } else { Err(IdError::Character(':')) }
            }
        }
    }

    /// The two users of a direct conversation, `None` for the other kinds.
    #[must_use]
    pub fn peers(&self) -> Option<(&str, &str)> {
        self.0.split_once(':')
    }

    /// Whether this is a direct conversation.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        self.0.contains(':')
    }

    /// The topic level by which `user` knows this conversation.
    #[must_use]
    pub fn seen_by(&self, user: &UserId) -> Cow<'_, str> {
        match self.peers() {
            None => Cow::Borrowed(&self.0),
            Some((first, second)) => {
                let peer = if first == user.as_str() { second } else { first };
                let mut seen = String::with_capacity(1 + peer.len());
                seen.push('@');
                seen.push_str(peer);
                Cow::Owned(seen)
            }
        }
    }

    /// The canonical id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConversationId({})", self.0)
    }
}

/// The three kinds of conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConversationKind {
    /// Two users (or one with itself); exists as soon as either sends.
    Direct = 1,
    /// Up to the group limit of members; everyone's inbox is raised by every entry.
    Group = 2,
    /// Any number of members; readers compare cursor and head when they connect.
    Channel = 3,
}

impl ConversationKind {
    /// Takes the stored number back.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Direct),
            2 => Some(Self::Group),
            3 => Some(Self::Channel),
            _ => None,
        }
    }

    /// The name used on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
            Self::Channel => "channel",
        }
    }
}

/// What a member may do. The order is the order of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Reads only (a channel's usual member).
    Reader = 1,
    /// Reads and sends.
    Member = 2,
    /// Also adds and removes members and changes the conversation.
    Admin = 3,
    /// Also gives and takes the admin role. The creator.
    Owner = 4,
}

impl Role {
    /// Takes the stored number back.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Reader),
            2 => Some(Self::Member),
            3 => Some(Self::Admin),
            4 => Some(Self::Owner),
            _ => None,
        }
    }

    /// The name used on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Reader, Self::Member, Self::Admin, Self::Owner].into_iter().find(|role| role.name() == name)
    }
}

/// A user's place in a conversation at its creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Who.
    pub user: UserId,
    /// With which rights.
    pub role: Role,
}

/// What a membership entry did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemberChange {
    /// The user was added with a role.
    Added = 1,
    /// The user was removed by another.
    Removed = 2,
    /// The user left.
    Left = 3,
    /// The user has another role now.
    Role = 4,
}

impl MemberChange {
    /// Takes the stored number back.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Added),
            2 => Some(Self::Removed),
            3 => Some(Self::Left),
            4 => Some(Self::Role),
            _ => None,
        }
    }

    /// The name used on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Left => "left",
            Self::Role => "role",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_direct_conversation_has_one_id_for_both() {
        let (alice, bob) = (UserId::parse("alice").unwrap(), UserId::parse("bob").unwrap());
        let id = ConversationId::resolve("@bob", &alice).unwrap();
        assert_eq!(id, ConversationId::resolve("@alice", &bob).unwrap());
        assert_eq!(id.as_str(), "alice:bob");
        assert_eq!(id.seen_by(&alice), "@bob");
        assert_eq!(id.seen_by(&bob), "@alice");
        assert_eq!(ConversationId::parse("alice:bob").unwrap(), id);
        assert!(ConversationId::parse("bob:alice").is_err());
    }

    #[test]
    fn a_user_may_write_to_itself() {
        let alice = UserId::parse("alice").unwrap();
        let id = ConversationId::resolve("@alice", &alice).unwrap();
        assert_eq!(id.as_str(), "alice:alice");
        assert_eq!(id.seen_by(&alice), "@alice");
    }

    #[test]
    fn names_have_no_at_sign() {
        let alice = UserId::parse("alice").unwrap();
        assert!(ConversationId::resolve("team", &alice).is_ok());
        assert_eq!(ConversationId::resolve("a@b", &alice), Err(IdError::Character('@')));
    }
}
