//! Publishes and answers from what frames say. A frame that says what cannot be is an answer or a request of unknown outcome.

use std::sync::Arc;

use longwave_model::{DeviceId, ErrorCode, FirstSending, Refusal, Seq, UserId};
use longwave_port::{Answer, Guarantee, Lease, Notice, Publish, PublishProperties, Route, Sender};

use crate::frame;

/// A request as a publish, done only while `lease` holds; `None` when it is damaged.
pub(crate) fn publish(request: frame::Request, lease: Arc<dyn Lease>) -> Option<Publish> {
    let sender = Sender {
        user: UserId::parse(&request.sender.user).ok()?,
        device: DeviceId::parse(&request.sender.device).ok()?,
        service: request.sender.service,
        incarnation: request.sender.incarnation,
        connection: request.sender.connection,
    };
    let packet_id = u16::try_from(request.packet_id).ok()?;
    let first = |sending: frame::Sending| FirstSending { connection: sending.connection, number: sending.number };
    let guarantee = match request.qos {
        0 => Guarantee::AtMostOnce,
        1 => Guarantee::AtLeastOnce { packet_id, resend_of: request.resend_of.map(first) },
        2 => Guarantee::ExactlyOnce { packet_id, uses: request.uses },
        _ => return None,
    };
    Some(Publish {
        sender: Arc::new(sender),
        number: request.number,
        route: Some(Route { after: request.after, again: request.again, lease }),
        topic: request.topic.into(),
        payload: request.payload,
        retain: false,
        guarantee,
        properties: request.properties.map(|given| Box::new(properties(given))),
        wants_notice: request.wants_notice,
    })
}

/// A response as an answer.
pub(crate) fn answer(response: frame::Response) -> Answer {
    let ending = response.ending();
    let said = response.notice.map(notice);
    match ending {
        frame::Ending::Stored => Answer::Stored { seq: Seq(response.seq), ts: response.ts, notice: said },
        frame::Ending::Done => Answer::Done { notice: said, renewed_until: response.renewed_until },
        frame::Ending::Refused => {
            let number = u16::try_from(response.code).unwrap_or(0);
            // A newer bridge may have a reason that this release has no number for.
            let known = ErrorCode::ALL.iter().find(|code| code.number() == number);
            let refusal = Refusal::new(known.copied().unwrap_or(ErrorCode::StoreUnavailable), response.reason);
            Answer::Refused { refusal, notice: said }
        }
        frame::Ending::Moved => Answer::Moved,
        frame::Ending::Unknown => Answer::Unknown,
    }
}

fn properties(properties: frame::Properties) -> PublishProperties {
    PublishProperties {
        content_type: properties.content_type,
        correlation_data: properties.correlation_data,
        response_topic: properties.response_topic,
        expiry_seconds: properties.expiry_seconds,
        utf8_payload: None,
        user_properties: properties.user_properties.into_iter().map(|one| (one.name, one.value)).collect(),
    }
}

fn notice(notice: frame::Notice) -> Notice {
    Notice { topic: notice.topic, payload: notice.payload, correlation_data: notice.correlation_data }
}
