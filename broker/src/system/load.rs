//! Averages over 1, 5 and 15 minutes of what happens per minute, as Mosquitto computes them: each round, the rate since the one before
//! counts for as much as the time that has passed, and what was before fades by a factor of e in the time of the average.

use std::time::Duration;

/// The averages, in seconds, with their names.
const OVER: [(f64, &str); 3] = [(60.0, "1min"), (300.0, "5min"), (900.0, "15min")];

/// What averages are told of, as names under `$SYS/broker/load/`.
pub(super) const NAMES: [&str; 9] = [
    "messages/received",
    "messages/sent",
    "publish/received",
    "publish/sent",
    "publish/dropped",
    "bytes/received",
    "bytes/sent",
    "sockets",
    "connections",
];

/// One number for each of [`NAMES`].
pub(super) type Totals = [u64; NAMES.len()];

/// The averages so far.
#[derive(Debug, Default)]
pub(super) struct Loads {
    totals: Totals,
    averages: [[f64; OVER.len()]; NAMES.len()],
}

impl Loads {
    /// Takes in what has been counted since the start, `passed` after the last time.
    pub(super) fn update(&mut self, totals: Totals, passed: Duration) {
        let passed = passed.as_secs_f64();
        if passed <= 0.0 {
            return;
        }
        for ((total, before), averages) in totals.iter().zip(&self.totals).zip(&mut self.averages) {
            let per_minute = as_float(total.saturating_sub(*before)) * 60.0 / passed;
            for (average, (seconds, _)) in averages.iter_mut().zip(OVER) {
                let fades_to = (-passed / seconds).exp();
                *average = per_minute + fades_to * (*average - per_minute);
            }
        }
        self.totals = totals;
    }

    /// The averages by topic, with two decimals.
    pub(super) fn texts(&self) -> impl Iterator<Item = (String, String)> + '_ {
        NAMES.iter().zip(&self.averages).flat_map(|(name, averages)| {
            OVER.iter()
                .zip(averages)
                .map(move |((_, over), average)| (format!("$SYS/broker/load/{name}/{over}"), format!("{average:.2}")))
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "an average is shown with two decimals")]
fn as_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts_of(loads: &Loads, name: &str) -> Vec<String> {
        let wanted = format!("$SYS/broker/load/{name}/");
        loads.texts().filter(|(topic, _)| topic.starts_with(&wanted)).map(|(_, text)| text).collect()
    }

    #[test]
    fn averages_rise_to_the_rate_and_fade_after_it() {
        let mut loads = Loads::default();
        let mut totals = Totals::default();
        // 10 messages in 10 s are 60 a minute: the averages go 1 - e^(-10/60), … of the way.
        totals[0] = 10;
        loads.update(totals, Duration::from_secs(10));
        assert_eq!(texts_of(&loads, "messages/received"), ["9.21", "1.97", "0.66"]);
        for _ in 0..1_000 {
            totals[0] += 10;
            loads.update(totals, Duration::from_secs(10));
        }
        assert_eq!(texts_of(&loads, "messages/received"), ["60.00", "60.00", "60.00"]);
        loads.update(totals, Duration::from_secs(60));
        assert_eq!(texts_of(&loads, "messages/received"), ["22.07", "49.12", "56.13"]);
        assert_eq!(texts_of(&loads, "messages/sent"), ["0.00", "0.00", "0.00"]);
    }

    #[test]
    fn the_first_round_says_nothing_of_what_was_before() {
        let mut loads = Loads::default();
        loads.update([7; NAMES.len()], Duration::ZERO);
        assert_eq!(texts_of(&loads, "sockets"), ["0.00", "0.00", "0.00"]);
    }
}
