//! Apple's rules of path, headers and payload ("Sending notification requests to APNs").

use std::collections::BTreeSet;

use hyper::Method;

use crate::fake::call::Call;

/// A status and a reason of Apple's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) reason: &'static str,
}

pub(super) fn refuse<T>(status: u16, reason: &'static str) -> Result<T, Refused> {
    Err(Refused { status, reason })
}

/// The device token.
pub(super) fn path(call: &Call) -> Result<&str, Refused> {
    if call.method != Method::POST {
        return refuse(405, "MethodNotAllowed");
    }
    match call.path.strip_prefix("/3/device/") {
        None => refuse(404, "BadPath"),
        Some("") => refuse(400, "MissingDeviceToken"),
        Some(token) if token.len() % 2 == 0 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(token),
        Some(_) => refuse(400, "BadDeviceToken"),
    }
}

pub(super) fn headers(call: &Call, topics: &BTreeSet<String>) -> Result<(), Refused> {
    if call.headers.keys().any(|name| call.headers.get_all(name).iter().count() > 1) {
        return refuse(400, "DuplicateHeaders");
    }
    if call.header("apns-id").is_some_and(|id| id.len() != 36) {
        return refuse(400, "BadMessageId");
    }
    if call.header("apns-expiration").is_some_and(|seconds| seconds.parse::<u64>().is_err()) {
        return refuse(400, "BadExpirationDate");
    }
    if call.header("apns-collapse-id").is_some_and(|id| id.len() > 64) {
        return refuse(400, "BadCollapseId");
    }
    let kind = call.header("apns-push-type").unwrap_or("alert");
    let topic = call.header("apns-topic").unwrap_or_default();
    if topic.is_empty() {
        return refuse(400, "MissingTopic");
    }
    let base = match kind {
        "alert" | "background" => topic,
        "voip" => match topic.strip_suffix(".voip") {
            Some(base) => base,
            None => return refuse(400, "TopicDisallowed"),
        },
        _ => return refuse(400, "InvalidPushType"),
    };
    if !topics.contains(base) {
        return refuse(400, "TopicDisallowed");
    }
    match (kind, call.header("apns-priority").unwrap_or("10")) {
        ("background", "5" | "1") | ("alert" | "voip", "10" | "5" | "1") => Ok(()),
        _ => refuse(400, "BadPriority"),
    }
}

pub(super) fn body(call: &Call) -> Result<(), Refused> {
    let largest = if call.header("apns-push-type") == Some("voip") { 5120 } else { 4096 };
    match call.body.len() {
        0 => refuse(400, "PayloadEmpty"),
        length if length > largest => refuse(413, "PayloadTooLarge"),
        _ => Ok(()),
    }
}

/// A random `apns-id`.
pub(super) fn new_id() -> String {
    let bits: u128 = rand::random();
    let hex = format!("{bits:032X}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fake::call::Connection;
    use crate::fake::splice::Splice;

    fn call(path: &str, headers: &[(&'static str, &str)], length: usize) -> Call {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let connection =
            Connection { number: 1, splice: Splice::default(), certified: false, tied: parking_lot::Mutex::default() };
        Call {
            method: Method::POST,
            path: path.into(),
            headers: headers.collect(),
            body: vec![b' '; length].into(),
            connection: Arc::new(connection),
        }
    }

    #[test]
    fn header_rules() {
        let topics = BTreeSet::from(["app".to_owned()]);
        let checked = |given: &[(&'static str, &str)]| {
            headers(&call("/3/device/00", given, 1), &topics).map_err(|refused| refused.reason)
        };
        assert_eq!(checked(&[("apns-topic", "app")]), Ok(()));
        assert_eq!(checked(&[]), Err("MissingTopic"));
        assert_eq!(checked(&[("apns-topic", "other")]), Err("TopicDisallowed"));
        assert_eq!(checked(&[("apns-topic", "app"), ("apns-push-type", "voip")]), Err("TopicDisallowed"));
        assert_eq!(checked(&[("apns-topic", "app.voip"), ("apns-push-type", "voip")]), Ok(()));
        assert_eq!(checked(&[("apns-topic", "app"), ("apns-push-type", "x")]), Err("InvalidPushType"));
        let loud = [("apns-topic", "app"), ("apns-push-type", "background"), ("apns-priority", "10")];
        assert_eq!(checked(&loud), Err("BadPriority"));
        assert_eq!(checked(&[("apns-topic", "app"), ("apns-expiration", "soon")]), Err("BadExpirationDate"));
        assert_eq!(checked(&[("apns-topic", "app"), ("apns-id", "1")]), Err("BadMessageId"));
        let long = "x".repeat(65);
        assert_eq!(checked(&[("apns-topic", "app"), ("apns-collapse-id", &long)]), Err("BadCollapseId"));
    }

    #[test]
    fn paths_and_sizes() {
        let reason = |call: &Call| path(call).map(|_| ()).map_err(|refused| refused.reason);
        assert_eq!(reason(&call("/3/device/0aF0", &[], 1)), Ok(()));
        assert_eq!(reason(&call("/3/device/", &[], 1)), Err("MissingDeviceToken"));
        assert_eq!(reason(&call("/3/device/xyz", &[], 1)), Err("BadDeviceToken"));
        assert_eq!(reason(&call("/2/device/00", &[], 1)), Err("BadPath"));
        assert_eq!(body(&call("", &[], 0)), refuse(400, "PayloadEmpty"));
        assert_eq!(body(&call("", &[], 4096)), Ok(()));
        assert_eq!(body(&call("", &[], 4097)), refuse(413, "PayloadTooLarge"));
        assert_eq!(body(&call("", &[("apns-push-type", "voip")], 5120)), Ok(()));
    }
}
