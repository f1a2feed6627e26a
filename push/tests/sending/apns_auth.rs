//! Apple: tokens and certificates.

use longwave_push::fake::ApnsAct;
use longwave_push::send::*;

use crate::rig::{KEY_ID, Rig, START, TOPIC, apns_app, app, apple, breaker, key};

const DEVICE: &str = "00aa11bb";

#[tokio::test]
async fn all_workers_show_one_token_for_fifty_minutes() {
    let rig = Rig::new().await;
    let (one, other) = (rig.sender(), rig.sender());
    let notification = Notification { expires: START + 100_000, ..rig.notification() };
    for minutes in [0, 10, 38, 10, 39] {
        rig.time.advance(minutes * 60);
        for sender in [&one, &other] {
            assert!(matches!(sender.send(&app(), &apple(DEVICE), &notification).await, Outcome::Sent { .. }));
        }
    }
    let mut tokens: Vec<_> = rig.apns.received().into_iter().filter_map(|push| push.token).collect();
    assert_eq!(tokens.len(), 10);
    tokens.dedup();
    assert_eq!(tokens.len(), 2, "one per slot, and the fake found neither an hour old");
    assert_eq!(one.state()[0].credential_age, Some(rig.time.seconds() - (START + 3000)));
}

#[tokio::test]
async fn an_expired_token_is_renewed_once() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let send = async || sender.send(&app(), &apple(DEVICE), &rig.notification()).await;
    assert!(matches!(send().await, Outcome::Sent { .. }));
    rig.time.advance(25 * 60);
    rig.apns.script(DEVICE, [ApnsAct::refuse(403, "ExpiredProviderToken")]);
    assert!(matches!(send().await, Outcome::Sent { .. }));
    let received = rig.apns.received();
    assert_eq!(received.len(), 3);
    assert_ne!(received[1].token, received[2].token);
    assert_eq!(sender.state()[0].credential_age, Some(0));
    assert_eq!(breaker(&sender, Provider::Apns, "app"), BreakerState::Closed);
    rig.time.advance(60);
    assert!(matches!(send().await, Outcome::Sent { .. }));
    assert_eq!(rig.apns.received()[3].token, received[2].token, "it stays in use");
}

#[tokio::test]
async fn a_refused_key_stops_its_application_and_no_other() {
    let mut rig = Rig::new().await;
    rig.settings.apns.apps.push(apns_app("broken", "UNKNOWN", &key()));
    rig.settings.apns.apps.push(apns_app("forged", KEY_ID, &key()));
    rig.settings.breaker.pause = std::time::Duration::from_secs(3600);
    let sender = rig.sender();
    let notification = Notification { expires: rig.time.seconds() + 100_000, ..rig.notification() };
    for _ in 0..3 {
        let outcome = sender.send(&AppId::new("broken"), &apple(DEVICE), &notification).await;
        let Outcome::Retry { reason, after: Some(_) } = &outcome else { panic!("{outcome:?}") };
        assert_eq!(reason.as_str(), "breaker open: InvalidProviderToken");
        assert!(matches!(sender.send(&app(), &apple(DEVICE), &notification).await, Outcome::Sent { .. }));
    }
    let state = breaker(&sender, Provider::Apns, "broken");
    assert!(matches!(&state, BreakerState::Open { reason, .. } if reason.as_str() == "InvalidProviderToken"));
    let refused = rig.apns.received().iter().filter(|push| push.answer != Some((200, String::new()))).count();
    assert_eq!(refused, 1, "the breaker let one through");
}

#[tokio::test]
async fn a_mended_application_sends_what_waited() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    rig.apns.script(DEVICE, (0..3).map(|_| ApnsAct::refuse(400, "TopicDisallowed")));
    let outcome = sender.send(&app(), &apple(DEVICE), &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    assert_eq!(breaker(&sender, Provider::Apns, "app"), BreakerState::Closed);
}

#[tokio::test]
async fn a_certificate_instead_of_a_token() {
    let mut rig = Rig::new().await;
    let (chain, pem) = rig.authority.client(TOPIC).unwrap();
    rig.settings.apns.apps =
        vec![ApnsApp { app: app(), topic: TOPIC.into(), auth: ApnsAuth::Certificate { chain, key: Secret::new(pem) } }];
    let sender = rig.sender();
    assert!(matches!(sender.send(&app(), &apple(DEVICE), &rig.notification()).await, Outcome::Sent { .. }));
    let push = rig.apns.received().remove(0);
    assert!(push.certified && push.token.is_none());
    assert_eq!(sender.state()[0].credential_age, None);
}

#[tokio::test]
async fn two_keys_never_share_a_connection() {
    let mut rig = Rig::new().await;
    let second = key();
    rig.apns.add_key(crate::rig::TEAM, "SECOND", &second.public());
    rig.settings.apns.apps.push(apns_app("second", "SECOND", &second));
    let sender = rig.sender();
    for _ in 0..3 {
        for name in ["app", "second"] {
            let outcome = sender.send(&AppId::new(name), &apple(DEVICE), &rig.notification()).await;
            assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
        }
    }
    assert_eq!(rig.apns.connections(), 2);
}

#[tokio::test]
async fn a_key_that_is_not_for_the_sandbox_stops_only_the_sandbox() {
    let mut rig = Rig::new().await;
    rig.settings.retry.patience = std::time::Duration::ZERO;
    rig.settings.breaker.pause = std::time::Duration::from_secs(3600);
    let sender = rig.sender();
    rig.sandbox.script(DEVICE, [ApnsAct::refuse(403, "BadEnvironmentKeyIdInToken")]);
    let sandbox = Target::Apns { token: Secret::new(DEVICE), environment: Environment::Sandbox };
    assert!(!sender.send(&app(), &sandbox, &rig.notification()).await.is_final());
    assert!(matches!(sender.send(&app(), &apple(DEVICE), &rig.notification()).await, Outcome::Sent { .. }));
    let mut services = sender.state().remove(0).services;
    services.sort_by(|one, other| one.service.cmp(&other.service));
    assert_eq!(services[0].breaker, BreakerState::Closed);
    assert!(matches!(services[1].breaker, BreakerState::Open { .. }));
}
