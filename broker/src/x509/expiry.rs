//! When a certificate expires. rustls does not tell.

use super::der::{element, from_validity};

/// Unix time in seconds of `notAfter`; `None` when it is no certificate (RFC 5280, 4.1).
pub(crate) fn not_after(certificate: &[u8]) -> Option<i64> {
    let (_, validity, _) = element(from_validity(certificate)?)?;
    let (_, _, rest) = element(validity)?;
    let (tag, time, _) = element(rest)?;
    unix_time(tag, time)
}

/// UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ`.
fn unix_time(tag: u8, text: &[u8]) -> Option<i64> {
    let (year, rest) = match tag {
        0x17 => {
            let (year, rest) = text.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        0x18 => {
            let (year, rest) = text.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    let mut parts = rest.chunks(2).map(number);
    let mut next = || parts.next().flatten();
    let (month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?);
    if !(1..=12).contains(&month) {
        return None;
    }
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

fn number(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era_years = year * 365 + year / 4 - year / 100 + year / 400;
    era_years + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_time() {
        assert_eq!(unix_time(0x17, b"700101000000Z"), Some(0));
        assert_eq!(unix_time(0x17, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(unix_time(0x18, b"20260228120000Z"), Some(1_772_280_000));
        assert_eq!(unix_time(0x18, b"20240229000000Z"), Some(1_709_164_800));
        assert_eq!(unix_time(0x18, b"20241329000000Z"), None);
        assert_eq!(unix_time(0x18, b"2024"), None);
        assert_eq!(unix_time(0x02, b"20240229000000Z"), None);
    }

    #[test]
    fn what_is_cut_short_is_no_certificate() {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2031, 5, 6);
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let der = certificate.der();
        assert_eq!(not_after(der), Some(1_935_792_000));
        for end in 0..der.len() {
            assert_eq!(not_after(&der[..end]), None);
        }
    }
}
