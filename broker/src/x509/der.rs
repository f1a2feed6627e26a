//! Steps through DER, as far as X.509 needs them (RFC 5280, 4.1).

/// Tag, content and what follows of a DER element.
pub(super) fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (bytes, rest) = rest.split_at_checked(count)?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The elements of a sequence or set. One that is broken is `None`, and the last.
pub(super) fn elements(mut der: &[u8]) -> impl Iterator<Item = Option<(u8, &[u8])>> {
    std::iter::from_fn(move || {
        if der.is_empty() {
            return None;
        }
        let Some((tag, content, rest)) = element(der) else {
            der = &[];
            return Some(None);
        };
        der = rest;
        Some(Some((tag, content)))
    })
}

/// What of a certificate stands from its validity on.
pub(super) fn from_validity(certificate: &[u8]) -> Option<&[u8]> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut fields, _) = element(certificate)?;
    // Version is optional and tagged [0]; then serial, signature algorithm, issuer.
    if fields.first() == Some(&0xa0) {
        fields = element(fields)?.2;
    }
    for _ in 0..3 {
        fields = element(fields)?.2;
    }
    Some(fields)
}
