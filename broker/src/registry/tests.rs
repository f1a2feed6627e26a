//! Claims under contention: one holder, the last of those who wait, and nothing left behind.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn ids() -> (UserId, DeviceId) {
    (UserId::parse("bob").unwrap(), DeviceId::parse("phone").unwrap())
}

async fn claim(registry: &Arc<Registry>, handle: &Arc<ConnectionHandle>, patience: Duration) -> Result<Claim, Refusal> {
    let (user, device) = ids();
    registry.claim(handle, user, device, patience, || ()).await
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_place_is_held_by_one() {
    let registry = Registry::new();
    let (first, second) = (ConnectionHandle::new(), ConnectionHandle::new());
    let held = claim(&registry, &first, LONG).await.unwrap();
    let waiting = tokio::spawn({
        let (registry, second) = (registry.clone(), second.clone());
        async move { claim(&registry, &second, LONG).await }
    });
    while first.collect().close.is_none() {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    drop(held);
    let held = waiting.await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&registry.holders()[0], &second));
    drop(held);
    assert!(registry.holders().is_empty());
}

#[tokio::test]
async fn of_those_who_wait_the_last_gets_it() {
    let registry = Registry::new();
    let handles: Vec<_> = (0..3).map(|_| ConnectionHandle::new()).collect();
    let held = claim(&registry, &handles[0], LONG).await.unwrap();
    let (user, device) = ids();
    let overtaken = registry.try_claim(&handles[1], user.clone(), device.clone()).err().unwrap();
    let last = registry.try_claim(&handles[2], user, device).err().unwrap();
    assert!(overtaken.await.is_err());
    drop(held);
    drop(last.await.unwrap());
    assert!(registry.holders().is_empty());
}

#[tokio::test]
async fn patience_ends_and_leaves_nothing_behind() {
    let registry = Registry::new();
    let (first, second) = (ConnectionHandle::new(), ConnectionHandle::new());
    let held = claim(&registry, &first, LONG).await.unwrap();
    let refused = claim(&registry, &second, Duration::from_millis(1)).await.err().unwrap();
    assert_eq!(refused.code, ErrorCode::StoreUnavailable);
    drop(held);
    assert!(registry.holders().is_empty());
}

#[tokio::test]
async fn many_devices_and_a_close_for_one() {
    let registry = Registry::new();
    let mut claims = Vec::new();
    let calls = AtomicUsize::new(0);
    for n in 0..1_000 {
        let handle = ConnectionHandle::new();
        let (user, device) = (UserId::parse(&format!("u{n}")).unwrap(), DeviceId::parse("d").unwrap());
        let count = || {
            calls.fetch_add(1, Ordering::SeqCst);
        };
        claims.push((handle.clone(), registry.claim(&handle, user, device, LONG, count).await.unwrap()));
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert_eq!(registry.holders().len(), 1_000);
    let refusal = Refusal::new(ErrorCode::ServerStopping, "test");
    assert!(registry.close(&UserId::parse("u500").unwrap(), &DeviceId::parse("d").unwrap(), refusal.clone()));
    assert!(!registry.close(&UserId::parse("u500").unwrap(), &DeviceId::parse("e").unwrap(), refusal));
    assert!(claims[500].0.collect().close.is_some());
    assert!(claims[501].0.collect().close.is_none());
    claims.clear();
    assert!(registry.holders().is_empty());
}
