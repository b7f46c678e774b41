//! `wasmill check FILE`: everything that is wrong, at once. No engine is made and nothing is started.

use serde_json::json;
use wasmill_model::{ExitCode, LimitOverrides, format_bytes};
use wasmill_runtime::Overrides;

use crate::failure::Outcome;
use crate::printer::Printer;
use crate::render::{BOLD, GREEN};
use crate::settings::CheckSettings;
use crate::summary::thousands;
use crate::{component_file, flow, pipeline_file, request_file};

/// Checks the manifest, its units, and the one against the other.
pub(crate) fn check(settings: &CheckSettings, printer: &Printer) -> Outcome {
    if component_file::is_one(&settings.file) {
        return component(settings, printer);
    }
    let (policy, overrides) = (&settings.policy, Overrides::default());
    let file = match &settings.request {
        Some(request) => request_file::read(request, policy, &overrides, &settings.sources, printer)?.file,
        None => pipeline_file::read(&settings.file, policy, &overrides, &settings.sources, printer)?,
    };
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

/// Checks a `Component.toml` by itself.
fn component(settings: &CheckSettings, printer: &Printer) -> Outcome {
    let component = component_file::read(&settings.file, &settings.policy)?;
    let shown = settings.file.display();
    if printer.is_json() {
        let (name, limits) = (&component.name, component.limits);
        printer.json(&json!({
            "wasmill": 1, "file": shown.to_string(), "component": name, "ok": true, "limits": limits,
        }))?;
    } else {
        let LimitOverrides { memory, fuel, timeout, .. } = component.limits;
        let limits = [
            memory.map(|bytes| format!("memory {}", format_bytes(bytes))),
            fuel.map(|fuel| format!("fuel {}", thousands(fuel))),
            timeout.map(|time| format!("timeout {}", flow::time(time))),
        ];
        let limits: Vec<String> = limits.into_iter().flatten().collect();
        printer.text(&format!("{BOLD}{shown}{BOLD:#}: {GREEN}ok{GREEN:#} ({})\n", limits.join(", ")))?;
    }
    Ok(ExitCode::Success)
}
