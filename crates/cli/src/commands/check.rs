//! `wasmill check FILE`: everything that is wrong, at once. No engine is made and nothing is started.

use serde_json::json;
use wasmill_model::ExitCode;

use crate::failure::Outcome;
use crate::pipeline_file;
use crate::printer::Printer;
use crate::render::{BOLD, GREEN};
use crate::settings::CheckSettings;

/// Checks the manifest, its units, and the one against the other.
pub(crate) fn check(settings: &CheckSettings, printer: &Printer) -> Outcome {
    let file = pipeline_file::read(&settings.file, &settings.policy, &settings.sources, printer)?;
    let pipeline = &file.bundle.pipeline;
    let (steps, units) = (pipeline.steps.len(), pipeline.units.len());
    let shown = settings.file.display();
    if printer.is_json() {
        let name = &pipeline.name;
        printer.json(&json!({
            "wasmill": 1, "file": shown.to_string(), "pipeline": name, "ok": true, "steps": steps, "units": units,
        }))?;
    } else {
        let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        let counts = format!("({}, {})", plural(steps, "step"), plural(units, "unit"));
        printer.text(&format!("{BOLD}{shown}{BOLD:#}: {GREEN}ok{GREEN:#} {counts}\n"))?;
    }
    Ok(ExitCode::Success)
}
