//! The comparison as a table: medians, their spread, and the ratio of the first server to the second.
//!
//! The ratio is the median of the rounds' ratios, not the ratio of the medians: within a round the two servers are measured one
//! right after the other, so what else the machine does at that time weighs on both.

use std::fmt;

use super::load::{Better, Figures, Row};

/// Writes the table; `servers` are its columns.
pub(super) fn write(f: &mut fmt::Formatter<'_>, servers: &[String], figures: &Figures) -> fmt::Result {
    write!(f, "{:<48}", "median (lowest–highest)")?;
    for server in servers {
        write!(f, " {server:>26}")?;
    }
    if let [first, second] = servers {
        write!(f, "  {first}/{second}")?;
    }
    writeln!(f)?;
    for row in &figures.rows {
        write!(f, "{:<48}", row.name)?;
        for server in servers {
            let (low, middle, high) = spread(rounds(row, server));
            write!(f, " {:>26}", format!("{} ({}–{})", short(middle), short(low), short(high)))?;
        }
        if let [first, second] = servers {
            let ratio = ratio(rounds(row, first), rounds(row, second));
            let worse = match row.better {
                Better::More => ratio < 1.0,
                Better::Less => ratio > 1.0,
            };
            write!(f, "  {ratio:.2}{}", if worse { " worse" } else { "" })?;
        }
        writeln!(f)?;
    }
    Ok(())
}

fn rounds<'a>(row: &'a Row, server: &str) -> &'a [f64] {
    row.values.get(server).map_or(&[], Vec::as_slice)
}

/// Median of the rounds' ratios.
fn ratio(first: &[f64], second: &[f64]) -> f64 {
    let ratios: Vec<f64> = first.iter().zip(second).map(|(one, other)| one / other).collect();
    spread(&ratios).1
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
    fn a_round_in_which_the_machine_was_slow_for_both_does_not_move_the_ratio() {
        let ratio = ratio(&[100.0, 50.0, 90.0], &[50.0, 25.0, 45.0]);
        assert!((ratio - 2.0).abs() < 1e-9, "{ratio}");
    }

    #[test]
    fn the_table_has_a_row_per_figure_and_says_which_ratio_is_worse() {
        let row = |name: &str, better, first, second| Row {
            name: name.to_owned(),
            better,
            values: [("a".to_owned(), vec![first]), ("b".to_owned(), vec![second])].into(),
        };
        let rows = vec![row("speed", Better::More, 30.0, 20.0), row("memory", Better::Less, 30.0, 20.0)];
        let figures = Figures { rows, unclean: Vec::new() };
        struct Table(Figures);
        impl fmt::Display for Table {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(f, &["a".to_owned(), "b".to_owned()], &self.0)
            }
        }
        let text = Table(figures).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("speed") && lines[1].ends_with("1.50"), "{text}");
        assert!(lines[2].starts_with("memory") && lines[2].ends_with("1.50 worse"), "{text}");
    }

    #[test]
    fn figures_are_shortened_by_their_size() {
        assert_eq!([short(12_345.6), short(12.34), short(0.1234)], ["12346", "12.3", "0.123"]);
    }
}
