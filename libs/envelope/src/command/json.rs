//! Commands on `json`: one object, read in one pass. Reasons of refusals name fields and never repeat what is in them, so that no
//! body gets into a log.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use longwave_model::Refusal;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::bad_payload;
use super::fields::Fields;

/// Standard alphabet; padding may be left out.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn decode(payload: &Bytes) -> Result<Fields, Refusal> {
    if payload.trim_ascii_start().first() != Some(&b'{') {
        return Err(bad_payload(
            "not a JSON object such as {\"body\":\"hello\"}; publish to the topic that ends in /raw to send the payload itself",
        ));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    deserializer
        .deserialize_map(CommandVisitor { payload })
        .and_then(|fields| deserializer.end().map(|()| fields))
        .map_err(|error| bad_payload(format!("not a command: {error}")))
}

struct CommandVisitor<'a> {
    payload: &'a Bytes,
}

impl<'de> Visitor<'de> for CommandVisitor<'_> {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(Name(name)) = map.next_key()? {
            match name {
                "type" => set(&mut fields.kind, name, text(&mut map, name)?.into_owned())?,
                "id" => set(&mut fields.id, name, self.share(text(&mut map, name)?))?,
                "id_b64" => set(&mut fields.id, "id", base64(text(&mut map, name)?, name)?)?,
                "body" => set(&mut fields.body, name, self.share(text(&mut map, name)?))?,
                "body_b64" => set(&mut fields.body, "body", base64(text(&mut map, name)?, name)?)?,
                "content_type" => set(&mut fields.content_type, name, text(&mut map, name)?.into_owned())?,
                "seq" => set(&mut fields.seq, name, value(&mut map, name, "a whole number")?)?,
                "target" => set(&mut fields.target, name, value(&mut map, name, "a whole number")?)?,
                "mentions" => set(&mut fields.mentions, name, value(&mut map, name, "a list of users")?)?,
                "expires_in" => {
                    set(&mut fields.expires_in, name, value(&mut map, name, "a whole number of seconds")?)?;
                }
                "silent" => set(&mut fields.silent, name, value(&mut map, name, "true or false")?)?,
                _ => set(&mut fields.scheme, name, text(&mut map, name)?.into_owned())?,
            }
        }
        Ok(fields)
    }
}

impl CommandVisitor<'_> {
    /// Text without escapes lies in the payload as it is: no copy.
    fn share(&self, text: Cow<'_, str>) -> Bytes {
        match text {
            Cow::Borrowed(text) => self.payload.slice_ref(text.as_bytes()),
            Cow::Owned(text) => Bytes::from(text),
        }
    }
}

/// The name of a field that exists.
struct Name(&'static str);

const NAMES: [&str; 12] = [
    "type",
    "id",
    "id_b64",
    "body",
    "body_b64",
    "content_type",
    "seq",
    "target",
    "mentions",
    "expires_in",
    "silent",
    "scheme",
];

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
                NAMES.into_iter().find(|known| *known == name).map(Name).ok_or_else(|| {
                    let shown: String = name.chars().take(32).collect();
                    E::custom(format_args!("unknown field `{}`", shown.escape_debug()))
                })
            }
        }
        deserializer.deserialize_identifier(NameVisitor)
    }
}

/// A text, borrowed from the payload where it has no escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn text<'de, A: MapAccess<'de>>(map: &mut A, name: &str) -> Result<Cow<'de, str>, A::Error> {
    value::<Text<'de>, A>(map, name, "a text").map(|text| text.0)
}

/// serde_json's own message would quote the value.
fn value<'de, T: Deserialize<'de>, A: MapAccess<'de>>(map: &mut A, name: &str, what: &str) -> Result<T, A::Error> {
    map.next_value().map_err(|_| A::Error::custom(format_args!("`{name}` is not {what}")))
}

fn base64<E: Error>(text: Cow<'_, str>, name: &str) -> Result<Bytes, E> {
    match BASE64.decode(text.as_bytes()) {
        Ok(bytes) => Ok(bytes.into()),
        Err(_) => Err(E::custom(format_args!("`{name}` is not base64"))),
    }
}

/// Of two fields of one name, different readers take different ones.
fn set<T, E: Error>(field: &mut Option<T>, name: &str, value: T) -> Result<(), E> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::custom(format_args!("`{name}` comes twice"))),
    }
}
