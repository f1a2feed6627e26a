//! What an exploration must have come past to be worth anything: a model in which nothing goes wrong proves nothing.

use std::ops::{BitOr, BitOrAssign};

/// A set of things that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Milestone(u16);

impl Milestone {
    /// Nothing of note.
    pub const NONE: Self = Self(0);
    /// An append whose answer was lost turned out to be stored.
    pub const LANDED: Self = Self(1);
    /// An append whose answer was lost turned out not to be stored, and was sent again.
    pub const NOT_LANDED: Self = Self(1 << 1);
    /// An append whose answer was lost was overtaken by another owner's.
    pub const OVERTAKEN: Self = Self(1 << 2);
    /// An append landed that nobody waited for any more.
    pub const LATE_APPEND: Self = Self(1 << 3);
    /// A former owner's append met the fence.
    pub const FENCED: Self = Self(1 << 4);
    /// A view landed that nobody waited for any more, or of a fenced owner.
    pub const LATE_VIEW: Self = Self(1 << 5);
    /// A new owner applied what a former one had left.
    pub const INHERITED: Self = Self(1 << 6);
    /// An entry was applied after it had expired.
    pub const APPLIED_EXPIRED: Self = Self(1 << 7);
    /// Journal rows were deleted.
    pub const TRIMMED: Self = Self(1 << 8);
    /// A deleted row came back.
    pub const RETURNED: Self = Self(1 << 9);
    /// A retry got the first attempt's receipt from the dedup row.
    pub const RETRIED: Self = Self(1 << 10);
    /// A sender was refused.
    pub const REFUSED: Self = Self(1 << 11);
    /// Every message is acknowledged.
    pub const ALL_ACKNOWLEDGED: Self = Self(1 << 12);

    /// Whether all of `others` are among these.
    #[must_use]
    pub fn include(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

impl BitOr for Milestone {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Milestone {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
