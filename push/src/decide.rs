//! Whether a device is to be woken, decided as late as possible: just before the push would go out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use longwave_model::{ConversationId, DeviceId, Seq, UserId};
use longwave_persistence::{PushState, Store, StoreError};
use longwave_port::Connected;
use longwave_wake::{Address, Registered, mute_of, quiet_hours_of, registrations_of};
use parking_lot::Mutex;

use crate::badge::badge;
use crate::coalesce::{Owed, Pair, Waiting, Weight};
use crate::send::{AppId, Clock, CollapseKey, Environment, FcmTarget, Notification, Secret, Target, Text, Urgency};
use crate::settings::PushSettings;

/// What becomes of a pair whose turn it is.
#[derive(Debug)]
pub(crate) enum Decision {
    /// The device has acknowledged it, or its push was recorded before: nothing is to be done.
    Done,
    /// No push, and why.
    End(PushState),
    /// Not yet; in so many milliseconds.
    Later(u64),
    /// This one.
    Send(Box<Push>),
}

/// A push to be sent.
#[derive(Debug)]
pub(crate) struct Push {
    pub(crate) app: AppId,
    pub(crate) target: Target,
    pub(crate) notification: Notification,
    /// What the device had registered.
    pub(crate) registered: Registered,
}

/// What decisions rest on.
pub(crate) struct Decider {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) connected: Arc<dyn Connected>,
    pub(crate) clock: Clock,
    pub(crate) collapse: CollapseKey,
    pub(crate) settings: PushSettings,
    /// When a device last got a background push, Unix time in milliseconds.
    background: Mutex<HashMap<(UserId, DeviceId), u64>>,
}

/// Devices whose last background push is remembered.
const BACKGROUND: usize = 100_000;

impl Decider {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        connected: Arc<dyn Connected>,
        clock: Clock,
        collapse: CollapseKey,
        settings: PushSettings,
    ) -> Self {
        Self { store, connected, clock, collapse, settings, background: Mutex::default() }
    }

    /// Decides.
    pub(crate) async fn decide(&self, pair: &Pair, waiting: &Waiting) -> Result<Decision, StoreError> {
        let Pair { user, device, conversation } = pair;
        let store = &*self.store;
        let Some(newest) = waiting.last() else { return Ok(Decision::Done) };
        let (cursor, record) =
            tokio::try_join!(store.cursor(user, device, conversation), store.push_record(user, device, conversation),)?;
        let has = cursor.unwrap_or_default();
        if has >= newest.seq || record.is_some_and(|record| record.seq >= newest.seq) {
            return Ok(Decision::Done);
        }
        let now = self.clock.millis();
        if now >= newest.ts.saturating_add(millis(self.settings.lifetime)) {
            return Ok(Decision::End(PushState::Expired));
        }
        let (devices, mark, row, session) = tokio::try_join!(
            registrations_of(store, user),
            store.mark(conversation, user),
            store.inbox_row(user, conversation),
            store.session(user, device),
        )?;
        let Some(registered) = devices.into_iter().find(|found| found.registration.device == *device) else {
            return Ok(Decision::End(PushState::NoToken));
        };
        let has = has.max(mark.map(|mark| mark.read).unwrap_or_default());
        let left = row.is_some_and(|row| row.left.is_some_and(|left| left >= row.joined));
        let mut owed: Vec<&Owed> = waiting.iter().filter(|owed| owed.seq > has).collect();
        if owed.is_empty() || left || session.is_none() && self.connected.is_connected(user, device).await {
            return Ok(Decision::End(PushState::Superseded));
        }
        owed.retain(|owed| owed.gone.is_none_or(|gone| now < gone));
        if owed.is_empty() {
            return Ok(Decision::End(PushState::Expired));
        }
        let (mute, quiet) = tokio::try_join!(mute_of(store, user, conversation), quiet_hours_of(store, user))?;
        owed.retain(|owed| !mute.is_some_and(|mute| mute.silences(owed.weight == Weight::Mention, now)));
        let Some(loudest) = owed.iter().max_by_key(|owed| (owed.weight, owed.seq)) else {
            return Ok(Decision::End(PushState::Muted));
        };
        let urgency = if loudest.weight == Weight::Silent { Urgency::Background } else { Urgency::Alert };
        if urgency == Urgency::Alert && quiet.is_some_and(|quiet| quiet.covers(now)) {
            return Ok(Decision::End(PushState::Quiet));
        }
        if urgency == Urgency::Background
            && let Some(wait) = self.background_wait(pair, now)
        {
            return Ok(Decision::Later(wait));
        }
        let number = badge(store, user, self.settings.badge, self.settings.badge_limit).await?;
        let mut push = self.push(&pair.conversation, registered, newest.seq, newest.ts, urgency);
        push.notification.badge = number;
        push.notification.text =
            loudest.text.as_ref().map(|text| Text { title: loudest.sender.to_string(), body: text.to_string() });
        Ok(Decision::Send(Box::new(push)))
    }

    /// A push about an entry that is worth one since `ts` (Unix milliseconds), without text and badge.
    pub(crate) fn push(
        &self,
        conversation: &ConversationId,
        registered: Registered,
        seq: Seq,
        ts: u64,
        urgency: Urgency,
    ) -> Push {
        let conversation = conversation.as_str().as_bytes();
        let data = BTreeMap::from([
            ("conv".to_owned(), self.collapse.hash(conversation)),
            ("seq".to_owned(), seq.to_string()),
        ]);
        let notification = Notification {
            urgency,
            collapse: conversation.to_vec(),
            thread: None,
            expires: ts.saturating_add(millis(self.settings.lifetime)) / 1_000,
            keep: Some(self.clock.seconds().saturating_add(self.settings.keep.as_secs())),
            data,
            text: None,
            badge: None,
            locale: registered.registration.locale.clone(),
        };
        let app = AppId::new(registered.registration.app.as_str());
        Push { app, target: target(&registered.registration.address), notification, registered }
    }

    /// A background push went out.
    pub(crate) fn note_background(&self, pair: &Pair) {
        let mut background = self.background.lock();
        let now = self.clock.millis();
        if background.len() >= BACKGROUND {
            let interval = millis(self.settings.background_interval);
            background.retain(|_, last| now < *last + interval);
        }
        background.insert((pair.user.clone(), pair.device.clone()), now);
    }

    /// How many milliseconds the device's next background push has to wait.
    fn background_wait(&self, pair: &Pair, now: u64) -> Option<u64> {
        let last = *self.background.lock().get(&(pair.user.clone(), pair.device.clone()))?;
        let next = last + millis(self.settings.background_interval);
        (now < next).then(|| next - now)
    }
}

fn target(address: &Address) -> Target {
    let secret = |text: &String| Secret::new(text.as_str());
    match address {
        Address::Apns { token, sandbox } => Target::Apns {
            token: secret(token),
            environment: if *sandbox { Environment::Sandbox } else { Environment::Production },
        },
        Address::Fcm { token } => Target::Fcm(FcmTarget::Registration(secret(token))),
        Address::FcmInstallation { id } => Target::Fcm(FcmTarget::Installation(secret(id))),
        Address::WebPush { endpoint, p256dh, auth } => {
            Target::WebPush { endpoint: secret(endpoint), p256dh: secret(p256dh), auth: secret(auth) }
        }
    }
}

pub(crate) fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
