//! What must be in the store, kept in maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use longwave_model::{ConversationId, DeviceId, Entry, Seq};
use longwave_persistence::contract::devices::session;
use longwave_persistence::contract::sample::{conversation, device, message, user};
use longwave_persistence::embedded::Embedded;
use longwave_persistence::{
    CursorRaise, Cursors, Direction, Expected, Inbox, Log, MarkRaise, Marks, Members, Put, Registers, SessionRow,
    Sessions, Versioned,
};

use super::first_entry;

#[derive(Default)]
pub(crate) struct Model {
    logs: BTreeMap<ConversationId, Vec<Entry>>,
    cursors: BTreeMap<(DeviceId, ConversationId), Seq>,
    marks: BTreeMap<ConversationId, Seq>,
    sessions: BTreeMap<DeviceId, SessionRow>,
    /// The last version, and the value unless it was removed.
    registers: BTreeMap<String, (u64, Option<Bytes>)>,
}

impl Model {
    /// What an owner would append next.
    pub(crate) fn next_entries(&self, name: &str, count: u64, now: u64) -> Vec<Entry> {
        let id = conversation(name);
        let next = self.logs.get(&id).map_or(1, |log| log.len() as u64 + 1);
        (next..next + count)
            .map(|seq| {
                let entry = if seq == 1 { first_entry(name) } else { message(&id, seq, "alice") };
                Entry { ts: now, ..entry }
            })
            .collect()
    }

    pub(crate) fn appended(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.logs.entry(entry.conversation.clone()).or_default().push(entry.clone());
        }
    }

    /// An append that nobody saw the end of: all of it or nothing.
    pub(crate) async fn perhaps_appended(&mut self, store: &Embedded, entries: &[Entry]) {
        let head = store.head(&entries[0].conversation).await.unwrap().map_or(0, |head| head.seq.0);
        let before = self.logs.get(&entries[0].conversation).map_or(0, Vec::len) as u64;
        assert!(head == before || head == before + entries.len() as u64, "{head}, {before}");
        if head > before {
            self.appended(entries);
        }
    }

    pub(crate) async fn raise(&mut self, store: &Embedded, which: usize, name: &str, seq: u64) {
        let (id, seq) = (conversation(name), Seq(seq));
        let head = Seq(self.logs.get(&id).map_or(0, Vec::len) as u64);
        // Callers refuse what is above the head.
        let seq = seq.min(head);
        let device = device_number(which);
        let cursor = CursorRaise { user: user("alice"), device: device.clone(), conversation: id.clone(), seq };
        let mark = MarkRaise { conversation: id.clone(), user: user("bob"), delivered: seq, read: Seq(0), ts: 1 };
        store.raise(vec![cursor], vec![mark]).await.unwrap();
        let stored = self.cursors.entry((device, id.clone())).or_insert(seq);
        *stored = seq.max(*stored);
        let stored = self.marks.entry(id).or_insert(seq);
        *stored = seq.max(*stored);
    }

    pub(crate) fn session(which: usize, connection: u64) -> SessionRow {
        SessionRow { device: device_number(which), ..session("any", connection) }
    }

    pub(crate) fn put_session(&mut self, row: SessionRow) -> bool {
        let newer = self.sessions.get(&row.device).is_none_or(|stored| stored.connection <= row.connection);
        if newer {
            self.sessions.insert(row.device.clone(), row);
        }
        newer
    }

    pub(crate) fn start_session(&mut self, row: SessionRow, cursors: Vec<(ConversationId, Seq)>) {
        self.drop_cursors(&row.device);
        for (id, seq) in cursors {
            self.cursors.insert((row.device.clone(), id), seq);
        }
        self.sessions.insert(row.device.clone(), row);
    }

    pub(crate) fn end_session(&mut self, row: &SessionRow) {
        if self.sessions.get(&row.device).is_none_or(|stored| stored.connection <= row.connection) {
            self.sessions.remove(&row.device);
            self.drop_cursors(&row.device);
        }
    }

    fn drop_cursors(&mut self, device: &DeviceId) {
        self.cursors.retain(|(owner, _), _| owner != device);
    }

    pub(crate) fn put_register(&mut self, key: &str, value: Option<Bytes>, expected: Expected) -> Put {
        let (version, stored) = self.registers.get(key).cloned().unwrap_or_default();
        let as_expected = match expected {
            Expected::Any => true,
            Expected::Absent => stored.is_none(),
            Expected::Version(wanted) => stored.is_some() && version == wanted,
        };
        if !as_expected {
            return Put::Conflict(stored.map(|value| Versioned { value, version }));
        }
        if value.is_none() && stored.is_none() {
            return Put::Stored(version);
        }
        self.registers.insert(key.to_owned(), (version + 1, value));
        Put::Stored(version + 1)
    }

    /// Compares everything with the store, and lets the store audit itself.
    pub(crate) async fn compare(&self, store: &Arc<Embedded>) {
        for (id, log) in &self.logs {
            let head = store.head(id).await.unwrap().unwrap();
            assert_eq!(head.seq.0, log.len() as u64);
            let page = store.page(id, 1..=u64::MAX, Direction::Forward, usize::MAX, usize::MAX).await.unwrap();
            let stored: Vec<_> = page.entries.iter().map(|entry| (**entry).clone()).collect();
            assert_eq!(&stored, log);
            for entry in log.iter().filter(|entry| entry.id.is_some()) {
                let found = store.dedup(id, &entry.sender, entry.id.as_ref().unwrap()).await.unwrap().unwrap();
                assert_eq!((found.seq, found.ts), (entry.seq, entry.ts));
            }
            assert_eq!(store.members(id).await.unwrap().len(), 2);
            assert_eq!(store.inbox_row(&user("bob"), id).await.unwrap().unwrap().head, head.seq);
            let mark = store.mark(id, &user("bob")).await.unwrap().map_or(Seq(0), |mark| mark.delivered);
            assert_eq!(mark, self.marks.get(id).copied().unwrap_or_default());
        }
        for which in 0..3 {
            let device = device_number(which);
            let mine = self.cursors.iter().filter(|((owner, _), _)| *owner == device);
            let mine: Vec<_> = mine.map(|((_, id), seq)| (id.clone(), *seq)).collect();
            assert_eq!(store.cursors(&user("alice"), &device).await.unwrap(), mine);
            let session = store.session(&user("alice"), &device).await.unwrap();
            assert_eq!(session.as_ref(), self.sessions.get(&device));
        }
        let registers: Vec<_> = self
            .registers
            .iter()
            .filter_map(|(key, (version, value))| {
                value.clone().map(|value| (key.clone(), Versioned { value, version: *version }))
            })
            .collect();
        assert_eq!(store.scan("register/", "", 100).await.unwrap(), registers);
        let (_, found) = store.audit(10).await.unwrap();
        // A clean start may set a cursor where this test has no entries yet.
        let found: Vec<_> = found.iter().filter(|one| !one.what.starts_with("cursor")).collect();
        assert_eq!(found.len(), 0, "{found:?}");
    }
}

fn device_number(which: usize) -> DeviceId {
    device(&format!("device-{which}"))
}
