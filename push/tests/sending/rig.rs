//! Fakes, a sender pointed at them, and a clock that is set by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use longwave_push::fake::{Authority, FakeApns, FakeFcm, FakeWebPush};
use longwave_push::send::*;

/// A Monday in 2027, at the beginning of a 50-minute slot.
pub(crate) const START: u64 = 600_900 * 3000;
pub(crate) const TOPIC: &str = "org.example.chat";
pub(crate) const TEAM: &str = "TEAM123456";
pub(crate) const KEY_ID: &str = "KEY1234567";
pub(crate) const PROJECT: &str = "example-project";

/// Everything that one test needs.
pub(crate) struct Rig {
    pub(crate) authority: Authority,
    pub(crate) apns: FakeApns,
    pub(crate) sandbox: FakeApns,
    pub(crate) fcm: FakeFcm,
    pub(crate) web_push: FakeWebPush,
    pub(crate) settings: SenderSettings,
    pub(crate) time: Time,
    pub(crate) vapid: Es256Key,
}

/// Unix milliseconds, moved by hand.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicU64>);

impl Time {
    pub(crate) fn clock(&self) -> Clock {
        let millis = Arc::clone(&self.0);
        Clock::new(move || millis.load(SeqCst))
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1000, SeqCst);
    }

    pub(crate) fn seconds(&self) -> u64 {
        self.0.load(SeqCst) / 1000
    }
}

impl Rig {
    /// One application `app` at each provider. Change `settings`, then make a sender.
    pub(crate) async fn new() -> Self {
        let time = Time(Arc::new(AtomicU64::new((START + 60) * 1000)));
        let authority = Authority::new().unwrap();
        let (apns, sandbox) = (
            FakeApns::start(&authority, time.clock()).await.unwrap(),
            FakeApns::start(&authority, time.clock()).await.unwrap(),
        );
        let fcm = FakeFcm::start(&authority, PROJECT, time.clock()).await.unwrap();
        let web_push = FakeWebPush::start(&authority, &["push.example"], time.clock()).await.unwrap();
        let apple = key();
        for fake in [&apns, &sandbox] {
            fake.add_key(TEAM, KEY_ID, &apple.public());
            fake.add_topic(TOPIC);
        }
        let vapid = key();
        let mut settings = SenderSettings::new(Wording::new(CollapseKey::new(b"a key for tests")));
        settings.clock = time.clock();
        settings.retry.shortest = Duration::from_millis(2);
        settings.retry.longest = Duration::from_millis(20);
        settings.breaker.failures = 1000;
        settings.breaker.pause = Duration::from_millis(20);
        for transport in [&mut settings.apns.transport, &mut settings.fcm.transport, &mut settings.web_push.transport] {
            transport.root_certificates = vec![authority.root()];
            transport.connections = 1;
        }
        settings.apns.production = apns.url();
        settings.apns.sandbox = sandbox.url();
        settings.apns.apps.push(apns_app("app", KEY_ID, &apple));
        settings.fcm.base = fcm.url();
        let account = ServiceAccount::from_json(&Secret::new(fcm.service_account())).unwrap();
        settings.fcm.apps.push(FcmApp { app: AppId::new("app"), account });
        settings.web_push.allow_private_addresses = true;
        let contact = "mailto:ops@example.org".to_owned();
        settings.web_push.apps.push(WebPushApp { app: AppId::new("app"), key: vapid.clone(), contact });
        Self { authority, apns, sandbox, fcm, web_push, settings, time, vapid }
    }

    pub(crate) fn sender(&self) -> Sender {
        Sender::new(self.settings.clone()).unwrap()
    }

    /// An alert that is worth something for an hour.
    pub(crate) fn notification(&self) -> Notification {
        Notification {
            urgency: Urgency::Alert,
            collapse: b"alice:bob".to_vec(),
            thread: None,
            expires: self.time.seconds() + 3600,
            keep: None,
            data: BTreeMap::from([("seq".into(), "7".into())]),
            text: None,
            badge: Some(3),
            locale: None,
        }
    }
}

pub(crate) fn app() -> AppId {
    AppId::new("app")
}

pub(crate) fn key() -> Es256Key {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    Es256Key::from_pem(&Secret::new(pair.serialize_pem())).unwrap()
}

pub(crate) fn apns_app(name: &str, key_id: &str, key: &Es256Key) -> ApnsApp {
    let auth = ApnsAuth::Token { team: TEAM.into(), key_id: key_id.into(), key: key.clone() };
    ApnsApp { app: AppId::new(name), topic: TOPIC.into(), auth }
}

pub(crate) fn apple(token: &str) -> Target {
    Target::Apns { token: Secret::new(token), environment: Environment::Production }
}

pub(crate) fn android(token: &str) -> Target {
    Target::Fcm(FcmTarget::Registration(Secret::new(token)))
}

pub(crate) fn failed(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed { reason } => reason.as_str(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn breaker(sender: &Sender, provider: Provider, app: &str) -> BreakerState {
    let state = sender.state().into_iter().find(|state| state.provider == provider && state.app.as_str() == app);
    state.unwrap().services[0].breaker.clone()
}
