//! Who may connect: everybody (`dev`), who has a signed token (`jwt`), who knows a password (`password`), or either (`chain`).

mod chain;
mod dev;
mod jwt;
mod password;

pub use chain::ChainAdmit;
pub use dev::DevAdmit;
pub use jwt::{AdmitError, JwksSettings, JwtAdmit, TokenRules};
pub use password::{HashError, PasswordAdmit, hash_password};
