//! One thing that does not hold.

use std::fmt;

use longwave_model::{ConversationId, Seq};

/// One thing that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The conversation, where it is one's.
    pub conversation: Option<ConversationId>,
    /// The seq that breaks it, where there is one.
    pub seq: Option<Seq>,
    /// What does not hold. Names ids, never bodies.
    pub what: String,
}

impl Finding {
    pub(super) fn at(conversation: &ConversationId, seq: Seq, what: impl Into<String>) -> Self {
        Self { conversation: Some(conversation.clone()), seq: Some(seq), what: what.into() }
    }

    pub(super) fn anywhere(what: impl Into<String>) -> Self {
        Self { conversation: None, seq: None, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(conversation) = &self.conversation {
            write!(f, "{conversation} ")?;
        }
        if let Some(seq) = self.seq {
            write!(f, "seq {seq}: ")?;
        }
        f.write_str(&self.what)
    }
}
