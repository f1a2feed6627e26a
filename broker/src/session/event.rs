//! What happens to a session: its inputs. Together with the time they determine everything it does.

use longwave_model::{FirstSending, Refusal};
use longwave_port::{Answer, Delivery, Identity, Opened};

use crate::codec::packet::Packet;

/// An input of the session state machine.
#[derive(Debug)]
pub enum Event {
    /// A packet arrived, decoded and checked by the codec.
    Packet(Packet),
    /// The answer to [`super::Effect::Admit`].
    Admitted(Result<Identity, Refusal>),
    /// The answer to [`super::Effect::Open`].
    Opened(Result<OpenedSession, Refusal>),
    /// The answer to [`super::Effect::Publish`] with this ticket.
    Answered {
        /// The ticket given with the effect.
        ticket: u64,
        /// The fate of the publish.
        answer: Answer,
    },
    /// The answer to [`super::Effect::Subscribe`].
    Subscribed(Result<Vec<Result<u8, Refusal>>, Refusal>),
    /// The answer to [`super::Effect::Unsubscribe`].
    Unsubscribed(Result<Vec<bool>, Refusal>),
    /// The answer to [`super::Effect::Released`].
    Released {
        /// The packet id given with the effect.
        packet_id: u16,
        /// Whether the use was stored.
        result: Result<(), Refusal>,
    },
    /// Something owed to the device, taken from the outlet because [`super::Session::room`] had room.
    Deliver(Delivery),
    /// Time has passed; sent at the latest when [`super::Session::deadline`] is reached.
    Tick,
    /// The server wants the connection closed (takeover, drain, expired token, operator).
    Close(Refusal),
    /// The codec could not make a packet of what arrived.
    Undecodable(crate::codec::DecodeError),
    /// The socket is gone.
    Disconnected,
}

/// What opening a feed tells the session; the outlet itself stays with the connection.
#[derive(Debug, Clone)]
pub struct OpenedSession {
    /// Session Present.
    pub session_present: bool,
    /// On whose behalf publishes go.
    pub sender: std::sync::Arc<longwave_port::Sender>,
    /// Subscriptions of the resumed session.
    pub subscriptions: Vec<longwave_port::Subscription>,
    /// Uses per packet id of QoS 2 publishes.
    pub qos2_uses: Vec<(u16, u32)>,
    /// What DUP may refer to.
    pub unsettled: Vec<(u16, FirstSending)>,
}

impl From<&Opened> for OpenedSession {
    fn from(opened: &Opened) -> Self {
        Self {
            session_present: opened.session_present,
            sender: opened.sender.clone(),
            subscriptions: opened.subscriptions.clone(),
            qos2_uses: opened.qos2_uses.clone(),
            unsettled: opened.unsettled.clone(),
        }
    }
}
