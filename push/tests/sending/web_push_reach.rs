//! Web Push: an endpoint leads nowhere inside, and what it answers is taken in small bites.

use std::time::Duration;

use longwave_push::fake::{Subscription, WebPushAct};
use longwave_push::send::*;

use crate::rig::{Rig, app, failed};

const NOT_PUBLIC: &str = "the address is not public";

/// The same subscription at another URL.
fn at(subscription: &Subscription, endpoint: &str) -> Target {
    let Target::WebPush { p256dh, auth, .. } = subscription.target.clone() else { unreachable!() };
    Target::WebPush { endpoint: Secret::new(endpoint), p256dh, auth }
}

#[tokio::test]
async fn nothing_private_is_connected_to() {
    let mut rig = Rig::new().await;
    rig.settings.web_push.allow_private_addresses = false;
    let hosts = &mut rig.settings.web_push.transport.hosts;
    hosts.insert("push.example".into(), vec!["127.0.0.1".parse().unwrap(), "10.1.2.3".parse().unwrap()]);
    let sender = rig.sender();
    let subscription = rig.web_push.subscribe(&rig.vapid.public()).unwrap();
    let port = rig.web_push.port();
    for host in ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "push.example", "169.254.169.254", "10.0.0.1"]
    {
        let target = at(&subscription, &format!("https://{host}:{port}/push/{}", subscription.id));
        assert_eq!(failed(&sender.send(&app(), &target, &rig.notification()).await), NOT_PUBLIC, "{host}");
    }
    assert_eq!(rig.web_push.connections(), 0);
    for (wrong, reason) in [
        ("http://push.example/x", "the endpoint is not https"),
        ("https://u@push.example/x", "the endpoint has no plain host"),
    ] {
        let outcome = sender.send(&app(), &at(&subscription, wrong), &rig.notification()).await;
        assert_eq!(failed(&outcome), reason);
    }
}

#[tokio::test]
async fn what_was_checked_is_what_is_connected_to() {
    let mut rig = Rig::new().await;
    let hosts = &mut rig.settings.web_push.transport.hosts;
    hosts.insert("push.example".into(), vec!["127.0.0.1".parse().unwrap()]);
    let subscription = rig.web_push.subscribe(&rig.vapid.public()).unwrap();
    let endpoint = format!("https://push.example:{}/push/{}", rig.web_push.port(), subscription.id);
    let outcome = rig.sender().send(&app(), &at(&subscription, &endpoint), &rig.notification()).await;
    assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let rig = Rig::new().await;
    let (one, other) =
        (rig.web_push.subscribe(&rig.vapid.public()).unwrap(), rig.web_push.subscribe(&rig.vapid.public()).unwrap());
    rig.web_push.script(&one.id, [WebPushAct::Redirect(format!("{}/push/{}", rig.web_push.url(), other.id))]);
    let outcome = rig.sender().send(&app(), &one.target, &rig.notification()).await;
    assert_eq!(failed(&outcome), "redirects are not followed");
    assert_eq!(rig.web_push.received().len(), 1);
}

#[tokio::test]
async fn a_long_answer_is_cut_off_and_a_missing_one_is_given_up() {
    let mut rig = Rig::new().await;
    rig.settings.web_push.transport.request_time = Duration::from_secs(1);
    let sender = rig.sender();
    let subscription = rig.web_push.subscribe(&rig.vapid.public()).unwrap();
    rig.web_push.script(&subscription.id, [WebPushAct::Chatty(1_000_000), WebPushAct::Stall]);
    let send = async || sender.send(&app(), &subscription.target, &rig.notification()).await;
    assert!(matches!(send().await, Outcome::Sent { .. }));
    assert!(matches!(send().await, Outcome::Sent { .. }));
    assert!(rig.web_push.received().len() >= 3);
}
