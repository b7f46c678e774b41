//! The last lines of a bench: each case against its floor, from criterion's own medians.

use std::path::Path;

/// One case and the floor that it is held against, as criterion's `group/function`.
#[derive(Clone, Debug)]
pub struct Ratio {
    /// What is measured.
    pub case: String,
    /// What it is measured against.
    pub floor: String,
    /// The most that the ratio (or the difference, for `per`) should be.
    pub target: String,
    /// For pipelines: print the difference to the floor for each of so many steps instead of the ratio.
    pub per: Option<f64>,
}

/// Prints a line for each; what was not measured in this run (a filter, a `--test` run) is left out.
#[allow(clippy::print_stdout, reason = "a bench's result is its output")]
pub fn print(target_dir: &Path, ratios: &[Ratio]) {
    println!("\n{:<44} {:>12} {:>12} {:>10}  target", "case", "floor", "wasmill", "ratio");
    for ratio in ratios {
        let (Some(case), Some(floor)) = (median(target_dir, &ratio.case), median(target_dir, &ratio.floor)) else {
            continue;
        };
        let (case_text, floor_text, factor) = match ratio.per {
            Some(count) => (case / count, floor / count, format!("{:+.0} ns", (case - floor) / count)),
            None => (case, floor, format!("{:.2}x", case / floor)),
        };
        println!("{:<44} {:>9.0} ns {:>9.0} ns {factor:>10}  {}", ratio.case, floor_text, case_text, ratio.target);
    }
}

/// Criterion's median of a case in nanoseconds.
fn median(target_dir: &Path, case: &str) -> Option<f64> {
    // Criterion names folders so.
    let path = target_dir.join("criterion").join(case.replace('/', "_")).join("new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    estimates.get("median")?.get("point_estimate")?.as_f64()
}

/// Where cargo puts what it builds: the folder that holds the running bench, three up.
pub fn target_dir() -> std::path::PathBuf {
    let bench = std::env::current_exe().unwrap_or_default();
    bench.ancestors().nth(3).unwrap_or(Path::new("target")).to_owned()
}
