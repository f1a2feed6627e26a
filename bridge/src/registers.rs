//! The registers that the bridge reads and writes: who is known, who has blocked whom.

use bytes::Bytes;
use longwave_model::UserId;
use longwave_persistence::{Expected, Store, StoreError};

/// Registers of one read.
const SCAN: usize = 500;

/// Whether a user is known: it has connected before, or an operator has added it.
pub(crate) async fn is_known(store: &dyn Store, user: &UserId) -> Result<bool, StoreError> {
    Ok(store.get(&format!("user/{user}/profile")).await?.is_some())
}

/// Whether `user` has blocked `other`.
pub(crate) async fn has_blocked(store: &dyn Store, user: &UserId, other: &UserId) -> Result<bool, StoreError> {
    Ok(store.get(&block_key(user, other)).await?.is_some())
}

/// Whom `user` has blocked, by user id.
pub(crate) async fn blocked_by(store: &dyn Store, user: &UserId) -> Result<Vec<UserId>, StoreError> {
    let prefix = format!("user/{user}/block/");
    let mut blocked = Vec::new();
    let mut after = String::new();
    loop {
        let rows = store.scan(&prefix, &after, SCAN).await?;
        let Some((last, _)) = rows.last() else { return Ok(blocked) };
        after.clone_from(last);
        blocked.extend(rows.iter().filter_map(|(key, _)| UserId::parse(key.strip_prefix(&prefix)?).ok()));
    }
}

/// Blocks or unblocks.
pub(crate) async fn set_blocked(
    store: &dyn Store,
    user: &UserId,
    other: &UserId,
    blocked: bool,
) -> Result<(), StoreError> {
    let value = blocked.then(|| Bytes::from_static(b"{}"));
    store.put(&block_key(user, other), value, Expected::Any).await.map(|_| ())
}

fn block_key(user: &UserId, other: &UserId) -> String {
    format!("user/{user}/block/{other}")
}
