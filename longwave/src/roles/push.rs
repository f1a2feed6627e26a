//! From settings to a push worker: credentials read from their files, providers, and the key that all workers share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use longwave_persistence::{Expected, Put, Store};
use longwave_port::Connected;
use longwave_push::send::{
    ApnsApp, ApnsAuth, ApnsSettings, AppId, Clock, CollapseKey, Es256Key, FcmApp, FcmSettings, RetrySettings, Secret,
    Sender, SenderSettings, ServiceAccount, Transport, WebPushApp, WebPushSettings, Wording,
};
use longwave_push::{Badge, PushParts, PushSettings, PushStats, PushWorker};
use longwave_settings::{PushBadge, PushSection};

/// Where the key lies by which conversations are named to providers: made once for a store, the same for all workers.
const COLLAPSE_KEY: &str = "push/collapse-key";

/// A worker and what it counts.
pub(super) struct Push {
    pub(super) worker: Arc<PushWorker>,
    pub(super) sender: Arc<Sender>,
    pub(super) stats: Arc<PushStats>,
}

impl Push {
    /// Starts one, if any application is named.
    pub(super) async fn start(
        section: &PushSection,
        store: Arc<dyn Store>,
        connected: Arc<dyn Connected>,
    ) -> anyhow::Result<Option<Self>> {
        if !section.is_on() {
            return Ok(None);
        }
        let collapse = CollapseKey::new(&collapse_key(&*store).await?);
        let sender = Sender::new(sender(section, collapse.clone())?);
        let sender = Arc::new(sender.map_err(|error| anyhow!("push: {error} (error 5001)"))?);
        let stats = Arc::new(PushStats::default());
        let worker = PushWorker::start(PushParts {
            store,
            sender: sender.clone(),
            connected,
            clock: Clock::system(),
            collapse,
            settings: worker(section),
            stats: stats.clone(),
        });
        Ok(Some(Self { worker, sender, stats }))
    }
}

/// The applications that devices may register for.
pub(super) fn apps(section: &PushSection) -> Vec<(&'static str, String)> {
    let apns = section.apns.iter().map(|app| ("apns", app.app.clone()));
    let fcm = section.fcm.iter().map(|app| ("fcm", app.app.clone()));
    let web_push = section.web_push.iter().map(|app| ("web_push", app.app.clone()));
    apns.chain(fcm).chain(web_push).collect()
}

/// When devices are woken.
pub(super) fn worker(section: &PushSection) -> PushSettings {
    PushSettings {
        grace: Duration::from_millis(section.grace_millis),
        first_window: Duration::from_secs(section.window_seconds),
        longest_window: Duration::from_secs(section.longest_window_seconds.max(section.window_seconds)),
        lifetime: Duration::from_secs(section.lifetime_seconds),
        keep: Duration::from_secs(section.keep_seconds),
        background_interval: Duration::from_secs(section.background_seconds),
        badge: match section.badge {
            PushBadge::Conversations => Badge::Conversations,
            PushBadge::Messages => Badge::Messages,
            PushBadge::Off => Badge::Off,
        },
        badge_limit: section.badge_limit,
        text: section.text,
        waiting: section.waiting,
        decisions: section.decisions,
        ..PushSettings::default()
    }
}

async fn collapse_key(store: &dyn Store) -> anyhow::Result<Vec<u8>> {
    if let Some(stored) = store.get(COLLAPSE_KEY).await? {
        return Ok(stored.value.to_vec());
    }
    let made: [u8; 32] = rand::random();
    match store.put(COLLAPSE_KEY, Some(made.to_vec().into()), Expected::Absent).await? {
        Put::Stored(_) => Ok(made.to_vec()),
        Put::Conflict(stored) => Ok(stored.context("the key of collapse ids was removed")?.value.to_vec()),
    }
}

fn sender(section: &PushSection, collapse: CollapseKey) -> anyhow::Result<SenderSettings> {
    let mut transport = Transport {
        connections: section.connections.max(1),
        in_flight: section.in_flight.max(1),
        ..Transport::default()
    };
    if let Some(file) = &section.root_certificates {
        transport.root_certificates =
            longwave_tls::certificates(file).map_err(|error| anyhow!("push.root_certificates {error} (error 5001)"))?;
    }
    let mut wording = Wording::new(collapse);
    wording.loc_key.clone_from(&section.loc_key);
    wording.words = section.words.iter().map(|(tag, words)| (tag.to_lowercase(), words.clone())).collect();
    Ok(SenderSettings {
        apns: ApnsSettings {
            production: section.apns_production.clone(),
            sandbox: section.apns_sandbox.clone(),
            transport: transport.clone(),
            apps: section.apns.iter().map(apns).collect::<anyhow::Result<_>>()?,
        },
        fcm: FcmSettings {
            base: section.fcm_base.clone(),
            transport: transport.clone(),
            per_minute: section.fcm_per_minute,
            apps: section.fcm.iter().map(fcm).collect::<anyhow::Result<_>>()?,
        },
        web_push: WebPushSettings {
            transport,
            allow_private_addresses: section.web_push_private_addresses,
            apps: section.web_push.iter().map(web_push).collect::<anyhow::Result<_>>()?,
        },
        // The worker has patience of its own, and looks again whether a push is still needed.
        retry: RetrySettings { patience: Duration::from_secs(2), ..RetrySettings::default() },
        ..SenderSettings::new(wording)
    })
}

fn apns(section: &longwave_settings::ApnsSection) -> anyhow::Result<ApnsApp> {
    let auth = match (&section.team, &section.key_id, &section.key_file, &section.certificate, &section.certificate_key)
    {
        (Some(team), Some(key_id), Some(file), None, None) => ApnsAuth::Token {
            team: team.clone(),
            key_id: key_id.clone(),
            key: key(file, "push.apns.key_file", &section.app)?,
        },
        (None, None, None, Some(chain), Some(key)) => ApnsAuth::Certificate {
            chain: text(chain, "push.apns.certificate")?.expose().to_owned(),
            key: text(key, "push.apns.certificate_key")?,
        },
        _ => return Err(anyhow!("push.apns {:?}: has neither a key nor a certificate (error 5001)", section.app)),
    };
    Ok(ApnsApp { app: AppId::new(section.app.as_str()), topic: section.topic.clone(), auth })
}

fn fcm(section: &longwave_settings::FcmSection) -> anyhow::Result<FcmApp> {
    let json = text(&section.service_account, "push.fcm.service_account")?;
    let account = ServiceAccount::from_json(&json);
    let account = account.map_err(|error| anyhow!("push.fcm {:?}: {error} (error 5001)", section.app))?;
    Ok(FcmApp { app: AppId::new(section.app.as_str()), account })
}

fn web_push(section: &longwave_settings::WebPushSection) -> anyhow::Result<WebPushApp> {
    let key = key(&section.key_file, "push.web_push.key_file", &section.app)?;
    Ok(WebPushApp { app: AppId::new(section.app.as_str()), key, contact: section.contact.clone() })
}

fn key(file: &Path, name: &str, app: &str) -> anyhow::Result<Es256Key> {
    Es256Key::from_pem(&text(file, name)?).map_err(|error| anyhow!("{name} of {app:?}: {error} (error 5001)"))
}

fn text(file: &Path, name: &str) -> anyhow::Result<Secret> {
    let text = std::fs::read_to_string(file);
    Ok(Secret::new(text.with_context(|| format!("{name} {} (error 5001)", file.display()))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_agree_with_those_of_the_worker() {
        assert_eq!(worker(&PushSection::default()), PushSettings::default());
    }
}
