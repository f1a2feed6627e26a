//! A client and its surroundings play against a session. The input is a script: a byte with options, then steps of one byte each,
//! some with arguments; a packet's bytes follow its step.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use longwave_model::{DeviceId, ErrorCode, FirstSending, Refusal, Seq, UserId};
use longwave_port::{Answer, Delivery, Identity, Notice, Resend, Sender, Ticket};

use crate::codec::packet::{Connect, Packet, Version};
use crate::codec::{Decoder, encode, encode_outgoing, encode_receipt};
use crate::limits::Limits;
use crate::session::{Effect, Event, Now, OpenedSession, Session};

const TOPIC: &str = "u/alice/c/@bob/json";

/// Plays a script.
pub fn play(script: &[u8]) {
    let Some((&options, rest)) = script.split_first() else { return };
    let version = if options & 1 == 0 { Version::V311 } else { Version::V5 };
    let limits = Limits {
        receive_maximum: 4,
        in_flight: 4,
        topic_aliases_in: 2,
        topic_aliases_out: 2,
        subscriptions: 3,
        ..Limits::default()
    };
    let mut table = Table {
        session: Session::new(Arc::new(limits), 0, 1),
        now: Now { monotonic: 0, unix: 1_700_000_000_000 },
        options,
        maximum_packet: usize::MAX,
        unanswered: Vec::new(),
        released: Vec::new(),
        tickets: 0,
        closed: false,
    };
    if options & 2 != 0 {
        table.event(Event::Packet(Packet::Connect(Box::new(hello(version, options)))));
    }
    let mut rest = BytesMut::from(rest);
    while rest.has_remaining() && !table.closed {
        table.step(version, &mut rest);
    }
    table.event(Event::Disconnected);
    assert!(table.closed);
}

struct Table {
    session: Session,
    now: Now,
    options: u8,
    maximum_packet: usize,
    unanswered: Vec<u64>,
    released: Vec<u16>,
    tickets: u64,
    closed: bool,
}

impl Table {
    fn step(&mut self, version: Version, script: &mut BytesMut) {
        let step = script.get_u8();
        let argument = |script: &mut BytesMut| if script.has_remaining() { script.get_u8() } else { 0 };
        match step % 8 {
            0..=3 if self.session.reads() => match Decoder::new(version, self.session.packet_limit()).decode(script) {
                Ok(Some(packet)) => {
                    if let Packet::Connect(connect) = &packet
                        && !self.session.is_live()
                    {
                        self.maximum_packet = connect.maximum_packet_size.map_or(usize::MAX, |size| size as usize);
                    }
                    self.event(Event::Packet(packet));
                }
                Ok(None) => script.clear(),
                Err(error) => self.event(Event::Undecodable(error)),
            },
            4 => {
                let how = argument(script);
                if !self.unanswered.is_empty() {
                    let ticket = self.unanswered.remove(usize::from(how >> 4) % self.unanswered.len());
                    self.event(Event::Answered { ticket, answer: answer(how) });
                }
            }
            5 => {
                let how = argument(script);
                if how & 1 == 0 || self.session.room() > 0 {
                    self.deliver(how);
                }
            }
            6 => {
                let seconds = u64::from(argument(script));
                self.now.monotonic += seconds * 100;
                self.now.unix += seconds * 100;
                self.event(Event::Tick);
            }
            7 if !self.released.is_empty() => {
                let packet_id = self.released.remove(0);
                self.event(Event::Released { packet_id, result: Ok(()) });
            }
            _ => {}
        }
    }

    fn deliver(&mut self, how: u8) {
        self.tickets += 1;
        self.event(Event::Deliver(Delivery {
            topic: if how & 2 == 0 { TOPIC.into() } else { "u/alice/c/@carol/json".into() },
            payload: Bytes::from(vec![b'x'; usize::from(how >> 4) * 8]),
            ticket: (how & 1 == 1).then_some(Ticket(self.tickets)),
            resend: (how & 4 != 0).then_some(Resend(u16::from(how >> 4))),
            exactly_once: how & 8 != 0,
            ..Delivery::default()
        }));
    }

    fn event(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.session.handle(event, self.now, &mut effects);
        for effect in effects {
            self.effect(effect);
        }
        assert_eq!(self.closed, self.session.is_closed());
    }

    fn effect(&mut self, effect: Effect) {
        assert!(!self.closed, "an effect after the end");
        let version = self.session.version();
        let mut sent = BytesMut::new();
        match effect {
            Effect::Send(packet) => encode(&packet, version, &mut sent).expect("it can be encoded"),
            Effect::Deliver(outgoing) => encode_outgoing(&outgoing, version, &mut sent).expect("it can be encoded"),
            Effect::Receipt(receipt) => encode_receipt(&receipt, version, &mut sent),
            Effect::Admit(_) => {
                let user = UserId::parse("alice").expect("a user");
                self.event(Event::Admitted(Ok(Identity { user, device: None, service: false, expires_at: None })));
            }
            Effect::Open { .. } => {
                let opened = opened(self.options);
                self.event(Event::Opened(Ok(opened)));
            }
            Effect::Publish { ticket, .. } => self.unanswered.push(ticket),
            Effect::Subscribe(asked) => self.event(Event::Subscribed(Ok(asked.iter().map(|_| Ok(1)).collect()))),
            Effect::Unsubscribe(asked) => self.event(Event::Unsubscribed(Ok(asked.iter().map(|_| true).collect()))),
            Effect::Released { packet_id, .. } => self.released.push(packet_id),
            Effect::Acked(_) | Effect::Received(_) | Effect::Slowed => {}
            Effect::Close(_) => self.closed = true,
        }
        assert!(sent.len() <= self.maximum_packet, "a packet is larger than the client takes");
        if !sent.is_empty() {
            let decoded = Decoder::new(version, usize::MAX).decode(&mut sent);
            assert!(matches!(decoded, Ok(Some(_))) && sent.is_empty(), "what is sent is no packet: {decoded:?}");
        }
    }
}

fn hello(version: Version, options: u8) -> Connect {
    Connect {
        version,
        clean_start: options & 4 != 0,
        keep_alive: 10,
        client_id: "phone".into(),
        user_name: None,
        password: None,
        will: None,
        session_expiry: None,
        receive_maximum: None,
        maximum_packet_size: None,
        topic_alias_maximum: if version == Version::V5 { 2 } else { 0 },
        request_response_information: false,
        request_problem_information: options & 8 == 0,
        auth_method: None,
        auth_data: None,
        user_properties: Vec::new(),
    }
}

fn opened(options: u8) -> OpenedSession {
    OpenedSession {
        session_present: options & 16 != 0,
        sender: Arc::new(Sender {
            user: UserId::parse("alice").expect("a user"),
            device: DeviceId::parse("phone").expect("a device"),
            service: false,
            incarnation: 1,
            connection: 1,
        }),
        subscriptions: Vec::new(),
        qos2_uses: vec![(7, 1)],
        unsettled: if options & 32 == 0 { Vec::new() } else { vec![(7, FirstSending { connection: 1, number: 1 })] },
    }
}

fn answer(how: u8) -> Answer {
    let notice = || Notice { topic: TOPIC.into(), payload: Bytes::from_static(b"{}"), correlation_data: None };
    let refusal = || Refusal::new(ErrorCode::NotAMember, "not a member of the conversation");
    match how & 7 {
        0..=2 => Answer::Stored { seq: Seq(1), ts: 1, notice: Some(notice()) },
        3 => Answer::Stored { seq: Seq(u64::MAX), ts: u64::MAX, notice: None },
        4 => Answer::Done { notice: Some(notice()), renewed_until: None },
        5 => Answer::Refused { refusal: refusal(), notice: Some(notice()) },
        6 => Answer::Refused { refusal: refusal(), notice: None },
        _ => Answer::Unknown,
    }
}
