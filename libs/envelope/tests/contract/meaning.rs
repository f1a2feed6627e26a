//! Says in one line what a payload means: the last column of the table in `mqtt-topics.md`.

use std::fmt::Write as _;

use longwave_envelope::Command;
use longwave_model::pb;

/// A line of `name=value`, absent values left out.
struct Line(String);

impl Line {
    fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'|'));
            let value = if plain { text.to_owned() } else { serde_json::to_string(text).unwrap() };
            write!(self.0, " {name}={value}").unwrap();
        }
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains(char::is_control) => self.text(name, text),
            _ => write!(self.0, " {name}=0x{}", hex(bytes)).unwrap(),
        }
    }

    fn number(&mut self, name: &str, number: u64) {
        if number != 0 {
            write!(self.0, " {name}={number}").unwrap();
        }
    }

    fn flag(&mut self, name: &str, flag: bool) {
        if flag {
            write!(self.0, " {name}").unwrap();
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn of_command(command: &Command) -> String {
    let send = match command {
        Command::Read { seq } => return format!("read seq={seq}"),
        Command::Typing => return "typing".to_owned(),
        Command::Send(send) => send,
    };
    let mut line = Line("send".to_owned());
    line.bytes("id", send.id.as_ref().map_or(&[], |id| id.as_bytes()));
    line.bytes("body", &send.body);
    line.text("content_type", send.content_type.as_deref().unwrap_or_default());
    line.text("mentions", &send.mentions.iter().map(|user| user.as_str()).collect::<Vec<_>>().join(","));
    line.number("expires_in", send.expires_in.unwrap_or(0).into());
    line.flag("silent", send.silent);
    line.text("scheme", send.scheme.as_deref().unwrap_or_default());
    line.0
}

pub(crate) fn of_event(event: &pb::Event) -> String {
    let mut line = Line(event.r#type.clone());
    line.text("conv", &event.conv);
    line.number("seq", event.seq);
    line.bytes("id", &event.id);
    line.text("from", &event.from);
    line.number("from", event.gap_from);
    line.number("to", event.to);
    line.text("device", &event.device);
    line.number("ts", event.ts);
    line.bytes("body", &event.body);
    line.text("content_type", &event.content_type);
    line.text("mentions", &event.mentions.join(","));
    line.flag("silent", event.silent);
    line.text("scheme", &event.scheme);
    line.number("expires_at", event.expires_at);
    line.number("delivered", event.delivered);
    line.number("read", event.read);
    line.text("change", &event.change);
    line.text("user", &event.user);
    line.text("role", &event.role);
    line.text("kind", &event.kind);
    match event.title.as_deref() {
        Some("") => line.0.push_str(" title=\"\""),
        title => line.text("title", title.unwrap_or_default()),
    }
    line.number("code", event.code.into());
    line.text("reason", &event.reason);
    line.0
}
