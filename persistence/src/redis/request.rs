//! One command with the slot of its key, and the way it is to be sent.

use std::sync::Arc;

use redis::{Cmd, ServerError, ToRedisArgs};

use super::open::{join_address, split_address};
use super::scripts::Script;
use super::slot::slot_of;

/// One command.
pub(super) struct Request {
    pub(super) slot: u16,
    pub(super) command: Cmd,
    /// The script that it runs, if it runs one.
    pub(super) script: Option<&'static Script>,
}

impl Request {
    /// A command on this key, which is its first argument.
    pub(super) fn command(name: &str, key: &str) -> Self {
        let mut command = redis::cmd(name);
        command.arg(key);
        Self { slot: slot_of(key), command, script: None }
    }

    /// A script on this key.
    pub(super) fn script(script: &'static Script, key: &str) -> Self {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.hash()).arg(1).arg(key);
        Self { slot: slot_of(key), command, script: Some(script) }
    }

    /// With one more argument.
    pub(super) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.command.arg(argument);
        self
    }
}

/// How a command is to be sent. What one refusal taught is kept when another one follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// To the server that another one named; else to the master of its slot.
    pub(super) to: Option<Arc<str>>,
    /// As a question about a slot that is being moved there just now.
    pub(super) asking: bool,
    /// With its script in front.
    pub(super) with_script: bool,
}

impl Way {
    /// How to send it again after this error of the server `asked`, where that means that the command was not run and may be elsewhere.
    pub(super) fn after(&self, asked: &str, error: &ServerError) -> Option<Self> {
        let (code, details) = (error.code(), error.details().unwrap_or_default());
        match code {
            "MOVED" => Some(Self { to: Some(named(asked, details)?), asking: false, ..self.clone() }),
            "ASK" => Some(Self { to: Some(named(asked, details)?), asking: true, ..self.clone() }),
            "NOSCRIPT" if !self.with_script => Some(Self { with_script: true, ..self.clone() }),
            _ => None,
        }
    }
}

/// The address in `3999 127.0.0.1:6381`; an empty host is that of the server that was asked.
fn named(asked: &str, details: &str) -> Option<Arc<str>> {
    let (_slot, address) = details.split_once(' ')?;
    let (host, port) = address.rsplit_once(':')?;
    let host = if host.is_empty() { split_address(asked)?.0 } else { host };
    Some(join_address(host.trim_start_matches('[').trim_end_matches(']'), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;

    fn error(line: &str) -> ServerError {
        match redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap() {
            Value::ServerError(error) => error,
            other => panic!("{other:?} is no error"),
        }
    }

    #[test]
    fn refusals_that_point_elsewhere_are_followed() {
        let first = Way::default();
        let moved = first.after("10.0.0.1:7000", &error("MOVED 3999 10.0.0.2:7001")).unwrap();
        assert_eq!(moved, Way { to: Some("10.0.0.2:7001".into()), ..Way::default() });
        let loading = moved.after("10.0.0.2:7001", &error("NOSCRIPT No matching script.")).unwrap();
        assert_eq!(loading, Way { to: Some("10.0.0.2:7001".into()), asking: false, with_script: true });
        assert_eq!(loading.after("10.0.0.2:7001", &error("NOSCRIPT No matching script.")), None, "once is enough");
        let ask = loading.after("10.0.0.2:7001", &error("ASK 3999 :7002")).unwrap();
        assert_eq!(ask, Way { to: Some("10.0.0.2:7002".into()), asking: true, with_script: true });
        assert_eq!(first.after("a:1", &error("WRONGTYPE Operation against a key")), None);
        assert_eq!(first.after("a:1", &error("MOVED nonsense")), None);
    }
}
