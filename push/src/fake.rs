//! APNs, FCM and Web Push as servers on this machine, for tests and for people who develop applications.
//!
//! They speak real HTTP/2 over TLS under an [`Authority`] of their own, check what the real ones check, can be told to misbehave
//! request by request, and keep what they got. They share no code with the sending side but the key derivation of RFC 8291, which the RFC's
//! own example fixes.

mod apns;
mod authority;
mod call;
mod fcm;
mod key;
mod playground;
mod server;
mod splice;
mod web_push;

pub use apns::{ApnsAct, ApnsPush, FakeApns};
pub use authority::Authority;
pub use fcm::{FakeFcm, FcmAct, FcmPush, GrantAct};
pub use key::new_key_pem;
pub use playground::Playground;
pub use web_push::{FakeWebPush, Subscription, WebPushAct, WebPushPush};

/// Why a fake could not start.
#[derive(Debug, thiserror::Error)]
pub enum FakeError {
    /// A certificate or key could not be made.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS could not be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// No port to listen on.
    #[error("listen: {0}")]
    Listen(#[from] std::io::Error),
    /// A file could not be written.
    #[error("file: {0}")]
    File(std::io::Error),
    /// A key could not be made.
    #[error("no key")]
    Key,
}
