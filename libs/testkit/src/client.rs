//! A blocking MQTT client for tests that follow a conversation step by step.
//!
//! It acknowledges only what a test takes, so that "delivered and not acknowledged" can be made.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::wire::{self, Hello, Packet, Properties, Publish, Version};

/// How long an answer may take on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A connected client.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    hello: Hello,
    /// Of the CONNACK: a session was resumed.
    pub resumed: bool,
    unread: Vec<u8>,
    set_aside: VecDeque<Packet>,
    last_id: u16,
    requests: u64,
}

/// What became of a publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Reason code; below 0x80 is yes.
    pub code: u8,
    /// The user property `seq`.
    pub seq: Option<u64>,
    /// The user property `error`.
    pub error: Option<u64>,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With a DISCONNECT.
    Told {
        /// Reason code.
        code: u8,
        /// The user property `error`.
        error: Option<u64>,
    },
    /// Without a word.
    Closed,
}

impl Hello {
    /// A durable MQTT 5 session of a day, without password.
    #[must_use]
    pub fn durable(user: &str, device: &str) -> Self {
        Self {
            version: Version::V5,
            user: Some(user.to_owned()),
            password: None,
            device: device.to_owned(),
            clean: false,
            expiry: 86_400,
            window: 100,
        }
    }

    /// A session of MQTT 5 that leaves no trace.
    #[must_use]
    pub fn live_only(user: &str, device: &str) -> Self {
        Self { clean: true, expiry: 0, ..Self::durable(user, device) }
    }

    /// The same with a password or token.
    #[must_use]
    pub fn with_password(self, password: &str) -> Self {
        Self { password: Some(password.to_owned()), ..self }
    }
}

impl Client {
    /// Connects, and is admitted.
    ///
    /// # Errors
    /// When the CONNACK says no.
    pub fn connect(server: SocketAddr, hello: &Hello) -> anyhow::Result<Self> {
        match Self::try_connect(server, hello)? {
            Ok(client) => Ok(client),
            Err(receipt) => bail!("{hello:?} was refused: {receipt:?}"),
        }
    }

    /// Connects; the inner error is the CONNACK's no.
    ///
    /// # Errors
    /// When there is no CONNACK.
    pub fn try_connect(server: SocketAddr, hello: &Hello) -> anyhow::Result<Result<Self, Receipt>> {
        let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_nodelay(true)?;
        let mut client = Self {
            stream,
            hello: hello.clone(),
            resumed: false,
            unread: Vec::new(),
            set_aside: VecDeque::new(),
            last_id: 0,
            requests: 0,
        };
        client.stream.write_all(&wire::connect(hello))?;
        match client.read(PATIENCE)?.context("no CONNACK")? {
            Packet::ConnAck { present, code: 0, .. } => {
                client.resumed = present;
                Ok(Ok(client))
            }
            Packet::ConnAck { code, properties, .. } => Ok(Err(receipt(code, &properties))),
            other => bail!("expected CONNACK, got {other:?}"),
        }
    }

    /// Subscribes at QoS 1 to the JSON of all conversations and to responses.
    ///
    /// # Errors
    /// When a filter is not granted.
    pub fn listen(&mut self) -> anyhow::Result<()> {
        for kind in ["c/+/json", "rpc/json"] {
            let filter = format!("u/{}/{kind}", self.user());
            let code = self.subscribe(&filter, 1)?.code;
            ensure!(code <= 1, "{filter} was answered {code:#x}");
        }
        Ok(())
    }

    /// Subscribes; the receipt's code is that of the one filter.
    ///
    /// # Errors
    /// When there is no SUBACK.
    pub fn subscribe(&mut self, filter: &str, qos: u8) -> anyhow::Result<Receipt> {
        let id = self.next_id();
        self.stream.write_all(&wire::subscribe(self.hello.version, id, filter, qos))?;
        let answer = self.wait_for(|packet| matches!(packet, Packet::SubAck { id: of, .. } if *of == id))?;
        let Packet::SubAck { codes, properties, .. } = answer else { bail!("no SUBACK") };
        Ok(receipt(*codes.first().context("an empty SUBACK")?, &properties))
    }

    /// Sends a text to a conversation as JSON at QoS 1 and waits for the answer.
    ///
    /// # Errors
    /// When there is none.
    pub fn say(&mut self, conversation: &str, body: &str) -> anyhow::Result<Receipt> {
        self.command(conversation, &json!({ "body": body }))
    }

    /// Sends a command to a conversation as JSON at QoS 1 and waits for the answer.
    ///
    /// # Errors
    /// When there is none.
    pub fn command(&mut self, conversation: &str, command: &Value) -> anyhow::Result<Receipt> {
        let topic = format!("u/{}/c/{conversation}/json", self.user());
        self.publish(&topic, command.to_string().as_bytes())
    }

    /// Publishes at QoS 1 and waits for the answer.
    ///
    /// # Errors
    /// When there is none.
    pub fn publish(&mut self, topic: &str, payload: &[u8]) -> anyhow::Result<Receipt> {
        let id = self.send(topic, payload, 1)?;
        self.answer(id)
    }

    /// Publishes and does not wait. Returns the packet id.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self, topic: &str, payload: &[u8], qos: u8) -> anyhow::Result<u16> {
        let id = self.next_id();
        let publish = Publish { topic: topic.to_owned(), payload: payload.to_vec(), qos, id, ..Publish::default() };
        self.stream.write_all(&wire::publish(self.hello.version, &publish))?;
        Ok(id)
    }

    /// Waits for the PUBACK of a publish.
    ///
    /// # Errors
    /// When there is none.
    pub fn answer(&mut self, id: u16) -> anyhow::Result<Receipt> {
        let answer =
            self.wait_for(|packet| matches!(packet, Packet::Ack { first, id: of, .. } if *first == 0x40 && *of == id))?;
        let Packet::Ack { code, properties, .. } = answer else { bail!("no PUBACK") };
        Ok(receipt(code, &properties))
    }

    /// A request over `rpc/json` and its whole response; needs [`Client::listen`].
    ///
    /// # Errors
    /// When there is no response.
    pub fn request(&mut self, method: &str, params: &Value) -> anyhow::Result<Value> {
        self.requests += 1;
        let number = self.requests;
        let topic = format!("u/{}/rpc/json", self.user());
        let request = json!({ "jsonrpc": "2.0", "id": number, "method": method, "params": params });
        let id = self.send(&topic, request.to_string().as_bytes(), 1)?;
        let response = self.wait_for(|packet| match packet {
            Packet::Publish(publish) => publish.topic == topic && json_of(publish)["id"] == number,
            _ => false,
        })?;
        self.answer(id)?;
        let Packet::Publish(publish) = response else { bail!("no response") };
        Ok(json_of(&publish))
    }

    /// The next delivery or event, acknowledged if it wants to be.
    ///
    /// # Errors
    /// When none comes.
    pub fn receive(&mut self) -> anyhow::Result<Publish> {
        let publish = self.receive_unacknowledged()?;
        self.acknowledge(&publish)?;
        Ok(publish)
    }

    /// The next delivery or event; nothing is acknowledged.
    ///
    /// # Errors
    /// When none comes.
    pub fn receive_unacknowledged(&mut self) -> anyhow::Result<Publish> {
        match self.wait_for(|packet| matches!(packet, Packet::Publish(_)))? {
            Packet::Publish(publish) => Ok(publish),
            other => bail!("expected PUBLISH, got {other:?}"),
        }
    }

    /// The next event of this type, acknowledged like all that come before it, which are dropped.
    ///
    /// # Errors
    /// When none comes.
    pub fn event(&mut self, kind: &str) -> anyhow::Result<Value> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let event = json_of(&self.receive()?);
            if event["type"] == kind {
                return Ok(event);
            }
        }
        bail!("no event {kind} came")
    }

    /// Bodies of the next messages, acknowledged.
    ///
    /// # Errors
    /// When they do not come.
    pub fn bodies(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        let mut bodies = Vec::with_capacity(count);
        while bodies.len() < count {
            let event = self.event("message").with_context(|| format!("after {} of {count} messages", bodies.len()))?;
            bodies.push(event["body"].as_str().context("a body that is no text")?.to_owned());
        }
        Ok(bodies)
    }

    /// Sends the PUBACK of a delivery.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn acknowledge(&mut self, publish: &Publish) -> anyhow::Result<()> {
        if publish.qos == 1 {
            self.stream.write_all(&wire::ack(0x40, publish.id))?;
        }
        Ok(())
    }

    /// Waits until the server has handled all that was sent before: acknowledgements have no answer of their own.
    ///
    /// # Errors
    /// When no PINGRESP comes.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&wire::packet(0xc0, &[]))?;
        self.wait_for(|packet| *packet == Packet::Pong)?;
        Ok(())
    }

    /// Leaves with a DISCONNECT, once the server has handled all that was sent before.
    ///
    /// # Errors
    /// When the server does not close the connection.
    pub fn leave(mut self) -> anyhow::Result<()> {
        self.stream.write_all(&wire::packet(0xe0, &[]))?;
        self.end()?;
        Ok(())
    }

    /// Waits for the server to close the connection.
    ///
    /// # Errors
    /// When it does not.
    pub fn end(&mut self) -> anyhow::Result<End> {
        let mut end = End::Closed;
        let told = |packet: &Packet| match packet {
            Packet::Disconnect { code, properties } => {
                Some(End::Told { code: *code, error: properties.number("error") })
            }
            _ => None,
        };
        if let Some(earlier) = self.set_aside.iter().find_map(told) {
            end = earlier;
        }
        loop {
            match self.read(PATIENCE)? {
                Some(packet) => end = told(&packet).unwrap_or(end),
                None => return Ok(end),
            }
        }
    }

    fn user(&self) -> &str {
        self.hello.user.as_deref().unwrap_or_default()
    }

    fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id % u16::MAX + 1;
        self.last_id
    }

    /// The first packet that fits; others are set aside for later.
    fn wait_for(&mut self, fits: impl Fn(&Packet) -> bool) -> anyhow::Result<Packet> {
        if let Some(index) = self.set_aside.iter().position(&fits) {
            return self.set_aside.remove(index).context("it was there");
        }
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let packet = self.read(PATIENCE)?.with_context(|| {
                format!("the server closed the connection; before that came {:?}", self.set_aside.back())
            })?;
            if fits(&packet) {
                return Ok(packet);
            }
            self.set_aside.push_back(packet);
        }
        bail!("what was waited for did not come; the last that did is {:?}", self.set_aside.back())
    }

    /// The next packet; `None` when the server has closed the connection.
    fn read(&mut self, patience: Duration) -> anyhow::Result<Option<Packet>> {
        self.stream.set_read_timeout(Some(patience))?;
        loop {
            if let Some(length) = wire::whole(&self.unread)?
                && self.unread.len() >= length
            {
                let packet: Vec<u8> = self.unread.drain(..length).collect();
                return wire::read(self.hello.version, &packet).map(Some);
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context(format!("nothing came for {patience:?}")),
            }
        }
    }
}

/// A payload as JSON; null when it is none.
#[must_use]
pub fn json_of(publish: &Publish) -> Value {
    serde_json::from_slice(&publish.payload).unwrap_or(Value::Null)
}

fn receipt(code: u8, properties: &Properties) -> Receipt {
    Receipt { code, seq: properties.number("seq"), error: properties.number("error") }
}
