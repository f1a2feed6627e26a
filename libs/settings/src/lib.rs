//! Settings: defaults, then a TOML file, then `LONGWAVE_…` environment variables, then command line flags.
//!
//! Unknown keys are errors. An error in the file names the file, the line, the key and the reason.

mod access;
mod drain;
mod load;
mod nodes;
mod plain;
mod push;
mod reference;
mod sections;
mod test_broker;
mod tls;

pub use access::{AccessSettings, Administrators};
pub use drain::Drain;
pub use load::{SettingsError, Sources, load};
pub use nodes::{LinkSettings, NodeSettings, RedisSettings};
pub use plain::{PlainTopics, SharedStrategy};
pub use push::{ApnsSection, FcmSection, PushBadge, PushSection, WebPushSection};
pub use reference::{default_toml, reference_markdown, to_toml};
pub use sections::{
    Auth, CassandraSettings, Conversations, DirectPolicy, Feeds, Hook, Jwt, Limits, Listen, LogFormat, Logging,
    Retention, Settings, StoreSettings, Tls,
};
pub use test_broker::TestBroker;
pub use tls::{ClientCertificates, ClientName, TlsVersion};
