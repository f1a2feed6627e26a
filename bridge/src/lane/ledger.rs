//! Which parts of a shard's journal were handed over and are not settled yet.

use std::collections::BTreeSet;
use std::sync::Arc;

use longwave_model::Position;
use longwave_port::PushTicket;
use parking_lot::Mutex;

/// What one owner has handed over.
#[derive(Debug)]
pub(crate) struct Ledger(Mutex<Book>);

#[derive(Debug)]
struct Book {
    /// Everything up to here was handed over.
    handed: Position,
    /// The first position of each part that is not settled.
    open: BTreeSet<u64>,
}

impl Ledger {
    /// Nothing above `settled` is handed over yet.
    pub(crate) fn new(settled: Position) -> Self {
        Self(Mutex::new(Book { handed: settled, open: BTreeSet::new() }))
    }

    /// The part that ends at `last` is being handed over: not settled until the ticket is gone.
    pub(crate) fn open(self: &Arc<Self>, last: Position) -> PushTicket {
        let mut book = self.0.lock();
        let first = book.handed.0 + 1;
        book.open.insert(first);
        book.handed = last.max(book.handed);
        PushTicket::new(Part { ledger: self.clone(), first })
    }

    /// Nobody has to be woken for what ends at `last`.
    pub(crate) fn pass(&self, last: Position) {
        let mut book = self.0.lock();
        book.handed = last.max(book.handed);
    }

    /// How far everything was handed over.
    pub(crate) fn handed(&self) -> Position {
        self.0.lock().handed
    }

    /// How far everything is settled.
    pub(crate) fn settled(&self) -> Position {
        let book = self.0.lock();
        book.open.first().map_or(book.handed, |first| Position(first - 1))
    }
}

/// A part that is not settled.
struct Part {
    ledger: Arc<Ledger>,
    first: u64,
}

impl Drop for Part {
    fn drop(&mut self) {
        self.ledger.0.lock().open.remove(&self.first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_open_part_holds_back_all_behind_it() {
        let ledger = Arc::new(Ledger::new(Position(10)));
        assert_eq!(ledger.settled(), Position(10));
        let first = ledger.open(Position(13));
        let second = ledger.open(Position(15));
        ledger.pass(Position(20));
        assert_eq!((ledger.settled(), ledger.handed()), (Position(10), Position(20)));
        let copy = first.clone();
        drop((first, second));
        assert_eq!(ledger.settled(), Position(10), "a clone counts");
        drop(copy);
        assert_eq!(ledger.settled(), Position(20));
    }
}
