//! Frames in parts of every size, and what a peer may not do.

use super::*;

/// A frame as a client sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut bytes = vec![first];
    match payload.len() {
        0..126 => bytes.push(0x80 | payload.len() as u8),
        126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Everything that comes of `bytes` when they arrive in parts of `size`.
fn read(bytes: &[u8], size: usize) -> Result<(Vec<u8>, Vec<Control>), Violation> {
    let (mut incoming, mut data, mut controls) = (Incoming::default(), BytesMut::new(), Vec::new());
    for part in bytes.chunks(size) {
        let mut raw = BytesMut::from(part);
        while !raw.is_empty() {
            controls.extend(incoming.accept(&mut raw, &mut data)?);
        }
    }
    Ok((data.to_vec(), controls))
}

#[test]
fn data_comes_out_however_it_is_split_and_controls_in_between() {
    let long: Vec<u8> = (0..70_000_u32).map(|n| n as u8).collect();
    let mut bytes = frame(0x82, b"one");
    bytes.extend(frame(0x02, b"two"));
    bytes.extend(frame(0x89, b"ping"));
    bytes.extend(frame(0x8a, b"an unasked pong"));
    bytes.extend(frame(0x00, &[7; 300]));
    bytes.extend(frame(0x89, b""));
    bytes.extend(frame(0x80, b""));
    bytes.extend(frame(0x82, &long));
    bytes.extend(frame(0x88, &1000_u16.to_be_bytes()));
    let expected = [&b"onetwo"[..], &[7; 300], &long].concat();
    for size in [1, 2, 3, 5, 7, 1_000, 16_384, bytes.len()] {
        let (data, controls) = read(&bytes, size).unwrap();
        assert!(data == expected, "in parts of {size}");
        assert_eq!(controls, [Control::Ping(b"ping".to_vec()), Control::Ping(Vec::new()), Control::Close]);
    }
}

#[test]
fn violations_are_told_apart() {
    let code_of = |bytes: &[u8]| read(bytes, 1).unwrap_err().code;
    assert_eq!(code_of(&frame(0x81, b"text")), code::UNSUPPORTED);
    assert_eq!(code_of(&frame(0xc2, b"rsv")), code::PROTOCOL);
    assert_eq!(code_of(&[0x82, 0]), code::PROTOCOL, "not masked, and nothing more to come");
    assert_eq!(code_of(&frame(0x80, b"of nothing")), code::PROTOCOL);
    assert_eq!(code_of(&[frame(0x02, b"a"), frame(0x82, b"b")].concat()), code::PROTOCOL);
    assert_eq!(code_of(&frame(0x09, b"split ping")), code::PROTOCOL);
    assert_eq!(code_of(&frame(0x89, &[0; 126])), code::PROTOCOL);
    assert_eq!(code_of(&frame(0x83, b"")), code::PROTOCOL);
}

#[test]
fn lengths_of_outgoing_frames_take_the_shortest_form() {
    let mut header = [0; 10];
    for (length, bytes) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
        assert_eq!(binary_header(length, &mut header), bytes, "{length}");
        assert_eq!(header[0], 0x82);
    }
    assert_eq!(header[1..], [127, 0, 0, 0, 0, 0, 1, 0, 0]);
    let mut out = Vec::new();
    pong(b"x", &mut out);
    close(1000, &mut out);
    assert_eq!(out, [0x8a, 1, b'x', 0x88, 2, 0x03, 0xe8]);
}
