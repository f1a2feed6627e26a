//! The subscription index: a trie whose nodes are filter levels.
//!
//! Edges of all nodes are in one hash table, keyed by (node, level): a node without many children costs 32 bytes, and one with a
//! million costs no more to step through. Matching keeps its own stack, because clients choose how deep topics are.

use std::hash::Hash;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::levels::Levels;
use crate::subscribers::Subscribers;

const ROOT: u32 = 0;
const NONE: u32 = u32::MAX;
/// The level of a node that its parent has as `plus`.
const PLUS: u32 = u32::MAX;

/// Filters and those who subscribed to them. `K` names a subscriber, `V` is what its subscription asks for.
#[derive(Debug)]
pub struct TopicIndex<K, V> {
    levels: Levels,
    nodes: Vec<Node<K, V>>,
    free: Vec<u32>,
    edges: FxHashMap<(u32, u32), u32>,
    subscriptions: usize,
}

#[derive(Debug)]
struct Node<K, V> {
    parent: u32,
    level: u32,
    /// The node of `+` below this one.
    plus: u32,
    /// Nodes below this one that are named.
    named: u32,
    /// Whose filter ends here.
    exact: Option<Box<Subscribers<K, V>>>,
    /// Whose filter goes on with `#`.
    open: Option<Box<Subscribers<K, V>>>,
}

impl<K, V> Node<K, V> {
    fn new(parent: u32, level: u32) -> Self {
        Self { parent, level, plus: NONE, named: 0, exact: None, open: None }
    }

    fn is_unused(&self) -> bool {
        self.plus == NONE && self.named == 0 && self.exact.is_none() && self.open.is_none()
    }
}

impl<K: Copy + Eq + Hash, V> Default for TopicIndex<K, V> {
    fn default() -> Self {
        Self {
            levels: Levels::default(),
            nodes: vec![Node::new(NONE, NONE)],
            free: Vec::new(),
            edges: FxHashMap::default(),
            subscriptions: 0,
        }
    }
}

impl<K: Copy + Eq + Hash, V> TopicIndex<K, V> {
    /// How many subscriptions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.subscriptions
    }

    /// Whether there is no subscription.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subscriptions == 0
    }

    /// Adds a subscription to a valid filter; the one that `key` had to the same filter, if it had one.
    pub fn insert(&mut self, filter: &str, key: K, value: V) -> Option<V> {
        let (path, open) = split(filter);
        let mut node = ROOT;
        for level in path.into_iter().flat_map(|path| path.split('/')) {
            node = self.child_or_new(node, level);
        }
        let place = place(&mut self.nodes[node as usize], open);
        let before = match place {
            Some(subscribers) => subscribers.insert(key, value),
            None => {
                *place = Some(Box::new(Subscribers::One(key, value)));
                None
            }
        };
        self.subscriptions += usize::from(before.is_none());
        before
    }

    /// Removes the subscription of `key` to a filter, and what only it needed.
    pub fn remove(&mut self, filter: &str, key: K) -> Option<V> {
        let (path, open) = split(filter);
        let mut node = ROOT;
        for level in path.into_iter().flat_map(|path| path.split('/')) {
            node = self.child(node, level)?;
        }
        let place = place(&mut self.nodes[node as usize], open);
        let removed = match place.as_mut()?.remove(key) {
            Ok(removed) => removed,
            Err(_) => place.take().and_then(|last| last.into_only()),
        };
        if removed.is_some() {
            self.subscriptions -= 1;
            self.prune(node);
        }
        removed
    }

    /// Calls `visit` for every subscription whose filter matches a topic: once per subscription, so perhaps more than once per key.
    pub fn for_each_match<'a>(&'a self, topic: &str, mut visit: impl FnMut(&'a K, &'a V)) {
        let levels: SmallVec<[u32; 16]> =
            topic.split('/').map(|level| self.levels.find(level).unwrap_or(NONE)).collect();
        // [MQTT-4.7.2-1]
        let reserved = topic.starts_with('$');
        let mut stack: SmallVec<[(u32, u32); 16]> = SmallVec::new();
        stack.push((ROOT, 0));
        while let Some((id, depth)) = stack.pop() {
            let node = &self.nodes[id as usize];
            let hidden = reserved && id == ROOT;
            if let Some(open) = node.open.as_ref().filter(|_| !hidden) {
                open.for_each(&mut visit);
            }
            let Some(level) = levels.get(depth as usize) else {
                if let Some(exact) = &node.exact {
                    exact.for_each(&mut visit);
                }
                continue;
            };
            if node.plus != NONE && !hidden {
                stack.push((node.plus, depth + 1));
            }
            if *level != NONE
                && node.named > 0
                && let Some(child) = self.edges.get(&(id, *level))
            {
                stack.push((*child, depth + 1));
            }
        }
    }

    fn child(&self, node: u32, level: &str) -> Option<u32> {
        if level == "+" {
            return Some(self.nodes[node as usize].plus).filter(|plus| *plus != NONE);
        }
        self.edges.get(&(node, self.levels.find(level)?)).copied()
    }

    fn child_or_new(&mut self, parent: u32, level: &str) -> u32 {
        if let Some(child) = self.child(parent, level) {
            return child;
        }
        let id = if level == "+" { PLUS } else { self.levels.take(level) };
        let node = Node::new(parent, id);
        let child = match self.free.pop() {
            Some(child) => {
                self.nodes[child as usize] = node;
                child
            }
            None => {
                self.nodes.push(node);
                u32::try_from(self.nodes.len() - 1).unwrap_or(NONE)
            }
        };
        let above = &mut self.nodes[parent as usize];
        if id == PLUS {
            above.plus = child;
        } else {
            above.named += 1;
            self.edges.insert((parent, id), child);
        }
        child
    }

    /// Gives back a node and those above it that nothing needs any more.
    fn prune(&mut self, from: u32) {
        let mut id = from;
        while id != ROOT && self.nodes[id as usize].is_unused() {
            let (parent, level) = (self.nodes[id as usize].parent, self.nodes[id as usize].level);
            let above = &mut self.nodes[parent as usize];
            if level == PLUS {
                above.plus = NONE;
            } else {
                above.named -= 1;
                self.edges.remove(&(parent, level));
                self.levels.give_back(level);
            }
            self.free.push(id);
            id = parent;
        }
        if self.subscriptions == 0 {
            *self = Self::default();
        } else if self.edges.capacity() > 64 && self.edges.len() * 4 < self.edges.capacity() {
            self.edges.shrink_to_fit();
        }
    }
}

/// The levels before `#`, `None` where there are none, and whether there is a `#`.
fn split(filter: &str) -> (Option<&str>, bool) {
    match filter.strip_suffix('#') {
        Some("") => (None, true),
        Some(path) if path.ends_with('/') => (path.strip_suffix('/'), true),
        _ => (Some(filter), false),
    }
}

fn place<K, V>(node: &mut Node<K, V>, open: bool) -> &mut Option<Box<Subscribers<K, V>>> {
    if open { &mut node.open } else { &mut node.exact }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(index: &TopicIndex<u32, &'static str>, topic: &str) -> Vec<(u32, &'static str)> {
        let mut found = Vec::new();
        index.for_each_match(topic, |key, value| found.push((*key, *value)));
        found.sort_unstable();
        found
    }

    #[test]
    fn overlapping_filters_are_all_found() {
        let mut index = TopicIndex::default();
        for (key, filter) in ["a/b", "a/+", "a/#", "#", "+/b", "a/b/#", "a/b/c"].into_iter().enumerate() {
            assert_eq!(index.insert(filter, u32::try_from(key).unwrap(), filter), None);
        }
        let names: Vec<_> = found(&index, "a/b").into_iter().map(|(_, filter)| filter).collect();
        assert_eq!(names, ["a/b", "a/+", "a/#", "#", "+/b", "a/b/#"]);
        assert_eq!(found(&index, "$SYS/b"), []);
    }

    #[test]
    fn one_subscriber_may_have_several_filters_and_replace_one() {
        let mut index = TopicIndex::default();
        index.insert("a", 1, "old");
        index.insert("+", 1, "plus");
        assert_eq!(index.insert("a", 1, "new"), Some("old"));
        assert_eq!(index.len(), 2);
        assert_eq!(found(&index, "a"), [(1, "new"), (1, "plus")]);
    }

    #[test]
    fn nothing_is_left_of_what_was_removed() {
        let mut index = TopicIndex::default();
        index.insert("keep/me", 0, "keep");
        let before = (index.edges.len(), index.nodes.len() - index.free.len());
        for key in 0..1_000 {
            index.insert(&format!("users/{key}/+/state/#"), key, "x");
            index.insert("everybody", key, "x");
        }
        for key in 0..1_000 {
            assert_eq!(index.remove(&format!("users/{key}/+/state/#"), key), Some("x"));
            assert_eq!(index.remove("everybody", key), Some("x"));
        }
        assert_eq!((index.edges.len(), index.nodes.len() - index.free.len()), before);
        assert!(index.edges.capacity() <= 64, "{}", index.edges.capacity());
        assert_eq!(index.remove("users/1/+/state/#", 1), None);
        assert_eq!(index.remove("keep/me", 0), Some("keep"));
        assert!(index.is_empty());
        assert_eq!(index.nodes.capacity(), 1);
    }

    #[test]
    fn depth_costs_no_stack() {
        let mut index = TopicIndex::default();
        let deep = vec!["+"; 30_000].join("/");
        index.insert(&deep, 1, "deep");
        assert_eq!(found(&index, &vec!["a"; 30_000].join("/")), [(1, "deep")]);
    }
}
