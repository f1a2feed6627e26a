//! The request to Apple: path and headers.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::AUTHORIZATION;

use super::jwt::Jwt;
use crate::send::{Notification, Secret, Urgency};

/// What does not depend on the notification.
pub(super) struct Head<'a> {
    pub(super) base: &'a str,
    pub(super) device: &'a Secret,
    pub(super) topic: &'a str,
    pub(super) collapse: &'a str,
}

/// `None` when a part does not fit a header, which is a mistake in the settings.
pub(super) fn request(
    head: &Head<'_>,
    notification: &Notification,
    jwt: Option<&Jwt>,
    body: Bytes,
) -> Option<Request<Full<Bytes>>> {
    let (kind, priority) = match notification.urgency {
        Urgency::Alert => ("alert", "10"),
        Urgency::Voip => ("voip", "10"),
        // Apple refuses priority 10 for background pushes.
        Urgency::Background | Urgency::Clear => ("background", "5"),
    };
    let topic = match notification.urgency {
        Urgency::Voip => format!("{}.voip", head.topic),
        _ => head.topic.to_owned(),
    };
    let mut request = Request::post(format!("{}/3/device/{}", head.base, head.device.expose()))
        .header("apns-push-type", kind)
        .header("apns-priority", priority)
        .header("apns-topic", topic)
        .header("apns-expiration", notification.kept_until())
        .header("apns-collapse-id", head.collapse);
    if let Some(jwt) = jwt {
        request = request.header(AUTHORIZATION, jwt.header.clone());
    }
    request.body(Full::new(body)).ok()
}
