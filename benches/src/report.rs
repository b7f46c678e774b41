//! What a bench found: a table that it prints, and the same as JSON for `cargo xtask bench`, which writes `docs/benchmarks.md`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::measure::{Effort, Samples};

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Nanoseconds: less is better.
    Time,
    /// Calls a second: more is better.
    Rate,
    /// A plain factor.
    Factor,
}

impl Measure {
    fn show(self, figure: f64) -> String {
        match self {
            _ if !figure.is_finite() => "–".to_owned(),
            Measure::Time if figure < 0.0 => format!("-{}", self.show(-figure)),
            Measure::Time if figure < 1e3 => format!("{figure:.0} ns"),
            Measure::Time if figure < 1e6 => format!("{:.2} µs", figure / 1e3),
            Measure::Time if figure < 1e9 => format!("{:.2} ms", figure / 1e6),
            Measure::Time => format!("{:.2} s", figure / 1e9),
            Measure::Rate => format!("{}/s", thousands(figure)),
            Measure::Factor => format!("{figure:.2}x"),
        }
    }
}

fn thousands(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// At most so many times what it is held against.
    Times(f64),
    /// So many times better than what it is held against.
    Ahead(f64),
    /// At least this share of the rate that it is held against.
    Share(f64),
    /// At most this, in its own unit.
    AtMost(f64),
    /// At least this, in its own unit.
    AtLeast(f64),
    /// At most so many nanoseconds more than what it is held against.
    More(f64),
    /// Told for comparison.
    None,
}

/// One line of a report.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was done.
    pub case: String,
    /// What it is held against, and its figure.
    pub floor: Option<(String, f64)>,
    /// Wasmill's figure.
    pub figure: f64,
    /// What both count.
    pub measure: Measure,
    /// What is asked for.
    pub target: Target,
}

impl Row {
    /// Wasmill's median beside the floor's.
    pub fn beside(case: &str, floor_name: &str, floor: &Samples, figure: &Samples, target: Target) -> Self {
        Row {
            case: case.to_owned(),
            floor: Some((floor_name.to_owned(), floor.median())),
            figure: figure.median(),
            measure: Measure::Time,
            target,
        }
    }

    fn ratio(&self) -> Option<f64> {
        self.floor.as_ref().map(|(_, floor)| self.figure / floor)
    }

    /// How many times better.
    fn ahead(&self) -> Option<f64> {
        let ratio = self.ratio()?;
        Some(if self.measure == Measure::Rate { ratio } else { 1.0 / ratio })
    }

    fn difference(&self) -> Option<f64> {
        self.floor.as_ref().map(|(_, floor)| self.figure - floor)
    }

    fn shown_ratio(&self) -> String {
        match self.target {
            Target::Ahead(_) => self.ahead().map_or_else(String::new, |ahead| {
                if ahead >= 1.0 { format!("{ahead:.1}x ahead") } else { format!("{:.1}x behind", 1.0 / ahead) }
            }),
            Target::More(_) => self.difference().map_or_else(String::new, |more| {
                format!("{}{}", if more < 0.0 { "" } else { "+" }, self.measure.show(more))
            }),
            _ if self.measure == Measure::Factor => String::new(),
            _ => self.ratio().map_or_else(String::new, |ratio| format!("{ratio:.2}x")),
        }
    }

    fn shown_target(&self) -> String {
        match self.target {
            Target::Times(most) => format!("≤ {most}x"),
            Target::Ahead(least) => format!("≥ {least}x ahead"),
            Target::Share(least) => format!("≥ {least}x"),
            Target::AtMost(most) => format!("≤ {}", self.measure.show(most)),
            Target::AtLeast(least) => format!("≥ {}", self.measure.show(least)),
            Target::More(most) => format!("≤ +{}", self.measure.show(most)),
            Target::None => String::new(),
        }
    }

    /// Whether it is what was asked for, where something was.
    pub fn met(&self) -> Option<bool> {
        match self.target {
            Target::Times(most) => self.ratio().map(|ratio| ratio <= most),
            Target::Ahead(least) => self.ahead().map(|ahead| ahead >= least),
            Target::Share(least) => self.ratio().map(|ratio| ratio >= least),
            Target::AtMost(most) => Some(self.figure <= most),
            Target::AtLeast(least) => Some(self.figure >= least),
            Target::More(most) => self.difference().map(|more| more <= most),
            Target::None => None,
        }
    }

    /// The figure that the target speaks of, and the target.
    fn judged(&self) -> String {
        let figure = match self.target {
            Target::AtMost(_) | Target::AtLeast(_) | Target::None => self.measure.show(self.figure),
            Target::Times(_) | Target::Ahead(_) | Target::Share(_) | Target::More(_) => self.shown_ratio(),
        };
        format!("{}: {figure} ({})", self.case, self.shown_target())
    }

    fn cells(&self) -> [String; 7] {
        let (floor_name, floor) = match &self.floor {
            Some((name, figure)) => (name.clone(), self.measure.show(*figure)),
            None => (String::new(), String::new()),
        };
        let met = self.met().map_or("", |met| if met { "yes" } else { "no" });
        let figure = self.measure.show(self.figure);
        [self.case.clone(), floor_name, floor, figure, self.shown_ratio(), self.shown_target(), met.to_owned()]
    }
}

/// The head of every table.
const HEAD: [&str; 7] = ["case", "beside", "its figure", "Wasmill", "ratio", "target", "met"];

/// The result of one bench.
#[derive(Clone, Debug)]
pub struct Report {
    /// The bench's name, and its file's.
    pub name: &'static str,
    /// A heading.
    pub title: &'static str,
    /// What was measured, and how.
    pub method: &'static str,
    /// The lines of the table.
    pub rows: Vec<Row>,
    /// What a reader should know about them.
    pub notes: Vec<String>,
}

impl Report {
    /// Prints the table, and writes the report for `cargo xtask bench`.
    ///
    /// # Errors
    /// When the file cannot be written.
    #[allow(clippy::print_stdout, reason = "a bench's result is its output")]
    pub fn publish(&self, effort: Effort) -> io::Result<()> {
        let cells: Vec<[String; 7]> = self.rows.iter().map(Row::cells).collect();
        println!("\n{}", self.title);
        let head = HEAD.map(str::to_owned);
        for row in std::iter::once(&head).chain(&cells) {
            let [case, beside, floor, figure, ratio, target, met] = row;
            println!("{case:<34} {beside:<34} {floor:>12} {figure:>12} {ratio:>12}  {target:<14} {met}");
        }
        for note in &self.notes {
            println!("{note}");
        }
        if effort == Effort::Once {
            return Ok(());
        }
        let numbers: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "case": row.case,
                    "beside": row.floor.as_ref().map(|(name, _)| name),
                    "floor": row.floor.as_ref().map(|(_, figure)| figure),
                    "figure": row.figure,
                    "met": row.met(),
                })
            })
            .collect();
        let missed: Vec<String> = self.rows.iter().filter(|row| row.met() == Some(false)).map(Row::judged).collect();
        let report = json!({
            "title": self.title,
            "method": self.method,
            "quick": effort == Effort::Quick,
            "head": HEAD,
            "rows": cells,
            "notes": self.notes,
            "targets": self.rows.iter().filter(|row| row.met().is_some()).count(),
            "missed": missed,
            "numbers": numbers,
        });
        let folder = target_dir().join("benchmarks");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{}.json", self.name)), format!("{report:#}\n"))
    }
}

/// Criterion's median of a case (`group/function`) in nanoseconds; none where it was not measured in this run.
pub fn criterion_median(case: &str) -> Option<f64> {
    // Criterion names folders so.
    let path = target_dir().join("criterion").join(case.replace('/', "_")).join("new/estimates.json");
    let estimates: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    estimates.get("median")?.get("point_estimate")?.as_f64()
}

/// Where cargo puts what it builds: the folder that holds the running program, three up; without a folder `deps`, two.
pub fn target_dir() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let up = if program.parent().is_some_and(|folder| folder.ends_with("deps")) { 3 } else { 2 };
    program.ancestors().nth(up).unwrap_or(Path::new("target")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(floor: f64, figure: f64, measure: Measure, target: Target) -> Row {
        Row { case: "case".to_owned(), floor: Some(("floor".to_owned(), floor)), figure, measure, target }
    }

    #[test]
    fn targets_are_judged_in_the_unit_of_their_figure() {
        assert_eq!(row(100.0, 130.0, Measure::Time, Target::Times(1.3)).met(), Some(true));
        assert_eq!(row(100.0, 131.0, Measure::Time, Target::Times(1.3)).met(), Some(false));
        assert_eq!(row(100.0, 20.0, Measure::Time, Target::Ahead(5.0)).met(), Some(true));
        assert_eq!(row(100.0, 499.0, Measure::Rate, Target::Ahead(5.0)).met(), Some(false));
        assert_eq!(row(100.0, 60.0, Measure::Rate, Target::Share(0.6)).met(), Some(true));
        assert_eq!(row(100.0, 59.0, Measure::Rate, Target::Share(0.6)).met(), Some(false));
        assert_eq!(row(100.0, 200.0, Measure::Rate, Target::AtLeast(250.0)).met(), Some(false));
        assert_eq!(row(100.0, 200.0, Measure::Time, Target::AtMost(250.0)).met(), Some(true));
        assert_eq!(row(100.0, 200.0, Measure::Time, Target::More(99.0)).met(), Some(false));
        assert_eq!(row(100.0, 200.0, Measure::Time, Target::None).met(), None);
    }

    #[test]
    fn figures_are_shown_as_people_say_them() {
        assert_eq!(Measure::Time.show(4_812.0), "4.81 µs");
        assert_eq!(Measure::Time.show(2e6), "2.00 ms");
        assert_eq!(Measure::Rate.show(1_234_567.8), "1,234,568/s");
        assert_eq!(Measure::Rate.show(999.0), "999/s");
        assert_eq!(Measure::Time.show(f64::NAN), "–");
        let late = row(1e6, 3.5e6, Measure::Time, Target::More(2e6));
        assert_eq!((late.judged().as_str(), late.met()), ("case: +2.50 ms (≤ +2.00 ms)", Some(false)));
        assert_eq!(row(2e6, 1e6, Measure::Time, Target::More(2e6)).shown_ratio(), "-1.00 ms");
        assert_eq!(row(100.0, 200.0, Measure::Time, Target::Ahead(5.0)).judged(), "case: 2.0x behind (≥ 5x ahead)");
        assert_eq!(row(100.0, 3e6, Measure::Time, Target::AtMost(2e6)).judged(), "case: 3.00 ms (≤ 2.00 ms)");
        let cells = row(100.0, 20.0, Measure::Time, Target::Ahead(5.0)).cells();
        assert_eq!(
            cells.map(|cell| cell.replace("  ", " ")),
            ["case", "floor", "100 ns", "20 ns", "5.0x ahead", "≥ 5x ahead", "yes"]
        );
    }
}
