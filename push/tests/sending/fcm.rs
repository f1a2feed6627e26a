//! Google: what a push looks like there, and what its errors lead to.

use longwave_push::fake::FcmAct;
use longwave_push::send::*;
use serde_json::json;

use crate::rig::{PROJECT, Rig, android, app, breaker, failed};

#[tokio::test]
async fn a_message_as_google_sees_it() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    let outcome = sender.send(&app(), &android("device"), &rig.notification()).await;
    let Outcome::Sent { provider_id: Some(id) } = &outcome else { panic!("{outcome:?}") };
    assert!(id.starts_with(&format!("projects/{PROJECT}/messages/")));
    let background = Notification { urgency: Urgency::Background, ..rig.notification() };
    let installation = Target::Fcm(FcmTarget::Installation(Secret::new("fid1")));
    assert!(matches!(sender.send(&app(), &installation, &background).await, Outcome::Sent { .. }));
    let received = rig.fcm.received();
    let collapse = rig.settings.wording.collapse.hash(b"alice:bob");
    let data = json!({"kind": "alert", "seq": "7", "badge": "3"});
    let android = json!({"collapse_key": collapse, "priority": "HIGH", "ttl": "3600s"});
    assert_eq!(received[0].message, json!({"token": "device", "data": data, "android": android}));
    assert_eq!(received[1].message["fid"], "fid1");
    assert_eq!(received[1].message["android"]["priority"], "NORMAL");
    assert_eq!(rig.fcm.grants(), 1);
}

#[tokio::test]
async fn a_device_that_is_gone() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    rig.fcm.script("device", [FcmAct::refuse(404, "UNREGISTERED")]);
    let gone = Outcome::TokenGone { at: None };
    assert_eq!(sender.send(&app(), &android("device"), &rig.notification()).await, gone);
    assert_eq!(sender.send(&app(), &android("no token"), &rig.notification()).await, gone);
}

#[tokio::test]
async fn every_error_code_fails_or_is_tried_again() {
    let rig = Rig::new().await;
    let sender = rig.sender();
    for (status, code) in [(400, "INVALID_ARGUMENT"), (403, "SENDER_ID_MISMATCH"), (401, "THIRD_PARTY_AUTH_ERROR")] {
        rig.fcm.script("device", [FcmAct::refuse(status, code)]);
        assert_eq!(failed(&sender.send(&app(), &android("device"), &rig.notification()).await), code);
    }
    let passing = [
        FcmAct::refuse(503, "UNAVAILABLE"),
        FcmAct::refuse(500, "INTERNAL"),
        FcmAct::Bare { status: 502, word: "UNKNOWN".into() },
        FcmAct::Reset,
        FcmAct::GoAway,
        FcmAct::Refuse { status: 503, code: "UNAVAILABLE".into(), retry_after: Some(0) },
    ];
    rig.fcm.script("device", passing);
    let outcome = sender.send(&app(), &android("device"), &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    assert_eq!(breaker(&sender, Provider::Fcm, "app"), BreakerState::Closed);
}

#[tokio::test]
async fn a_wrong_project_or_account_deletes_no_token() {
    let mut rig = Rig::new().await;
    rig.settings.fcm.base = format!("{}/elsewhere", rig.fcm.url());
    let outcome = rig.sender().send(&app(), &android("device"), &rig.notification()).await;
    assert_eq!(failed(&outcome), "NOT_FOUND");
    rig.settings.fcm.base = rig.fcm.url();
    rig.settings.retry.patience = std::time::Duration::ZERO;
    rig.fcm.script("device", [FcmAct::Bare { status: 403, word: "PERMISSION_DENIED".into() }]);
    let sender = rig.sender();
    let outcome = sender.send(&app(), &android("device"), &rig.notification()).await;
    assert!(matches!(&outcome, Outcome::Retry { reason, .. } if reason.as_str() == "PERMISSION_DENIED"), "{outcome:?}");
    assert!(!matches!(breaker(&sender, Provider::Fcm, "app"), BreakerState::Closed));
}

#[tokio::test]
async fn the_quota_holds_the_whole_project_back() {
    let mut rig = Rig::new().await;
    rig.settings.retry.patience = std::time::Duration::ZERO;
    rig.fcm.set_quota(Some(1));
    let sender = rig.sender();
    assert!(matches!(sender.send(&app(), &android("one"), &rig.notification()).await, Outcome::Sent { .. }));
    let outcome = sender.send(&app(), &android("two"), &rig.notification()).await;
    assert!(matches!(&outcome, Outcome::Retry { reason, .. } if reason.as_str() == "QUOTA_EXCEEDED"), "{outcome:?}");
    rig.fcm.set_quota(None);
    let outcome = sender.send(&app(), &android("three"), &rig.notification()).await;
    assert!(
        matches!(&outcome, Outcome::Retry { reason, .. } if reason.as_str() == "the project's pace"),
        "{outcome:?}"
    );
    assert_eq!(rig.fcm.received().len(), 2, "the third was not even asked for");
}

#[tokio::test]
async fn our_own_pace_is_the_projects() {
    let mut rig = Rig::new().await;
    rig.settings.fcm.per_minute = 60;
    rig.settings.retry.patience = std::time::Duration::ZERO;
    let second = FcmApp { app: AppId::new("second"), account: rig.settings.fcm.apps[0].account.clone() };
    rig.settings.fcm.apps.push(second);
    let sender = rig.sender();
    assert!(matches!(sender.send(&app(), &android("one"), &rig.notification()).await, Outcome::Sent { .. }));
    let outcome = sender.send(&AppId::new("second"), &android("two"), &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
}

#[tokio::test]
async fn what_is_too_large_is_sent_without_its_text() {
    let rig = Rig::new().await;
    let mut notification = rig.notification();
    notification.text = Some(Text { title: "bob".into(), body: "x".repeat(5000) });
    assert!(matches!(rig.sender().send(&app(), &android("device"), &notification).await, Outcome::Sent { .. }));
    let received = rig.fcm.received();
    assert_eq!(received.len(), 1);
    assert!(received[0].message["data"].get("body").is_none());
}
