//! Who may connect, from settings.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use longwave_broker::admit::{
    CertificateAdmit, ChainAdmit, DevAdmit, HookAdmit, HookSettings, JwksSettings, JwtAdmit, NamedBy, PasswordAdmit,
    TestBrokerAdmit, TokenRules,
};
use longwave_broker::stats::BrokerStats;
use longwave_model::UserId;
use longwave_port::{Accounts, Admit};
use longwave_settings::{ClientName, Jwt, Settings, TestBroker};

/// How often the key set of a URL is fetched again.
const JWKS_REFRESH: Duration = Duration::from_secs(15 * 60);
/// How soon an unknown key may cause another fetch.
const JWKS_REFRESH_AT_LEAST: Duration = Duration::from_secs(10);

pub(super) async fn admission(
    settings: &Settings,
    dev: bool,
    accounts: Arc<dyn Accounts>,
    stats: &Arc<BrokerStats>,
) -> anyhow::Result<Arc<dyn Admit>> {
    if dev {
        return Ok(Arc::new(DevAdmit));
    }
    if let Some(TestBroker { user, password, .. }) = &settings.test_broker {
        let everybody = UserId::parse("anonymous").context("the user of a test broker")?;
        return Ok(Arc::new(TestBrokerAdmit { everybody, user: user.clone(), password: password.clone() }));
    }
    let tokens = match &settings.auth.jwt {
        Some(jwt) => Some(Arc::new(tokens(jwt, stats).await?)),
        None => None,
    };
    let parallel = NonZeroUsize::new(settings.auth.password_checks)
        .context("auth.password_checks: must be at least 1 (error 5001)")?;
    let passwords =
        settings.auth.passwords.then(|| PasswordAdmit::new(accounts, parallel).map(Arc::new)).transpose()?;
    let mut chain = ChainAdmit::new(tokens, passwords);
    if let Some(hook) = &settings.auth.hook {
        let settings = HookSettings {
            url: hook.url.clone(),
            root_certificates: hook.root_certificates.clone(),
            answer: Duration::from_millis(hook.answer_millis),
            at_once: hook.at_once,
            yes: Duration::from_secs(hook.yes_seconds),
            no: Duration::from_secs(hook.no_seconds),
        };
        chain = chain.with_hook(HookAdmit::new(settings, stats.clone()).context("auth.hook")?);
    }
    let named_by = settings.tls.clients.as_ref().and_then(|clients| named_by(clients.user_from));
    Ok(Arc::new(match named_by {
        Some(named_by) => chain.with_certificates(CertificateAdmit { named_by }),
        None => chain,
    }))
}

/// The name of a client certificate that is the user, if one is.
fn named_by(name: ClientName) -> Option<NamedBy> {
    match name {
        ClientName::CommonName => Some(NamedBy::CommonName),
        ClientName::DnsName => Some(NamedBy::DnsName),
        ClientName::Email => Some(NamedBy::Email),
        ClientName::None => None,
    }
}

async fn tokens(jwt: &Jwt, stats: &Arc<BrokerStats>) -> anyhow::Result<JwtAdmit> {
    let rules = TokenRules {
        issuer: jwt.issuer.clone(),
        audiences: jwt.audience.iter().cloned().collect(),
        leeway_seconds: jwt.leeway_seconds,
    };
    if let Some(file) = &jwt.key_file {
        return JwtAdmit::from_key_file(file, rules).context("auth.jwt.key_file");
    }
    let url = jwt.jwks_url.clone().context("auth.jwt: set either key_file or jwks_url (error 5001)")?;
    let source = JwksSettings {
        url,
        root_certificates: jwt.jwks_root_certificates.clone(),
        refresh: JWKS_REFRESH,
        refresh_at_least: JWKS_REFRESH_AT_LEAST,
    };
    JwtAdmit::from_jwks(source, rules, stats.clone()).await.context("auth.jwt.jwks_url")
}
