//! Payloads into the readers of commands and requests, in every encoding.

use bytes::Bytes;
use longwave_envelope::{CommandLimits, CommandProperties, decode_command, decode_rpc};
use longwave_topics::Encoding;

/// Reads a payload in every way there is.
pub fn payload(data: &[u8]) {
    let payload = Bytes::copy_from_slice(data);
    for encoding in Encoding::ALL {
        let _ = decode_command(encoding, &payload, &CommandProperties::default(), &CommandLimits::default());
        let _ = decode_rpc(encoding, &payload);
    }
}
