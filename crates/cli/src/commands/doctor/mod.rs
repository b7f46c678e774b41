//! `wasmill doctor [--fix]`: is everything here that Wasmill needs, and what can be done where it is not?

mod cache;
mod engine;
mod machine;
mod tools;

use std::fmt::Write as _;

use serde::Serialize;
use wasmill_model::ExitCode;

use crate::args::{DoctorArgs, Part};
use crate::commands::cache::folder;
use crate::failure::Outcome;
use crate::printer::Printer;
use crate::render::{BOLD, DIM, GREEN, RED, YELLOW, printable};
use crate::settings;

/// How it stands with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// As it should be.
    Ok,
    /// Wasmill works, with less: slower, or without some kind of unit.
    Warning,
    /// Wasmill does not work.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    topic: &'static str,
    name: String,
    status: Status,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Check {
    fn ok(topic: &'static str, name: impl Into<String>, found: impl Into<String>) -> Self {
        Check { topic, name: name.into(), status: Status::Ok, found: found.into(), remedy: None }
    }

    /// … or not: then what to do.
    fn but(mut self, status: Status, remedy: impl Into<String>) -> Self {
        self.status = status;
        self.remedy = Some(remedy.into());
        self
    }
}

/// Looks at everything; puts right first what is safe, where that is asked for.
pub(crate) fn doctor(args: &DoctorArgs, printer: &Printer) -> Outcome {
    let mut fixed = Vec::new();
    let mended = Part::ALL.map(|part| {
        let folder = folder(part);
        let (done, unfixed) = match &folder {
            // Folders that the first use makes are not missed.
            Some(folder) if args.fix && (part == Part::Code || folder.exists()) => cache::fix(part, folder),
            _ => (Vec::new(), None),
        };
        fixed.extend(done);
        (part, folder, unfixed)
    });
    let mut checks = engine::look();
    checks.extend(machine::look());
    for (part, folder, unfixed) in &mended {
        checks.extend(cache::look(*part, folder.as_deref(), args.fix, unfixed.as_ref()));
    }
    match settings::toolchain() {
        Ok(toolchain) => checks.extend(tools::look(&toolchain)),
        Err(failure) => checks.push(
            Check::ok("tools", "settings", failure.message())
                .but(Status::Error, "set the variable right, or `unset` it"),
        ),
    }
    let status = checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok);
    if printer.is_json() {
        printer.json(&serde_json::json!({ "wasmill": 1, "status": status, "fixed": fixed, "checks": checks }))?;
    } else {
        printer.text(&describe(&checks, &fixed))?;
    }
    Ok(if status == Status::Error { ExitCode::Failed } else { ExitCode::Success })
}

fn describe(checks: &[Check], fixed: &[String]) -> String {
    let mut text = String::new();
    for done in fixed {
        let _ = writeln!(text, "{GREEN}fixed{GREEN:#} {done}");
    }
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let mut topic = "";
    for check in checks {
        if check.topic != topic {
            topic = check.topic;
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}{BOLD}{topic}{BOLD:#}");
        }
        let (style, mark) = match check.status {
            Status::Ok => (GREEN, '✔'),
            Status::Warning => (YELLOW, '!'),
            Status::Error => (RED, '✘'),
        };
        let _ = writeln!(text, "  {style}{mark}{style:#} {:<width$}  {}", check.name, printable(&check.found));
        if let Some(remedy) = &check.remedy {
            let _ = writeln!(text, "    {:<width$}  {DIM}help:{DIM:#} {remedy}", "");
        }
    }
    let count = |status: Status| checks.iter().filter(|check| check.status == status).count();
    let (warnings, errors) = (count(Status::Warning), count(Status::Error));
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let _ = writeln!(text, "\n{}, {}", plural(errors, "error"), plural(warnings, "warning"));
    text
}
