//! The comparison as a table: medians, their spread, and the ratio of the first server to the second.

use std::fmt;

use super::load::{Better, Figures};

/// Writes the table; `servers` are its columns.
pub(super) fn write(f: &mut fmt::Formatter<'_>, servers: &[String], figures: &Figures) -> fmt::Result {
    write!(f, "{:<48}", "")?;
    for server in servers {
        write!(f, " {server:>26}")?;
    }
    if let [first, second, ..] = servers {
        write!(f, "  {first}/{second}")?;
    }
    writeln!(f)?;
    for row in &figures.rows {
        write!(f, "{:<48}", row.name)?;
        let mut medians = Vec::new();
        for server in servers {
            let values = row.values.get(server).map_or(&[][..], Vec::as_slice);
            let (low, middle, high) = spread(values);
            write!(f, " {:>26}", format!("{} ({}–{})", short(middle), short(low), short(high)))?;
            medians.push(middle);
        }
        if let [first, second, ..] = medians[..] {
            let verdict = match row.better {
                Better::More if first >= second => "",
                Better::Less if first <= second => "",
                Better::More => " less",
                Better::Less => " more",
            };
            write!(f, "  {:.2}{verdict}", first / second)?;
        }
        writeln!(f)?;
    }
    Ok(())
}

/// Lowest, median and highest.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (sorted.first(), sorted.last()) else { return (f64::NAN, f64::NAN, f64::NAN) };
    let half = sorted.len() / 2;
    let median =
        if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[half - 1], sorted[half]) } else { sorted[half] };
    (*low, median, *high)
}

/// About three digits.
fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_lies_between_the_middle_two() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), (1.0, 2.0, 3.0));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), (1.0, 2.5, 4.0));
        assert!(spread(&[]).1.is_nan(), "no values are no figure, not a 0");
    }

    #[test]
    fn figures_are_shortened_by_their_size() {
        assert_eq!([short(12_345.6), short(12.34), short(0.1234)], ["12346", "12.3", "0.123"]);
    }
}
