//! Registering devices, muting conversations, quiet hours.

use longwave_model::UserId;
use longwave_wake::{Address, Mute, mute_of, quiet_hours_of, registrations_of};
use serde_json::{Value, json};

use crate::testing::World;
use crate::{BridgeSettings, UnknownPeers};

const BAD_PARAMS: u64 = 3002;

fn world() -> World {
    let apps = ["apns", "fcm", "web_push"].map(|provider| (provider, "chat".to_owned()));
    World::with(BridgeSettings {
        unknown_peers: UnknownPeers::Allowed,
        push_apps: apps.into(),
        ..BridgeSettings::default()
    })
}

fn bob() -> UserId {
    UserId::parse("bob").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_device_registers_itself_and_only_itself() {
    let world = world();
    let phone = world.device("bob", "phone");
    let tablet = world.device("bob", "tablet");
    let apple =
        json!({"provider": "apns", "app": "chat", "token": "00Ff", "environment": "sandbox", "locale": "de-CH"});
    assert_eq!(phone.rpc("push.register", apple.clone()).await, Ok(json!({})));
    assert_eq!(phone.rpc("push.register", apple).await, Ok(json!({})), "may be repeated");
    let keys = json!({"p256dh": "key", "auth": "secret"});
    let subscription = json!({"endpoint": "https://push.example/1", "expirationTime": null, "keys": keys});
    let browser = json!({"provider": "web_push", "app": "chat", "subscription": subscription});
    tablet.rpc("push.register", browser).await.unwrap();
    let found = registrations_of(&*world.store, &bob()).await.unwrap();
    let devices: Vec<_> = found.iter().map(|found| found.registration.device.as_str()).collect();
    assert_eq!(devices, ["phone", "tablet"]);
    assert_eq!(found[0].registration.address, Address::Apns { token: "00Ff".into(), sandbox: true });
    assert_eq!(phone.rpc("push.unregister", json!({"device": "tablet"})).await, Ok(json!({"registered": true})));
    assert_eq!(phone.rpc("push.unregister", json!({})).await, Ok(json!({"registered": true})));
    assert_eq!(phone.rpc("push.unregister", json!({})).await, Ok(json!({"registered": false})));
    let service = world.connect("gateway", "g", 1, true);
    let anything = json!({"provider": "fcm", "app": "chat", "token": "t"});
    assert_eq!(service.rpc("push.register", anything).await, Err(BAD_PARAMS), "it has no device");
}

#[tokio::test(start_paused = true)]
async fn what_no_provider_gave_out_is_refused() {
    let world = world();
    let phone = world.device("bob", "phone");
    let long = "x".repeat(5_000);
    let subscription = |endpoint: &str| json!({"endpoint": endpoint, "keys": {"p256dh": "k", "auth": "s"}});
    let wrong: Vec<Value> = vec![
        json!({"provider": "apns", "app": "chat", "token": "not hexadecimal"}),
        json!({"provider": "apns", "app": "chat", "token": ""}),
        json!({"provider": "apns", "app": "chat"}),
        json!({"provider": "apns", "app": "other", "token": "00"}),
        json!({"provider": "apns", "app": "chat", "token": "00", "environment": "moon"}),
        json!({"provider": "apns", "app": "chat", "token": "00", "locale": "de CH"}),
        json!({"provider": "fcm", "app": "chat", "token": "t", "environment": "sandbox"}),
        json!({"provider": "fcm", "app": "chat", "token": "t", "installation": "i"}),
        json!({"provider": "fcm", "app": "chat", "token": "a b"}),
        json!({"provider": "fcm", "app": "chat", "token": long}),
        json!({"provider": "web_push", "app": "chat", "subscription": subscription("http://push.example/1")}),
        json!({"provider": "web_push", "app": "chat", "subscription": subscription(&format!("https://{long}"))}),
        json!({"provider": "pigeon", "app": "chat", "token": "t"}),
        json!({"app": "chat", "token": "t"}),
    ];
    for params in wrong {
        assert_eq!(phone.rpc("push.register", params.clone()).await, Err(BAD_PARAMS), "{params}");
    }
    assert!(registrations_of(&*world.store, &bob()).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_members_mute_a_conversation() {
    let world = world();
    let (alice, bob_phone) = (world.device("alice", "laptop"), world.device("bob", "phone"));
    alice.rpc("conversation.create", json!({"conv": "team", "members": ["bob"]})).await.unwrap();
    let params = json!({"conv": "team", "until": 5, "except_mentions": true});
    bob_phone.rpc("conversation.mute", params).await.unwrap();
    let team = longwave_model::ConversationId::parse("team").unwrap();
    let stored = mute_of(&*world.store, &bob(), &team).await.unwrap();
    assert_eq!(stored, Some(Mute { until: Some(5), except_mentions: true }));
    bob_phone.rpc("conversation.mute", json!({"conv": "team", "muted": false})).await.unwrap();
    assert_eq!(mute_of(&*world.store, &bob(), &team).await.unwrap(), None);
    let stranger = world.device("carol", "phone");
    assert_eq!(stranger.rpc("conversation.mute", json!({"conv": "team"})).await, Err(3005));
}

#[tokio::test(start_paused = true)]
async fn quiet_hours_are_set_whole_or_not() {
    let world = world();
    let phone = world.device("bob", "phone");
    let night = json!({"from": "22:00", "to": "07:00", "zone": "Europe/Zurich"});
    phone.rpc("me.quiet_hours", night).await.unwrap();
    assert!(quiet_hours_of(&*world.store, &bob()).await.unwrap().is_some());
    for wrong in [
        json!({"from": "22:00"}),
        json!({"from": "22:00", "to": "7", "zone": "UTC"}),
        json!({"from": "22:00", "to": "07:00", "zone": "Mars/Olympus"}),
    ] {
        assert_eq!(phone.rpc("me.quiet_hours", wrong.clone()).await, Err(BAD_PARAMS), "{wrong}");
    }
    assert!(quiet_hours_of(&*world.store, &bob()).await.unwrap().is_some(), "a refusal changes nothing");
    phone.rpc("me.quiet_hours", json!({})).await.unwrap();
    assert!(quiet_hours_of(&*world.store, &bob()).await.unwrap().is_none());
}
