//! Publishes and answers as frames say them.

use longwave_model::FirstSending;
use longwave_port::{Answer, Guarantee, Notice, Publish, PublishProperties};

use crate::frame;

/// A publish as a request; `after` and `again` as in [`longwave_port::Route`].
pub(crate) fn request(publish: &Publish, job: u64, attempt: u32, after: u64, again: bool) -> frame::Request {
    let sender = &publish.sender;
    let (qos, packet_id, uses, resend_of) = match publish.guarantee {
        Guarantee::AtMostOnce => (0, 0, 0, None),
        Guarantee::AtLeastOnce { packet_id, resend_of } => (1, packet_id, 0, resend_of),
        Guarantee::ExactlyOnce { packet_id, uses } => (2, packet_id, uses, None),
    };
    frame::Request {
        job,
        attempt,
        after,
        again,
        number: publish.number,
        sender: frame::Sender {
            user: sender.user.as_str().to_owned(),
            device: sender.device.as_str().to_owned(),
            service: sender.service,
            incarnation: sender.incarnation,
            connection: sender.connection,
        },
        topic: publish.topic.to_string(),
        payload: publish.payload.clone(),
        qos,
        packet_id: u32::from(packet_id),
        uses,
        resend_of: resend_of
            .map(|first: FirstSending| frame::Sending { connection: first.connection, number: first.number }),
        properties: publish.properties.as_deref().map(properties),
        wants_notice: publish.wants_notice,
    }
}

/// An answer as a response.
pub(crate) fn response(job: u64, attempt: u32, answer: Answer) -> frame::Response {
    let mut response = frame::Response { job, attempt, ..frame::Response::default() };
    let ending = match answer {
        Answer::Stored { seq, ts, notice: said } => {
            (response.seq, response.ts, response.notice) = (seq.0, ts, said.map(notice));
            frame::Ending::Stored
        }
        Answer::Done { notice: said, renewed_until } => {
            (response.notice, response.renewed_until) = (said.map(notice), renewed_until);
            frame::Ending::Done
        }
        Answer::Refused { refusal, notice: said } => {
            response.notice = said.map(notice);
            (response.code, response.reason) = (u32::from(refusal.code.number()), refusal.reason.into_owned());
            frame::Ending::Refused
        }
        Answer::Unknown => frame::Ending::Unknown,
        Answer::Moved => frame::Ending::Moved,
    };
    response.set_ending(ending);
    response
}

fn properties(properties: &PublishProperties) -> frame::Properties {
    frame::Properties {
        content_type: properties.content_type.clone(),
        correlation_data: properties.correlation_data.clone(),
        response_topic: properties.response_topic.clone(),
        expiry_seconds: properties.expiry_seconds,
        user_properties: properties
            .user_properties
            .iter()
            .map(|(name, value)| frame::UserProperty { name: name.clone(), value: value.clone() })
            .collect(),
    }
}

fn notice(notice: Notice) -> frame::Notice {
    frame::Notice { topic: notice.topic, payload: notice.payload, correlation_data: notice.correlation_data }
}
