//! What a column holds: its kind, how many values, and for numbers their spread.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::exports::wasmill::examples::csv::{ColumnStats, Kind, Table};

pub fn columns(table: &Table) -> Vec<ColumnStats> {
    table.columns.iter().enumerate().map(|(index, name)| column(name, index, &table.rows)).collect()
}

fn column(name: &str, index: usize, rows: &[Vec<alloc::string::String>]) -> ColumnStats {
    let mut missing = 0;
    let mut values = Vec::new();
    for row in rows {
        match row.get(index).map(|value| value.trim()) {
            None | Some("") => missing += 1,
            Some(value) => values.push(value),
        }
    }
    let distinct = values.iter().collect::<BTreeSet<_>>().len() as u32;
    let numbers: Option<Vec<f64>> = values.iter().map(|value| number(value)).collect();
    let (kind, numbers) = match numbers {
        Some(numbers) if !numbers.is_empty() => (Kind::Number, numbers),
        Some(_) => (Kind::Empty, Vec::new()),
        None => (Kind::Text, Vec::new()),
    };
    let spread = Spread::of(&numbers);
    ColumnStats {
        name: name.into(),
        kind,
        count: values.len() as u32,
        missing,
        distinct,
        min: spread.as_ref().map(|spread| spread.min),
        max: spread.as_ref().map(|spread| spread.max),
        mean: spread.as_ref().map(|spread| spread.mean),
        stddev: spread.and_then(|spread| spread.stddev),
    }
}

/// Words that Rust reads as numbers (`nan`, `inf`) are text in a table.
fn number(value: &str) -> Option<f64> {
    value.parse().ok().filter(|number: &f64| number.is_finite())
}

struct Spread {
    min: f64,
    max: f64,
    mean: f64,
    stddev: Option<f64>,
}

impl Spread {
    /// Welford's method: one pass, and no loss of digits where the mean is large.
    fn of(numbers: &[f64]) -> Option<Self> {
        let first = *numbers.first()?;
        let (mut min, mut max, mut mean, mut squares, mut count) = (first, first, 0.0, 0.0, 0.0);
        for &number in numbers {
            min = f64::min(min, number);
            max = f64::max(max, number);
            count += 1.0;
            let delta = number - mean;
            mean += delta / count;
            squares += delta * (number - mean);
        }
        let stddev = (count > 1.0).then(|| libm::sqrt(squares / (count - 1.0)));
        Some(Self { min, max, mean, stddev })
    }
}
