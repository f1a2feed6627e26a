//! Numbers of pushes. No label holds what users make up: services of Web Push are summed up per application.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{SystemTime, UNIX_EPOCH};

use longwave_push::PushStats;
use longwave_push::send::{AppState, BreakerState, Sender};
use longwave_telemetry::{Exporter, Kind};

use super::{Number, float, numbers};

/// Labels and a number.
type Sample = (Vec<(&'static str, String)>, f64);

pub(super) fn of_push(exporter: &mut Exporter, stats: &Arc<PushStats>, sender: &Arc<Sender>) {
    let of: [Number<PushStats>; 6] = [
        ("longwave_push_messages", "Messages handed to the push worker", Kind::Counter, |s| {
            float(s.handed.load(Relaxed))
        }),
        ("longwave_push_waiting", "Pushes that wait, one per device and conversation", Kind::Gauge, |s| {
            float(s.waiting.load(Relaxed))
        }),
        ("longwave_push_oldest_seconds", "Age of the oldest message that waits", Kind::Gauge, |s| {
            age(s.oldest.load(Relaxed))
        }),
        ("longwave_push_put_off", "Pushes put off: no provider, no store, or held back", Kind::Counter, |s| {
            float(s.again.load(Relaxed))
        }),
        ("longwave_push_acknowledged", "Pushes not needed: acknowledged in time", Kind::Counter, |s| {
            float(s.acknowledged.load(Relaxed))
        }),
        ("longwave_push_cleared", "Notifications taken back, read elsewhere", Kind::Counter, |s| {
            float(s.cleared.load(Relaxed))
        }),
    ];
    numbers(exporter, stats, of);
    let read = stats.clone();
    exporter.family("longwave_push_ended", "Pushes that ended, by state", Kind::Counter, move || {
        read.ended().map(|(state, count)| (vec![("state", state.as_str().to_owned())], float(count))).collect()
    });
    let read = sender.clone();
    exporter.family("longwave_push_sendings", "Sendings to providers by outcome", Kind::Counter, move || {
        let sample = |count: longwave_push::send::Count| {
            let mut labels = labels(count.provider.as_str(), count.app.as_str());
            labels.push(("outcome", count.outcome.as_str().to_owned()));
            (labels, float(count.count))
        };
        read.counts().into_iter().map(sample).collect()
    });
    of_apps(exporter, sender);
}

fn of_apps(exporter: &mut Exporter, sender: &Arc<Sender>) {
    let read = sender.clone();
    exporter.family(
        "longwave_push_breaker",
        "An application's worst breaker: 0 closed, 1 half open, 2 open",
        Kind::Gauge,
        move || per_app(&read, |app| Some(app.services.iter().map(|one| breaker(&one.breaker)).fold(0.0, f64::max))),
    );
    let read = sender.clone();
    exporter.family("longwave_push_in_flight", "Requests to providers under way", Kind::Gauge, move || {
        per_app(&read, |app| Some(float(app.services.iter().map(|one| one.in_flight as u64).sum())))
    });
    let read = sender.clone();
    exporter.family(
        "longwave_push_credential_age_seconds",
        "Age of the token shown to the provider",
        Kind::Gauge,
        move || per_app(&read, |app| app.credential_age.map(float)),
    );
}

fn per_app(sender: &Sender, number: impl Fn(&AppState) -> Option<f64>) -> Vec<Sample> {
    let states = sender.state();
    states
        .iter()
        .filter_map(|state| Some((labels(state.provider.as_str(), state.app.as_str()), number(state)?)))
        .collect()
}

fn labels(provider: &str, app: &str) -> Vec<(&'static str, String)> {
    vec![("provider", provider.to_owned()), ("app", app.to_owned())]
}

fn breaker(state: &BreakerState) -> f64 {
    match state {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen { .. } => 1.0,
        BreakerState::Open { .. } => 2.0,
    }
}

fn age(since: u64) -> f64 {
    if since == 0 {
        return 0.0;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    float(u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_sub(since)) / 1_000.0
}
