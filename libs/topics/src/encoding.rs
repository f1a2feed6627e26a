//! The last level of a topic: how payloads are written.

use std::fmt;

/// How payloads of a topic are written, in order of precedence: a device gets each entry once, in the first of these that its
/// filters match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    /// Protobuf.
    Msg = 0,
    /// JSON.
    Json = 1,
    /// The body itself; messages only.
    Raw = 2,
}

impl Encoding {
    /// All of them, in order of precedence.
    pub const ALL: [Encoding; 3] = [Self::Msg, Self::Json, Self::Raw];

    /// The topic level that names it.
    #[must_use]
    pub fn level(self) -> &'static str {
        match self {
            Self::Msg => "msg",
            Self::Json => "json",
            Self::Raw => "raw",
        }
    }

    /// The encoding that a topic level names.
    #[must_use]
    pub fn from_level(level: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.level() == level)
    }

    /// In which encoding receipts and errors about a publish in this one are sent: `raw` has no room for them, so they go as JSON.
    #[must_use]
    pub fn of_notices(self) -> Self {
        match self {
            Self::Raw => Self::Json,
            other => other,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.level())
    }
}

/// A set of encodings, one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EncodingSet(u8);

impl EncodingSet {
    /// No encoding.
    pub const EMPTY: EncodingSet = EncodingSet(0);

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `encoding` is in it.
    #[must_use]
    pub fn contains(self, encoding: Encoding) -> bool {
        self.0 & (1 << encoding as u8) != 0
    }

    /// The encoding in it that has precedence.
    #[must_use]
    pub fn first(self) -> Option<Encoding> {
        self.iter().next()
    }

    /// Those in it, in order of precedence.
    pub fn iter(self) -> impl Iterator<Item = Encoding> {
        Encoding::ALL.into_iter().filter(move |encoding| self.contains(*encoding))
    }
}

impl FromIterator<Encoding> for EncodingSet {
    fn from_iter<I: IntoIterator<Item = Encoding>>(encodings: I) -> Self {
        Self(encodings.into_iter().fold(0, |set, encoding| set | 1 << encoding as u8))
    }
}
