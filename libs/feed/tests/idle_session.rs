//! What an idle session costs: bytes on the heap per open session with one subscription, with its place in the hub.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![expect(unsafe_code, reason = "an allocator that counts can only be written so")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use longwave_feed::{FeedHub, FeedSettings, FeedStats};
use longwave_model::{DeviceId, Refusal, UserId};
use longwave_persistence::embedded::{Embedded, EmbeddedConfig};
use longwave_port::{Alone, Feed as _, Mailbox, Open, Subscription};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Silent;

impl Mailbox for Silent {
    fn wake(&self) {}
    fn close(&self, _: Refusal) {}
}

const SESSIONS: usize = 2000;

#[tokio::test]
async fn an_idle_session_with_one_subscription_is_small() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = EmbeddedConfig::new(folder.path().join("store"));
    config.shards = 1;
    config.free_space_mark = 0;
    let store = Arc::new(Embedded::open(config).unwrap());
    // No timer runs meanwhile.
    let hour = std::time::Duration::from_secs(3600);
    let settings = FeedSettings {
        flush_interval: hour,
        compare_interval: hour * 64,
        presence_interval: hour,
        ..FeedSettings::default()
    };
    let hub = FeedHub::new(
        store.clone(),
        settings,
        Arc::new(|| 1_700_000_000_000),
        Arc::new(FeedStats::default()),
        Arc::new(Alone),
    );
    let mailbox: Arc<dyn Mailbox> = Arc::new(Silent);
    let mut outlets = Vec::with_capacity(SESSIONS);
    for chunk in 0..SESSIONS / 100 {
        let opened = (0..100).map(|number| {
            let open = Open {
                user: UserId::parse(&format!("user-{chunk:04}-{number:04}")).unwrap(),
                device: DeviceId::parse(&format!("device-{number:04}")).unwrap(),
                service: false,
                clean_start: false,
                expiry_seconds: 86_400,
                will: None,
                now: 1_700_000_000_000,
                mailbox: mailbox.clone(),
            };
            let hub = &hub;
            async move {
                let filter = format!("u/{}/c/+/json", open.user);
                let opened = hub.open(open).await.unwrap();
                let subscription = Subscription {
                    filter,
                    qos: 1,
                    no_local: false,
                    retain_as_published: false,
                    retain_handling: 0,
                    identifier: None,
                };
                opened.outlet.subscribe(vec![subscription]).await.unwrap()[0].clone().unwrap();
                opened.outlet
            }
        });
        outlets.extend(futures_util::future::join_all(opened).await);
    }
    // What goes when the connections do (the store keeps its own) is what the sessions cost.
    let before = LIVE.load(Ordering::Relaxed);
    outlets.drain(..).for_each(drop);
    drop(hub);
    tokio::task::yield_now().await;
    let bytes = before.saturating_sub(LIVE.load(Ordering::Relaxed)) / SESSIONS;
    assert!((200..=512).contains(&bytes), "{bytes} bytes per idle session");
}
