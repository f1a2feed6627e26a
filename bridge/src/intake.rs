//! Where publishes enter: whose topic it is, what the payload asks for, and which lane is to do it. Never blocks.

use std::sync::Arc;

use longwave_envelope::{Command, CommandLimits, CommandProperties, SendCommand, decode_command, refused_id};
use longwave_model::{ConversationId, DeviceId, ErrorCode, FirstSending, Message, MessageId, Origin, Refusal, UserId};
use longwave_port::{Completion, Guarantee, Publish, PublishProperties};
use longwave_topics::{Encoding, Topic, parse_topic};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use crate::budget::Charge;
use crate::core::Core;
use crate::lane::request::{Order, Place, ReadRequest, Request, SendRequest, TypingRequest};
use crate::reply::{Echo, Reply};
use crate::requests::Asked;

/// Takes a publish. Its answer comes through `completion`.
pub(crate) fn publish(core: &Arc<Core>, publish: Publish, completion: Completion) {
    let reply = |charge| Reply::new(completion, core.stats.clone(), charge);
    let charge = match Charge::take(&core.stats, publish.payload.len(), core.settings.queue_bytes) {
        Ok(charge) => charge,
        Err(refusal) => return reply(None).refused(refusal),
    };
    let reply = reply(Some(charge));
    let topic = match permitted_topic(&publish) {
        Ok(topic) => topic,
        Err(refusal) => return reply.refused(refusal),
    };
    if let Err(refusal) = core.rates.take(&publish.sender.user, || (core.clock)()) {
        return reply.refused(refusal);
    }
    match topic {
        Topic::Conversation { user, conversation, encoding } => {
            command(core, publish, user, conversation, encoding, reply);
        }
        Topic::Rpc { user, encoding } => core.ask(Asked { publish, user, encoding, reply }),
        Topic::Presence { .. } | Topic::Outside => reply.refused(not_yours()),
    }
}

/// A topic that the sender may publish to: under its own `u/{user}/`, for a service under anybody's.
fn permitted_topic(publish: &Publish) -> Result<Topic, Refusal> {
    let topic = parse_topic(&publish.topic)?;
    match &topic {
        Topic::Conversation { user, .. } | Topic::Rpc { user, .. }
            if *user == publish.sender.user || publish.sender.service =>
        {
            Ok(topic)
        }
        _ => Err(not_yours()),
    }
}

fn command(
    core: &Core,
    publish: Publish,
    user: UserId,
    conversation: ConversationId,
    encoding: Encoding,
    mut reply: Reply,
) {
    let limits = CommandLimits { body_bytes: core.settings.body_bytes, ..CommandLimits::default() };
    let properties = publish.properties.as_deref();
    let decoded = decode_command(encoding, &publish.payload, &command_properties(properties), &limits);
    if publish.wants_notice {
        let id = match &decoded {
            Ok(Command::Send(send)) => send.id.clone(),
            Ok(_) => None,
            Err(_) => refused_id(encoding, &publish.payload, &command_properties(properties)),
        };
        reply.echo(Echo { user: user.clone(), conversation: conversation.clone(), encoding, id });
    }
    // A service acts for the user, on none of its devices.
    let device = (publish.sender.user == user && !publish.sender.service).then(|| publish.sender.device.clone());
    let place = place(&publish);
    let request = match decoded {
        Err(refusal) => return reply.refused(refusal),
        Ok(Command::Send(send)) if send.id.as_ref().is_some_and(MessageId::is_derived) => {
            return reply.refused(Refusal::new(ErrorCode::BadMessageId, "ids that begin like this are the server's"));
        }
        Ok(Command::Send(send)) => {
            let parts = Addressed { user, device, conversation: conversation.clone() };
            Request::Send(Box::new(send_request(&publish, parts, send, reply)))
        }
        Ok(Command::Read { seq }) => {
            Request::Read(Box::new(ReadRequest { conversation: conversation.clone(), user, seq, place, reply }))
        }
        Ok(Command::Typing) => {
            Request::Typing(Box::new(TypingRequest { conversation: conversation.clone(), user, device, place, reply }))
        }
    };
    core.hand_over(&conversation, request);
}

/// Where a message goes and on whose behalf.
struct Addressed {
    user: UserId,
    device: Option<DeviceId>,
    conversation: ConversationId,
}

fn send_request(publish: &Publish, to: Addressed, send: SendCommand, reply: Reply) -> SendRequest {
    let sender = &publish.sender;
    let bare = send.id.is_none();
    let (mut id, mut origin, mut is_resend) = (send.id, None, false);
    match publish.guarantee {
        Guarantee::AtLeastOnce { packet_id, resend_of } if bare => {
            let this = FirstSending { connection: sender.connection, number: publish.number };
            origin = Some(Origin {
                incarnation: sender.incarnation,
                first: resend_of.unwrap_or(this),
                packet_id,
                fingerprint: fingerprint(publish),
            });
            is_resend = resend_of.is_some();
        }
        Guarantee::ExactlyOnce { packet_id, uses } if bare => id = Some(derived_id(publish, packet_id, uses)),
        _ => {}
    }
    SendRequest {
        conversation: to.conversation,
        sender: to.user,
        device: to.device,
        session: (sender.user.clone(), sender.device.clone()),
        connection: sender.connection,
        id,
        origin,
        order: order(publish),
        resend: is_resend || publish.route.as_ref().is_some_and(|route| route.again),
        expires_in: send.expires_in,
        message: Message {
            body: send.body,
            content_type: send.content_type,
            mentions: send.mentions,
            silent: send.silent,
            scheme: send.scheme,
        },
        reply,
    }
}

fn place(publish: &Publish) -> Option<Place> {
    publish.route.as_ref()?;
    let session = (publish.sender.user.clone(), publish.sender.device.clone());
    Some(Place { session, connection: publish.sender.connection, number: publish.number })
}

/// What it says of its place, if another process handed it over.
fn order(publish: &Publish) -> Option<Order> {
    let route = publish.route.as_ref()?;
    Some(Order { number: publish.number, after: route.after, lease: route.lease.clone() })
}

/// The id of a QoS 2 publish without one: session, packet id and how often that was used before. `|` cannot be in a user id, and
/// the numbers have fixed lengths, so that no two publishes of a user are hashed from the same bytes.
fn derived_id(publish: &Publish, packet_id: u16, uses: u32) -> MessageId {
    let sender = &publish.sender;
    let mut bytes = Vec::with_capacity(160);
    bytes.extend_from_slice(&sender.incarnation.to_be_bytes());
    bytes.extend_from_slice(&packet_id.to_be_bytes());
    bytes.extend_from_slice(&uses.to_be_bytes());
    bytes.extend_from_slice(sender.user.as_str().as_bytes());
    bytes.push(b'|');
    bytes.extend_from_slice(sender.device.as_str().as_bytes());
    MessageId::derived(xxh3_128(&bytes))
}

/// Hash of topic, properties and payload. Each part is hashed with the hash of those before it as the seed; a part's length is in
/// its hash, so that nothing can move from one part to the next unnoticed.
fn fingerprint(publish: &Publish) -> u64 {
    let next = |hash, part: &[u8]| xxh3_64_with_seed(part, hash);
    let mut hash = next(next(0, publish.topic.as_bytes()), &publish.payload);
    if let Some(properties) = &publish.properties {
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().as_bytes().to_vec();
        hash = next(hash, &text(&properties.content_type));
        hash = next(hash, &text(&properties.response_topic));
        hash = next(hash, properties.correlation_data.as_deref().unwrap_or_default());
        hash = next(hash, &properties.expiry_seconds.unwrap_or_default().to_be_bytes());
        for (name, value) in &properties.user_properties {
            hash = next(next(hash, name.as_bytes()), value.as_bytes());
        }
    }
    hash
}

fn command_properties(properties: Option<&PublishProperties>) -> CommandProperties<'_> {
    properties.map_or_else(CommandProperties::default, |properties| CommandProperties {
        content_type: properties.content_type.as_deref(),
        correlation_data: properties.correlation_data.as_ref(),
        expiry_seconds: properties.expiry_seconds,
    })
}

fn not_yours() -> Refusal {
    Refusal::new(ErrorCode::NotYourTopic, "publish to u/{user}/c/… or u/{user}/rpc/… of the own user")
}

#[cfg(test)]
mod tests;
