//! The fields of a command as they came, and what they amount to: which type needs and allows which.

use bytes::Bytes;
use longwave_model::{ErrorCode, MessageId, Refusal, Seq, UserId};

use super::{Command, CommandLimits, CommandProperties, SendCommand, bad_payload};

/// All fields that any command has; `None` where one was absent.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) kind: Option<String>,
    pub(super) id: Option<Bytes>,
    pub(super) body: Option<Bytes>,
    pub(super) content_type: Option<String>,
    pub(super) seq: Option<u64>,
    pub(super) target: Option<u64>,
    pub(super) mentions: Option<Vec<String>>,
    pub(super) expires_in: Option<u32>,
    pub(super) silent: Option<bool>,
    pub(super) scheme: Option<String>,
}

impl Fields {
    pub(super) fn into_command(
        self,
        properties: &CommandProperties<'_>,
        limits: &CommandLimits,
    ) -> Result<Command, Refusal> {
        match self.kind.as_deref() {
            None | Some("send") => self.into_send(properties, limits).map(Command::Send),
            Some("read") => self.into_read(),
            Some("typing") => {
                self.only("typing", &[])?;
                Ok(Command::Typing)
            }
            Some("edit" | "react" | "redact") => Err(bad_payload("edit, react and redact are not available")),
            Some(_) => Err(bad_payload("`type` must be send, read or typing")),
        }
    }

    fn into_send(self, properties: &CommandProperties<'_>, limits: &CommandLimits) -> Result<SendCommand, Refusal> {
        self.only("send", &["id", "body", "content_type", "mentions", "expires_in", "silent", "scheme"])?;
        let body = self.body.ok_or_else(|| bad_payload("`send` needs `body` or `body_b64`"))?;
        check_body(&body, limits)?;
        Ok(SendCommand {
            id: self.id.map(message_id).transpose()?,
            body,
            content_type: name("content_type", self.content_type, limits)?,
            mentions: mentions(self.mentions.unwrap_or_default(), limits)?,
            expires_in: self.expires_in.filter(|seconds| *seconds > 0).or(expiry(properties)),
            silent: self.silent.unwrap_or(false),
            scheme: name("scheme", self.scheme, limits)?,
        })
    }

    fn into_read(self) -> Result<Command, Refusal> {
        self.only("read", &["seq"])?;
        match self.seq {
            None => Err(bad_payload("`read` needs `seq`")),
            Some(0) => Err(Refusal::new(ErrorCode::BadSeq, "the first seq is 1")),
            Some(seq) => Ok(Command::Read { seq: Seq(seq) }),
        }
    }

    /// Refuses fields that this type does not have.
    fn only(&self, kind: &str, allowed: &[&str]) -> Result<(), Refusal> {
        let present = [
            ("id", self.id.is_some()),
            ("body", self.body.is_some()),
            ("content_type", self.content_type.is_some()),
            ("seq", self.seq.is_some()),
            ("target", self.target.is_some()),
            ("mentions", self.mentions.is_some()),
            ("expires_in", self.expires_in.is_some()),
            ("silent", self.silent.is_some()),
            ("scheme", self.scheme.is_some()),
        ];
        match present.into_iter().find(|(name, present)| *present && !allowed.contains(name)) {
            Some((name, _)) => Err(bad_payload(format!("`{kind}` has no field `{name}`"))),
            None => Ok(()),
        }
    }
}

pub(super) fn message_id(bytes: Bytes) -> Result<MessageId, Refusal> {
    MessageId::parse(bytes).map_err(|error| Refusal::new(ErrorCode::BadMessageId, format!("the message id: {error}")))
}

pub(super) fn check_body(body: &Bytes, limits: &CommandLimits) -> Result<(), Refusal> {
    if body.len() > limits.body_bytes {
        let reason = format!("the body has {} bytes, the limit is {}", body.len(), limits.body_bytes);
        return Err(Refusal::new(ErrorCode::BodyTooLarge, reason));
    }
    Ok(())
}

/// A Message Expiry Interval of 0 asks for the shortest life there is, not for none.
pub(super) fn expiry(properties: &CommandProperties<'_>) -> Option<u32> {
    properties.expiry_seconds.map(|seconds| seconds.max(1))
}

/// A media type or scheme. Control characters are refused because it may become an MQTT string [MQTT-1.5.4-2]. Empty is absent.
pub(super) fn name(
    field: &'static str,
    text: Option<String>,
    limits: &CommandLimits,
) -> Result<Option<String>, Refusal> {
    let text = text.filter(|text| !text.is_empty());
    if let Some(text) = &text {
        if text.len() > limits.name_bytes {
            return Err(bad_payload(format!("`{field}` has more than {} bytes", limits.name_bytes)));
        }
        if text.contains(char::is_control) {
            return Err(bad_payload(format!("`{field}` has a control character")));
        }
    }
    Ok(text)
}

fn mentions(names: Vec<String>, limits: &CommandLimits) -> Result<Vec<UserId>, Refusal> {
    if names.len() > limits.mentions {
        return Err(bad_payload(format!("`mentions` has more than {} users", limits.mentions)));
    }
    let mut users = Vec::with_capacity(names.len());
    for name in names {
        let user = UserId::parse(&name).map_err(|_| bad_payload("`mentions` has something that is no user"))?;
        if !users.contains(&user) {
            users.push(user);
        }
    }
    Ok(users)
}
