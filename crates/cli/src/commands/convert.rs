//! `wasmill convert FILE`: the pipeline as a native manifest, a `Component.toml` as the limits of a step. Units are not loaded, and nothing is run.

use std::path::Path;

use serde_json::json;
use wasmill_model::{Code, Diagnostic, ExitCode, Policy};

use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::{component_file, pipeline_file};

/// Prints the native manifest.
pub(crate) fn convert(file: &Path, printer: &Printer) -> Outcome {
    if component_file::is_one(file) {
        let limits = wasmill_manifest::limits_to_yaml(component_file::read(file, &Policy::default())?.limits);
        return print(file, "component", &limits, printer);
    }
    let (pipeline, sources) = pipeline_file::parse(file)?;
    let shown = file.display().to_string();
    if pipeline.steps.is_empty() {
        let message = format!("`{shown}` has no nodes, and a native manifest has at least one step");
        let problem = Diagnostic::new(Code::Unsupported, message).help("`wasmill run` runs it as it is");
        return Err(Failure::from(problem).in_files(&sources));
    }
    let dialect = serde_json::to_value(pipeline.dialect).unwrap_or_default();
    print(file, dialect.as_str().unwrap_or_default(), &wasmill_manifest::to_yaml(&pipeline), printer)
}

fn print(file: &Path, dialect: &str, manifest: &str, printer: &Printer) -> Outcome {
    if printer.is_json() {
        let shown = file.display().to_string();
        printer.json(&json!({ "wasmill": 1, "file": shown, "dialect": dialect, "manifest": manifest }))?;
    } else {
        printer.text(manifest)?;
    }
    Ok(ExitCode::Success)
}
