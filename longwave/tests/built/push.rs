//! Sleeping devices are woken, and no others: the built server against providers that check what the real ones check.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use longwave_push::fake::{ApnsAct, FcmAct, GrantAct};
use longwave_push::send::Target;
use longwave_testkit::client::Client;
use serde_json::json;

use crate::push_rig::{Awake, Providers, asleep, metric, register, shown};
use crate::rig::{Rig, eventually, figure};

const PHONE: &str = "00aa";

#[test]
fn a_sleeping_phone_is_woken_once_although_the_browser_is_online() {
    let providers = Providers::start();
    let rig = providers.server(&["push.grace_millis=2000"]);
    asleep(&rig, "bob", "phone", PHONE);
    let web = Awake::start(rig.listener("bob", "web"), 1);
    rig.device("alice", "laptop").say("@bob", "are you there?").unwrap();
    let sent = Instant::now();
    eventually("the phone is woken", || providers.alerts(PHONE).len() == 1);
    figure(&format!("from PUBACK to push at the provider: {:.2} s (grace 2 s)", sent.elapsed().as_secs_f64()));
    let push = providers.alerts(PHONE).remove(0);
    assert_eq!(push["aps"]["alert"], json!({"loc-key": "LONGWAVE_NEW_MESSAGE"}), "no content: {push}");
    assert_eq!((&push["aps"]["badge"], &push["longwave"]["seq"]), (&json!(1), &json!("2")));
    assert!(!push.to_string().contains("there"), "no content: {push}");
    eventually("it is recorded", || shown(&rig, "bob").iter().any(|line| line.contains("sent")));
    // The next message of the same conversation proves that nothing else was on its way.
    rig.device("alice", "laptop").say("@bob", "hello?").unwrap();
    eventually("the phone is woken again", || providers.alerts(PHONE).len() == 2);
    assert_eq!(web.end(), 1);
    assert_eq!(providers.alerts(PHONE)[1]["longwave"]["seq"], "3");
}

#[test]
fn a_phone_that_acknowledges_in_time_is_not_woken() {
    let providers = Providers::start();
    let rig = providers.server(&[]);
    let mut phone = rig.listener("bob", "phone");
    register(&mut phone, PHONE);
    let phone = Awake::start(phone, 1);
    rig.device("alice", "laptop").say("@bob", "hello").unwrap();
    eventually("it is settled", || metric(&rig, "longwave_push_acknowledged_total") >= 1.0);
    assert_eq!(phone.end(), 1);
    assert!(providers.alerts(PHONE).is_empty());
}

#[test]
fn a_browser_that_keeps_no_session_is_not_woken_while_it_is_online() {
    let providers = Providers::start();
    let rig = providers.server(&[]);
    let hello = longwave_testkit::wire::Hello::live_only("bob", "tab");
    let mut tab = Client::connect(rig.mqtt(), &hello).unwrap();
    tab.listen().unwrap();
    let Target::WebPush { endpoint, p256dh, auth } = providers.web_push.subscribe(&providers.vapid).unwrap().target
    else {
        panic!("another provider's");
    };
    let keys = json!({"p256dh": p256dh.expose(), "auth": auth.expose()});
    let subscription = json!({"endpoint": endpoint.expose(), "expirationTime": null, "keys": keys});
    let params = json!({"provider": "web_push", "app": "chat", "subscription": subscription});
    tab.request("push.register", &params).unwrap();
    let mut alice = rig.device("alice", "laptop");
    alice.say("@bob", "first").unwrap();
    eventually("it is decided", || metric(&rig, "longwave_push_ended_total{state=\"superseded\"}") >= 1.0);
    assert!(providers.web_push.received().is_empty());
    drop(tab);
    alice.say("@bob", "second").unwrap();
    eventually("the browser is woken", || providers.web_push.received().len() == 1);
}

#[test]
fn ten_thousand_messages_are_a_handful_of_pushes() {
    let providers = Providers::start();
    let rig = providers.server(&["push.badge=messages", "push.badge_limit=20000"]);
    asleep(&rig, "bob", "phone", PHONE);
    let mut alice = rig.device("alice", "laptop");
    let mut waiting = std::collections::VecDeque::new();
    for number in 0..10_000 {
        if waiting.len() == 100 {
            assert_eq!(alice.answer(waiting.pop_front().unwrap()).unwrap().code, 0);
        }
        let body = json!({"body": number.to_string()}).to_string();
        waiting.push_back(alice.send("u/alice/c/@bob/json", body.as_bytes(), 1).unwrap());
    }
    for id in waiting {
        assert_eq!(alice.answer(id).unwrap().code, 0);
    }
    let last = || providers.alerts(PHONE).last().is_some_and(|push| push["longwave"]["seq"] == "10001");
    eventually("the last one is told of", last);
    let pushes = providers.alerts(PHONE);
    figure(&format!("10,000 messages to a sleeping phone: {} pushes", pushes.len()));
    assert!(pushes.len() < 20, "{}", pushes.len());
    // Counting ends in each conversation after so many.
    assert_eq!(pushes.last().unwrap()["aps"]["badge"], 128);
}

#[test]
fn users_say_when_they_want_no_push() {
    let providers = Providers::start();
    let rig = providers.server(&[]);
    asleep(&rig, "bob", "phone", PHONE);
    let mut bob = rig.listener("bob", "laptop");
    let mut alice = rig.listener("alice", "laptop");
    let ended = |state: &str| metric(&rig, &format!("longwave_push_ended_total{{state=\"{state}\"}}"));
    alice.request("conversation.create", &json!({"kind": "group", "conv": "team", "members": ["bob"]})).unwrap();
    bob.request("conversation.mute", &json!({"conv": "team", "except_mentions": true})).unwrap();
    alice.say("team", "blah").unwrap();
    eventually("muted", || ended("muted") == 1.0);
    alice.command("team", &json!({"body": "bob!", "mentions": ["bob"]})).unwrap();
    eventually("the mention comes through", || providers.alerts(PHONE).len() == 1);
    bob.request("conversation.mute", &json!({"conv": "team", "muted": false})).unwrap();
    bob.request("me.quiet_hours", &json!({"from": "00:00", "to": "00:00", "zone": "UTC"})).unwrap();
    alice.say("@bob", "good night").unwrap();
    eventually("quiet", || ended("quiet") == 1.0);
    bob.request("me.quiet_hours", &json!({})).unwrap();
    alice.command("@bob", &json!({"body": "psst", "silent": true})).unwrap();
    eventually("a background push", || {
        providers.apns.received().iter().any(|push| push.push_type.as_deref() == Some("background"))
    });
    bob.request("push.unregister", &json!({"device": "phone"})).unwrap();
    let before = providers.apns.received().len();
    alice.say("@bob", "gone").unwrap();
    asleep(&rig, "bob", "tablet", "00bb");
    alice.say("@bob", "still there?").unwrap();
    eventually("the tablet is woken", || providers.alerts("00bb").len() == 1);
    assert_eq!(providers.apns.received().len(), before + 1);
}

#[test]
fn what_is_read_elsewhere_is_taken_back() {
    let providers = Providers::start();
    let rig = providers.server(&[]);
    asleep(&rig, "bob", "phone", PHONE);
    rig.device("alice", "laptop").say("@bob", "hello").unwrap();
    eventually("the phone is woken", || providers.alerts(PHONE).len() == 1);
    rig.device("bob", "laptop").command("@alice", &json!({"type": "read", "seq": 2})).unwrap();
    eventually("it is taken back", || providers.alerts(PHONE).len() == 2);
    let push = providers.alerts(PHONE).remove(1);
    assert_eq!(push["longwave"]["kind"], "clear");
    assert_eq!(push["longwave"]["badge"], 0, "nothing is unread: {push}");
}

#[test]
fn a_token_that_died_goes_and_one_that_came_back_stays() {
    let providers = Providers::start();
    let rig = providers.server(&[]);
    let gone = |timestamp| ApnsAct::Refuse {
        status: 410,
        reason: "Unregistered".to_owned(),
        timestamp: Some(timestamp),
        retry_after: None,
    };
    let mut alice = rig.device("alice", "laptop");
    // Apple speaks of a time before the registration, then of one after it.
    for (user, token, at, lives) in [("bob", "00b0", 1_000, true), ("carol", "00c0", 4_000_000_000_000, false)] {
        asleep(&rig, user, "phone", token);
        providers.apns.script(token, [gone(at)]);
        alice.say(&format!("@{user}"), "hello").unwrap();
        if lives {
            eventually("it is woken by the token that it has", || providers.alerts(token).len() == 1);
        } else {
            eventually("it has none", || shown(&rig, user).iter().any(|line| line.contains("token_gone")));
            assert!(providers.alerts(token).is_empty());
            assert!(shown(&rig, user)[0].contains("not registered"), "{:?}", shown(&rig, user));
        }
    }
}

#[test]
fn a_provider_that_is_down_holds_up_nobody_and_nothing_expired_is_sent() {
    let providers = Providers::start();
    let rig = providers.server(&["push.lifetime_seconds=8"]);
    asleep(&rig, "bob", "phone", PHONE);
    let mut carol = rig.listener("carol", "phone");
    carol.request("push.register", &json!({"provider": "fcm", "app": "chat", "token": "f1"})).unwrap();
    carol.leave().unwrap();
    providers.fcm.script("f1", std::iter::repeat_n(FcmAct::refuse(503, "UNAVAILABLE"), 1_000));
    let mut alice = rig.device("alice", "laptop");
    alice.say("@carol", "never arrives").unwrap();
    alice.say("@bob", "arrives").unwrap();
    eventually("the other provider works", || providers.alerts(PHONE).len() == 1);
    eventually("it has expired", || shown(&rig, "carol").iter().any(|line| line.contains("expired")));
    assert!(providers.fcm.received().iter().all(|push| push.status == Some(503)));
}

#[test]
fn a_provider_that_comes_back_gets_what_is_still_worth_it() {
    let providers = Providers::start();
    let rig = providers.server(&[]);
    let tokens: Vec<String> = (0..30).map(|n| format!("f{n}")).collect();
    for token in &tokens {
        let mut phone = rig.listener(&format!("user-{token}"), "phone");
        phone.request("push.register", &json!({"provider": "fcm", "app": "chat", "token": token})).unwrap();
        phone.leave().unwrap();
    }
    // Google refuses the account twice; each time the breaker opens for longer.
    providers.fcm.script_grants(std::iter::repeat_n(GrantAct::Refuse(400, "invalid_grant".to_owned()), 2));
    let mut alice = rig.device("alice", "laptop");
    for token in &tokens {
        alice.say(&format!("@user-{token}"), "worth it").unwrap();
    }
    let breaker = || metric(&rig, "longwave_push_breaker{provider=\"fcm\",app=\"chat\"}");
    eventually("its breaker opens", || breaker() >= 1.0);
    let taken = |token: &str| {
        let all = providers.fcm.received();
        all.iter().filter(|push| push.device == token && push.status == Some(200)).count()
    };
    eventually("every phone is woken", || tokens.iter().all(|token| taken(token) > 0));
    assert!(tokens.iter().all(|token| taken(token) == 1), "once");
}

#[test]
fn no_secret_is_logged() {
    let providers = Providers::start();
    let rig = providers.server(&["log.level=trace"]);
    asleep(&rig, "bob", "phone", "5ec7e75ec7e7");
    providers
        .apns
        .script("5ec7e75ec7e7", [ApnsAct::refuse(503, "ServiceUnavailable"), ApnsAct::refuse(400, "BadTopic")]);
    rig.device("alice", "laptop").say("@bob", "the-body-of-it").unwrap();
    eventually("it was tried", || providers.apns.received().len() >= 2);
    let log = std::fs::read_to_string(&rig.server.plan().log).unwrap();
    assert!(log.contains("longwave"), "something is logged");
    for secret in ["5ec7e75ec7e7", "the-body-of-it", "BEGIN PRIVATE KEY", "eyJ"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// Every push that is owed ends in a state, whenever the worker is killed; a push goes out twice at most when a kill fell between the
/// provider's answer and its record.
#[test]
fn kills_lose_no_push() {
    let kills: usize = std::env::var("LONGWAVE_TEST_PUSH_KILLS").map_or(5, |text| text.parse().unwrap());
    let providers = Providers::start();
    let mut rig = providers.server(&["push.grace_millis=1000", "push.longest_window_seconds=2"]);
    let phones: Vec<(String, String)> = (0..20).map(|n| (format!("user{n}"), format!("{n:04x}"))).collect();
    for (user, token) in &phones {
        asleep(&rig, user, "phone", token);
    }
    let mut last: HashMap<&str, u64> = HashMap::new();
    for kill in 0..kills {
        let mut alice = rig.device("alice", "laptop");
        let until = Instant::now() + Duration::from_millis(300 + 370 * (kill as u64 % 7));
        while Instant::now() < until {
            for (user, _) in &phones {
                let seq = alice.say(&format!("@{user}"), "x").unwrap().seq.unwrap();
                last.insert(user, seq);
            }
        }
        drop(alice);
        rig.kill_and_restart();
    }
    let state = |rig: &Rig, user: &str| {
        let line = shown(rig, user).into_iter().find(|line| line.contains("@alice")).unwrap_or_default();
        let mut words = line.split_whitespace();
        (words.next().map(str::to_owned), words.next().and_then(|seq| seq.parse::<u64>().ok()))
    };
    for (user, token) in &phones {
        let owed = last[user.as_str()];
        eventually(&format!("{user} is told of {owed}"), || state(&rig, user).1 == Some(owed));
        let seqs: Vec<String> =
            providers.alerts(token).iter().map(|push| push["longwave"]["seq"].to_string()).collect();
        let mut once = seqs.clone();
        once.dedup();
        assert!(seqs.len() - once.len() <= kills, "{user}: {seqs:?}");
        assert_eq!(seqs.last(), Some(&format!("\"{owed}\"")), "{user}");
    }
    let pushes = phones.iter().map(|(_, token)| providers.alerts(token).len()).sum::<usize>();
    figure(&format!("{kills} kills: every push ended, {pushes} sent to {} phones", phones.len()));
}
