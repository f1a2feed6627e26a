//! The figures of a run.

use std::fmt;

use serde::Serialize;

/// One measurement.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figure {
    /// Messages per second.
    pub per_second: f64,
    /// Milliseconds, half of them faster.
    pub p50_ms: f64,
    /// Milliseconds, 99 of 100 faster.
    pub p99_ms: f64,
    /// Messages of one compare-and-set, or of one call.
    pub per_append: f64,
}

/// Everything once.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Round {
    /// One compare-and-set per message, 64 conversations at once, no views.
    pub single: Figure,
    /// The same in one conversation.
    pub one: Figure,
    /// The view writes alone.
    pub views: Figure,
    /// Through Longwave, spread over direct conversations.
    pub direct: Figure,
    /// Through Longwave, into one group.
    pub group: Figure,
}

/// All rounds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rounds(pub Vec<Round>);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { per_second, p50_ms, p99_ms, per_append } = self;
        write!(f, "{per_second:>8.0}/s  p50 {p50_ms:>7.1} ms  p99 {p99_ms:>7.1} ms  {per_append:>6.1} per append")
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "one CAS per message, 64 at once  {}", self.single)?;
        writeln!(f, "one CAS per message, one alone   {}", self.one)?;
        writeln!(f, "view writes alone                {}", self.views)?;
        writeln!(f, "Longwave, direct conversations   {}", self.direct)?;
        writeln!(f, "Longwave, one group              {}", self.group)?;
        writeln!(
            f,
            "  direct: {:.1} times one CAS per message, {:.0} % of the view writes alone; group: {:.1} times one CAS per message",
            self.direct.per_second / self.single.per_second,
            100.0 * self.direct.per_second / self.views.per_second,
            self.group.per_second / self.one.per_second
        )
    }
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let best = |of: fn(&Round) -> f64| self.0.iter().map(of).fold(0.0, f64::max);
        let (single, views) = (best(|round| round.single.per_second), best(|round| round.views.per_second));
        let (direct, group) = (best(|round| round.direct.per_second), best(|round| round.group.per_second));
        let one = best(|round| round.one.per_second);
        writeln!(
            f,
            "best of {}: CAS {single:.0}/s and {one:.0}/s, views {views:.0}/s, direct {direct:.0}/s ({:.1} times, {:.0} %), group {group:.0}/s ({:.1} times)",
            self.0.len(),
            direct / single,
            100.0 * direct / views,
            group / one
        )
    }
}
