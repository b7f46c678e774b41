//! The one place that prints: results on stdout, progress and failures on stderr.

use std::fmt::Display;
use std::io::{self, Write};

use crate::failure::Failure;

/// Nobody can be told that the terminal is gone, so errors of writing are let go.
pub(crate) struct Printer;

impl Printer {
    /// A line of the result.
    pub(crate) fn result(&self, line: impl Display) {
        let _ = writeln!(io::stdout().lock(), "{line}");
    }

    /// What is being done.
    pub(crate) fn progress(&self, line: impl Display) {
        let _ = writeln!(io::stderr().lock(), "xtask: {line}");
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        let _ = writeln!(io::stderr().lock(), "error: {failure}");
    }

    /// Columns as wide as they must be; the first row is the head.
    pub(crate) fn table(&self, rows: &[Vec<String>]) {
        for line in lay_out(rows) {
            self.result(line);
        }
    }
}

fn lay_out(rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::lay_out;

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["ccc".to_owned(), "d".to_owned()]];
        assert_eq!(lay_out(&rows), ["a    bb", "ccc  d"]);
    }
}
