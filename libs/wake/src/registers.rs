//! Where it is kept: keys under the user, so that all of one user's is one read.

use bytes::Bytes;
use longwave_model::{ConversationId, DeviceId, UserId};
use longwave_persistence::{Expected, Put, Registers, StoreError, Versioned};
use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_128;

use crate::mute::Mute;
use crate::quiet::QuietHours;
use crate::registration::{Address, Registered, Registration};

/// Devices of one user that may be registered.
const DEVICES: usize = 64;

/// Why something was not set.
#[derive(Debug, thiserror::Error)]
pub enum WakeError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many devices.
    #[error("a user may register {DEVICES} devices")]
    TooMany,
}

/// Registers a device, instead of what it had registered before. A token that another device had, of whichever user, is taken from that one:
/// the same phone has a new client id or another user.
///
/// # Errors
/// [`WakeError`]; nothing is registered for [`WakeError::TooMany`], and nobody knows after [`WakeError::Store`]: call again.
pub async fn register<R: Registers + ?Sized>(
    store: &R,
    user: &UserId,
    registration: &Registration,
) -> Result<(), WakeError> {
    let key = device_key(user, &registration.device);
    let others = registrations_of(store, user).await?;
    if others.len() >= DEVICES && !others.iter().any(|other| other.registration.device == registration.device) {
        return Err(WakeError::TooMany);
    }
    let owner = owner_key(&registration.address);
    if let Some(Owner { user: former, device }) = read(store, &owner).await?
        && let (Ok(former), Ok(device)) = (UserId::parse(&former), DeviceId::parse(&device))
        && (&former, &device) != (user, &registration.device)
        && let Some(stored) = registered(store, &former, &device).await?
        && stored.registration.address.name() == registration.address.name()
    {
        remove_if_unchanged(store, &former, &device, stored.version).await?;
    }
    store.put(&key, Some(encode(registration)), Expected::Any).await?;
    let owned = Owner { user: user.as_str().to_owned(), device: registration.device.as_str().to_owned() };
    store.put(&owner, Some(encode(&owned)), Expected::Any).await?;
    Ok(())
}

/// Takes a device's registration away; whether there was one.
///
/// # Errors
/// [`StoreError`] when the store cannot be read or written.
pub async fn unregister<R: Registers + ?Sized>(
    store: &R,
    user: &UserId,
    device: &DeviceId,
) -> Result<bool, StoreError> {
    let Some(stored) = registered(store, user, device).await? else { return Ok(false) };
    store.put(&device_key(user, device), None, Expected::Any).await?;
    forget_owner(store, user, &stored.registration).await?;
    Ok(true)
}

/// Takes a device's registration away, unless it was registered again meanwhile. Whether it is gone.
///
/// # Errors
/// [`StoreError`] when the store cannot be read or written.
pub async fn remove_if_unchanged<R: Registers + ?Sized>(
    store: &R,
    user: &UserId,
    device: &DeviceId,
    version: u64,
) -> Result<bool, StoreError> {
    let stored = registered(store, user, device).await?;
    match store.put(&device_key(user, device), None, Expected::Version(version)).await? {
        Put::Stored(_) => {
            if let Some(stored) = stored {
                forget_owner(store, user, &stored.registration).await?;
            }
            Ok(true)
        }
        Put::Conflict(now) => Ok(now.is_none()),
    }
}

/// Whether the device has registered.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub async fn is_registered<R: Registers + ?Sized>(
    store: &R,
    user: &UserId,
    device: &DeviceId,
) -> Result<bool, StoreError> {
    Ok(store.get(&device_key(user, device)).await?.is_some())
}

/// The registered devices of a user, by device.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub async fn registrations_of<R: Registers + ?Sized>(store: &R, user: &UserId) -> Result<Vec<Registered>, StoreError> {
    let prefix = format!("user/{user}/push/");
    // A little more than may be registered: two may have come at once.
    let rows = store.scan(&prefix, "", 2 * DEVICES).await?;
    Ok(rows.into_iter().filter_map(|(_, row)| parse(&row)).collect())
}

/// Mutes a conversation for a user, or ends that.
///
/// # Errors
/// [`StoreError`] when the store cannot be written.
pub async fn set_mute<R: Registers + ?Sized>(
    store: &R,
    user: &UserId,
    conversation: &ConversationId,
    mute: Option<Mute>,
) -> Result<(), StoreError> {
    let value = mute.map(|mute| encode(&mute));
    store.put(&mute_key(user, conversation), value, Expected::Any).await.map(|_| ())
}

/// How a user has muted a conversation.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub async fn mute_of<R: Registers + ?Sized>(
    store: &R,
    user: &UserId,
    conversation: &ConversationId,
) -> Result<Option<Mute>, StoreError> {
    read(store, &mute_key(user, conversation)).await
}

/// Sets a user's quiet hours, or ends them.
///
/// # Errors
/// [`StoreError`] when the store cannot be written.
pub async fn set_quiet_hours<R: Registers + ?Sized>(
    store: &R,
    user: &UserId,
    hours: Option<&QuietHours>,
) -> Result<(), StoreError> {
    store.put(&quiet_key(user), hours.map(encode), Expected::Any).await.map(|_| ())
}

/// A user's quiet hours.
///
/// # Errors
/// [`StoreError`] when the store cannot be read.
pub async fn quiet_hours_of<R: Registers + ?Sized>(store: &R, user: &UserId) -> Result<Option<QuietHours>, StoreError> {
    read(store, &quiet_key(user)).await
}

/// Who has a token.
#[derive(Serialize, serde::Deserialize)]
struct Owner {
    user: String,
    device: String,
}

async fn registered<R: Registers + ?Sized>(
    store: &R,
    user: &UserId,
    device: &DeviceId,
) -> Result<Option<Registered>, StoreError> {
    Ok(store.get(&device_key(user, device)).await?.as_ref().and_then(parse))
}

async fn forget_owner<R: Registers + ?Sized>(
    store: &R,
    user: &UserId,
    registration: &Registration,
) -> Result<(), StoreError> {
    let key = owner_key(&registration.address);
    let Some(row) = store.get(&key).await? else { return Ok(()) };
    let is_ours = |owner: Owner| owner.user == user.as_str() && owner.device == registration.device.as_str();
    if serde_json::from_slice(&row.value).is_ok_and(is_ours) {
        store.put(&key, None, Expected::Version(row.version)).await?;
    }
    Ok(())
}

async fn read<R: Registers + ?Sized, T: DeserializeOwned>(store: &R, key: &str) -> Result<Option<T>, StoreError> {
    Ok(store.get(key).await?.and_then(|row| serde_json::from_slice(&row.value).ok()))
}

fn parse(row: &Versioned) -> Option<Registered> {
    let registration = serde_json::from_slice(&row.value).ok()?;
    Some(Registered { registration, version: row.version })
}

fn encode(value: &impl Serialize) -> Bytes {
    // These are plain structs of texts and numbers, which always have a JSON form.
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// A device id may hold what separates the parts of a key.
fn device_key(user: &UserId, device: &DeviceId) -> String {
    format!("user/{user}/push/{}", device.as_str().replace('%', "%25").replace('/', "%2f"))
}

fn mute_key(user: &UserId, conversation: &ConversationId) -> String {
    format!("user/{user}/mute/{conversation}")
}

fn quiet_key(user: &UserId) -> String {
    format!("user/{user}/quiet")
}

/// A hash, because a token is a secret and an endpoint is long.
fn owner_key(address: &Address) -> String {
    format!("push-token/{:032x}", xxh3_128(format!("{} {}", address.provider(), address.name()).as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use longwave_persistence::embedded::{Embedded, EmbeddedConfig};

    fn open(path: &std::path::Path) -> Embedded {
        Embedded::open(EmbeddedConfig { shards: 1, free_space_mark: 0, ..EmbeddedConfig::new(path.join("s")) }).unwrap()
    }

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn device(name: &str, token: &str) -> Registration {
        Registration {
            device: DeviceId::parse(name).unwrap(),
            app: "chat".into(),
            address: Address::Fcm { token: token.into() },
            locale: None,
            registered_at: 1,
        }
    }

    async fn names(store: &Embedded, name: &str) -> Vec<String> {
        let found = registrations_of(store, &user(name)).await.unwrap();
        found.into_iter().map(|found| found.registration.device.to_string()).collect()
    }

    #[tokio::test]
    async fn a_token_belongs_to_the_device_that_registered_it_last() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        register(&store, &user("bob"), &device("phone/1", "t1")).await.unwrap();
        register(&store, &user("bob"), &device("phone%2f1", "t2")).await.unwrap();
        assert_eq!(names(&store, "bob").await, ["phone%2f1", "phone/1"], "odd names do not meet");
        register(&store, &user("carol"), &device("phone", "t1")).await.unwrap();
        assert_eq!(names(&store, "bob").await, ["phone%2f1"], "the phone has another user now");
        assert_eq!(names(&store, "carol").await, ["phone"]);
        register(&store, &user("carol"), &device("phone", "t3")).await.unwrap();
        register(&store, &user("bob"), &device("tablet", "t1")).await.unwrap();
        assert_eq!(names(&store, "carol").await, ["phone"], "an old token takes nothing from a new one");
        assert!(unregister(&store, &user("carol"), &device("phone", "").device).await.unwrap());
        assert!(!unregister(&store, &user("carol"), &device("phone", "").device).await.unwrap());
        assert!(!is_registered(&store, &user("carol"), &device("phone", "").device).await.unwrap());
    }

    #[tokio::test]
    async fn a_token_that_died_does_not_take_a_new_one_along() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let (bob, phone) = (user("bob"), device("phone", "t1"));
        register(&store, &bob, &phone).await.unwrap();
        let seen = registrations_of(&store, &bob).await.unwrap().remove(0).version;
        register(&store, &bob, &device("phone", "t2")).await.unwrap();
        assert!(!remove_if_unchanged(&store, &bob, &phone.device, seen).await.unwrap());
        assert!(is_registered(&store, &bob, &phone.device).await.unwrap());
        let seen = registrations_of(&store, &bob).await.unwrap().remove(0).version;
        assert!(remove_if_unchanged(&store, &bob, &phone.device, seen).await.unwrap());
        assert!(remove_if_unchanged(&store, &bob, &phone.device, seen).await.unwrap(), "it is gone");
    }

    #[tokio::test]
    async fn a_user_registers_only_so_many_devices() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        for n in 0..DEVICES {
            register(&store, &user("bob"), &device(&format!("d{n}"), &format!("t{n}"))).await.unwrap();
        }
        let more = register(&store, &user("bob"), &device("one-more", "t")).await;
        assert!(matches!(more, Err(WakeError::TooMany)));
        register(&store, &user("bob"), &device("d3", "other")).await.unwrap();
    }

    #[tokio::test]
    async fn mutes_and_quiet_hours_come_back_and_go() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let (bob, team) = (user("bob"), ConversationId::parse("team").unwrap());
        let mute = Mute { until: Some(5), except_mentions: true };
        set_mute(&store, &bob, &team, Some(mute)).await.unwrap();
        assert_eq!(mute_of(&store, &bob, &team).await.unwrap(), Some(mute));
        set_mute(&store, &bob, &team, None).await.unwrap();
        assert_eq!(mute_of(&store, &bob, &team).await.unwrap(), None);
        let night = QuietHours::parse("22:00", "07:00", "UTC").unwrap();
        set_quiet_hours(&store, &bob, Some(&night)).await.unwrap();
        assert_eq!(quiet_hours_of(&store, &bob).await.unwrap(), Some(night));
        set_quiet_hours(&store, &bob, None).await.unwrap();
        assert_eq!(quiet_hours_of(&store, &bob).await.unwrap(), None);
    }
}
