//! How a user's pushes ended, as text for an operator: a line per device, and below it one per conversation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::Timestamp;
use longwave_model::{DeviceId, UserId};
use longwave_persistence::{PushRecord, Store};
use longwave_wake::{Registration, registrations_of};

/// The report.
pub(crate) async fn push_report(store: &dyn Store, user: &UserId) -> anyhow::Result<String> {
    let registered = registrations_of(store, user).await?;
    let registered: BTreeMap<DeviceId, Registration> =
        registered.into_iter().map(|found| (found.registration.device.clone(), found.registration)).collect();
    let mut records: BTreeMap<DeviceId, Vec<PushRecord>> = BTreeMap::new();
    for record in store.push_records(user).await? {
        records.entry(record.device.clone()).or_default().push(record);
    }
    let mut devices: BTreeSet<DeviceId> =
        store.sessions(user).await?.into_iter().map(|session| session.device).collect();
    devices.extend(registered.keys().cloned());
    devices.extend(records.keys().cloned());
    let mut report = String::new();
    for device in devices {
        match registered.get(&device) {
            Some(one) => {
                let (provider, at) = (one.address.provider(), time(one.registered_at));
                let _ = writeln!(report, "{device}: registered at {provider} for {} on {at}", one.app);
            }
            None => {
                let _ = writeln!(report, "{device}: not registered, so it is not woken");
            }
        }
        for record in records.remove(&device).unwrap_or_default() {
            let conversation = record.conversation.seen_by(user);
            let (state, at) = (record.state.as_str(), time(record.ts));
            let detail = record.detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
            let _ = writeln!(report, "  {state} {} {conversation} {at}{detail}", record.seq);
        }
    }
    if report.is_empty() {
        let _ = writeln!(report, "{user} has no device");
    }
    Ok(report)
}

fn time(millis: u64) -> String {
    let time = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.to_string())
}
