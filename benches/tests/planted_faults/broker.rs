//! A stand-in MQTT 3.1.1 server of one thread per connection, just good enough to carry the loads, with one fault planted.
//!
//! The fault happens once, to the fifth message of one sender.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The message that the fault happens to.
const FAULTY: u64 = 5;

/// What the server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Acknowledges a message and does not deliver it.
    Lose,
    /// Delivers a message twice.
    Repeat,
    /// Delivers a message after the next one.
    Swap,
    /// Delivers a message cut short.
    Damage,
    /// Delivers a message under another topic.
    Misroute,
    /// Delivers a message and never acknowledges it.
    KeepPuback,
    /// Acknowledges a message that was never sent, besides.
    ForeignPuback,
    /// Closes the sender's connection behind the PUBACK.
    Close,
    /// Delivers everything again whenever the device connects.
    Forget,
}

pub(crate) struct Broker {
    pub(crate) address: SocketAddr,
}

#[derive(Default)]
struct Session {
    socket: Option<TcpStream>,
    /// Delivered or waiting, as (topic, body).
    log: Vec<(Vec<u8>, Vec<u8>)>,
    delivered: usize,
    packet_id: u16,
}

#[derive(Default)]
struct State {
    sessions: HashMap<String, Session>,
    held: Option<(String, Vec<u8>, Vec<u8>)>,
    /// Messages of the sender that the fault concerns.
    seen: u64,
}

impl Broker {
    /// Listens on a free port; its threads end with the test process.
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                thread::spawn(move || serve(fault, &state, socket));
            }
        });
        Self { address }
    }
}

/// Serves one connection until it ends; a read or write that fails is the end.
fn serve(fault: Fault, state: &Mutex<State>, mut socket: TcpStream) -> Option<()> {
    socket.set_nodelay(true).ok()?;
    let (_, connect) = read_packet(&mut socket)?;
    let clean = connect[7] & 2 != 0;
    let client_id = text(&connect, 10).len();
    let user = String::from_utf8(text(&connect, 12 + client_id).to_vec()).unwrap();
    {
        let mut state = state.lock().unwrap();
        let known = !clean && state.sessions.contains_key(&user);
        let session = state.sessions.entry(user.clone()).or_default();
        session.socket = Some(socket.try_clone().ok()?);
        socket.write_all(&[0x20, 2, u8::from(known), 0]).ok()?;
        if fault == Fault::Forget {
            session.delivered = 0;
        }
        session.deliver();
    }
    loop {
        let (first, body) = read_packet(&mut socket)?;
        let mut state = state.lock().unwrap();
        match first >> 4 {
            3 => {
                let topic = text(&body, 0).to_vec();
                let at = 2 + topic.len();
                state.publish(fault, &user, &mut socket, [body[at], body[at + 1]], topic, body[at + 2..].to_vec())?;
            }
            8 => socket.write_all(&[0x90, 3, body[0], body[1], 1]).ok()?,
            14 => {
                state.sessions.get_mut(&user)?.socket = None;
                return None;
            }
            _ => {}
        }
    }
}

impl State {
    fn publish(
        &mut self,
        fault: Fault,
        sender: &str,
        socket: &mut TcpStream,
        packet_id: [u8; 2],
        topic: Vec<u8>,
        body: Vec<u8>,
    ) -> Option<()> {
        let receiver = String::from_utf8(topic.split(|byte| *byte == b'/').nth(1)?.to_vec()).ok()?;
        let concerned = sender == "u0" || sender == "u900000";
        self.seen += u64::from(concerned);
        let fault = if concerned && self.seen == FAULTY { fault } else { Fault::None };
        if fault != Fault::KeepPuback {
            socket.write_all(&[0x40, 2, packet_id[0], packet_id[1]]).ok()?;
        }
        match fault {
            Fault::Lose => {}
            Fault::Swap => self.held = Some((receiver, topic, body)),
            Fault::Repeat => {
                self.route(&receiver, topic.clone(), body.clone());
                self.route(&receiver, topic, body);
            }
            Fault::Damage => self.route(&receiver, topic, body[1..].to_vec()),
            Fault::Misroute => self.route(&receiver, [&topic[..], b"x"].concat(), body),
            _ => {
                self.route(&receiver, topic, body);
                if concerned && let Some((receiver, topic, body)) = self.held.take() {
                    self.route(&receiver, topic, body);
                }
            }
        }
        match fault {
            Fault::ForeignPuback => socket.write_all(&[0x40, 2, 0xFF, 0xFF]).ok(),
            Fault::Close => socket.shutdown(std::net::Shutdown::Both).ok(),
            _ => Some(()),
        }
    }

    fn route(&mut self, receiver: &str, topic: Vec<u8>, body: Vec<u8>) {
        if let Some(session) = self.sessions.get_mut(receiver) {
            session.log.push((topic, body));
            session.deliver();
        }
    }
}

impl Session {
    fn deliver(&mut self) {
        let Some(socket) = &mut self.socket else { return };
        for (topic, body) in &self.log[self.delivered..] {
            self.packet_id = self.packet_id % 60_000 + 1;
            let length = 4 + topic.len() + body.len();
            assert!(length < 128, "the stand-in writes lengths of one byte");
            let mut packet = vec![0x32, length as u8, 0, topic.len() as u8];
            packet.extend_from_slice(topic);
            packet.extend_from_slice(&self.packet_id.to_be_bytes());
            packet.extend_from_slice(body);
            if socket.write_all(&packet).is_err() {
                break;
            }
        }
        self.delivered = self.log.len();
    }
}

/// The MQTT string at an offset.
fn text(body: &[u8], at: usize) -> &[u8] {
    let length = usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
    &body[at + 2..at + 2 + length]
}

fn read_packet(socket: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    socket.read_exact(&mut head).ok()?;
    assert!(head[1] < 128, "the stand-in reads lengths of one byte");
    let mut body = vec![0; usize::from(head[1])];
    socket.read_exact(&mut body).ok()?;
    Some((head[0], body))
}
