//! The three providers together, with one application each, and the settings of a server that is to use them.

use std::net::SocketAddr;
use std::path::Path;

use super::{Authority, FakeApns, FakeError, FakeFcm, FakeWebPush, new_key_pem};
use crate::send::{Clock, Es256Key, Secret};

const TOPIC: &str = "org.example.app";
const TEAM: &str = "TEAM123456";
const KEY_ID: &str = "KEY1234567";

/// The three providers while they run.
pub struct Playground {
    /// Apple, production and sandbox in one.
    pub apns: FakeApns,
    /// Google.
    pub fcm: FakeFcm,
    /// A browser's push service.
    pub web_push: FakeWebPush,
    /// The public half of the key by which push services know the application.
    pub vapid: String,
    /// A settings file with the section `push` alone.
    pub settings: String,
}

impl Playground {
    /// Starts them on three ports from this one on, or on free ones if it is 0. Keys, the root certificate and the service account lie in
    /// `directory`; `app` is the application's name in the settings.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn start(listen: SocketAddr, directory: &Path, app: &str) -> Result<Self, FakeError> {
        let authority = Authority::new()?;
        let port = |further: u16| {
            let number = if listen.port() == 0 { 0 } else { listen.port().saturating_add(further) };
            SocketAddr::new(listen.ip(), number)
        };
        let apns = FakeApns::start_at(port(0), &authority, Clock::system()).await?;
        let fcm = FakeFcm::start_at(port(1), &authority, "example", Clock::system()).await?;
        let web_push = FakeWebPush::start_at(port(2), &authority, &[], Clock::system()).await?;
        let (apple, browsers) = (new_key_pem()?, new_key_pem()?);
        let vapid = public(&browsers)?;
        apns.add_key(TEAM, KEY_ID, &public(&apple)?);
        apns.add_topic(TOPIC);
        let settings = format!(
            "[push]\nroot_certificates = {root:?}\napns_production = {apns:?}\napns_sandbox = {apns:?}\nfcm_base = {fcm:?}\n\
             web_push_private_addresses = true\n\n\
             [[push.apns]]\napp = {app:?}\ntopic = {TOPIC:?}\nteam = {TEAM:?}\nkey_id = {KEY_ID:?}\nkey_file = {apple:?}\n\n\
             [[push.fcm]]\napp = {app:?}\nservice_account = {account:?}\n\n\
             [[push.web_push]]\napp = {app:?}\nkey_file = {key:?}\ncontact = \"mailto:you@example.org\"\n",
            root = file(directory, "root.pem", authority.root_pem())?,
            apns = apns.url(),
            fcm = fcm.url(),
            apple = file(directory, "apns.p8", &apple)?,
            account = file(directory, "service-account.json", &fcm.service_account())?,
            key = file(directory, "vapid.pem", &browsers)?,
        );
        Ok(Self { apns, fcm, web_push, vapid, settings })
    }
}

fn public(pem: &str) -> Result<String, FakeError> {
    Ok(Es256Key::from_pem(&Secret::new(pem)).map_err(|_| FakeError::Key)?.public())
}

/// Writes a file; its absolute path.
fn file(directory: &Path, name: &str, content: &str) -> Result<String, FakeError> {
    let path = std::path::absolute(directory.join(name)).map_err(FakeError::File)?;
    std::fs::write(&path, content).map_err(FakeError::File)?;
    Ok(path.display().to_string())
}
