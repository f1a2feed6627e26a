//! Storage: the journal with its fenced append, the views derived from it, and registers.
//!
//! One small trait per job, each implemented by every backend; [`Store`] is all of them. This crate knows neither MQTT nor
//! what a conversation is used for. [`views`] is the one place that says what an entry means to the tables: the embedded store
//! commits its result together with the append, other backends write it afterwards through [`Journal::apply`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod audit;
pub mod cassandra;
#[cfg(feature = "contract")]
pub mod contract;
mod cursors;
pub mod embedded;
mod error;
mod inbox;
pub mod invariant;
mod journal;
mod log;
mod members;
mod plain;
mod push_row;
mod pushes;
pub mod redis;
mod registers;
mod retention;
mod session_row;
mod sessions;
mod store;
pub mod views;

pub use cursors::{CursorRaise, Cursors, Mark, MarkRaise, Marks};
pub use error::StoreError;
pub use inbox::{Inbox, InboxRow};
pub use journal::{Append, Appended, Audience, Journal, JournalRow, Outcome, Tenure, Watermarks};
pub use log::{Direction, Head, Log, Page, Stored};
pub use members::{ConversationRow, MemberRow, Members};
pub use plain::{LastingSession, LogRow, MessageRow, Plain, PlainLog, PropertyRow, Reference, WillRow};
pub use pushes::{PushRecord, PushState, Pushes};
pub use registers::{Expected, Put, Registers, Versioned};
pub use retention::{RetentionPolicy, SweepReport};
pub use sessions::{InFlight, SessionRow, Sessions, SubscriptionRow};
pub use store::Store;
