//! The front of the sending side: application, device and notification in, outcome out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::apns::{Apns, ApnsAuth, ProviderToken};
use super::app::{App, Attempts};
use super::bucket::Bucket;
use super::deliver::deliver;
use super::fcm::Fcm;
use super::lane::Lanes;
use super::settings::SenderSettings;
use super::state::{AppState, Count, ServiceState, Tally};
use super::web_push::WebPush;
use super::wording::Wording;
use super::{
    AppId, BreakerSettings, Clock, Notification, Outcome, Provider, Reason, RetrySettings, SettingError, Target,
};

/// Sends notifications. One per process; calls run at once, as many as the caller makes, and memory is the caller's to bound.
#[derive(Debug)]
pub struct Sender {
    apps: BTreeMap<(Provider, AppId), App>,
    retry: RetrySettings,
    clock: Clock,
}

impl Sender {
    /// Reads the keys and prepares connections; connects to nothing yet.
    ///
    /// # Errors
    /// When a credential cannot be read, or an application is named twice at one provider.
    pub fn new(settings: SenderSettings) -> Result<Self, SettingError> {
        let mut apps = Apps { apps: BTreeMap::new(), breaker: settings.breaker };
        let wording = Arc::new(settings.wording.clone());
        apns(&settings, &wording, &mut apps)?;
        fcm(&settings, &wording, &mut apps)?;
        web_push(&settings, &wording, &mut apps)?;
        Ok(Self { apps: apps.apps, retry: settings.retry, clock: settings.clock })
    }

    /// Sends one notification to one device. Retries until it expires or the patience of [`RetrySettings`] is over; only the latter,
    /// [`Outcome::Retry`], is not final. What the operator can mend (a refused credential, a wrong topic) fails no notification: it opens
    /// the application's breaker, which [`Sender::state`] shows with the reason, and notifications wait until they expire.
    ///
    /// Dropping the future gives the notification up; whether it was sent is then not known.
    pub async fn send(&self, app: &AppId, target: &Target, notification: &Notification) -> Outcome {
        let Some(app) = self.apps.get(&(target.provider(), app.clone())) else {
            return Outcome::Failed { reason: Reason::new("no such application") };
        };
        let outcome = deliver(app, target, notification, &self.retry, &self.clock).await;
        app.tally.add(outcome.kind());
        outcome
    }

    /// How each application is doing.
    #[must_use]
    pub fn state(&self) -> Vec<AppState> {
        let services = |app: &App| {
            let lanes = app.lanes.all().into_iter();
            let service = |(service, lane): (String, Arc<super::lane::Lane>)| ServiceState {
                service,
                breaker: lane.state(),
                in_flight: lane.in_flight(),
            };
            lanes.map(service).collect()
        };
        self.apps
            .iter()
            .map(|((provider, name), app)| AppState {
                provider: *provider,
                app: name.clone(),
                credential_age: app.credential_age(),
                services: services(app),
            })
            .collect()
    }

    /// How calls of [`Sender::send`] ended, by provider, application and outcome. Calls for an unknown application are not counted.
    #[must_use]
    pub fn counts(&self) -> Vec<Count> {
        self.apps
            .iter()
            .flat_map(|((provider, name), app)| {
                app.tally.read().map(|(outcome, count)| Count {
                    provider: *provider,
                    app: name.clone(),
                    outcome,
                    count,
                })
            })
            .collect()
    }
}

struct Apps {
    apps: BTreeMap<(Provider, AppId), App>,
    breaker: BreakerSettings,
}

impl Apps {
    fn add(&mut self, of: Provider, name: &AppId, size: usize, provider: Attempts) -> Result<(), SettingError> {
        let lanes = Lanes::new(self.breaker, size);
        match self.apps.insert((of, name.clone()), App { provider, lanes, tally: Tally::default() }) {
            None => Ok(()),
            Some(_) => Err(SettingError::new(name.as_str(), format!("is there twice under {}", of.as_str()))),
        }
    }
}

fn apns(settings: &SenderSettings, wording: &Arc<Wording>, apps: &mut Apps) -> Result<(), SettingError> {
    if settings.apns.apps.is_empty() {
        return Ok(());
    }
    let roots = settings.apns.transport.roots()?;
    let mut tokens: HashMap<(String, String), Arc<ProviderToken>> = HashMap::new();
    for app in &settings.apns.apps {
        let token = match &app.auth {
            ApnsAuth::Certificate { .. } => None,
            ApnsAuth::Token { team, key_id, key } => Some(Arc::clone(
                tokens
                    .entry((team.clone(), key_id.clone()))
                    .or_insert_with(|| Arc::new(ProviderToken::new(team, key_id, key.clone()))),
            )),
        };
        let apns = Apns::new(&settings.apns, app, token, &roots, Arc::clone(wording), settings.clock.clone())
            .map_err(|error| error.of(&app.app))?;
        apps.add(Provider::Apns, &app.app, settings.apns.transport.in_flight, Attempts::Apns(Box::new(apns)))?;
    }
    Ok(())
}

fn fcm(settings: &SenderSettings, wording: &Arc<Wording>, apps: &mut Apps) -> Result<(), SettingError> {
    if settings.fcm.apps.is_empty() {
        return Ok(());
    }
    let roots = settings.fcm.transport.roots()?;
    let mut buckets: HashMap<&str, Arc<Mutex<Bucket>>> = HashMap::new();
    for app in &settings.fcm.apps {
        let bucket = buckets
            .entry(app.account.project())
            .or_insert_with(|| Arc::new(Mutex::new(Bucket::new(settings.fcm.per_minute, Instant::now()))));
        let bucket = Arc::clone(bucket);
        let fcm = Fcm::new(&settings.fcm, app, bucket, &roots, Arc::clone(wording), settings.clock.clone())
            .map_err(|error| error.of(&app.app))?;
        apps.add(Provider::Fcm, &app.app, settings.fcm.transport.in_flight, Attempts::Fcm(Box::new(fcm)))?;
    }
    Ok(())
}

fn web_push(settings: &SenderSettings, wording: &Arc<Wording>, apps: &mut Apps) -> Result<(), SettingError> {
    if settings.web_push.apps.is_empty() {
        return Ok(());
    }
    let roots = settings.web_push.transport.roots()?;
    for app in &settings.web_push.apps {
        let web_push = WebPush::new(&settings.web_push, app, &roots, Arc::clone(wording), settings.clock.clone())
            .map_err(|error| error.of(&app.app))?;
        let size = settings.web_push.transport.in_flight;
        apps.add(Provider::WebPush, &app.app, size, Attempts::WebPush(Box::new(web_push)))?;
    }
    Ok(())
}
