//! Whom a certificate names. It must name exactly one: which of several its authority looked at, nobody can tell.

use super::der::{element, elements, from_validity};

/// Which of a certificate's names is the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// The common name of its subject.
    CommonName,
    /// A DNS name among its subject alternative names.
    DnsName,
    /// An e-mail address among its subject alternative names.
    Email,
}

/// Why a certificate names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    #[error("the client certificate cannot be read")]
    Unreadable,
    #[error("the client certificate has no name of the kind that the server takes")]
    None,
    #[error("the client certificate has more than one name of the kind that the server takes")]
    Several,
}

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// The one name of this kind.
pub(crate) fn name(certificate: &[u8], by: NamedBy) -> Result<&str, NameError> {
    let names = match by {
        NamedBy::CommonName => common_names(certificate),
        NamedBy::DnsName => alternative_names(certificate, 0x82),
        NamedBy::Email => alternative_names(certificate, 0x81),
    };
    match names.as_deref().ok_or(NameError::Unreadable)? {
        [] => Err(NameError::None),
        [name] => std::str::from_utf8(name).map_err(|_| NameError::Unreadable),
        _ => Err(NameError::Several),
    }
}

fn common_names(certificate: &[u8]) -> Option<Vec<&[u8]>> {
    let (_, _, subject) = element(from_validity(certificate)?)?;
    let (_, subject, _) = element(subject)?;
    let mut found = Vec::new();
    for set in elements(subject) {
        for attribute in elements(set?.1) {
            let (_, kind, rest) = element(attribute?.1)?;
            let (tag, value, _) = element(rest)?;
            if kind == COMMON_NAME {
                // UTF8String, PrintableString, IA5String; the others are no UTF-8.
                if !matches!(tag, 0x0c | 0x13 | 0x16) {
                    return None;
                }
                found.push(value);
            }
        }
    }
    Some(found)
}

fn alternative_names(certificate: &[u8], wanted: u8) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    for field in elements(from_validity(certificate)?) {
        let (tag, content) = field?;
        // Extensions are tagged [3].
        if tag != 0xa3 {
            continue;
        }
        for extension in elements(element(content)?.1) {
            let extension = extension?.1;
            let (_, kind, _) = element(extension)?;
            if kind != SUBJECT_ALT_NAME {
                continue;
            }
            // Behind the kind a flag may stand; the value is the last.
            let (_, value) = elements(extension).last()??;
            for name in elements(element(value)?.1) {
                let (tag, name) = name?;
                if tag == wanted {
                    found.push(name);
                }
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(common_names: &[&str], dns: &[&str], emails: &[&str]) -> Vec<u8> {
        let mut params = CertificateParams::new(dns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "House");
        for name in common_names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        params.subject_alt_names.extend(emails.iter().map(|name| SanType::Rfc822Name((*name).try_into().unwrap())));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn every_kind_of_name_is_found() {
        let der = certificate(&["bob"], &["kitchen.example.org"], &["bob@example.org"]);
        assert_eq!(name(&der, NamedBy::CommonName), Ok("bob"));
        assert_eq!(name(&der, NamedBy::DnsName), Ok("kitchen.example.org"));
        assert_eq!(name(&der, NamedBy::Email), Ok("bob@example.org"));
    }

    #[test]
    fn none_or_several_name_nobody() {
        let der = certificate(&[], &["a.example.org", "b.example.org"], &[]);
        assert_eq!(name(&der, NamedBy::CommonName), Err(NameError::None));
        assert_eq!(name(&der, NamedBy::DnsName), Err(NameError::Several));
        assert_eq!(name(&der, NamedBy::Email), Err(NameError::None));
    }

    #[test]
    fn what_is_cut_short_or_bent_names_nobody_else() {
        let der = certificate(&["bob"], &["kitchen.example.org"], &["bob@example.org"]);
        for by in [NamedBy::CommonName, NamedBy::DnsName, NamedBy::Email] {
            for end in 0..der.len() {
                assert!(name(&der[..end], by).is_err());
            }
            for at in 0..der.len() {
                let mut bent = der.clone();
                bent[at] = 0xff;
                // Whatever it says, it must say it without a panic.
                let _ = name(&bent, by);
            }
        }
    }
}
