//! Bytes into the decoder, in two pieces; whatever it takes for a packet has to survive encoding.

use bytes::BytesMut;

use crate::codec::packet::{Packet, Version};
use crate::codec::{Decoder, encode, encoded_len, sniff};

const LIMIT: usize = 64 * 1024;

/// The first byte says where the rest is split.
pub fn stream(version: Version, data: &[u8]) {
    let Some((&split, bytes)) = data.split_first() else { return };
    let _ = sniff(bytes, LIMIT);
    let split = usize::from(split).min(bytes.len());
    let mut decoder = Decoder::new(version, LIMIT);
    let mut buffer = BytesMut::from(&bytes[..split]);
    let mut pieces = all(&mut decoder, &mut buffer);
    if pieces.1 {
        buffer.extend_from_slice(&bytes[split..]);
        let (packets, _) = all(&mut decoder, &mut buffer);
        pieces.0.extend(packets);
        let whole = all(&mut decoder, &mut BytesMut::from(bytes)).0;
        assert_eq!(pieces.0, whole, "split bytes decode to other packets");
    }
    for packet in &pieces.0 {
        let mut again = BytesMut::new();
        encode(packet, version, &mut again).expect("a decoded packet has no field that is too long");
        assert_eq!(again.len(), encoded_len(packet, version));
        assert_eq!(Decoder::new(version, usize::MAX).decode(&mut again).as_ref(), Ok(&Some(packet.clone())));
    }
}

/// All packets up to the end or an error; false after an error.
fn all(decoder: &mut Decoder, buffer: &mut BytesMut) -> (Vec<Packet>, bool) {
    let mut packets = Vec::new();
    loop {
        match decoder.decode(buffer) {
            Ok(Some(packet)) => packets.push(packet),
            Ok(None) => return (packets, true),
            Err(_) => return (packets, false),
        }
    }
}
