//! Apple: what a push looks like there, and what its answers lead to.

use longwave_push::fake::ApnsAct;
use longwave_push::send::*;
use serde_json::json;

use crate::rig::{Rig, TOPIC, app, apple, breaker, failed};

const DEVICE: &str = "00aa11bb";

#[tokio::test]
async fn an_alert_as_apple_sees_it() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let mut notification = rig.notification();
    notification.keep = Some(notification.expires + 86_400);
    let outcome = sender.send(&app(), &apple(DEVICE), &notification).await;
    assert!(matches!(&outcome, Outcome::Sent { provider_id: Some(id) } if id.len() == 36), "{outcome:?}");
    let push = rig.apns.received().remove(0);
    let collapse = rig.settings.wording.collapse.hash(b"alice:bob");
    assert_eq!(collapse.len(), 22);
    assert_eq!(push.device, DEVICE);
    assert_eq!(push.push_type.as_deref(), Some("alert"));
    assert_eq!(push.topic.as_deref(), Some(TOPIC));
    assert_eq!(push.priority.as_deref(), Some("10"));
    assert_eq!(push.expiration, Some((notification.expires + 86_400).to_string()));
    assert_eq!(push.collapse_id.as_ref(), Some(&collapse));
    assert_eq!(push.payload["aps"]["thread-id"], json!(collapse));
    assert_eq!(push.payload["aps"]["mutable-content"], json!(1));
    assert_eq!(push.payload["aps"]["alert"], json!({"loc-key": "LONGWAVE_NEW_MESSAGE"}));
    assert_eq!(push.payload["longwave"]["seq"], json!("7"));
}

#[tokio::test]
async fn each_urgency_has_its_headers() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let voip = format!("{TOPIC}.voip");
    for (urgency, kind, priority, topic) in [
        (Urgency::Alert, "alert", "10", TOPIC),
        (Urgency::Background, "background", "5", TOPIC),
        (Urgency::Clear, "background", "5", TOPIC),
        (Urgency::Voip, "voip", "10", voip.as_str()),
    ] {
        let notification = Notification { urgency, ..rig.notification() };
        assert!(matches!(sender.send(&app(), &apple(DEVICE), &notification).await, Outcome::Sent { .. }));
        let push = rig.apns.received().pop().unwrap();
        assert_eq!(push.push_type.as_deref(), Some(kind));
        assert_eq!(push.priority.as_deref(), Some(priority));
        assert_eq!(push.topic.as_deref(), Some(topic));
    }
}

#[tokio::test]
async fn sandbox_and_production_are_chosen_by_the_token() {
    let rig = Rig::new().await;
    let target = Target::Apns { token: Secret::new(DEVICE), environment: Environment::Sandbox };
    assert!(matches!(rig.sender().send(&app(), &target, &rig.notification()).await, Outcome::Sent { .. }));
    assert_eq!((rig.apns.received().len(), rig.sandbox.received().len()), (0, 1));
}

#[tokio::test]
async fn a_token_that_is_gone() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let act = ApnsAct::Refuse {
        status: 410,
        reason: "Unregistered".into(),
        timestamp: Some(1_800_000_000_123),
        retry_after: None,
    };
    rig.apns.script(DEVICE, [act, ApnsAct::refuse(400, "BadDeviceToken")]);
    let send = async || sender.send(&app(), &apple(DEVICE), &rig.notification()).await;
    assert_eq!(send().await, Outcome::TokenGone { at: Some(1_800_000_000_123) });
    assert_eq!(send().await, Outcome::TokenGone { at: None });
    let odd = sender.send(&app(), &apple("../../x"), &rig.notification()).await;
    assert_eq!(odd, Outcome::TokenGone { at: None });
    assert_eq!(rig.apns.received().len(), 2, "what is no token is not asked for");
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let rig = Rig::new().await;
    let acts = [
        ApnsAct::refuse(500, "InternalServerError"),
        ApnsAct::refuse(503, "ServiceUnavailable"),
        ApnsAct::refuse(503, "Shutdown"),
        ApnsAct::refuse(429, "TooManyRequests"),
        ApnsAct::refuse(429, "TooManyProviderTokenUpdates"),
        ApnsAct::refuse(400, "IdleTimeout"),
        ApnsAct::Reset,
    ];
    rig.apns.script(DEVICE, acts);
    let outcome = rig.sender().send(&app(), &apple(DEVICE), &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    assert_eq!(rig.apns.received().len(), 8);
}

#[tokio::test]
async fn what_is_refused_for_good_fails() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    for reason in ["BadCollapseId", "PayloadEmpty", "DeviceTokenNotForTopic", "SomethingNew"] {
        rig.apns.script(DEVICE, [ApnsAct::refuse(400, reason)]);
        assert_eq!(failed(&sender.send(&app(), &apple(DEVICE), &rig.notification()).await), reason);
    }
    assert_eq!(breaker(&sender, Provider::Apns, "app"), BreakerState::Closed);
}

#[tokio::test]
async fn what_is_too_large_is_sent_without_its_text() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let mut notification = rig.notification();
    notification.text = Some(Text { title: "bob".into(), body: "x".repeat(5000) });
    assert!(matches!(sender.send(&app(), &apple(DEVICE), &notification).await, Outcome::Sent { .. }));
    let received = rig.apns.received();
    assert_eq!(received[0].answer, Some((413, "PayloadTooLarge".into())));
    assert_eq!(received[1].payload["aps"]["alert"], json!({"loc-key": "LONGWAVE_NEW_MESSAGE"}));
    assert_eq!(received.len(), 2);
    notification.data.insert("big".into(), "x".repeat(5000));
    assert_eq!(failed(&sender.send(&app(), &apple(DEVICE), &notification).await), "too large");
    assert_eq!(rig.apns.received().len(), 4, "once with text, once without");
}

#[tokio::test]
async fn nothing_is_sent_after_it_expired() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let mut notification = rig.notification();
    notification.expires = rig.time.seconds();
    assert_eq!(sender.send(&app(), &apple(DEVICE), &notification).await, Outcome::Expired);
    assert!(rig.apns.received().is_empty());
    let act =
        ApnsAct::Refuse { status: 503, reason: "ServiceUnavailable".into(), timestamp: None, retry_after: Some(600) };
    rig.apns.script(DEVICE, [act.clone(), act]);
    notification.expires = rig.time.seconds() + 60;
    assert_eq!(sender.send(&app(), &apple(DEVICE), &notification).await, Outcome::Expired, "it would be, by then");
    let outcome = sender.send(&app(), &apple(DEVICE), &rig.notification()).await;
    let Outcome::Retry { after: Some(after), reason } = outcome else { panic!("{outcome:?}") };
    assert!(after.as_secs() >= 600 && reason.as_str() == "ServiceUnavailable");
}
