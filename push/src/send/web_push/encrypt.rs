//! Encrypts a Web Push message for one subscription: RFC 8291 over one `aes128gcm` record of RFC 8188.
//!
//! Ours, on aws-lc-rs, because web-push-native brings a second stack for the same (AES-GCM, HKDF and two lines of RustCrypto) and cannot
//! be held to the RFC's own example, whose salt and key are given.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::send::Secret;

/// Bytes that every push service takes (RFC 8030, 7.2).
const LARGEST: usize = 4096;
/// Salt, record size, length of the key, key (RFC 8188, 2.1).
const HEADER: usize = 16 + 4 + 1 + POINT;
const POINT: usize = 65;
/// The delimiter of the last record, and the tag.
const TRAILER: usize = 1 + 16;

/// Why a message cannot be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CannotEncrypt {
    TooLarge,
    /// `p256dh` or `auth` is not what it should be.
    Keys,
    Crypto,
}

/// The body of the request: header and one record.
pub(crate) fn encrypt(plain: &[u8], p256dh: &Secret, auth: &Secret) -> Result<Vec<u8>, CannotEncrypt> {
    let mut salt = [0; 16];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| CannotEncrypt::Crypto)?;
    let own = PrivateKey::generate(&ECDH_P256).map_err(|_| CannotEncrypt::Crypto)?;
    with(plain, p256dh, auth, &own, salt)
}

/// The content encryption key and the nonce. `theirs` is the other side's point; `ua` and `server` are the points of the browser and of the
/// server, in the order of RFC 8291, 3.4.
pub(crate) fn keys(
    own: &PrivateKey,
    theirs: &[u8],
    (ua, server): (&[u8], &[u8]),
    auth: &[u8],
    salt: &[u8],
) -> Option<(LessSafeKey, Nonce)> {
    let secret = agree(own, UnparsedPublicKey::new(&ECDH_P256, theirs), (), |secret| Ok(secret.to_vec())).ok()?;
    let mut ikm = [0; 32];
    derive(auth, &secret, &[b"WebPush: info\0", ua, server], &mut ikm)?;
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    derive(salt, &ikm, &[b"Content-Encoding: aes128gcm\0"], &mut key)?;
    derive(salt, &ikm, &[b"Content-Encoding: nonce\0"], &mut nonce)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
    Some((key, Nonce::assume_unique_for_key(nonce)))
}

fn with(
    plain: &[u8],
    p256dh: &Secret,
    auth: &Secret,
    own: &PrivateKey,
    salt: [u8; 16],
) -> Result<Vec<u8>, CannotEncrypt> {
    if HEADER + plain.len() + TRAILER > LARGEST {
        return Err(CannotEncrypt::TooLarge);
    }
    let ua = decode(p256dh).filter(|point| point.len() == POINT).ok_or(CannotEncrypt::Keys)?;
    let auth = decode(auth).filter(|auth| auth.len() == 16).ok_or(CannotEncrypt::Keys)?;
    let public = own.compute_public_key().map_err(|_| CannotEncrypt::Crypto)?;
    let public = public.as_ref();
    let (key, nonce) = keys(own, &ua, (&ua, public), &auth, &salt).ok_or(CannotEncrypt::Keys)?;
    let mut record = Vec::with_capacity(plain.len() + TRAILER);
    record.extend_from_slice(plain);
    record.push(2);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record).map_err(|_| CannotEncrypt::Crypto)?;
    let mut body = Vec::with_capacity(HEADER + record.len());
    body.extend_from_slice(&salt);
    body.extend_from_slice(&4096_u32.to_be_bytes());
    body.push(65);
    body.extend_from_slice(public);
    body.extend_from_slice(&record);
    Ok(body)
}

/// Browsers give base64url without padding; some libraries add it.
fn decode(text: &Secret) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.expose().trim_end_matches('=')).ok()
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 (RFC 5869), extract and expand.
fn derive(salt: &[u8], input: &[u8], info: &[&[u8]], output: &mut [u8]) -> Option<()> {
    let length = Length(output.len());
    Salt::new(HKDF_SHA256, salt).extract(input).expand(info, length).ok()?.fill(output).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UA_PUBLIC: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    #[test]
    fn rfc_8291_appendix_a() {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let own =
            PrivateKey::from_private_key(&ECDH_P256, &decode("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap();
        let salt = decode("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let plain = b"When I grow up, I want to be a watermelon";
        let body = with(plain, &Secret::new(UA_PUBLIC), &Secret::new(AUTH), &own, salt).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), expected);
    }

    #[test]
    fn what_does_not_fit_and_keys_that_are_none() {
        let (ua, auth) = (Secret::new(UA_PUBLIC), Secret::new(AUTH));
        let largest = LARGEST - HEADER - TRAILER;
        assert_eq!(encrypt(&vec![0; largest], &ua, &auth).unwrap().len(), LARGEST);
        assert_eq!(encrypt(&vec![0; largest + 1], &ua, &auth), Err(CannotEncrypt::TooLarge));
        assert_eq!(encrypt(b"", &Secret::new("AAAA"), &auth), Err(CannotEncrypt::Keys));
        let off_curve = URL_SAFE_NO_PAD.encode([[4].as_slice(), &[1; 64]].concat());
        assert_eq!(encrypt(b"", &Secret::new(off_curve), &auth), Err(CannotEncrypt::Keys));
        assert_eq!(encrypt(b"", &ua, &Secret::new("AAAA")), Err(CannotEncrypt::Keys));
    }
}
