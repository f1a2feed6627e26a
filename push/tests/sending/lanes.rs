//! What pushes of one application share: a bound on requests under way, a breaker, counters.

use std::sync::Arc;
use std::time::Duration;

use longwave_push::fake::ApnsAct;
use longwave_push::send::*;
use tokio::task::JoinSet;

use crate::rig::{Rig, android, app, apple, breaker, failed};

const DEVICE: &str = "00aa11bb";

#[tokio::test]
async fn no_more_are_under_way_than_allowed() {
    let mut rig = Rig::new().await;
    rig.settings.apns.transport.in_flight = 3;
    rig.settings.apns.transport.request_time = Duration::from_secs(600);
    let sender = Arc::new(rig.sender());
    let mut sends = JoinSet::new();
    assert!(matches!(sender.send(&app(), &apple("ff"), &rig.notification()).await, Outcome::Sent { .. }));
    for number in 0..10 {
        let token = format!("{number:08x}");
        rig.apns.script(&token, [ApnsAct::Stall]);
        let (sender, notification) = (Arc::clone(&sender), rig.notification());
        sends.spawn(async move { sender.send(&app(), &apple(&token), &notification).await });
    }
    let in_flight = || sender.state()[0].services[0].in_flight;
    let all = async {
        while rig.apns.received().len() < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("three are under way at once");
    assert_eq!(in_flight(), 3);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(rig.apns.received().len(), 4);
    sends.shutdown().await;
    assert_eq!(in_flight(), 0, "what is given up gives its place back");
}

#[tokio::test]
async fn failures_open_the_breaker_and_a_probe_closes_it() {
    let mut rig = Rig::new().await;
    rig.settings.breaker.failures = 3;
    let sender = rig.sender();
    rig.apns.script(DEVICE, (0..6).map(|_| ApnsAct::refuse(503, "ServiceUnavailable")));
    let outcome = sender.send(&app(), &apple(DEVICE), &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    assert_eq!(rig.apns.received().len(), 7);
    assert_eq!(breaker(&sender, Provider::Apns, "app"), BreakerState::Closed);
}

#[tokio::test]
async fn a_devices_own_limit_is_no_illness_of_the_provider() {
    let mut rig = Rig::new().await;
    rig.settings.breaker.failures = 1;
    rig.settings.breaker.pause = Duration::from_secs(3600);
    rig.apns.script(DEVICE, (0..3).map(|_| ApnsAct::refuse(429, "TooManyRequests")));
    let outcome = rig.sender().send(&app(), &apple(DEVICE), &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
}

#[tokio::test]
async fn an_open_breaker_gives_pushes_back_and_leaves_others_alone() {
    let mut rig = Rig::new().await;
    rig.settings.breaker.failures = 2;
    rig.settings.breaker.pause = Duration::from_secs(600);
    let sender = rig.sender();
    rig.apns.script(DEVICE, (0..2).map(|_| ApnsAct::refuse(503, "ServiceUnavailable")));
    for _ in 0..5 {
        let outcome = sender.send(&app(), &apple(DEVICE), &rig.notification()).await;
        let Outcome::Retry { reason, .. } = &outcome else { panic!("{outcome:?}") };
        assert_eq!(reason.as_str(), "breaker open: ServiceUnavailable");
        assert!(!outcome.is_final());
    }
    assert_eq!(rig.apns.received().len(), 2);
    let short = Notification { expires: rig.time.seconds() + 10, ..rig.notification() };
    assert_eq!(sender.send(&app(), &apple(DEVICE), &short).await, Outcome::Expired);
    assert!(matches!(sender.send(&app(), &android("device"), &rig.notification()).await, Outcome::Sent { .. }));
}

#[tokio::test]
async fn outcomes_are_counted_by_provider_and_application() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    rig.apns.script(DEVICE, [ApnsAct::refuse(410, "Unregistered"), ApnsAct::refuse(400, "PayloadEmpty")]);
    for _ in 0..4 {
        sender.send(&app(), &apple(DEVICE), &rig.notification()).await;
    }
    sender.send(&app(), &android("device"), &rig.notification()).await;
    let unknown = sender.send(&AppId::new("nobody"), &apple(DEVICE), &rig.notification()).await;
    assert_eq!(failed(&unknown), "no such application");
    let mut counts: Vec<_> = sender.counts().into_iter().filter(|count| count.count > 0).collect();
    counts.sort_by_key(|count| (count.provider, count.outcome));
    let found: Vec<_> = counts.iter().map(|count| (count.provider, count.outcome, count.count)).collect();
    assert_eq!(
        found,
        [
            (Provider::Apns, OutcomeKind::Sent, 2),
            (Provider::Apns, OutcomeKind::TokenGone, 1),
            (Provider::Apns, OutcomeKind::Failed, 1),
            (Provider::Fcm, OutcomeKind::Sent, 1),
        ]
    );
}

#[tokio::test]
async fn settings_that_cannot_be_right_are_refused() {
    let mut rig = Rig::new().await;
    let twice = rig.settings.apns.apps[0].clone();
    rig.settings.apns.apps.push(twice);
    assert_eq!(Sender::new(rig.settings.clone()).unwrap_err().to_string(), "app is there twice under apns");
    rig.settings.apns.apps.truncate(1);
    rig.settings.apns.apps[0].auth = ApnsAuth::Certificate { chain: "nothing".into(), key: Secret::new("nothing") };
    assert!(Sender::new(rig.settings).is_err());
}
