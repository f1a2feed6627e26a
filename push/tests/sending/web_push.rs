//! Web Push: what a message looks like at the browser, and what a push service's answers lead to.

use std::time::Duration;

use longwave_push::fake::WebPushAct;
use longwave_push::send::*;
use serde_json::json;

use crate::rig::{Rig, app, breaker, failed, key};

#[tokio::test]
async fn a_message_as_the_browser_sees_it() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let subscription = rig.web_push.subscribe(&rig.vapid.public()).unwrap();
    let outcome = sender.send(&app(), &subscription.target, &rig.notification()).await;
    assert!(matches!(&outcome, Outcome::Sent { provider_id: Some(id) } if id.len() == 32), "{outcome:?}");
    let push = rig.web_push.received().remove(0);
    assert_eq!(push.message, json!({"kind": "alert", "badge": 3, "data": {"seq": "7"}}));
    assert_eq!(push.ttl.as_deref(), Some("3600"));
    assert_eq!(push.urgency.as_deref(), Some("high"));
    assert_eq!(push.topic, Some(rig.settings.wording.collapse.hash(b"alice:bob")));
    assert_eq!(push.vapid["aud"], rig.web_push.url());
    assert_eq!(push.vapid["sub"], "mailto:ops@example.org");
}

#[tokio::test]
async fn a_subscription_that_is_gone() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let subscription = rig.web_push.subscribe(&rig.vapid.public()).unwrap();
    rig.web_push.script(&subscription.id, [WebPushAct::Refuse { status: 404, retry_after: None }]);
    let send = async || sender.send(&app(), &subscription.target, &rig.notification()).await;
    assert_eq!(send().await, Outcome::TokenGone { at: None });
    assert!(matches!(send().await, Outcome::Sent { .. }));
    rig.web_push.unsubscribe(&subscription.id);
    assert_eq!(send().await, Outcome::TokenGone { at: None });
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let subscription = rig.web_push.subscribe(&rig.vapid.public()).unwrap();
    let refuse = |status| WebPushAct::Refuse { status, retry_after: Some(0) };
    rig.web_push.script(&subscription.id, [refuse(429), refuse(500), refuse(503), WebPushAct::Reset]);
    let outcome = sender.send(&app(), &subscription.target, &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    assert_eq!(rig.web_push.received().len(), 5);
    rig.web_push.script(&subscription.id, [WebPushAct::Refuse { status: 429, retry_after: Some(120) }]);
    let outcome = sender.send(&app(), &subscription.target, &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Retry { after: Some(after), .. } if after >= Duration::from_secs(120)));
    assert_eq!(breaker(&sender, Provider::WebPush, "app"), BreakerState::Closed, "429 is no illness");
}

#[tokio::test]
async fn what_is_too_large_is_sent_without_its_text() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let subscription = rig.web_push.subscribe(&rig.vapid.public()).unwrap();
    let mut notification = rig.notification();
    notification.text = Some(Text { title: "bob".into(), body: "hello".into() });
    rig.web_push.script(&subscription.id, [WebPushAct::Refuse { status: 413, retry_after: None }]);
    assert!(matches!(sender.send(&app(), &subscription.target, &notification).await, Outcome::Sent { .. }));
    let received = rig.web_push.received();
    assert_eq!(received[0].message["body"], "hello");
    assert!(received[1].message.get("body").is_none());
    notification.text = Some(Text { title: "bob".into(), body: "x".repeat(4000) });
    assert!(matches!(sender.send(&app(), &subscription.target, &notification).await, Outcome::Sent { .. }));
    assert_eq!(rig.web_push.received().len(), 3, "4,096 bytes are known not to fit");
}

#[tokio::test]
async fn a_subscription_made_with_another_key_stops_nobody_else() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let foreign = rig.web_push.subscribe(&key().public()).unwrap();
    let own = rig.web_push.subscribe(&rig.vapid.public()).unwrap();
    let outcome = sender.send(&app(), &foreign.target, &rig.notification()).await;
    assert_eq!(failed(&outcome), "HTTP 403");
    assert_eq!(breaker(&sender, Provider::WebPush, "app"), BreakerState::Closed);
    assert!(matches!(sender.send(&app(), &own.target, &rig.notification()).await, Outcome::Sent { .. }));
}

#[tokio::test]
async fn a_push_service_that_is_down_stops_no_other() {
    let mut rig = Rig::new().await;
    rig.settings.breaker.failures = 1;
    rig.settings.breaker.pause = Duration::from_secs(3600);
    rig.settings.retry.patience = Duration::ZERO;
    let other = longwave_push::fake::FakeWebPush::start(&rig.authority, &[], rig.time.clock()).await.unwrap();
    let sender = rig.sender();
    let down = rig.web_push.subscribe(&rig.vapid.public()).unwrap();
    let up = other.subscribe(&rig.vapid.public()).unwrap();
    rig.web_push.script(&down.id, [WebPushAct::Refuse { status: 503, retry_after: None }]);
    assert!(!sender.send(&app(), &down.target, &rig.notification()).await.is_final());
    assert!(matches!(sender.send(&app(), &up.target, &rig.notification()).await, Outcome::Sent { .. }));
    let state = sender.state().into_iter().find(|state| state.provider == Provider::WebPush).unwrap();
    let open = state.services.iter().find(|service| service.service == rig.web_push.url()).unwrap();
    assert!(matches!(open.breaker, BreakerState::Open { .. }));
}

#[tokio::test]
async fn keys_that_are_none_fail() {
    let rig = Rig::new().await;
    let target = Target::WebPush {
        endpoint: Secret::new(format!("{}/push/x", rig.web_push.url())),
        p256dh: Secret::new("AAAA"),
        auth: Secret::new("AAAA"),
    };
    let outcome = rig.sender().send(&app(), &target, &rig.notification()).await;
    assert_eq!(failed(&outcome), "the subscription's keys are not usable");
    assert!(rig.web_push.received().is_empty());
}
