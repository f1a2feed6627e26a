//! What is wanted of X.509 beyond what rustls checks: when a certificate expires, and whom it names. A few DER steps, so they are here.

mod der;
mod expiry;
mod names;

pub(crate) use expiry::not_after;
pub use names::NamedBy;
pub(crate) use names::name;
