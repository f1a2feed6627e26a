//! The browser's half of RFC 8291.

use aws_lc_rs::aead::Aad;
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::send::web_push::encrypt::keys;

/// A subscription's private key and secret.
pub(super) struct Browser {
    own: PrivateKey,
    public: Vec<u8>,
    auth: [u8; 16],
}

impl Browser {
    pub(super) fn new() -> Option<Self> {
        Self::of(PrivateKey::generate(&ECDH_P256).ok()?, rand::random())
    }

    fn of(own: PrivateKey, auth: [u8; 16]) -> Option<Self> {
        let public = own.compute_public_key().ok()?.as_ref().to_vec();
        Some(Self { own, public, auth })
    }

    pub(super) fn p256dh(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.public)
    }

    pub(super) fn auth(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.auth)
    }

    /// The plain text of a body of one record; `None` when it was not made for this subscription.
    pub(super) fn decrypt(&self, body: &[u8]) -> Option<Vec<u8>> {
        let (salt, rest) = body.split_at_checked(16)?;
        let (size, rest) = rest.split_at_checked(4)?;
        let size = u32::from_be_bytes(size.try_into().ok()?);
        let (&length, rest) = rest.split_first()?;
        let (server, record) = rest.split_at_checked(length.into())?;
        if u32::try_from(record.len()).ok()? > size {
            return None;
        }
        let (key, nonce) = keys(&self.own, server, (&self.public, server), &self.auth, salt)?;
        let mut record = record.to_vec();
        let plain = key.open_in_place(nonce, Aad::empty(), &mut record).ok()?;
        // Padding is zeros behind the delimiter 2 of the last record (RFC 8188, 2).
        let end = plain.iter().rposition(|byte| *byte != 0)?;
        (plain[end] == 2).then(|| plain[..end].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8291_appendix_a() {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let own = decode("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94");
        let own = PrivateKey::from_private_key(&ECDH_P256, &own).unwrap();
        let browser = Browser::of(own, decode("BTBZMqHH6r4Tts7J_aSIgg").try_into().unwrap()).unwrap();
        let mut body = decode(
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
        );
        assert_eq!(browser.decrypt(&body).unwrap(), b"When I grow up, I want to be a watermelon");
        *body.last_mut().unwrap() ^= 1;
        assert_eq!(browser.decrypt(&body), None);
        assert_eq!(browser.decrypt(b""), None);
    }
}
