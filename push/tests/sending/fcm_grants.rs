//! Google: access tokens.

use std::sync::Arc;
use std::time::Duration;

use longwave_push::fake::GrantAct;
use longwave_push::send::*;
use tokio::task::JoinSet;

use crate::rig::{Rig, android, app, breaker};

#[tokio::test]
async fn a_hundred_pushes_ask_for_one_token() {
    let rig = Rig::new().await;
    let sender = Arc::new(rig.sender());
    let mut sends = JoinSet::new();
    for number in 0..100 {
        let (sender, notification) = (Arc::clone(&sender), rig.notification());
        sends.spawn(async move { sender.send(&app(), &android(&format!("d{number}")), &notification).await });
    }
    assert!(sends.join_all().await.iter().all(|outcome| matches!(outcome, Outcome::Sent { .. })));
    assert_eq!(rig.fcm.grants(), 1);
}

#[tokio::test]
async fn refreshed_before_it_ends_and_at_once_when_it_ended_early() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let send = async || sender.send(&app(), &android("device"), &rig.notification()).await;
    assert!(matches!(send().await, Outcome::Sent { .. }));
    rig.time.advance(54 * 60);
    assert!(matches!(send().await, Outcome::Sent { .. }));
    assert_eq!(rig.fcm.grants(), 1);
    let state = sender.state().into_iter().find(|state| state.provider == Provider::Fcm).unwrap();
    assert_eq!(state.credential_age, Some(54 * 60));
    rig.time.advance(2 * 60);
    assert!(matches!(send().await, Outcome::Sent { .. }));
    assert_eq!(rig.fcm.grants(), 2, "four minutes before the end");
    rig.fcm.end_tokens();
    assert!(matches!(send().await, Outcome::Sent { .. }));
    assert_eq!(rig.fcm.grants(), 3);
}

#[tokio::test]
async fn an_old_token_serves_while_the_endpoint_is_down() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let send = async || sender.send(&app(), &android("device"), &rig.notification()).await;
    assert!(matches!(send().await, Outcome::Sent { .. }));
    rig.time.advance(56 * 60);
    rig.fcm.script_grants([GrantAct::Refuse(500, "internal_failure".into())]);
    assert!(matches!(send().await, Outcome::Sent { .. }));
    assert_eq!(rig.fcm.grants(), 2);
}

#[tokio::test]
async fn an_endpoint_that_fails_is_asked_again() {
    let rig = Rig::new().await;
    let down = GrantAct::Refuse(500, "internal_failure".into());
    rig.fcm.script_grants([down.clone(), GrantAct::Refuse(503, String::new()), down]);
    let outcome = rig.sender().send(&app(), &android("device"), &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    assert_eq!(rig.fcm.grants(), 4);
}

#[tokio::test]
async fn a_refused_account_opens_the_breaker() {
    let mut rig = Rig::new().await;
    rig.settings.retry.patience = Duration::ZERO;
    rig.fcm.script_grants([GrantAct::Refuse(400, "invalid_grant".into())]);
    let sender = rig.sender();
    let outcome = sender.send(&app(), &android("device"), &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Retry { .. }));
    let state = breaker(&sender, Provider::Fcm, "app");
    let (BreakerState::Open { reason, .. } | BreakerState::HalfOpen { reason }) = state else { panic!("{state:?}") };
    assert_eq!(reason.as_str(), "token endpoint 400 invalid_grant");
}

#[tokio::test]
async fn who_waits_while_somebody_asks_shares_the_refusal() {
    let mut rig = Rig::new().await;
    rig.settings.retry.patience = Duration::ZERO;
    rig.fcm.script_grants((0..50).map(|_| GrantAct::Refuse(500, "internal_failure".into())));
    let sender = Arc::new(rig.sender());
    let mut sends = JoinSet::new();
    for number in 0..50 {
        let (sender, notification) = (Arc::clone(&sender), rig.notification());
        sends.spawn(async move { sender.send(&app(), &android(&format!("d{number}")), &notification).await });
    }
    let outcomes = sends.join_all().await;
    assert!(outcomes.iter().all(|outcome| !outcome.is_final()), "{outcomes:?}");
    assert_eq!(rig.fcm.grants(), 1);
}
