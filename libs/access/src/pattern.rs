//! A topic pattern: an MQTT filter in which `%u` and `%c` stand for the user and the client id.
//!
//! What is put in is compared with one level and never read as a pattern. A client id that holds `/`, `+` or `#` therefore fits no topic at
//! all: it cannot widen what its pattern covers.

use serde::{Deserialize, Serialize};

/// Why a text is not a topic pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing at all.
    #[error("topics: a pattern must not be empty")]
    Empty,
    /// `+` beside other characters, or `#` not alone at the end [MQTT-4.7.1-1] [MQTT-4.7.1-2].
    #[error("topics: {0:?}: + must be a whole level, and # the whole last level")]
    Wildcard(String),
    /// `%` before anything but `u`, `c` and `%`.
    #[error("topics: {0:?}: % stands before u (the user), c (the client id) or %")]
    Placeholder(String),
    /// A pattern under `u/` or `$`, where the list has no say.
    #[error("topics: {0:?}: the access list is for plain topics; those under u/ and $ have their own rules")]
    NotPlain(String),
    /// U+0000 is in no topic [MQTT-4.7.3-2].
    #[error("topics: {0:?}: a topic has no U+0000")]
    Nul(String),
}

/// A checked topic pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicPattern {
    text: String,
    levels: Vec<Level>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Level {
    /// `+`.
    Any,
    /// `#`.
    Rest,
    Named(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    User,
    ClientId,
}

/// What is put in for `%u` and `%c`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) user: &'a str,
    pub(crate) client_id: &'a str,
}

impl TopicPattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// [`PatternError`] with the pattern and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if !is_plain(text) {
            return Err(PatternError::NotPlain(text.to_owned()));
        }
        if text.contains('\0') {
            return Err(PatternError::Nul(text.to_owned()));
        }
        if !is_filter(text) {
            return Err(PatternError::Wildcard(text.to_owned()));
        }
        let levels = text.split('/').map(|level| parse_level(level, text)).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), levels })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether every topic that the filter matches fits this pattern. A topic name is a filter that matches itself.
    pub(crate) fn covers(&self, filter: &str, values: Values<'_>) -> bool {
        let mut wanted = filter.split('/');
        for level in &self.levels {
            let named = match (level, wanted.next()) {
                (Level::Rest, _) => return true,
                (_, None | Some("#")) | (Level::Named(_), Some("+")) => return false,
                (Level::Any, Some(_)) => continue,
                (Level::Named(pieces), Some(name)) => is(pieces, name, values),
            };
            if !named {
                return false;
            }
        }
        wanted.next().is_none()
    }

    /// Whether some topic that the filter matches fits this pattern.
    pub(crate) fn touches(&self, filter: &str, values: Values<'_>) -> bool {
        let mut wanted = filter.split('/');
        for (position, level) in self.levels.iter().enumerate() {
            let named = match (level, wanted.next()) {
                (Level::Rest, _) => return true,
                (_, Some("#")) => return self.can_be(position, values),
                (_, None) => return false,
                (Level::Any, Some(_)) => continue,
                (Level::Named(pieces), Some("+")) => is_some(pieces, values),
                (Level::Named(pieces), Some(name)) => is(pieces, name, values),
            };
            if !named {
                return false;
            }
        }
        // `a/#` matches `a` as well [MQTT-4.7.1-2].
        matches!(wanted.next(), None | Some("#"))
    }

    /// Whether any names at all fit the levels from here on.
    fn can_be(&self, position: usize, values: Values<'_>) -> bool {
        self.levels.iter().skip(position).all(|level| match level {
            Level::Any | Level::Rest => true,
            Level::Named(pieces) => is_some(pieces, values),
        })
    }
}

impl TryFrom<String> for TopicPattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        Self::parse(&text)
    }
}

impl From<TopicPattern> for String {
    fn from(pattern: TopicPattern) -> Self {
        pattern.text
    }
}

/// Whether a topic or filter is one that the list speaks of.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.starts_with('$') && text != "u" && !text.starts_with("u/")
}

/// `#` only as the last level, `+` only as a whole level [MQTT-4.7.1-1] [MQTT-4.7.1-2]; not empty [MQTT-4.7.3-1].
pub(crate) fn is_filter(text: &str) -> bool {
    let mut levels = text.split('/').peekable();
    while let Some(level) = levels.next() {
        let whole = level == "+" || (level == "#" && levels.peek().is_none());
        if level.contains(['+', '#']) && !whole {
            return false;
        }
    }
    !text.is_empty()
}

fn parse_level(level: &str, pattern: &str) -> Result<Level, PatternError> {
    match level {
        "+" => return Ok(Level::Any),
        "#" => return Ok(Level::Rest),
        _ => {}
    }
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut characters = level.chars();
    while let Some(character) = characters.next() {
        let piece = match (character, character == '%') {
            (other, false) => {
                text.push(other);
                continue;
            }
            (_, true) => match characters.next() {
                Some('u') => Piece::User,
                Some('c') => Piece::ClientId,
                Some('%') => {
                    text.push('%');
                    continue;
                }
                _ => return Err(PatternError::Placeholder(pattern.to_owned())),
            },
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(piece);
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(Level::Named(pieces))
}

/// Whether a level of a topic is these pieces, one behind the other.
fn is(pieces: &[Piece], level: &str, values: Values<'_>) -> bool {
    let mut rest = level;
    for piece in pieces {
        let Some(text) = piece.text(values) else { return false };
        let Some(behind) = rest.strip_prefix(text) else { return false };
        rest = behind;
    }
    rest.is_empty()
}

/// Whether there is a name that is these pieces.
fn is_some(pieces: &[Piece], values: Values<'_>) -> bool {
    pieces.iter().all(|piece| piece.text(values).is_some())
}

impl Piece {
    /// `None` for a value that is no part of a level.
    fn text<'a>(&'a self, values: Values<'a>) -> Option<&'a str> {
        let value = match self {
            Self::Text(text) => return Some(text),
            Self::User => values.user,
            Self::ClientId => values.client_id,
        };
        (!value.is_empty() && !value.contains(['/', '+', '#', '\0'])).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BOB: Values<'_> = Values { user: "bob", client_id: "phone" };

    #[test]
    fn mistakes_are_named() {
        for (text, named) in [
            ("", "empty"),
            ("a+/b", "whole level"),
            ("a/#/b", "whole level"),
            ("a/%d", "stands before"),
            ("a/%", "stands before"),
            ("u/bob/#", "plain topics"),
            ("u", "plain topics"),
            ("$SYS/#", "plain topics"),
            ("a\0", "U+0000"),
        ] {
            assert!(TopicPattern::parse(text).unwrap_err().to_string().contains(named), "{text}");
        }
    }

    #[test]
    fn values_are_put_in_where_they_stand() {
        let covers = |pattern: &str, topic: &str| TopicPattern::parse(pattern).unwrap().covers(topic, BOB);
        assert!(covers("t/%u", "t/bob"));
        assert!(covers("t/%u-%c/x", "t/bob-phone/x"));
        assert!(covers("t/%%u", "t/%u"));
        assert!(!covers("t/%u", "t/%u"));
        assert!(!covers("t/%u", "t/bobby"));
        assert!(!covers("t/%u", "t/bo"));
        assert!(covers("t/%u/#", "t/bob"));
        assert!(!covers("t/%u/#", "t/+/#"));
        assert!(!covers("t/%u", "t/+"));
    }

    #[test]
    fn a_client_id_is_never_read_as_a_pattern() {
        for client_id in ["+", "#", "a/b", "%u", "", "a/#", "x\0"] {
            let values = Values { user: "bob", client_id };
            let pattern = TopicPattern::parse("d/%c/x").unwrap();
            for wanted in ["d/+/x", "d/a/b/x", "d/#", "d/bob/x", "d//x", "#"] {
                assert!(!pattern.covers(wanted, values), "{client_id} {wanted}");
            }
        }
    }
}
