//! The internal listener's admission, gate and feed: the MQTT 5 clients there are bridges.
//!
//! A bridge subscribes to `$bridge/{its client id}/req` at QoS 0 and publishes to the Response Topic of what it gets there,
//! `$broker/{node}/rsp`, with the same Correlation Data: the lease that it has.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use longwave_model::{ErrorCode, Refusal, UserId};
use longwave_port::{
    Admit, Answer, Closing, Completion, Credentials, Delivery, DeliveryProperties, Feed, Gate, Identity, Mailbox, Open,
    Opened, Outlet, Publish, Sender, Subscription, Ticket,
};
use parking_lot::Mutex;
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc;

use crate::driver::Input;
use crate::frame::{self, ToBroker};
use crate::outbox::Outbox;
use crate::settings::LinkSettings;

/// The user name of bridges at the internal listener.
pub const BRIDGE_USER: &str = "bridge";

/// What the internal listener's broker is made of.
pub struct Internal {
    settings: Arc<LinkSettings>,
    inputs: mpsc::UnboundedSender<Input>,
}

impl Internal {
    pub(crate) fn new(settings: Arc<LinkSettings>, inputs: mpsc::UnboundedSender<Input>) -> Self {
        Self { settings, inputs }
    }

    fn response_topic(&self) -> String {
        format!("$broker/{}/rsp", self.settings.node)
    }
}

#[async_trait]
impl Admit for Internal {
    async fn admit(&self, credentials: Credentials) -> Result<Identity, Refusal> {
        let given = credentials.password.unwrap_or_default();
        let is_right = bool::from(given.as_ref().ct_eq(self.settings.secret.as_bytes()));
        if credentials.user_name.as_deref() != Some(BRIDGE_USER) || !is_right {
            return Err(Refusal::new(ErrorCode::BadCredentials, "wrong user name or password"));
        }
        let user = UserId::parse(BRIDGE_USER).map_err(|_| Refusal::new(ErrorCode::BadCredentials, "no such user"))?;
        Ok(Identity { user, device: None, service: true, expires_at: None })
    }

    async fn renew(&self, _: &str) -> Result<Identity, Refusal> {
        Err(Refusal::new(ErrorCode::BadCredentials, "bridges have no tokens"))
    }
}

impl Gate for Internal {
    fn publish(&self, publish: Publish, completion: Completion) {
        let lease = publish.properties.as_deref().and_then(|properties| properties.correlation_data.as_deref());
        let lease = lease.and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        let frame = frame::decode::<ToBroker>(publish.payload);
        match frame {
            Some(frame) if *publish.topic == self.response_topic() => {
                let bridge = publish.sender.device.as_str().to_owned();
                // Fails only when the process ends.
                let _ = self.inputs.send(Input::Frame { bridge, lease, frame });
                completion.complete(Answer::Done { notice: None, renewed_until: None });
            }
            _ => {
                let refusal = Refusal::new(ErrorCode::NotYourTopic, "bridges publish responses, and nothing else");
                completion.complete(Answer::Refused { refusal, notice: None });
            }
        }
    }
}

#[async_trait]
impl Feed for Internal {
    async fn open(&self, open: Open) -> Result<Opened, Refusal> {
        let outlet = BridgeOutlet {
            bridge: open.device.as_str().to_owned(),
            topic: format!("$bridge/{}/req", open.device.as_str()).into(),
            response_topic: self.response_topic(),
            inputs: self.inputs.clone(),
            mailbox: open.mailbox,
            outbox: Mutex::new(None),
        };
        let sender = Sender {
            user: open.user,
            device: open.device,
            service: open.service,
            incarnation: open.now,
            connection: open.now,
        };
        Ok(Opened {
            outlet: Arc::new(outlet),
            session_present: false,
            sender: Arc::new(sender),
            subscriptions: Vec::new(),
            qos2_uses: Vec::new(),
            unsettled: Vec::new(),
        })
    }
}

/// What goes to one bridge.
struct BridgeOutlet {
    bridge: String,
    topic: Arc<str>,
    response_topic: String,
    inputs: mpsc::UnboundedSender<Input>,
    mailbox: Arc<dyn Mailbox>,
    /// Once it has subscribed.
    outbox: Mutex<Option<Arc<Outbox>>>,
}

#[async_trait]
impl Outlet for BridgeOutlet {
    async fn subscribe(&self, subscriptions: Vec<Subscription>) -> Result<Vec<Result<u8, Refusal>>, Refusal> {
        let mut granted = Vec::with_capacity(subscriptions.len());
        for subscription in subscriptions {
            if *subscription.filter != *self.topic {
                granted.push(Err(Refusal::new(ErrorCode::NotYourTopic, "a bridge subscribes to its own requests")));
                continue;
            }
            let mut outbox = self.outbox.lock();
            if outbox.is_none() {
                let new = Outbox::new(self.mailbox.clone());
                // Fails only when the process ends.
                let _ = self.inputs.send(Input::Up(self.bridge.clone(), new.clone()));
                *outbox = Some(new);
            }
            granted.push(Ok(0));
        }
        Ok(granted)
    }

    async fn unsubscribe(&self, filters: Vec<String>) -> Result<Vec<bool>, Refusal> {
        Ok(filters.iter().map(|_| false).collect())
    }

    fn take(&self, _: usize, bytes: usize, out: &mut Vec<Delivery>) {
        let Some(outbox) = self.outbox.lock().clone() else { return };
        let mut taken = 0;
        while taken <= bytes
            && let Some((lease, frame)) = outbox.next_frame()
        {
            let payload = frame::encode(&frame);
            taken += payload.len();
            let properties = DeliveryProperties {
                correlation_data: Some(Bytes::copy_from_slice(&lease.0.to_be_bytes())),
                response_topic: Some(self.response_topic.clone()),
                ..DeliveryProperties::default()
            };
            out.push(Delivery {
                topic: self.topic.clone(),
                payload,
                properties: Some(Box::new(properties)),
                ..Delivery::default()
            });
        }
    }

    fn acked(&self, _: Ticket) {}

    async fn released(&self, _: u16, _: u32) -> Result<(), Refusal> {
        Err(Refusal::new(ErrorCode::NotYourTopic, "bridges publish at QoS 0"))
    }

    async fn close(&self, _: Closing) {
        if let Some(outbox) = self.outbox.lock().take() {
            // Fails only when the process ends.
            let _ = self.inputs.send(Input::Down(self.bridge.clone(), outbox));
        }
    }
}

impl std::fmt::Debug for Internal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Internal").field("node", &self.settings.node).finish_non_exhaustive()
    }
}
