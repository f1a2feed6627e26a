//! Hours of the day in which a user is not to be woken.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Why hours are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuietError {
    /// Not `HH:MM`.
    #[error("{0:?} is no time of day such as 22:00")]
    Time(String),
    /// Not in the IANA time zone database.
    #[error("{0:?} is no time zone such as Europe/Zurich")]
    Zone(String),
}

/// From one time of the day to another, over midnight when the second is the earlier one; equal ones are the whole day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// Minutes after midnight.
    from: u16,
    /// Minutes after midnight; this minute is quiet no more.
    to: u16,
    /// IANA name.
    zone: String,
}

impl QuietHours {
    /// From and to as `HH:MM`, in a zone of the IANA time zone database.
    ///
    /// # Errors
    /// [`QuietError`] when one of them is none.
    pub fn parse(from: &str, to: &str, zone: &str) -> Result<Self, QuietError> {
        TimeZone::get(zone).map_err(|_| QuietError::Zone(zone.into()))?;
        Ok(Self { from: minutes(from)?, to: minutes(to)?, zone: zone.into() })
    }

    /// Whether it is quiet at this time, Unix milliseconds. Not in a zone that this release no longer knows.
    #[must_use]
    pub fn covers(&self, now: u64) -> bool {
        let time = i64::try_from(now).ok().and_then(|now| Timestamp::from_millisecond(now).ok());
        let (Some(time), Ok(zone)) = (time, TimeZone::get(&self.zone)) else { return false };
        let local = zone.to_datetime(time).time();
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

fn minutes(text: &str) -> Result<u16, QuietError> {
    let parse = || {
        let (hours, minutes) = text.split_once(':')?;
        let number = |text: &str, below: u16| {
            let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|number| plain && *number < below)
        };
        Some(number(hours, 24)? * 60 + number(minutes, 60)?)
    };
    parse().ok_or_else(|| QuietError::Time(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> u64 {
        u64::try_from(text.parse::<Timestamp>().unwrap().as_millisecond()).unwrap()
    }

    #[test]
    fn nights_pass_midnight_and_follow_summer_time() {
        let night = QuietHours::parse("22:00", "07:00", "Europe/Zurich").unwrap();
        for (time, quiet) in [
            ("2026-01-10T20:59:00Z", false),
            ("2026-01-10T21:00:00Z", true),
            ("2026-01-11T05:59:59Z", true),
            ("2026-01-11T06:00:00Z", false),
            ("2026-07-10T20:00:00Z", true),
            ("2026-07-11T05:00:00Z", false),
        ] {
            assert_eq!(night.covers(at(time)), quiet, "{time}");
        }
    }

    #[test]
    fn noon_lies_within_a_day_and_equal_times_are_the_whole_day() {
        let noon = QuietHours::parse("12:00", "13:00", "UTC").unwrap();
        assert!(noon.covers(at("2026-01-10T12:30:00Z")) && !noon.covers(at("2026-01-10T13:00:00Z")));
        let always = QuietHours::parse("08:00", "08:00", "UTC").unwrap();
        assert!(always.covers(at("2026-01-10T07:59:00Z")) && always.covers(at("2026-01-10T08:00:00Z")));
    }

    #[test]
    fn what_is_no_time_or_zone_is_refused() {
        for wrong in ["", "7", "7:00", "24:00", "12:60", "12:00:00", "+1:00", "１２:00"] {
            assert!(matches!(QuietHours::parse(wrong, "07:00", "UTC"), Err(QuietError::Time(_))), "{wrong}");
        }
        assert!(matches!(QuietHours::parse("22:00", "07:00", "Europe/Atlantis"), Err(QuietError::Zone(_))));
    }
}
