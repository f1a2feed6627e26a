//! Plays one client: sends packets and answers, and reads effects as short texts.

use std::sync::Arc;

use bytes::Bytes;
use longwave_model::{ErrorCode, Refusal, Seq, UserId};
use longwave_port::{Answer, Closing, Delivery, Guarantee, Identity, Notice, Resend, Sender, Subscription, Ticket};

use super::super::{Effect, Event, Now, OpenedSession, Session};
use crate::codec::packet::{
    Ack, ConnAck, Connect, Packet, Publish, PublishProperties, Qos, Subscribe, SubscribeFilter, Unsubscribe, Version,
};
use crate::limits::Limits;

/// A session and the time.
pub(super) struct Client {
    pub(super) session: Session,
    pub(super) now: Now,
}

/// Unix time in milliseconds at which tests begin.
pub(super) const UNIX: u64 = 1_700_000_000_000;

impl Client {
    pub(super) fn new(limits: Limits) -> Self {
        Self { session: Session::new(Arc::new(limits), 0, 0xabc), now: Now { monotonic: 0, unix: UNIX } }
    }

    /// A live session of alice.
    pub(super) fn live(version: Version) -> Self {
        Self::live_with(connect(version), opened(), Limits::default())
    }

    pub(super) fn live_with(connect: Connect, opened: OpenedSession, limits: Limits) -> Self {
        let mut client = Self::new(limits);
        client.connack(connect, opened);
        assert!(client.session.is_live());
        client
    }

    /// From CONNECT to CONNACK.
    pub(super) fn connack(&mut self, connect: Connect, opened: OpenedSession) -> ConnAck {
        self.packet(Packet::Connect(Box::new(connect)));
        self.event(Event::Admitted(Ok(identity())));
        match self.raw(Event::Opened(Ok(opened))).pop() {
            Some(Effect::Send(Packet::ConnAck(connack))) => *connack,
            other => panic!("no CONNACK but {other:?}"),
        }
    }

    pub(super) fn raw(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.session.handle(event, self.now, &mut effects);
        assert_eq!(self.session.check(), Ok(()));
        effects
    }

    pub(super) fn event(&mut self, event: Event) -> Vec<String> {
        self.raw(event).iter().map(describe).collect()
    }

    pub(super) fn packet(&mut self, packet: Packet) -> Vec<String> {
        self.event(Event::Packet(packet))
    }

    pub(super) fn answer(&mut self, ticket: u64, answer: Answer) -> Vec<String> {
        self.event(Event::Answered { ticket, answer })
    }

    pub(super) fn publish(&mut self, qos: Qos, packet_id: u16) -> Vec<String> {
        self.packet(publish(qos, packet_id))
    }

    /// Holds subscriptions, which the outlet grants at QoS 1.
    pub(super) fn subscribe(&mut self, identifier: Option<u32>, filters: &[&str]) {
        let asked = self.packet(subscribe(99, identifier, filters));
        assert_eq!(asked, [format!("subscribe {}", filters.join(" "))]);
        self.event(Event::Subscribed(Ok(filters.iter().map(|_| Ok(1)).collect())));
    }

    pub(super) fn wait(&mut self, milliseconds: u64) {
        self.now.monotonic += milliseconds;
        self.now.unix += milliseconds;
    }

    pub(super) fn tick(&mut self) -> Vec<String> {
        self.event(Event::Tick)
    }

    /// The end of the session by loss of its socket.
    pub(super) fn lose(&mut self) -> Closing {
        closing(self.raw(Event::Disconnected))
    }
}

pub(super) fn closing(mut effects: Vec<Effect>) -> Closing {
    match effects.pop() {
        Some(Effect::Close(closing)) => closing,
        other => panic!("no end but {other:?}"),
    }
}

/// An effect in one line.
pub(super) fn describe(effect: &Effect) -> String {
    let explained = |reason_string: &Option<String>, users: &[(String, String)]| {
        let users: String = users.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        format!("{}{users}", if reason_string.is_some() { " why" } else { "" })
    };
    let ack = |name: &str, ack: &Ack| {
        format!("{name} {} {:02x}{}", ack.packet_id, ack.reason, explained(&ack.reason_string, &ack.user_properties))
    };
    match effect {
        Effect::Send(Packet::ConnAck(packet)) => {
            let present = if packet.session_present { " present" } else { "" };
            format!(
                "connack {:02x}{present}{}",
                packet.reason,
                explained(&packet.reason_string, &packet.user_properties)
            )
        }
        Effect::Send(Packet::PubAck(packet)) => ack("puback", packet),
        Effect::Send(Packet::PubRec(packet)) => ack("pubrec", packet),
        Effect::Send(Packet::PubRel(packet)) => ack("pubrel", packet),
        Effect::Send(Packet::PubComp(packet)) => ack("pubcomp", packet),
        Effect::Send(Packet::SubAck(packet)) => {
            format!(
                "suback {} {:02x?}{}",
                packet.packet_id,
                packet.reasons,
                explained(&packet.reason_string, &packet.user_properties)
            )
        }
        Effect::Send(Packet::UnsubAck(packet)) => format!("unsuback {} {:02x?}", packet.packet_id, packet.reasons),
        Effect::Send(Packet::Disconnect(packet)) => {
            format!("disconnect {:02x}{}", packet.reason, explained(&packet.reason_string, &packet.user_properties))
        }
        Effect::Send(packet) => format!("{packet:?}"),
        Effect::Deliver(outgoing) => {
            let mut text = format!("deliver {}", outgoing.topic);
            if let Some(id) = outgoing.packet_id {
                text += &format!(" {id}");
            }
            if outgoing.exactly_once {
                text += " qos2";
            }
            if outgoing.dup {
                text += " dup";
            }
            if outgoing.retain {
                text += " retain";
            }
            if outgoing.alias > 0 {
                text += &format!(" alias={}{}", outgoing.alias, if outgoing.topic_known { " alone" } else { "" });
            }
            if !outgoing.subscription_ids.is_empty() {
                text += &format!(" ids={:?}", outgoing.subscription_ids);
            }
            text
        }
        Effect::Receipt(receipt) => {
            let name = if receipt.exactly_once { "pubrec" } else { "puback" };
            let stored = receipt.stored.map(|(seq, ts)| format!(" seq={seq} ts={ts}")).unwrap_or_default();
            format!("{name} {} 00{stored}", receipt.packet_id)
        }
        Effect::Admit(credentials) => format!("admit {:?} {:?}", credentials.user_name, credentials.client_id),
        Effect::Open { user, device, service, clean_start, expiry_seconds, will } => {
            let will = if will.is_some() { " will" } else { "" };
            format!("open {user} {device} service={service} clean={clean_start} expiry={expiry_seconds}{will}")
        }
        Effect::Publish { ticket, publish } => {
            let guarantee = match publish.guarantee {
                Guarantee::AtMostOnce => "qos0".to_owned(),
                Guarantee::AtLeastOnce { packet_id, resend_of } => {
                    format!("qos1 {packet_id}{}", if resend_of.is_some() { " resend" } else { "" })
                }
                Guarantee::ExactlyOnce { packet_id, uses } => format!("qos2 {packet_id} use={uses}"),
            };
            format!(
                "publish #{ticket} {} {guarantee}{}",
                publish.topic,
                if publish.wants_notice { " notice" } else { "" }
            )
        }
        Effect::Subscribe(subscriptions) => {
            let filters: Vec<_> = subscriptions.iter().map(|subscription| subscription.filter.as_str()).collect();
            format!("subscribe {}", filters.join(" "))
        }
        Effect::Unsubscribe(filters) => format!("unsubscribe {}", filters.join(" ")),
        Effect::Acked(ticket) => format!("acked {}", ticket.0),
        Effect::Received(ticket) => format!("received {}", ticket.0),
        Effect::Slowed => "slowed".into(),
        Effect::Released { packet_id, uses } => format!("released {packet_id} uses={uses}"),
        Effect::Close(_) => "close".to_owned(),
    }
}

pub(super) fn connect(version: Version) -> Connect {
    Connect {
        version,
        clean_start: false,
        keep_alive: 60,
        client_id: "phone".into(),
        user_name: Some("alice".into()),
        password: Some(Bytes::from_static(b"secret")),
        will: None,
        session_expiry: if version == Version::V5 { Some(3_600) } else { None },
        receive_maximum: None,
        maximum_packet_size: None,
        topic_alias_maximum: 0,
        request_response_information: false,
        request_problem_information: true,
        auth_method: None,
        auth_data: None,
        user_properties: Vec::new(),
    }
}

pub(super) fn identity() -> Identity {
    Identity { user: UserId::parse("alice").unwrap(), device: None, service: false, expires_at: None }
}

pub(super) fn opened() -> OpenedSession {
    OpenedSession {
        session_present: false,
        sender: Arc::new(Sender {
            user: UserId::parse("alice").unwrap(),
            device: longwave_model::DeviceId::parse("phone").unwrap(),
            service: false,
            incarnation: 1,
            connection: UNIX,
        }),
        subscriptions: Vec::new(),
        qos2_uses: Vec::new(),
        unsettled: Vec::new(),
    }
}

pub(super) fn subscription(filter: &str, identifier: Option<u32>) -> Subscription {
    Subscription {
        filter: filter.into(),
        qos: 1,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
        identifier,
    }
}

pub(super) const TOPIC: &str = "u/alice/c/@bob/json";

pub(super) fn plain_publish(qos: Qos, packet_id: u16) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: TOPIC.into(),
        packet_id: (qos != Qos::AtMostOnce).then_some(packet_id),
        properties: PublishProperties::default(),
        payload: Bytes::from_static(b"{}"),
    }
}

pub(super) fn publish(qos: Qos, packet_id: u16) -> Packet {
    Packet::Publish(Box::new(plain_publish(qos, packet_id)))
}

pub(super) fn repeated(qos: Qos, packet_id: u16) -> Packet {
    Packet::Publish(Box::new(Publish { dup: true, ..plain_publish(qos, packet_id) }))
}

pub(super) fn subscribe(packet_id: u16, identifier: Option<u32>, filters: &[&str]) -> Packet {
    let filter = |filter: &&str| SubscribeFilter {
        filter: (*filter).into(),
        qos: Qos::ExactlyOnce,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
    };
    Packet::Subscribe(Box::new(Subscribe {
        packet_id,
        identifier,
        filters: filters.iter().map(filter).collect(),
        user_properties: Vec::new(),
    }))
}

pub(super) fn unsubscribe(packet_id: u16, filters: &[&str]) -> Packet {
    let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
    Packet::Unsubscribe(Box::new(Unsubscribe { packet_id, filters, user_properties: Vec::new() }))
}

pub(super) fn puback(packet_id: u16) -> Packet {
    Packet::PubAck(Ack { packet_id, ..Ack::default() })
}

pub(super) fn pubrel(packet_id: u16) -> Packet {
    Packet::PubRel(Ack { packet_id, ..Ack::default() })
}

pub(super) fn stored(seq: u64) -> Answer {
    Answer::Stored { seq: Seq(seq), ts: 1_000 + seq, notice: None }
}

pub(super) fn refused(code: ErrorCode, notice: Option<Notice>) -> Answer {
    Answer::Refused { refusal: Refusal::new(code, "no"), notice }
}

pub(super) fn notice() -> Notice {
    Notice { topic: TOPIC.into(), payload: Bytes::from_static(b"{\"type\":\"error\"}"), correlation_data: None }
}

pub(super) fn delivery(ticket: Option<u64>, topic: &str) -> Event {
    Event::Deliver(Delivery {
        topic: topic.into(),
        payload: Bytes::from_static(b"hello"),
        ticket: ticket.map(Ticket),
        ..Delivery::default()
    })
}

/// A delivery at QoS 2 of a plain topic.
pub(super) fn exactly_once(ticket: u64) -> Delivery {
    Delivery {
        topic: "a/b".into(),
        payload: Bytes::from_static(b"hello"),
        ticket: Some(Ticket(ticket)),
        exactly_once: true,
        identifiers: Some([7].into()),
        ..Delivery::default()
    }
}

/// Plain topics are served.
pub(super) fn plain_topics() -> Limits {
    Limits { plain_topics: true, ..Limits::default() }
}

pub(super) fn redelivery(ticket: u64, packet_id: u16) -> Event {
    match delivery(Some(ticket), TOPIC) {
        Event::Deliver(delivery) => Event::Deliver(Delivery { resend: Some(Resend(packet_id)), ..delivery }),
        other => other,
    }
}
