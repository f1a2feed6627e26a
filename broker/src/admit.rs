//! Who may connect: everybody (`dev`, `test_broker`), who shows a certificate (`certificate`) or a signed token (`jwt`), who knows a password (`password`),
//! or any of these (`chain`).

mod certificate;
mod chain;
mod dev;
mod fetch;
mod hook;
mod jwt;
mod password;
mod test_broker;

pub use certificate::CertificateAdmit;
pub use chain::ChainAdmit;
pub use dev::DevAdmit;
pub use hook::{HookAdmit, HookSettings};
pub use jwt::{AdmitError, JwksSettings, JwtAdmit, TokenRules};
pub use password::{HashError, PasswordAdmit, hash_password};
pub use test_broker::TestBrokerAdmit;

pub use crate::x509::NamedBy;
