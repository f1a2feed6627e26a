//! Attempts at one notification until it ends: the text left out once if it is too large, pauses with jitter, never past the expiry.

use std::time::{Duration, Instant};

use super::app::App;
use super::lane::Entered;
use super::retry::Backoff;
use super::verdict::Verdict;
use super::web_push::Endpoint;
use super::{Clock, Environment, Notification, Outcome, Reason, RetrySettings, Target};

pub(super) async fn deliver(
    app: &App,
    target: &Target,
    notification: &Notification,
    settings: &RetrySettings,
    clock: &Clock,
) -> Outcome {
    let endpoint = match target {
        Target::WebPush { endpoint, .. } => match Endpoint::parse(endpoint) {
            Ok(endpoint) => Some(endpoint),
            Err(reason) => return Outcome::Failed { reason },
        },
        _ => None,
    };
    let lane = app.lanes.of(service(target, endpoint.as_ref()));
    let mut waiting = Waiting::new(notification, settings, clock);
    let mut with_text = notification.text.is_some();
    loop {
        let entered = match tokio::time::timeout(waiting.left(), lane.enter()).await {
            Ok(entered) => entered,
            Err(_) => return waiting.over(None, Reason::new("too many under way")),
        };
        let made = attempt(app, entered, target, endpoint.as_ref(), notification, with_text, clock).await;
        let (after, reason) = match made {
            Attempted::Late => return Outcome::Expired,
            Attempted::NotYet(after, reason) => (Some(after), reason),
            Attempted::Made(Verdict::Sent { provider_id }) => return Outcome::Sent { provider_id },
            Attempted::Made(Verdict::TokenGone { at }) => return Outcome::TokenGone { at },
            Attempted::Made(Verdict::Failed(reason)) => return Outcome::Failed { reason },
            Attempted::Made(Verdict::TooLarge) if with_text => {
                with_text = false;
                continue;
            }
            Attempted::Made(Verdict::TooLarge) => return Outcome::Failed { reason: Reason::new("too large") },
            Attempted::Made(Verdict::Again { after, reason, .. }) => (after, reason),
            Attempted::Made(Verdict::AppBroken(reason)) => (None, reason),
        };
        if let Some(outcome) = waiting.pause(after, reason).await {
            return outcome;
        }
    }
}

/// What has a lane of its own.
fn service<'a>(target: &Target, endpoint: Option<&'a Endpoint>) -> &'a str {
    match (target, endpoint) {
        (Target::Apns { environment: Environment::Production, .. }, _) => "production",
        (Target::Apns { environment: Environment::Sandbox, .. }, _) => "sandbox",
        (Target::Fcm(_), _) => "fcm",
        (Target::WebPush { .. }, endpoint) => endpoint.map_or("", Endpoint::origin),
    }
}

enum Attempted {
    Made(Verdict),
    /// The breaker is open.
    NotYet(Duration, Reason),
    /// It expired while it waited for a slot.
    Late,
}

async fn attempt(
    app: &App,
    entered: Result<Entered<'_>, (Duration, Reason)>,
    target: &Target,
    endpoint: Option<&Endpoint>,
    notification: &Notification,
    with_text: bool,
    clock: &Clock,
) -> Attempted {
    let entered = match entered {
        Ok(entered) => entered,
        Err((after, reason)) => return Attempted::NotYet(after, Reason::with(format!("breaker open: {reason}"))),
    };
    if clock.seconds() >= notification.expires {
        return Attempted::Late;
    }
    let verdict = app.attempt(target, endpoint, notification, with_text).await;
    entered.tell(&verdict);
    Attempted::Made(verdict)
}

/// A free slot is taken even when patience is over.
const LEAST: Duration = Duration::from_secs(1);

/// The pauses of one call.
struct Waiting<'a> {
    backoff: Backoff,
    began: Instant,
    patience: Duration,
    expires: u64,
    clock: &'a Clock,
}

impl<'a> Waiting<'a> {
    fn new(notification: &Notification, settings: &RetrySettings, clock: &'a Clock) -> Self {
        Self {
            backoff: Backoff::new(settings, rand::random()),
            began: Instant::now(),
            patience: settings.patience,
            expires: notification.expires,
            clock,
        }
    }

    /// How much patience is left.
    fn left(&self) -> Duration {
        self.patience.saturating_sub(self.began.elapsed()).max(LEAST)
    }

    /// How the call ends when there is no use or no time in waiting for so long.
    fn over(&self, pause: Option<Duration>, reason: Reason) -> Outcome {
        let life = Duration::from_millis(self.expires.saturating_mul(1000).saturating_sub(self.clock.millis()));
        if pause.unwrap_or_default() >= life { Outcome::Expired } else { Outcome::Retry { after: pause, reason } }
    }

    /// Waits, or tells how the call ends.
    async fn pause(&mut self, after: Option<Duration>, reason: Reason) -> Option<Outcome> {
        let pause = self.backoff.pause(after);
        let late = self.clock.millis().saturating_add(millis(pause)) >= self.expires.saturating_mul(1000);
        if late || self.began.elapsed().saturating_add(pause) > self.patience {
            return Some(self.over(Some(pause), reason));
        }
        tokio::time::sleep(pause).await;
        None
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
