//! Topic filters under `u/`: what one subscription asks for, worked out once when it is made.
//!
//! Any form of wildcard is understood, but the user level must be a name: a filter speaks for one user.

use longwave_model::{ConversationId, ErrorCode, Refusal, UserId};

use crate::encoding::{Encoding, EncodingSet};
use crate::topic::SHAPES;

/// All of a kind, or one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which<T> {
    /// All.
    All,
    /// This one.
    One(T),
}

impl<T: PartialEq> Which<T> {
    /// Whether `one` is among them.
    pub fn includes(&self, one: &T) -> bool {
        match self {
            Self::All => true,
            Self::One(this) => this == one,
        }
    }
}

/// What a subscription under `u/` matches. At least one of its parts matches something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFilter {
    user: UserId,
    conversations: Option<(Which<ConversationId>, EncodingSet)>,
    presence: Option<Which<UserId>>,
    rpc: EncodingSet,
}

/// Works out what a subscription of `as_user` means. A `service` may name any user; nobody may use a wildcard for it.
///
/// # Errors
/// [`ErrorCode::NotYourTopic`] for another user's topics and everything outside `u/`; [`ErrorCode::UnknownTopic`] for a filter that
/// no topic can match; [`ErrorCode::BadFilter`] for one that is no MQTT filter; [`ErrorCode::SharedUnavailable`] for `$share/`.
pub fn parse_filter(filter: &str, as_user: &UserId, service: bool) -> Result<UserFilter, Refusal> {
    check_wildcards(filter)?;
    if filter.starts_with("$share/") {
        return Err(Refusal::new(ErrorCode::SharedUnavailable, "shared subscriptions are not available"));
    }
    let not_yours = |reason| Err(Refusal::new(ErrorCode::NotYourTopic, reason));
    let Some(rest) = filter.strip_prefix("u/") else {
        return not_yours("only filters under u/{user}/ are available; plain topics are not");
    };
    let (user, rest) = rest.split_once('/').unwrap_or((rest, ""));
    if matches!(user, "+" | "#") {
        return not_yours("the user level must be a name, not a wildcard");
    }
    if user != as_user.as_str() && !service {
        return not_yours("only the topics of the connection's own user are available");
    }
    let user = UserId::parse(user).map_err(|_| unknown("the user level is not a user"))?;
    let pattern = Pattern::new(rest);
    let parsed = UserFilter {
        conversations: pattern.conversations(&user),
        presence: pattern.presence(),
        rpc: pattern.rpc(),
        user,
    };
    if parsed.conversations.is_none() && parsed.presence.is_none() && parsed.rpc.is_empty() {
        return Err(unknown(SHAPES));
    }
    Ok(parsed)
}

impl UserFilter {
    /// Whose topics it matches.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The encodings in which it matches a conversation's topics.
    #[must_use]
    pub fn matches_conversation(&self, conversation: &ConversationId) -> EncodingSet {
        match &self.conversations {
            Some((which, encodings)) if which.includes(conversation) => *encodings,
            _ => EncodingSet::EMPTY,
        }
    }

    /// The conversations it matches, and in which encodings.
    #[must_use]
    pub fn conversations(&self) -> Option<(&Which<ConversationId>, EncodingSet)> {
        self.conversations.as_ref().map(|(which, encodings)| (which, *encodings))
    }

    /// Whose presence it matches.
    #[must_use]
    pub fn presence(&self) -> Option<&Which<UserId>> {
        self.presence.as_ref()
    }

    /// The encodings in which it matches responses to requests.
    #[must_use]
    pub fn rpc(&self) -> EncodingSet {
        self.rpc
    }
}

/// The levels of a filter below its user level.
struct Pattern<'a> {
    levels: Vec<&'a str>,
    /// It ends in `#`, which also matches the level above [MQTT-4.7.1-2].
    open: bool,
}

impl<'a> Pattern<'a> {
    fn new(rest: &'a str) -> Self {
        let mut levels: Vec<_> = rest.split('/').collect();
        let open = levels.pop_if(|last| *last == "#").is_some();
        Self { levels, open }
    }

    /// Whether a topic of `depth` levels can match, by its depth alone.
    fn reaches(&self, depth: usize) -> bool {
        if self.open { self.levels.len() <= depth } else { self.levels.len() == depth }
    }

    /// What a level must be; `None` for anything.
    fn at(&self, level: usize) -> Option<&'a str> {
        self.levels.get(level).copied().filter(|name| *name != "+")
    }

    fn begins(&self, word: &str) -> bool {
        self.at(0).is_none_or(|first| first == word)
    }

    fn encodings(&self, level: usize, among: &[Encoding]) -> EncodingSet {
        let wanted = self.at(level);
        among.iter().copied().filter(|encoding| wanted.is_none_or(|name| name == encoding.level())).collect()
    }

    fn conversations(&self, user: &UserId) -> Option<(Which<ConversationId>, EncodingSet)> {
        if !self.reaches(3) || !self.begins("c") {
            return None;
        }
        let which = match self.at(1) {
            None => Which::All,
            Some(name) => Which::One(ConversationId::resolve(name, user).ok()?),
        };
        let encodings = self.encodings(2, &Encoding::ALL);
        (!encodings.is_empty()).then_some((which, encodings))
    }

    fn rpc(&self) -> EncodingSet {
        if !self.reaches(2) || !self.begins("rpc") {
            return EncodingSet::EMPTY;
        }
        self.encodings(1, &[Encoding::Msg, Encoding::Json])
    }

    fn presence(&self) -> Option<Which<UserId>> {
        if !self.reaches(2) || !self.begins("presence") {
            return None;
        }
        match self.at(1) {
            None => Some(Which::All),
            Some(name) => UserId::parse(name).ok().map(Which::One),
        }
    }
}

/// `#` only as the last level, `+` only as a whole level [MQTT-4.7.1-1] [MQTT-4.7.1-2].
fn check_wildcards(filter: &str) -> Result<(), Refusal> {
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let whole = level.len() == 1 && (level == "+" || levels.peek().is_none());
        if level.contains(['+', '#']) && !whole {
            let reason = "+ must be a whole level, and # the whole last level";
            return Err(Refusal::new(ErrorCode::BadFilter, reason));
        }
    }
    Ok(())
}

fn unknown(reason: &'static str) -> Refusal {
    Refusal::new(ErrorCode::UnknownTopic, reason)
}

#[cfg(test)]
mod tests;
