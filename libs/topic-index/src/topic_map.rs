//! Values by topic name, found by filter: what retained messages are kept in.

use rustc_hash::FxHashMap;

use crate::levels::Levels;

const ROOT: u32 = 0;

/// A map from topic names to values.
#[derive(Debug)]
pub struct TopicMap<V> {
    levels: Levels,
    nodes: Vec<Node<V>>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Node<V> {
    parent: u32,
    level: u32,
    below: FxHashMap<u32, u32>,
    value: Option<V>,
}

impl<V> Node<V> {
    fn new(parent: u32, level: u32) -> Self {
        Self { parent, level, below: FxHashMap::default(), value: None }
    }
}

impl<V> Default for TopicMap<V> {
    fn default() -> Self {
        Self { levels: Levels::default(), nodes: vec![Node::new(ROOT, 0)], free: Vec::new(), len: 0 }
    }
}

impl<V> TopicMap<V> {
    /// How many topics have a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no topic has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a topic.
    #[must_use]
    pub fn get(&self, topic: &str) -> Option<&V> {
        self.nodes[self.find(topic)? as usize].value.as_ref()
    }

    /// Sets the value of a topic; the one it had.
    pub fn insert(&mut self, topic: &str, value: V) -> Option<V> {
        let mut node = ROOT;
        for level in topic.split('/') {
            let known = self.levels.find(level).and_then(|id| self.nodes[node as usize].below.get(&id));
            node = match known {
                Some(child) => *child,
                None => self.add(node, level),
            };
        }
        let before = self.nodes[node as usize].value.replace(value);
        self.len += usize::from(before.is_none());
        before
    }

    /// Takes the value of a topic away, and what only it needed.
    pub fn remove(&mut self, topic: &str) -> Option<V> {
        let mut id = self.find(topic)?;
        let value = self.nodes[id as usize].value.take()?;
        self.len -= 1;
        while id != ROOT && self.nodes[id as usize].below.is_empty() && self.nodes[id as usize].value.is_none() {
            let Node { parent, level, .. } = self.nodes[id as usize];
            let below = &mut self.nodes[parent as usize].below;
            below.remove(&level);
            if below.capacity() > 64 && below.len() * 4 < below.capacity() {
                below.shrink_to_fit();
            }
            self.levels.give_back(level);
            self.free.push(id);
            id = parent;
        }
        if self.len == 0 {
            *self = Self::default();
        }
        Some(value)
    }

    /// Calls `visit` with every value whose topic matches a valid filter, until it says that it has enough.
    pub fn for_each_match<'a>(&'a self, filter: &str, mut visit: impl FnMut(&'a V) -> bool) {
        let levels: Vec<&str> = filter.split('/').collect();
        let mut stack = vec![(ROOT, 0_usize)];
        while let Some((id, depth)) = stack.pop() {
            let node = &self.nodes[id as usize];
            let Some(level) = levels.get(depth) else {
                if node.value.as_ref().is_some_and(|value| !visit(value)) {
                    return;
                }
                continue;
            };
            // [MQTT-4.7.2-1]
            let shown = |child: &u32| id != ROOT || !self.levels.text(*child).starts_with('$');
            match *level {
                // Stays at the same depth, so that everything below is found; also the level above [MQTT-4.7.1-2].
                "#" => {
                    if node.value.as_ref().is_some_and(|value| !visit(value)) {
                        return;
                    }
                    stack.extend(node.below.iter().filter(|(name, _)| shown(name)).map(|(_, child)| (*child, depth)));
                }
                "+" => {
                    let below = node.below.iter().filter(|(name, _)| shown(name));
                    stack.extend(below.map(|(_, child)| (*child, depth + 1)));
                }
                name => {
                    let child = self.levels.find(name).and_then(|name| node.below.get(&name));
                    stack.extend(child.map(|child| (*child, depth + 1)));
                }
            }
        }
    }

    fn find(&self, topic: &str) -> Option<u32> {
        topic
            .split('/')
            .try_fold(ROOT, |node, level| self.nodes[node as usize].below.get(&self.levels.find(level)?).copied())
    }

    fn add(&mut self, parent: u32, level: &str) -> u32 {
        let level = self.levels.take(level);
        let node = Node::new(parent, level);
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = node;
                id
            }
            None => {
                self.nodes.push(node);
                u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.nodes[parent as usize].below.insert(level, id);
        id
    }
}
