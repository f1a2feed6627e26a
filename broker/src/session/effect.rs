//! What a session wants done: its outputs, in order.

use longwave_model::{DeviceId, UserId};
use longwave_port::{Closing, Credentials, Publish, Subscription, Ticket, Will};

use crate::codec::Outgoing;
use crate::codec::packet::Packet;

/// An output of the session state machine.
#[derive(Debug)]
pub enum Effect {
    /// Encode with [`crate::codec::encode`] and send.
    Send(Packet),
    /// Encode with [`crate::codec::encode_outgoing`] and send: a delivery or notice, whose topic and payload stay shared.
    Deliver(Outgoing),
    /// Encode with [`crate::codec::encode_receipt`] and send: the PUBACK or PUBREC of a stored publish, with what it says on MQTT 5.
    Receipt(crate::codec::Receipt),
    /// Ask [`longwave_port::Admit`]; answer with `Event::Admitted`. Nothing is read from the socket meanwhile.
    Admit(Credentials),
    /// Close other connections of this device, then open its feed; answer with `Event::Opened`. Nothing is read meanwhile.
    Open {
        /// The user.
        user: UserId,
        /// The device.
        device: DeviceId,
        /// May act under any `u/{user}/`.
        service: bool,
        /// Clean Start.
        clean_start: bool,
        /// Session Expiry Interval in seconds.
        expiry_seconds: u32,
        /// What is to be published when the connection ends without a good-bye.
        will: Option<Box<Will>>,
    },
    /// Hand to [`longwave_port::Gate`]; answer with `Event::Answered`.
    Publish {
        /// Comes back with the answer.
        ticket: u64,
        /// The publish.
        publish: Publish,
    },
    /// Ask the outlet; answer with `Event::Subscribed`. Nothing is read meanwhile.
    Subscribe(Vec<Subscription>),
    /// Ask the outlet; answer with `Event::Unsubscribed`. Nothing is read meanwhile.
    Unsubscribe(Vec<String>),
    /// Tell the outlet that a delivery is acknowledged.
    Acked(Ticket),
    /// Tell the outlet that the device has a delivery at QoS 2.
    Received(Ticket),
    /// Store a QoS 2 use; answer with `Event::Released`.
    Released {
        /// The packet id.
        packet_id: u16,
        /// How often it has been released.
        uses: u32,
    },
    /// Count it: the client publishes faster than it may, and is read later.
    Slowed,
    /// Flush what was sent so far, then close the socket, then close the outlet (if open) with this. The last effect.
    Close(Closing),
}
