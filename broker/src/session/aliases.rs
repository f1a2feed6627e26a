//! Topic aliases of 5.0, both ways (3.3.2.3.4). They live as long as the connection.

use std::sync::Arc;

/// Both ways; one pointer in the session, which seldom has any.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    /// What the client's stand for.
    pub(super) incoming: Incoming,
    /// Ours.
    pub(super) outbound: Outbound,
}

/// What the client's aliases stand for.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    topics: Vec<Option<Arc<str>>>,
}

impl Incoming {
    /// Sets an alias above 0 that was checked against the maximum.
    pub(super) fn set(&mut self, alias: u16, topic: &Arc<str>) {
        let index = usize::from(alias);
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        self.topics[index] = Some(topic.clone());
    }

    pub(super) fn get(&self, alias: u16) -> Option<Arc<str>> {
        self.topics.get(usize::from(alias)).cloned().flatten()
    }
}

/// Our aliases, most recently used first: a device with more conversations than aliases has the busy ones short.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    topics: Vec<(Arc<str>, u16)>,
}

impl Outbound {
    /// The alias of a topic, and whether the client knows it already.
    pub(super) fn assign(&mut self, topic: &Arc<str>, maximum: u16) -> (u16, bool) {
        if let Some(index) = self.topics.iter().position(|(known, _)| known == topic) {
            self.topics[..=index].rotate_right(1);
            return (self.topics[0].1, true);
        }
        let used = u16::try_from(self.topics.len()).unwrap_or(u16::MAX);
        let alias = match self.topics.pop_if(|_| used >= maximum) {
            Some((_, oldest)) => oldest,
            None => used + 1,
        };
        self.topics.insert(0, (topic.clone(), alias));
        (alias, false)
    }

    /// The last assigned alias did not go out, so the client knows nothing of it.
    pub(super) fn withdraw(&mut self) {
        if let Some((topic, _)) = self.topics.first_mut() {
            // No topic is empty, so this one matches none and the alias stays counted.
            *topic = Arc::from("");
        }
    }
}
