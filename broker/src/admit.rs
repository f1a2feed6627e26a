//! Who may connect: everybody (`dev`), who shows a certificate (`certificate`) or a signed token (`jwt`), who knows a password (`password`),
//! or any of these (`chain`).

mod certificate;
mod chain;
mod dev;
mod fetch;
mod hook;
mod jwt;
mod password;

pub use certificate::CertificateAdmit;
pub use chain::ChainAdmit;
pub use dev::DevAdmit;
pub use hook::{HookAdmit, HookSettings};
pub use jwt::{AdmitError, JwksSettings, JwtAdmit, TokenRules};
pub use password::{HashError, PasswordAdmit, hash_password};

pub use crate::x509::NamedBy;
