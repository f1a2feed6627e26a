//! The seams between the broker, the bridge and the feed: traits and the types that cross them.
//!
//! The broker depends on these and not on who implements them; `longwave` wires the parts together. In one process a call
//! through a trait is a function call.

mod admit;
mod bus;
mod connected;
mod elsewhere;
mod feed;
mod gate;
mod plain;
mod plain_log;
mod push;
mod rates;

pub use admit::{Accounts, Admit, Credentials, Identity};
pub use bus::{Bus, MarkSignal, Recipients, Typing};
pub use connected::Connected;
pub use elsewhere::{Alone, Elsewhere};
pub use feed::{
    Closing, Delivery, DeliveryProperties, FIRST_CHOSEN_PACKET_ID, Feed, Mailbox, Open, Opened, Outlet, Resend,
    Subscription, Ticket,
};
pub use gate::{
    Answer, Answers, Completion, Gate, Guarantee, Lease, Notice, Publish, PublishProperties, Route, Sender,
};
pub use plain::{Asker, PlainMessage, PlainStore, StoredWill, TopicAccess, Will, is_plain, is_system, shared};
pub use plain_log::{LastingSession, LogReference, LoggedMessage, PlainLog};
pub use push::{PushMessage, PushSink, PushTicket};
pub use rates::SharedRates;
