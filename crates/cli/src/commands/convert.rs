//! `wasmill convert FILE`: the pipeline as a native manifest. Units are not loaded, and nothing is run.

use std::path::Path;

use serde_json::json;
use wasmill_model::{Code, Diagnostic, ExitCode};

use crate::failure::{Failure, Outcome};
use crate::pipeline_file;
use crate::printer::Printer;

/// Prints the native manifest.
pub(crate) fn convert(file: &Path, printer: &Printer) -> Outcome {
    let (pipeline, sources) = pipeline_file::parse(file)?;
    let shown = file.display().to_string();
    if pipeline.steps.is_empty() {
        let message = format!("`{shown}` has no nodes, and a native manifest has at least one step");
        let problem = Diagnostic::new(Code::Unsupported, message).help("`wasmill run` runs it as it is");
        return Err(Failure::from(problem).in_files(&sources));
    }
    let manifest = wasmill_manifest::to_yaml(&pipeline);
    if printer.is_json() {
        let dialect = pipeline.dialect;
        printer.json(&json!({ "wasmill": 1, "file": shown, "dialect": dialect, "manifest": manifest }))?;
    } else {
        printer.text(&manifest)?;
    }
    Ok(ExitCode::Success)
}
