//! How many pushes a second one core sends: `cargo run --release -p longwave-push --features fake --example throughput`.
//!
//! The fake runs in a process of its own, so that only the sending side's processor time is counted.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, reason = "a program for measuring")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use longwave_push::fake::{Authority, FakeApns, new_key_pem};
use longwave_push::send::{
    ApnsApp, ApnsAuth, AppId, Clock, CollapseKey, Environment, Es256Key, Notification, Outcome, Secret, Sender,
    SenderSettings, Target, Urgency, Wording,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

const PUSHES: usize = 40_000;
const TOPIC: &str = "org.example.chat";

fn main() {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("fake") => fake(&arguments.next().unwrap(), &arguments.next().unwrap()),
        _ => measure(),
    }
}

/// Plays Apple until its input ends.
fn fake(public: &str, root: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let authority = Authority::new().unwrap();
    std::fs::write(root, authority.root_pem()).unwrap();
    let apns = runtime.block_on(FakeApns::start(&authority, Clock::system())).unwrap();
    apns.add_key("TEAM123456", "KEY1234567", public);
    apns.add_topic(TOPIC);
    println!("{}", apns.url());
    std::io::stdout().flush().unwrap();
    let mut end = String::new();
    std::io::stdin().read_line(&mut end).unwrap();
}

fn measure() {
    println!("connections in_flight pushes/s sender_cpu_us/push pushes/s/core");
    for (connections, in_flight) in [(1, 64), (1, 512), (2, 512), (4, 512)] {
        let pem = Secret::new(new_key_pem().unwrap());
        let key = Es256Key::from_pem(&pem).unwrap();
        let root = std::env::temp_dir().join(format!("longwave-push-{}.pem", std::process::id()));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["fake", &key.public(), root.to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let mut settings = SenderSettings::new(Wording::new(CollapseKey::new(b"key")));
        settings.apns.production = url.trim().to_owned();
        settings.apns.transport.connections = connections;
        settings.apns.transport.in_flight = in_flight;
        settings.apns.transport.root_certificates = vec![CertificateDer::from_pem_file(&root).unwrap()];
        let auth = ApnsAuth::Token { team: "TEAM123456".into(), key_id: "KEY1234567".into(), key };
        settings.apns.apps.push(ApnsApp { app: AppId::new("chat"), topic: TOPIC.into(), auth });
        let sender = Arc::new(Sender::new(settings).unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(send(&sender, 2_000, in_flight));
        let (began, before) = (Instant::now(), processor_micros());
        runtime.block_on(send(&sender, PUSHES, in_flight));
        let (took, cpu) = (began.elapsed(), processor_micros() - before);
        let per_push = cpu as f64 / PUSHES as f64;
        let rate = PUSHES as f64 / took.as_secs_f64();
        println!("{connections} {in_flight} {rate:.0} {per_push:.1} {:.0}", 1e6 / per_push);
        drop(child.stdin.take());
        child.wait().unwrap();
        std::fs::remove_file(&root).unwrap();
    }
}

async fn send(sender: &Arc<Sender>, pushes: usize, tasks: usize) {
    let left = Arc::new(AtomicUsize::new(pushes));
    let tasks: Vec<_> =
        (0..tasks).map(|task| tokio::spawn(one_after_the_other(sender.clone(), left.clone(), task))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn one_after_the_other(sender: Arc<Sender>, left: Arc<AtomicUsize>, task: usize) {
    let target = Target::Apns { token: Secret::new(format!("{task:064x}")), environment: Environment::Production };
    while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
        let notification = Notification {
            urgency: Urgency::Alert,
            collapse: b"alice:bob".to_vec(),
            thread: None,
            expires: Clock::system().seconds() + 3_600,
            keep: None,
            data: BTreeMap::from([("seq".to_owned(), "7".to_owned())]),
            text: None,
            badge: Some(3),
            locale: None,
        };
        let outcome = sender.send(&AppId::new("chat"), &target, &notification).await;
        assert!(matches!(outcome, Outcome::Sent { .. }), "{outcome:?}");
    }
}

/// User and system time of this process.
fn processor_micros() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // Hundredths of a second.
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10_000
}
