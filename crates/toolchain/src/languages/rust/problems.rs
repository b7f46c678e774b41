//! What rustc says, in the user's terms.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::GLUE;
use super::signature::SUPPORTED;
use super::written::Written;
use crate::{BuildError, SourceProblem};

#[derive(Deserialize)]
struct Diagnostic {
    message: String,
    level: String,
    #[serde(default)]
    spans: Vec<Span>,
}

#[derive(Clone, Deserialize)]
struct Span {
    file_name: String,
    line_start: u32,
    column_start: u32,
    is_primary: bool,
    label: Option<String>,
    expansion: Option<Box<Expansion>>,
}

#[derive(Clone, Deserialize)]
struct Expansion {
    span: Span,
}

/// A line of cargo, which has rustc's in it.
#[derive(Deserialize)]
struct CargoLine {
    reason: String,
    message: Option<Diagnostic>,
    #[serde(default)]
    filenames: Vec<String>,
}

/// The files that cargo says it made.
pub(super) fn artifacts(said: &str) -> Vec<String> {
    said.lines()
        .filter_map(|line| serde_json::from_str::<CargoLine>(line).ok())
        .flat_map(|line| line.filenames)
        .collect()
}

/// What a compiler said on failing: what is wrong with the source, or with the function's types where the glue shows it.
pub(super) fn read(said: &str, written: &BTreeMap<String, Written>, ended: &str) -> BuildError {
    let mut problems: Vec<SourceProblem> = Vec::new();
    let mut of_types = None;
    for line in said.lines() {
        let Some(diagnostic) = parse(line) else { continue };
        if !diagnostic.level.starts_with("error") || diagnostic.message.starts_with("aborting due to") {
            continue;
        }
        let Some(span) = diagnostic.spans.iter().find(|span| span.is_primary).map(of_user) else {
            problems.push(SourceProblem { message: diagnostic.message, ..SourceProblem::default() });
            continue;
        };
        if let Some(written) = written.get(&span.file_name) {
            if let Some(place) = written.place(span.line_start) {
                of_types.get_or_insert(SourceProblem {
                    file: place.file.clone(),
                    line: place.line,
                    column: place.column,
                    message: format!("{}: {}", place.what, diagnostic.message),
                });
            } else {
                problems.push(SourceProblem { message: diagnostic.message, ..SourceProblem::default() });
            }
            continue;
        }
        let message = match span.label {
            Some(label) if !label.is_empty() && !diagnostic.message.contains(&label) => {
                format!("{}: {label}", diagnostic.message)
            }
            _ => diagnostic.message,
        };
        let problem = SourceProblem { file: span.file_name, line: span.line_start, column: span.column_start, message };
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    // The user's own errors come first: a type that is not there cannot be read either.
    match of_types {
        Some(problem) if problems.iter().all(|problem| problem.file.is_empty()) => {
            BuildError::Function { problem, help: SUPPORTED.to_owned() }
        }
        _ => {
            problems.sort_by_key(|problem| problem.file.is_empty());
            if problems.is_empty() {
                let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('{'));
                let message = last.map_or_else(|| format!("rustc ended with {ended}"), str::to_owned);
                problems.push(SourceProblem { message, ..SourceProblem::default() });
            }
            BuildError::Compile { language: wasmill_model::Language::Rust, problems }
        }
    }
}

fn parse(line: &str) -> Option<Diagnostic> {
    if let Ok(line) = serde_json::from_str::<CargoLine>(line) {
        return line.message.filter(|_| line.reason == "compiler-message");
    }
    serde_json::from_str(line).ok()
}

/// The place in the user's source, where a macro of somebody else's was used there.
fn of_user(span: &Span) -> Span {
    let mut place = span.clone();
    while let Some(expansion) = place.expansion.take().filter(|_| place.file_name.starts_with(['/', '<'])) {
        place = Span { label: place.label, ..expansion.span };
    }
    place.file_name = place.file_name.strip_prefix("./").map(str::to_owned).unwrap_or(place.file_name);
    if let Some(at) = place.file_name.find(GLUE) {
        place.file_name = place.file_name.split_off(at);
    }
    place
}
