//! What all subscriptions of a session together ask for, merged so that looking one entry up costs a few compares.
//!
//! Built anew whenever a subscription comes or goes: a session looks up far more often than it subscribes, and usually has one
//! filter. Its size for one `u/{user}/c/+/json` is 24 bytes and no heap.

use longwave_model::{ConversationId, UserId};

use crate::encoding::Encoding;
use crate::filter::{UserFilter, Which};

/// The merged filters of a session that belong to one user (a service may have filters of several users: a set each).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FilterSet {
    every_conversation: Granted,
    rpc: Granted,
    every_presence: bool,
    single: Box<[Single]>,
}

/// Per encoding the granted QoS plus 1, 0 where no filter matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Granted([u8; 3]);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Single {
    Conversation(ConversationId, Granted),
    Presence(UserId),
}

impl FilterSet {
    /// Merges filters with the QoS granted to each. They should be of one user.
    pub fn new<'a>(filters: impl IntoIterator<Item = (&'a UserFilter, u8)>) -> Self {
        let mut set = Self::default();
        let mut single: Vec<Single> = Vec::new();
        for (filter, qos) in filters {
            let granted = |encodings: crate::EncodingSet| {
                let mut granted = Granted::default();
                for encoding in encodings.iter() {
                    granted.0[encoding as usize] = qos.saturating_add(1);
                }
                granted
            };
            match filter.conversations() {
                Some((Which::All, encodings)) => set.every_conversation.raise(granted(encodings)),
                Some((Which::One(id), encodings)) => single.push(Single::Conversation(id.clone(), granted(encodings))),
                None => {}
            }
            match filter.presence() {
                Some(Which::All) => set.every_presence = true,
                Some(Which::One(user)) => single.push(Single::Presence(user.clone())),
                None => {}
            }
            set.rpc.raise(granted(filter.rpc()));
        }
        set.single = single.into();
        set
    }

    /// In which encoding, and at which QoS, an entry of this conversation goes to the device: the encoding by precedence, the QoS
    /// by the highest grant among the filters that match that encoding's topic. `None` when no filter matches.
    #[must_use]
    pub fn encoding_for(&self, conversation: &ConversationId) -> Option<(Encoding, u8)> {
        let mut granted = self.every_conversation;
        for single in &self.single {
            if let Single::Conversation(id, more) = single
                && id == conversation
            {
                granted.raise(*more);
            }
        }
        granted.first()
    }

    /// Whether some filter matches every conversation, whatever its name.
    #[must_use]
    pub fn every_conversation(&self) -> bool {
        self.every_conversation.first().is_some()
    }

    /// The conversations that are named in filters (each as often as it is named).
    pub fn named_conversations(&self) -> impl Iterator<Item = &ConversationId> {
        self.single.iter().filter_map(|single| match single {
            Single::Conversation(id, _) => Some(id),
            Single::Presence(_) => None,
        })
    }

    /// Whether changes of this user's presence are wanted.
    #[must_use]
    pub fn wants_presence(&self, other: &UserId) -> bool {
        self.every_presence
            || self.single.iter().any(|single| matches!(single, Single::Presence(user) if user == other))
    }

    /// Whether anybody's presence is wanted.
    #[must_use]
    pub fn any_presence(&self) -> bool {
        self.every_presence || self.single.iter().any(|single| matches!(single, Single::Presence(_)))
    }

    /// Whether everybody's presence is wanted.
    #[must_use]
    pub fn every_presence(&self) -> bool {
        self.every_presence
    }

    /// The users whose presence is wanted by name.
    pub fn named_presence(&self) -> impl Iterator<Item = &UserId> {
        self.single.iter().filter_map(|single| match single {
            Single::Presence(user) => Some(user),
            Single::Conversation(..) => None,
        })
    }

    /// At which QoS a response in this encoding may go to the device, `None` when no filter matches its topic.
    #[must_use]
    pub fn rpc(&self, encoding: Encoding) -> Option<u8> {
        self.rpc.0[encoding as usize].checked_sub(1)
    }

    /// Whether no filter matches anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Granted {
    fn raise(&mut self, more: Granted) {
        for (mine, theirs) in self.0.iter_mut().zip(more.0) {
            *mine = (*mine).max(theirs);
        }
    }

    fn first(self) -> Option<(Encoding, u8)> {
        Encoding::ALL.into_iter().find_map(|encoding| Some((encoding, self.0[encoding as usize].checked_sub(1)?)))
    }
}

#[cfg(test)]
mod tests;
