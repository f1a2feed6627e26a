//! No secret, token or text in any log or `Debug` of the sending side.

use std::io::Write;
use std::sync::{Arc, Mutex};

use longwave_push::fake::{ApnsAct, FcmAct, WebPushAct};
use longwave_push::send::*;

use crate::rig::{Rig, android, app, apple};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const DEVICE: &str = "5ec4e75ec4e7";
const WORDS: &str = "a very private word";

#[tokio::test]
async fn logs_and_debug_show_nothing() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let rig = Rig::new().await;
    let sender = rig.sender();
    let text = Some(Text { title: String::new(), body: WORDS.into() });
    let notification = Notification { text, data: [("hash".into(), WORDS.into())].into(), ..rig.notification() };
    let subscription = rig.web_push.subscribe(&rig.vapid.public()).unwrap();
    rig.apns.script(DEVICE, [ApnsAct::refuse(500, "InternalServerError"), ApnsAct::refuse(400, "BadTopic")]);
    rig.fcm.script(DEVICE, [FcmAct::refuse(503, "UNAVAILABLE")]);
    rig.web_push.script(&subscription.id, [WebPushAct::Reset]);
    let targets = [apple(DEVICE), android(DEVICE), subscription.target.clone()];
    let mut shown = String::new();
    for target in &targets {
        let outcome = sender.send(&app(), target, &notification).await;
        shown += &format!("{target:?} {notification:?} {outcome:?} {:?}", notification.text);
    }
    shown += &format!("{sender:?} {:?} {:?} {:?}", rig.settings, sender.state(), sender.counts());
    shown += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(shown.contains("h2::"), "the log holds something");
    let private = rig.fcm.service_account();
    let private = serde_json::from_str::<serde_json::Value>(&private).unwrap();
    let private = private["private_key"].as_str().unwrap();
    let jwt = rig.apns.received()[0].token.clone().unwrap();
    for secret in [DEVICE, WORDS, &subscription.id, &jwt, &private[40..80], "a key for tests", "alice:bob"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
