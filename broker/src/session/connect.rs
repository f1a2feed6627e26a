//! From CONNECT to CONNACK: who is it, may it, open its session, tell it what holds.

use longwave_model::{DeviceId, ErrorCode, Refusal, UserId};
use longwave_port::{Credentials, FIRST_CHOSEN_PACKET_ID, Identity, is_plain, is_system};

use super::event::OpenedSession;
use super::subscribe::Held;
use super::{Effect, Now, Session, exactly_once, publish, reason, response_information};
use crate::codec::packet::{ConnAck, Connect, Packet, Version, Will};
use crate::codec::{self, DecodeError};

/// How far a session is.
#[derive(Debug)]
pub(super) enum Phase {
    /// For CONNECT.
    Waiting {
        /// Of which an assigned client id is made.
        nonce: u64,
    },
    /// For [`super::Event::Admitted`].
    Admitting(Box<Hello>),
    /// For [`super::Event::Opened`].
    Opening(Box<Hello>),
    /// CONNACK was sent.
    Live,
    /// The last effect was given.
    Closed,
}

/// What of a CONNECT is still needed until CONNACK.
#[derive(Debug)]
pub(super) struct Hello {
    device: DeviceId,
    assigned: bool,
    clean_start: bool,
    expiry_asked: u32,
    keep_alive_asked: u16,
    wants_response_information: bool,
    will: Option<Box<longwave_port::Will>>,
}

impl Session {
    pub(super) fn connect(&mut self, connect: Connect, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Waiting { nonce } = self.phase else { return };
        self.version = connect.version;
        self.maximum_packet = connect.maximum_packet_size.unwrap_or(u32::MAX);
        if connect.auth_method.is_some() {
            let refusal = Refusal::new(ErrorCode::AuthMethod, "enhanced authentication is not supported");
            return self.refuse_connect(&refusal, now, effects);
        }
        let is_for_wills = |topic: &str| self.limits.plain_topics && is_plain(topic) && !is_system(topic);
        if connect.will.as_ref().is_some_and(|will| !is_for_wills(&will.topic)) {
            let refusal = Refusal::new(ErrorCode::WillUnavailable, "wills are available on plain topics only");
            return self.refuse_connect(&refusal, now, effects);
        }
        let assigned = connect.client_id.is_empty();
        // [MQTT-3.1.3-8]
        if assigned && connect.version == Version::V311 && !connect.clean_start {
            let refusal = Refusal::new(ErrorCode::BadDeviceId, "a session that is kept needs a client id");
            return self.refuse_connect(&refusal, now, effects);
        }
        let made_up = assigned.then(|| format!("auto-{:x}-{nonce:016x}", now.unix));
        let device = match DeviceId::parse(made_up.as_deref().unwrap_or(&connect.client_id)) {
            Ok(device) => device,
            Err(error) => {
                let refusal = Refusal::new(ErrorCode::BadDeviceId, format!("the client id {error}"));
                return self.refuse_connect(&refusal, now, effects);
            }
        };
        // The session's own packet ids are fewer than all.
        let most = self.limits.in_flight.clamp(1, FIRST_CHOSEN_PACKET_ID - 2);
        self.window = connect.receive_maximum.unwrap_or(u16::MAX).min(most);
        self.aliases_out_maximum = connect.topic_alias_maximum.min(self.limits.topic_aliases_out);
        self.problem_information = connect.request_problem_information;
        self.receipts = connect.version == Version::V5
            && connect.request_problem_information
            && self.maximum_packet as usize >= codec::RECEIPT_MAX;
        let expiry_asked = match connect.version {
            Version::V5 => connect.session_expiry.unwrap_or(0),
            Version::V311 if connect.clean_start => 0,
            Version::V311 => u32::MAX,
        };
        self.expiry_seconds = expiry_asked.min(self.limits.session_expiry_max_seconds);
        self.keep_alive = self.keep_alive_granted(connect.keep_alive);
        effects.push(Effect::Admit(Credentials {
            user_name: connect.user_name,
            password: connect.password,
            client_id: connect.client_id,
            // The connection puts them in: a session knows no transport.
            certificate: None,
            address: None,
        }));
        self.phase = Phase::Admitting(Box::new(Hello {
            device,
            assigned,
            clean_start: connect.clean_start,
            expiry_asked,
            keep_alive_asked: connect.keep_alive,
            wants_response_information: connect.request_response_information,
            will: connect.will.map(|given| Box::new(will(given))),
        }));
    }

    pub(super) fn admitted(&mut self, result: Result<Identity, Refusal>, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Admitting(mut hello) = self.take_phase(|phase| matches!(phase, Phase::Admitting(_))) else { return };
        let checked = result.and_then(|identity| match &identity.device {
            _ if identity.expires_at.is_some_and(|at| at <= now.unix) => {
                Err(Refusal::new(ErrorCode::TokenExpired, "the token has expired"))
            }
            // The pin stands for the client id that was not given.
            Some(pin) if hello.assigned => {
                hello.device = pin.clone();
                Ok(identity)
            }
            Some(pin) if *pin != hello.device && !identity.service => {
                Err(Refusal::new(ErrorCode::BadDeviceId, "the token is for another client id"))
            }
            _ => Ok(identity),
        });
        let identity = match checked {
            Ok(identity) => identity,
            Err(refusal) => {
                self.phase = Phase::Admitting(hello);
                return self.refuse_connect(&refusal, now, effects);
            }
        };
        self.expire_at(identity.expires_at, now);
        effects.push(Effect::Open {
            user: identity.user,
            device: hello.device.clone(),
            service: identity.service,
            clean_start: hello.clean_start,
            expiry_seconds: self.expiry_seconds,
            will: hello.will.take(),
        });
        self.phase = Phase::Opening(hello);
    }

    pub(super) fn opened(&mut self, result: Result<OpenedSession, Refusal>, now: Now, effects: &mut Vec<Effect>) {
        let Phase::Opening(hello) = self.take_phase(|phase| matches!(phase, Phase::Opening(_))) else { return };
        let opened = match result {
            Ok(opened) => opened,
            Err(refusal) => {
                self.phase = Phase::Opening(hello);
                return self.refuse_connect(&refusal, now, effects);
            }
        };
        // [MQTT-3.2.2-1] of 3.1.1, [MQTT-3.2.2-2] of 5.0: a clean start has no session.
        self.present = opened.session_present && !hello.clean_start;
        let packet = Packet::ConnAck(Box::new(self.connack(&hello, &opened.sender.user)));
        if codec::encoded_len(&packet, self.version) > self.maximum_packet as usize {
            // [MQTT-3.1.2-24]: nothing can be said to such a client.
            self.phase = Phase::Opening(hello);
            return self.end(now, effects);
        }
        effects.push(Effect::Send(packet));
        self.sender = Some(opened.sender);
        self.held = opened.subscriptions.iter().map(Held::from).collect();
        self.remember_unanswered(opened.unsettled);
        self.exactly_once = exactly_once::ExactlyOnce::after(opened.qos2_uses);
        self.heard = now.monotonic;
        self.phase = Phase::Live;
    }

    /// Says no before CONNACK has said yes.
    pub(super) fn refuse_connect(&mut self, refusal: &Refusal, now: Now, effects: &mut Vec<Effect>) {
        // Some clients never come back after a CONNACK that refuses them, so what will pass is not said in one.
        if let Some(code) = reason::of_connack(refusal.code) {
            self.send_refusing_connack(code, refusal, effects);
        }
        self.end(now, effects);
    }

    /// A first packet that is no valid CONNECT.
    pub(super) fn undecodable_connect(&mut self, error: DecodeError, now: Now, effects: &mut Vec<Effect>) {
        match error.version {
            // A protocol that we do not know: 3.1.1 is what others are most likely to understand.
            None if error.reason == DecodeError::UNSUPPORTED_VERSION => {
                self.send_refusing_connack(error.reason, &error.into(), effects);
            }
            Some(Version::V5) => {
                self.version = Version::V5;
                // Another packet than CONNECT may be wrong in ways for which CONNACK has no code [MQTT-3.1.0-1].
                let code = if matches!(error.reason, 0x81 | 0x82 | 0x84 | 0x85 | 0x95) { error.reason } else { 0x82 };
                self.send_refusing_connack(code, &error.into(), effects);
            }
            // 3.1.1 has no return code for it [MQTT-3.1.4-1].
            None | Some(Version::V311) => {}
        }
        self.end(now, effects);
    }

    fn send_refusing_connack(&mut self, code: u8, refusal: &Refusal, effects: &mut Vec<Effect>) {
        let packet = Packet::ConnAck(Box::new(ConnAck {
            reason: code,
            reason_string: Some(refusal.reason.to_string()),
            user_properties: reason::error_property(refusal.code),
            ..ConnAck::default()
        }));
        self.send_fitting(packet, effects);
    }

    fn connack(&self, hello: &Hello, user: &UserId) -> ConnAck {
        if self.version == Version::V311 {
            return ConnAck { session_present: self.present, ..ConnAck::default() };
        }
        ConnAck {
            session_present: self.present,
            session_expiry: (self.expiry_seconds != hello.expiry_asked).then_some(self.expiry_seconds),
            receive_maximum: Some(self.limits.receive_maximum.max(1)),
            retain_available: (!self.limits.plain_topics).then_some(false),
            maximum_packet_size: Some(u32::try_from(self.limits.packet_bytes).unwrap_or(u32::MAX)),
            assigned_client_id: hello.assigned.then(|| hello.device.to_string()),
            topic_alias_maximum: self.limits.topic_aliases_in,
            shared_available: (!self.limits.plain_topics).then_some(false),
            response_information: self
                .limits
                .response_information
                .as_deref()
                .filter(|_| hello.wants_response_information)
                .map(|pattern| response_information::for_user(pattern, user)),
            server_keep_alive: (self.keep_alive != hello.keep_alive_asked).then_some(self.keep_alive),
            ..ConnAck::default()
        }
    }

    /// On 3.1.1 there is no way to tell the client of another keep alive, so it gets its own.
    fn keep_alive_granted(&self, asked: u16) -> u16 {
        let maximum = self.limits.keep_alive_max_seconds;
        if self.version == Version::V5 && maximum > 0 && (asked == 0 || asked > maximum) { maximum } else { asked }
    }

    /// Takes the phase out if it is the expected one. An answer that nothing asked for changes nothing.
    fn take_phase(&mut self, expected: fn(&Phase) -> bool) -> Phase {
        if expected(&self.phase) { std::mem::replace(&mut self.phase, Phase::Closed) } else { Phase::Closed }
    }
}

fn will(will: Will) -> longwave_port::Will {
    longwave_port::Will {
        topic: will.topic.into(),
        payload: will.payload,
        qos: will.qos as u8,
        retain: will.retain,
        delay_seconds: will.delay,
        properties: publish::properties(will.properties),
    }
}
