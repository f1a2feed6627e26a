//! `longwave fake-push`: the three push services on this machine, for people who develop applications. Prints what they get.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use longwave_push::fake::Playground;
use longwave_push::send::Target;
use serde_json::json;

use crate::cli::FakePush;

const APP: &str = "app";

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
    let playground = Playground::start(arguments.listen, directory, APP).await?;
    let Playground { apns, fcm, web_push, vapid, settings } = playground;
    let file = std::path::absolute(directory.join("push.toml"))?;
    std::fs::write(&file, settings).with_context(|| file.display().to_string())?;
    let mut out = std::io::stdout();
    writeln!(out, "start a server with: longwave serve --dev --config {}", file.display())?;
    writeln!(out, "register a device, on u/{{user}}/rpc/json:")?;
    let request =
        |params: serde_json::Value| json!({"jsonrpc": "2.0", "id": 1, "method": "push.register", "params": params});
    writeln!(out, "{}", request(json!({"provider": "apns", "app": APP, "token": "00ff"})))?;
    writeln!(out, "{}", request(json!({"provider": "fcm", "app": APP, "token": "any"})))?;
    if let Target::WebPush { endpoint, p256dh, auth } = web_push.subscribe(&vapid)?.target {
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
