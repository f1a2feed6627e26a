//! The `Retry-After` header (RFC 9110, 10.2.3): seconds, or a date.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::HeaderMap;
use hyper::header::RETRY_AFTER;

/// The longest that is believed: a push lives an hour, and a day is longer than that.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long to wait, or `None` when the header is missing or makes no sense.
pub(crate) fn retry_after(headers: &HeaderMap, now_millis: u64) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let then = httpdate::parse_http_date(text).ok()?;
            let now: SystemTime = UNIX_EPOCH + Duration::from_millis(now_millis);
            then.duration_since(now).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        retry_after(&headers, 784_111_777_000)
    }

    #[test]
    fn seconds_and_dates() {
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(read("Sun, 06 Nov 1994 08:40:37 GMT"), Some(Duration::ZERO));
        assert_eq!(read("999999999"), Some(LONGEST));
        assert_eq!(read("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), 0), None);
    }
}
