//! The journal protocol as a model small enough to be explored: every state that two would-be owners, a store, and statements that
//! land now, late or never can get into, within [`Bounds`], is visited and judged by the invariants that the code uses.
//!
//! It is a model of the store on Cassandra, where journal and views are separate; on the embedded store much of this cannot happen. A
//! [`Fault`] breaks one rule of the protocol; the exploration must then find a state that breaks a promise. What is left out is said in
//! docs/adr/0009-journal-model.md.

mod action;
mod bounds;
mod client;
mod fault;
mod judge;
mod milestone;
mod owner;
mod resolve;
mod search;
mod state;
mod statement;
mod store;
mod tail;
mod view;

pub use action::Action;
pub use bounds::{Bounds, Budget, Message};
pub use fault::Fault;
pub use judge::Broken;
pub use milestone::Milestone;
pub use search::{Exploration, Violation};
pub use state::State;

/// The protocol within bounds, whole or with one rule broken.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// How much may happen.
    pub bounds: Bounds,
    /// The rule that is broken.
    pub fault: Option<Fault>,
    /// Judge by what clients and readers see alone, not by what holds inside.
    pub from_outside: bool,
}

impl Model {
    /// The protocol as it is.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, fault: None, from_outside: false }
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }
}
