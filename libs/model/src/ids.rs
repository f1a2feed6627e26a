//! Ids of users, devices, nodes and messages. Each is checked once, where it enters, and cheap to clone.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Empty, or longer than the limit of its kind.
    #[error("must have {min} to {max} {unit}, has {len}")]
    Length {
        /// Least length.
        min: usize,
        /// Greatest length.
        max: usize,
        /// Length found.
        len: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// A character outside the alphabet of its kind.
    #[error("character {0:?} is not allowed")]
    Character(char),
    /// A user or conversation name that begins with `@`, which means "direct conversation with".
    #[error("must not begin with '@'")]
    LeadingAt,
}

pub(crate) fn check_name(text: &str, at_sign: bool) -> Result<(), IdError> {
    if text.is_empty() || text.len() > 64 {
        return Err(IdError::Length { min: 1, max: 64, len: text.len(), unit: "characters" });
    }
    if text.starts_with('@') {
        return Err(IdError::LeadingAt);
    }
    // Bytes first: this runs for every publish, and almost every name is one.
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-') || (at_sign && b == b'@');
    if text.bytes().all(plain) {
        return Ok(());
    }
    let odd = text.chars().find(|c| !u8::try_from(*c).is_ok_and(plain));
    odd.map_or(Ok(()), |c| Err(IdError::Character(c)))
}

/// A user: 1–64 of `[A-Za-z0-9._@-]`, no leading `@`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Checks and takes a user id.
    ///
    /// # Errors
    /// [`IdError`] when the text is not in the alphabet or has the wrong length.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check_name(text, true)?;
        Ok(Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A device: the MQTT client id, 1–128 bytes of UTF-8 without control characters, unique within its user.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(Arc<str>);

impl DeviceId {
    /// Checks and takes a device id.
    ///
    /// # Errors
    /// [`IdError`] when it is empty, longer than 128 bytes, or has a control character.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.is_empty() || text.len() > 128 {
            return Err(IdError::Length { min: 1, max: 128, len: text.len(), unit: "bytes" });
        }
        match text.chars().find(|c| c.is_control()) {
            Some(c) => Err(IdError::Character(c)),
            None => Ok(Self(text.into())),
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A node: one running process, 1–64 of `[A-Za-z0-9._-]`, new at every start.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// Checks and takes a node id.
    ///
    /// # Errors
    /// [`IdError`] when the text is not in the alphabet or has the wrong length.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check_name(text, false)?;
        Ok(Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// First bytes of ids that the server makes up; part of the disk format.
const DERIVED: &[u8] = b"\0lw\0";

/// A message id given by the sender: 1–32 bytes, any values but those that begin like a [`MessageId::derived`] one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(Bytes);

impl MessageId {
    /// Longest id in bytes.
    pub const MAX: usize = 32;

    /// Checks and takes a message id.
    ///
    /// # Errors
    /// [`IdError::Length`] when it is empty or longer than 32 bytes.
    pub fn parse(bytes: Bytes) -> Result<Self, IdError> {
        if bytes.is_empty() || bytes.len() > Self::MAX {
            return Err(IdError::Length { min: 1, max: Self::MAX, len: bytes.len(), unit: "bytes" });
        }
        Ok(Self(bytes))
    }

    /// An id that the server makes up for a publish without one, so that it is deduplicated like any other. Nobody sees it.
    #[must_use]
    pub fn derived(hash: u128) -> Self {
        Self([DERIVED, &hash.to_be_bytes()].concat().into())
    }

    /// Whether the server made it up. Such an id is refused from senders and not shown to receivers.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        self.0.starts_with(DERIVED)
    }

    /// The id as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

/// Position of an entry in its conversation: 1, 2, 3 … without gaps. 0 means "before the first".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first entry.
    pub const ZERO: Seq = Seq(0);

    /// The seq that follows.
    #[must_use]
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

macro_rules! text_id {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.as_str())
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }
    };
}
text_id!(UserId);
text_id!(DeviceId);
text_id!(NodeId);

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({:?})", self.0)
    }
}
impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seq({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_an_alphabet() {
        assert!(UserId::parse("alice@example.org").is_ok());
        assert_eq!(UserId::parse("@alice"), Err(IdError::LeadingAt));
        assert_eq!(UserId::parse("a/b"), Err(IdError::Character('/')));
        assert_eq!(UserId::parse("a:b"), Err(IdError::Character(':')));
        assert!(UserId::parse("").is_err());
        assert!(UserId::parse(&"a".repeat(64)).is_ok());
        assert!(UserId::parse(&"a".repeat(65)).is_err());
    }

    #[test]
    fn devices_take_any_text_but_control_characters() {
        assert!(DeviceId::parse("00:1a:2b:3c:4d:5e").is_ok());
        assert!(DeviceId::parse("téléphone").is_ok());
        assert_eq!(DeviceId::parse("a\u{7}"), Err(IdError::Character('\u{7}')));
        assert!(DeviceId::parse(&"é".repeat(64)).is_ok());
        assert!(DeviceId::parse(&"é".repeat(65)).is_err());
    }

    #[test]
    fn nodes_have_an_alphabet() {
        assert!(NodeId::parse("broker-1.eu_7").is_ok());
        assert_eq!(NodeId::parse("a@b"), Err(IdError::Character('@')));
        assert!(NodeId::parse("").is_err());
        assert!(NodeId::parse(&"a".repeat(65)).is_err());
    }

    #[test]
    fn message_ids_are_short() {
        assert!(MessageId::parse(Bytes::from_static(&[0; 32])).is_ok());
        assert!(MessageId::parse(Bytes::from_static(&[0; 33])).is_err());
        assert!(MessageId::parse(Bytes::new()).is_err());
        assert!(MessageId::derived(7).is_derived());
        assert!(MessageId::derived(u128::MAX).as_bytes().len() <= MessageId::MAX);
    }
}
