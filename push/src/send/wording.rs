//! What a notification says when it may not say what it is about.

use std::collections::BTreeMap;

use super::CollapseKey;

/// What a notification says when it may not say what it is about, and how its conversation is called.
#[derive(Debug, Clone)]
pub struct Wording {
    /// The key of collapse ids.
    pub collapse: CollapseKey,
    /// The name under which an Apple application has its own words (`loc-key`), used for languages that are not in `words`.
    pub loc_key: String,
    /// By BCP 47 language tag in lower case (`de`, `de-ch`): the text shown, such as "New message".
    pub words: BTreeMap<String, String>,
}

impl Wording {
    /// A key, and Longwave's name for the text that the application brings.
    #[must_use]
    pub fn new(collapse: CollapseKey) -> Self {
        Self { collapse, loc_key: "LONGWAVE_NEW_MESSAGE".into(), words: BTreeMap::new() }
    }

    /// The words for a language: of the whole tag, else of ever shorter beginnings (RFC 4647, 3.4).
    pub(crate) fn of(&self, locale: Option<&str>) -> Option<&str> {
        let tag = locale?.replace('_', "-").to_lowercase();
        let mut tag = tag.as_str();
        loop {
            if let Some(words) = self.words.get(tag) {
                return Some(words);
            }
            tag = tag.rsplit_once('-')?.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::send::testing::wording;

    #[test]
    fn the_longest_tag_that_has_words() {
        let wording = wording();
        for locale in ["de", "de-CH", "de_AT", "DE-Latn-CH"] {
            assert_eq!(wording.of(Some(locale)), Some("Neue Nachricht"), "{locale}");
        }
        assert_eq!(wording.of(Some("den")), None);
        assert_eq!(wording.of(None), None);
    }
}
