//! Writes JSON objects field by field into a buffer, in the order of the calls and without an intermediate tree.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// An object being written.
pub(crate) struct JsonObject {
    out: Vec<u8>,
}

impl JsonObject {
    /// Begins an object that will take about `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.push(b'{');
        Self { out }
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        write_text(&mut self.out, text);
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &'static str, number: u64) {
        self.name(name);
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b"0123456789"[(rest % 10) as usize];
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    /// `true`; false is said by leaving the field out.
    pub(crate) fn yes(&mut self, name: &'static str) {
        self.name(name);
        self.out.extend_from_slice(b"true");
    }

    /// A list of texts.
    pub(crate) fn texts<'a>(&mut self, name: &'static str, texts: impl Iterator<Item = &'a str>) {
        self.name(name);
        self.out.push(b'[');
        for (index, text) in texts.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write_text(&mut self.out, text);
        }
        self.out.push(b']');
    }

    /// Bytes: as text under `name` if they are text, else in base64 under `base64_name`.
    pub(crate) fn bytes(&mut self, name: &'static str, base64_name: &'static str, bytes: &[u8]) {
        match as_text(bytes) {
            Some(text) => self.text(name, text),
            None => {
                self.name(base64_name);
                self.out.push(b'"');
                let start = self.out.len();
                let length = base64::encoded_len(bytes.len(), true).unwrap_or(0);
                self.out.resize(start + length, 0);
                // The slice has exactly the encoded length, so this cannot fail.
                let written = STANDARD.encode_slice(bytes, &mut self.out[start..]).unwrap_or(0);
                self.out.truncate(start + written);
                self.out.push(b'"');
            }
        }
    }

    /// The object's bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }

    /// Names are plain words, so they need no escapes.
    fn name(&mut self, name: &'static str) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }
}

/// The bytes as text, unless they are not UTF-8 or so full of control characters that JSON's six-byte escapes would make them more
/// than 2.5 times as long.
fn as_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let long_escapes = bytes.iter().filter(|byte| ESCAPES[usize::from(**byte)] == b'u').count();
    (long_escapes * 8 <= bytes.len()).then_some(text)
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let escape = ESCAPES[usize::from(byte)];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        if escape == b'u' {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        } else {
            out.extend_from_slice(&[b'\\', escape]);
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

/// What follows the backslash when a byte is written in a JSON text; 0 when it stands for itself.
const ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        escapes[byte as usize] = escape(byte);
        byte += 1;
    }
    escapes
};

const fn escape(byte: u8) -> u8 {
    match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        0..=0x1f => b'u',
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn written(write: impl FnOnce(&mut JsonObject)) -> Value {
        let mut object = JsonObject::new(0);
        write(&mut object);
        serde_json::from_slice(&object.finish()).unwrap()
    }

    proptest! {
        #[test]
        fn another_parser_reads_the_same(text: String, number: u64, list: Vec<String>) {
            let value = written(|object| {
                object.text("t", &text);
                object.number("n", number);
                object.texts("l", list.iter().map(String::as_str));
                object.yes("y");
            });
            prop_assert_eq!(value, serde_json::json!({"t": text, "n": number, "l": list, "y": true}));
        }

        #[test]
        fn bytes_come_back(bytes: Vec<u8>) {
            let value = written(|object| object.bytes("b", "b64", &bytes));
            let back = match (&value["b"], &value["b64"]) {
                (Value::String(text), Value::Null) => text.clone().into_bytes(),
                (Value::Null, Value::String(text)) => STANDARD.decode(text).unwrap(),
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(back, bytes);
        }
    }

    #[test]
    fn every_control_character_is_escaped() {
        let text: String = (0..128u8).map(char::from).collect();
        assert_eq!(written(|object| object.text("t", &text))["t"], text.as_str());
    }

    #[test]
    fn zeros_do_not_grow_sixfold() {
        let mut object = JsonObject::new(0);
        object.bytes("body", "body_b64", &[0; 3_000]);
        assert!(object.finish().len() < 4_100);
    }
}
