//! `wasmill test FILE`: runs the cases that a pipeline has in `tests:`, and shows in what each differs from what it should be.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};
use wasmill_manifest::{Format, NewExpectation};
use wasmill_model::{
    Code, Diagnostic, ExitCode, Expected, Pipeline, RunDocument, RunVerdict, TestCase, TestInput, Value, VerdictKind,
};
use wasmill_runtime::RunOptions;

use crate::failure::{Failure, Outcome, cancelled};
use crate::host::{self, Ready, Threads};
use crate::printer::Printer;
use crate::render::{DIM, GREEN, RED, printable};
use crate::settings::TestSettings;
use crate::standard_input::StandardInput;
use crate::summary::thousands;
use crate::{inputs, lock, pipeline_file};

/// Runs the cases, one after the other.
pub(crate) fn test(settings: &TestSettings, printer: &Printer) -> Outcome {
    let host = &settings.host;
    let file = pipeline_file::read(&settings.file, &host.policy, &host.overrides, &settings.sources, printer)?;
    lock::check(&settings.file, &file)?;
    let in_files = |failure: Failure| failure.in_files(&file.sources);
    let pipeline = &file.bundle.pipeline;
    let cases = chosen(pipeline, settings)?;
    let mut given = Vec::new();
    let mut problems = Vec::new();
    for (name, case) in cases {
        match case_inputs(pipeline, case) {
            Ok(inputs) => given.push((name, case, inputs)),
            Err(found) => problems.extend(found),
        }
    }
    if !problems.is_empty() {
        return Err(in_files(Failure::invalid(problems)));
    }
    let work = async |ready: &Ready| {
        let mut results = Vec::new();
        for (name, case, inputs) in given {
            if ready.cancel.is_cancelled() {
                break;
            }
            let options = RunOptions { cancel: ready.cancel.clone(), ..RunOptions::new(host::run_id()) };
            let start = Instant::now();
            let document = ready.linked.run(inputs, options).await;
            let took = start.elapsed().as_micros();
            let result = CaseResult::new(name.clone(), case, &document, u64::try_from(took).unwrap_or(u64::MAX));
            if !printer.is_json() {
                // Nobody reads it any more: the cases are run all the same, for the exit code.
                let _ = printer.text(&result.text());
            }
            results.push((result, document));
        }
        (results, ready.cancel.is_cancelled())
    };
    let done = Threads::start(host)?.with_linked(&file.bundle, 1, host, printer, work);
    let (mut results, is_cancelled) = done.map_err(in_files)?;
    if is_cancelled {
        return Err(cancelled());
    }
    let updated = if settings.update { update(&settings.file, pipeline, &mut results, printer)? } else { Vec::new() };
    let results: Vec<CaseResult> = results.into_iter().map(|(result, _)| result).collect();
    let failed = results.iter().filter(|result| !result.is_ok()).count();
    if printer.is_json() {
        let (file, pipeline) = (settings.file.display().to_string(), &*pipeline.name);
        printer.json(&Document { wasmill: 1, file, pipeline, ok: failed == 0, tests: &results, updated: &updated })?;
    } else {
        if !updated.is_empty() {
            let names: Vec<_> = updated.iter().map(|name| printable(name)).collect();
            printer.text(&format!("\nwritten into {}: {}\n", settings.file.display(), names.join(", ")))?;
        }
        let passed = results.len() - failed;
        let failed = if failed > 0 { format!("{RED}{failed} failed{RED:#}") } else { "0 failed".to_owned() };
        printer.text(&format!("\n{passed} passed, {failed}\n"))?;
    }
    Ok(if failed == 0 { ExitCode::Success } else { ExitCode::Failed })
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Document<'a> {
    wasmill: u32,
    file: String,
    pipeline: &'a str,
    ok: bool,
    tests: &'a [CaseResult],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    updated: &'a [String],
}

/// The cases that are asked for: all, or those that are named.
fn chosen<'a>(pipeline: &'a Pipeline, settings: &TestSettings) -> Result<Vec<(&'a Arc<str>, &'a TestCase)>, Failure> {
    if pipeline.tests.is_empty() {
        let message = format!("the pipeline `{}` has no tests", pipeline.name);
        let help = "write some: `tests: { first: { inputs: { … } } }`; `--update` fills in what comes of them";
        return Err(Failure::usage(message, help));
    }
    if settings.names.is_empty() {
        return Ok(pipeline.tests.iter().collect());
    }
    let case = |name: &String| {
        pipeline.tests.get_key_value(name.as_str()).ok_or_else(|| {
            let names: Vec<&str> = pipeline.tests.keys().map(|name| &**name).collect();
            Failure::usage(format!("there is no test `{}`", printable(name)), format!("there are {}", names.join(", ")))
        })
    };
    settings.names.iter().map(case).collect()
}

/// What a case gives its run, checked as any inputs are.
fn case_inputs(pipeline: &Pipeline, case: &TestCase) -> Result<wasmill_model::Object, Vec<Diagnostic>> {
    let mut given = wasmill_model::Object::new();
    for (name, input) in &case.inputs {
        match input {
            TestInput::Value(value) => drop(given.insert(name.clone(), value.clone())),
            TestInput::File(path, location) => {
                let item = format!("{name}=@{}", pipeline.base.join(path).display());
                let read = inputs::collect_some(&[item], &pipeline.inputs, &StandardInput::taken());
                let at =
                    |problems: Vec<Diagnostic>| problems.into_iter().map(|one| one.at(location)).collect::<Vec<_>>();
                given.extend(read.map_err(at)?);
            }
        }
    }
    // The case is what is wrong, and not what the pipeline declares.
    wasmill_runtime::bind_inputs(pipeline, given)
        .map_err(|problems| problems.0.into_iter().map(|one| one.at(&case.location)).collect())
}

/// What came of a case.
#[derive(Debug, Serialize)]
struct CaseResult {
    name: Arc<str>,
    ok: bool,
    verdict: VerdictKind,
    wall_us: u64,
    /// Of all attempts that count.
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
    /// Why the run failed, where it should not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Something that is not as it should be.
#[derive(Debug, Serialize)]
struct Difference {
    /// `verdict`, `outputs.NAME`, `steps.ID`, `budget.fuel`.
    at: String,
    expected: serde_json::Value,
    found: serde_json::Value,
}

impl CaseResult {
    fn new(name: Arc<str>, case: &TestCase, document: &RunDocument, wall_us: u64) -> Self {
        let mut differences = Vec::new();
        let mut differs = |at: String, expected: serde_json::Value, found: serde_json::Value| {
            differences.push(Difference { at, expected, found });
        };
        let verdict = verdict(document);
        if verdict != case.verdict {
            differs("verdict".to_owned(), case.verdict.as_str().into(), verdict.as_str().into());
        }
        for (name, expected) in &case.outputs {
            let found = document.outputs.get(name);
            if !found.is_some_and(|found| expected.is(found)) {
                let shown = match (found, expected) {
                    (None, _) => serde_json::Value::Null,
                    (Some(found), Expected::Value(_)) => json(found),
                    (Some(found), Expected::Digest(_)) => format!("sha256 {}", found.digest()).into(),
                };
                let expected = expected.beside(found.unwrap_or(&Value::Null));
                differs(format!("outputs.{name}"), json(&expected), shown);
            }
        }
        for (id, expected) in &case.steps {
            let found = document.steps.get(id).map(|report| report.verdict.kind());
            if found != Some(*expected) {
                let found = found.map_or(serde_json::Value::Null, |found| found.as_str().into());
                differs(format!("steps.{id}"), expected.as_str().into(), found);
            }
        }
        let fuel = wasmill_runtime::fuel_used(document);
        if let Some(most) = case.budget.fuel
            && fuel.is_none_or(|fuel| fuel > most)
        {
            let found = fuel.map_or_else(|| "not metered".into(), serde_json::Value::from);
            differs("budget.fuel".to_owned(), most.into(), found);
        }
        let error = document.error.as_ref().filter(|_| verdict != case.verdict).map(|error| error.message.clone());
        CaseResult { name, ok: differences.is_empty(), verdict, wall_us, fuel, differences, error }
    }

    fn is_ok(&self) -> bool {
        self.differences.is_empty()
    }

    /// For people.
    fn text(&self) -> String {
        let name = printable(&self.name);
        let fuel = self.fuel.map(|fuel| format!(", fuel {}", thousands(fuel))).unwrap_or_default();
        let cost = format!("{DIM}{:.1} ms{fuel}{DIM:#}", self.wall_us as f64 / 1e3);
        if self.is_ok() {
            return format!("{GREEN}ok{GREEN:#}    {name}  {cost}\n");
        }
        let mut text = format!("{RED}FAIL{RED:#}  {name}  {cost}\n");
        for Difference { at, expected, found } in &self.differences {
            let _ = writeln!(text, "  {}", printable(at));
            diff(&mut text, &lines(expected), &lines(found));
        }
        if let Some(error) = &self.error {
            let _ = writeln!(text, "  {}", printable(error));
        }
        text
    }
}

/// How a run ended: as the step that failed.
fn verdict(document: &RunDocument) -> VerdictKind {
    match (document.verdict, &document.error) {
        (RunVerdict::Ok, _) => VerdictKind::Ok,
        (RunVerdict::Cancelled, _) => VerdictKind::Cancelled,
        (RunVerdict::Failed, Some(error)) => error.verdict,
        (RunVerdict::Failed, None) => VerdictKind::HostError,
    }
}

fn json(value: &Value) -> serde_json::Value {
    // String keys and no failing member.
    serde_json::to_value(value).unwrap_or_default()
}

/// A text as it is, anything else as JSON with a line for each member.
fn lines(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// What is not in both, with some lines around it: of texts that have little in common, no more than anybody reads.
fn diff(text: &mut String, expected: &str, found: &str) {
    const AROUND: usize = 2;
    const MOST: usize = 200;
    // The smallest difference of large texts takes for ever to find; one that is good enough does not.
    let diff = TextDiff::configure().timeout(Duration::from_millis(500)).diff_lines(expected, found);
    let mut shown = 0;
    for (place, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if place > 0 {
            let _ = writeln!(text, "    {DIM}…{DIM:#}");
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            shown += 1;
            if shown > MOST {
                let _ = writeln!(text, "    {DIM}… and more: `--output json` has all of it{DIM:#}");
                return;
            }
            let line = printable(change.value().trim_end_matches('\n'));
            let _ = match change.tag() {
                ChangeTag::Delete => writeln!(text, "    {RED}- {line}{RED:#}"),
                ChangeTag::Insert => writeln!(text, "    {GREEN}+ {line}{GREEN:#}"),
                ChangeTag::Equal => writeln!(text, "      {line}"),
            };
        }
    }
}

/// Writes what came of the cases into the manifest, where that is not what they expect. Gives their names.
fn update(
    path: &Path,
    pipeline: &Pipeline,
    results: &mut [(CaseResult, RunDocument)],
    printer: &Printer,
) -> Result<Vec<String>, Failure> {
    let mut new: IndexMap<Arc<str>, NewExpectation> = IndexMap::new();
    for (result, document) in results.iter() {
        let Some(case) = pipeline.tests.get(&result.name) else { continue };
        let is_expectation = |one: &Difference| one.at == "verdict" || one.at.starts_with("outputs.");
        let says_nothing = case.outputs.is_empty() && result.verdict == VerdictKind::Ok;
        if !result.differences.iter().any(is_expectation) && !says_nothing {
            continue;
        }
        let is_asked = |name: &str| case.outputs.is_empty() || case.outputs.contains_key(name);
        let outputs = document.outputs.iter().filter(|(name, _)| is_asked(name));
        // What holds stays as it is written.
        let expected = |name: &str, value| match case.outputs.get(name) {
            Some(expected) if expected.is(value) => expected.clone(),
            _ => Expected::of(value),
        };
        let outputs = outputs.map(|(name, value)| (name.clone(), expected(name, value))).collect();
        new.insert(result.name.clone(), NewExpectation { verdict: result.verdict, outputs });
    }
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let shown = path.display();
    let cannot = |why: String| {
        let problem = Diagnostic::new(Code::Usage, format!("expectations cannot be written into `{shown}`: {why}"));
        Failure::from(problem.help("write them by hand: `--output json` shows what was found"))
    };
    let text = std::fs::read_to_string(path).map_err(|error| cannot(error.to_string()))?;
    let write = |text: &str, cases: &IndexMap<Arc<str>, NewExpectation>| {
        wasmill_manifest::with_expectations(&path.to_string_lossy(), text, Format::of(path), cases)
    };
    let changed = write(&text, &new).or_else(|problem| {
        // One that cannot be written does not keep the others from it.
        let mut changed = text.clone();
        let mut problems = Vec::new();
        new.retain(|name, expectation| {
            let one = IndexMap::from([(name.clone(), expectation.clone())]);
            let written = write(&changed, &one).map(|text| changed = text);
            written.map_err(|why| problems.push((name.clone(), why))).is_ok()
        });
        if new.is_empty() {
            return Err(problem);
        }
        for (name, why) in problems {
            let (name, why) = (printable(&name), printable(&why));
            printer.note(&format!("warning: expectations of the test `{name}` cannot be written: {why}\n"));
        }
        Ok(changed)
    });
    let changed = changed.map_err(cannot)?;
    crate::whole_file::write(path, changed.as_bytes()).map_err(|error| cannot(error.to_string()))?;
    for (result, _) in results.iter_mut().filter(|(result, _)| new.contains_key(&result.name)) {
        result.differences.retain(|one| one.at != "verdict" && !one.at.starts_with("outputs."));
        result.ok = result.differences.is_empty();
        result.error = None;
    }
    Ok(new.keys().map(ToString::to_string).collect())
}
