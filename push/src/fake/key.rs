//! Keys for signing, as Apple and browsers give them out.

use super::FakeError;

/// A new P-256 key in PEM (PKCS #8).
///
/// # Errors
/// When none can be made.
pub fn new_key_pem() -> Result<String, FakeError> {
    Ok(rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?.serialize_pem())
}
