//! Text that must not be seen: keys, device tokens, endpoints. It has no `Display`, and its `Debug` shows nothing of it.

use std::fmt;
use std::sync::Arc;

/// A secret text. Cloning shares it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that must have it. Never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Some(Secret::new("hush"))), "Some(Secret)");
        assert_eq!(Secret::new("hush").expose(), "hush");
    }
}
