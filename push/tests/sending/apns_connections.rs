//! Apple: connections that are bounded, that go away, that stall and that break.

use std::sync::Arc;
use std::time::Duration;

use longwave_push::fake::ApnsAct;
use longwave_push::send::*;
use tokio::task::JoinSet;

use crate::rig::{Rig, app, apple};

const DEVICE: &str = "00aa11bb";

async fn many(sender: &Arc<Sender>, rig: &Rig, count: usize) -> Vec<Outcome> {
    let mut sends = JoinSet::new();
    for number in 0..count {
        let (sender, notification) = (Arc::clone(sender), rig.notification());
        let target = apple(&format!("{number:08x}"));
        sends.spawn(async move { sender.send(&app(), &target, &notification).await });
    }
    sends.join_all().await
}

#[tokio::test]
async fn many_pushes_share_a_few_connections() {
    let mut rig = Rig::new().await;
    rig.settings.apns.transport.connections = 2;
    let sender = Arc::new(rig.sender());
    let outcomes = many(&sender, &rig, 200).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Sent { .. })), "{outcomes:?}");
    assert_eq!(rig.apns.received().len(), 200);
    assert!(rig.apns.connections() <= 2, "{}", rig.apns.connections());
}

#[tokio::test]
async fn a_goaway_leads_to_a_new_connection() {
    let rig = Rig::new().await;
    let sender = Arc::new(rig.sender());
    rig.apns.script(DEVICE, [ApnsAct::GoAway("Shutdown".into())]);
    let outcome = sender.send(&app(), &apple(DEVICE), &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    assert_eq!(rig.apns.connections(), 2);
    rig.apns.go_away("Shutdown");
    let outcomes = many(&sender, &rig, 20).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Sent { .. })), "{outcomes:?}");
}

#[tokio::test]
async fn the_reason_of_a_goaway_is_told() {
    let mut rig = Rig::new().await;
    rig.settings.retry.patience = Duration::ZERO;
    rig.apns.script(DEVICE, [ApnsAct::GoAway("BadCertificate".into())]);
    let outcome = rig.sender().send(&app(), &apple(DEVICE), &rig.notification()).await;
    let Outcome::Retry { reason, .. } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(reason.as_str(), "GOAWAY BadCertificate");
}

#[tokio::test]
async fn stalls_resets_and_breaks_are_tried_again() {
    let mut rig = Rig::new().await;
    rig.settings.apns.transport.request_time = Duration::from_secs(1);
    rig.apns.script(DEVICE, [ApnsAct::Stall, ApnsAct::Cut, ApnsAct::Reset]);
    let outcome = rig.sender().send(&app(), &apple(DEVICE), &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    assert!(rig.apns.received().len() >= 4);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let mut rig = Rig::new().await;
    let other = longwave_push::fake::Authority::new().unwrap();
    rig.settings.apns.transport.root_certificates = vec![other.root()];
    rig.settings.retry.patience = Duration::ZERO;
    let outcome = rig.sender().send(&app(), &apple(DEVICE), &rig.notification()).await;
    assert!(
        matches!(&outcome, Outcome::Retry { reason, .. } if reason.as_str().contains("certificate")),
        "{outcome:?}"
    );
    assert!(rig.apns.received().is_empty());
}
