//! `longwave fake-push`: the three push services on this machine, for people who develop applications. Prints what they get.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use longwave_push::fake::{Authority, FakeApns, FakeFcm, FakeWebPush, new_key_pem};
use longwave_push::send::{Clock, Es256Key, Secret, Target};
use serde_json::json;

use crate::cli::FakePush;

const APP: &str = "app";
const TOPIC: &str = "org.example.app";
const TEAM: &str = "TEAM123456";
const KEY_ID: &str = "KEY1234567";

/// How often it looks what has come.
const LOOK: Duration = Duration::from_millis(200);

/// Runs until it is interrupted.
pub(crate) fn run(arguments: &FakePush) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            ended = play(arguments) => ended,
            interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        }
    })
}

async fn play(arguments: &FakePush) -> anyhow::Result<()> {
    let directory = &arguments.directory;
    std::fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let authority = Authority::new()?;
    let port = |further: u16| {
        let mut address: SocketAddr = arguments.listen;
        address.set_port(address.port().saturating_add(further));
        address
    };
    let apns = FakeApns::start_at(port(0), &authority, Clock::system()).await?;
    let fcm = FakeFcm::start_at(port(1), &authority, "example", Clock::system()).await?;
    let web_push = FakeWebPush::start_at(port(2), &authority, &[], Clock::system()).await?;
    let (apple, browsers) = (new_key_pem()?, new_key_pem()?);
    let public = |pem: &str| anyhow::Ok(Es256Key::from_pem(&Secret::new(pem))?.public());
    apns.add_key(TEAM, KEY_ID, &public(&apple)?);
    apns.add_topic(TOPIC);
    let settings = format!(
        "[push]\nroot_certificates = {root:?}\napns_production = {apns:?}\napns_sandbox = {apns:?}\nfcm_base = {fcm:?}\n\
         web_push_private_addresses = true\n\n\
         [[push.apns]]\napp = {APP:?}\ntopic = {TOPIC:?}\nteam = {TEAM:?}\nkey_id = {KEY_ID:?}\nkey_file = {apple:?}\n\n\
         [[push.fcm]]\napp = {APP:?}\nservice_account = {account:?}\n\n\
         [[push.web_push]]\napp = {APP:?}\nkey_file = {vapid:?}\ncontact = \"mailto:you@example.org\"\n",
        root = file(directory, "root.pem", authority.root_pem())?,
        apns = apns.url(),
        fcm = fcm.url(),
        apple = file(directory, "apns.p8", &apple)?,
        account = file(directory, "service-account.json", &fcm.service_account())?,
        vapid = file(directory, "vapid.pem", &browsers)?,
    );
    let settings = file(directory, "push.toml", &settings)?;
    let mut out = std::io::stdout();
    writeln!(out, "start a server with: longwave serve --dev --config {settings}")?;
    writeln!(out, "register a device, on u/{{user}}/rpc/json:")?;
    let request =
        |params: serde_json::Value| json!({"jsonrpc": "2.0", "id": 1, "method": "push.register", "params": params});
    writeln!(out, "{}", request(json!({"provider": "apns", "app": APP, "token": "00ff"})))?;
    writeln!(out, "{}", request(json!({"provider": "fcm", "app": APP, "token": "any"})))?;
    if let Target::WebPush { endpoint, p256dh, auth } = web_push.subscribe(&public(&browsers)?)?.target {
        let keys = json!({"p256dh": p256dh.expose(), "auth": auth.expose()});
        let subscription = json!({"endpoint": endpoint.expose(), "keys": keys});
        writeln!(out, "{}", request(json!({"provider": "web_push", "app": APP, "subscription": subscription})))?;
    }
    let mut seen = [0; 3];
    loop {
        let (apns, fcm, web_push) = (apns.received(), fcm.received(), web_push.received());
        for push in &apns[seen[0]..] {
            writeln!(out, "apns {} {:?} {}", push.device, push.answer, push.payload)?;
        }
        for push in &fcm[seen[1]..] {
            writeln!(out, "fcm {} {:?} {}", push.device, push.status, push.message)?;
        }
        for push in &web_push[seen[2]..] {
            writeln!(out, "web_push {push:?}")?;
        }
        seen = [apns.len(), fcm.len(), web_push.len()];
        out.flush()?;
        tokio::time::sleep(LOOK).await;
    }
}

fn file(directory: &Path, name: &str, content: &str) -> anyhow::Result<String> {
    let path = directory.join(name);
    std::fs::write(&path, content).with_context(|| path.display().to_string())?;
    Ok(std::path::absolute(&path)?.display().to_string())
}
