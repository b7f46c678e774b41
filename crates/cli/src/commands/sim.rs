//! `wasmill sim FILE`: the pipeline in many orders, on a clock of its own.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use wasmill_model::{Code, Diagnostic, ExitCode, RunVerdict, Strategy, Value, format_duration};
use wasmill_runtime::{Finding, Recording, SimReplay, SimReport, SimSettings, Simulation};

use crate::failure::{Failure, Outcome, cancelled};
use crate::host::Threads;
use crate::printer::Printer;
use crate::render::{BOLD, DIM, GREEN, RED, YELLOW, printable};
use crate::settings::SimulationSettings;
use crate::standard_input::StandardInput;
use crate::summary::thousands;
use crate::{blobs, inputs, lock, pipeline_file, progress};

/// What is simulated.
enum Asked {
    /// So many seeds, from 1.
    Seeds(u64),
    /// One run.
    Run(u64, Strategy),
}

/// What came of it.
enum Found {
    Report(Box<SimReport>),
    Replay(Box<SimReplay>),
}

/// Simulates the pipeline, and prints what is wrong with it.
pub(crate) fn sim(settings: SimulationSettings, printer: &Printer) -> Outcome {
    let host = &settings.host;
    let file = pipeline_file::read(&settings.file, &host.policy, &host.overrides, &settings.sources, printer)?;
    lock::check(&settings.file, &file)?;
    let bundle = file.bundle;
    let in_files = |problems: Vec<Diagnostic>| Failure::invalid(problems).in_files(&file.sources);
    let given = inputs::collect(&settings.inputs, &bundle.pipeline.inputs, &StandardInput::new(printer));
    let given = given.and_then(|given| blobs::attach(given, false, None)).map_err(in_files)?;
    let given = wasmill_runtime::bind_inputs(&bundle.pipeline, given).map_err(|problems| in_files(problems.0))?;
    let recording = settings.from.as_deref().map(|from| recording(from, host.blobs.as_deref())).transpose()?;
    let asked = match settings.seed {
        Some(seed) => Asked::Run(seed, settings.strategy.unwrap_or(bundle.pipeline.schedule.strategy)),
        None => Asked::Seeds(settings.seeds),
    };
    let (inject, crash_anywhere) = (settings.inject, settings.crash_anywhere);
    let how = SimSettings { recording, inject, crash_anywhere };
    let threads = Threads::start(host)?;
    let simulation = threads.simulation(&bundle, given, how, host, printer);
    let simulation = simulation.map_err(|failure| failure.in_files(&file.sources))?;
    let name = settings.file.display().to_string();
    match made(&threads, simulation, asked, printer)? {
        Found::Report(mut report) => {
            let is_whole = report.seeds == settings.seeds;
            if !is_whole {
                let (done, all) = (thousands(report.seeds), thousands(settings.seeds));
                report.notes.push(format!("cancelled: {done} of {all} seeds were simulated"));
            }
            if printer.is_json() {
                printer.json(&Document { wasmill: 1, file: &name, what: &*report })?;
            } else {
                printer.text(&report_text(&report, &settings.command))?;
            }
            Ok(if is_whole { exit_code(&report.findings) } else { ExitCode::Cancelled })
        }
        Found::Replay(replay) => {
            if printer.is_json() {
                printer.json(&Document { wasmill: 1, file: &name, what: &*replay })?;
            } else {
                printer.text(&replay_text(&replay))?;
            }
            Ok(exit_code(&replay.findings))
        }
    }
}

#[derive(Serialize)]
struct Document<'a, T> {
    wasmill: u32,
    file: &'a str,
    #[serde(flatten)]
    what: &'a T,
}

fn exit_code(findings: &[Finding]) -> ExitCode {
    if findings.is_empty() { ExitCode::Success } else { ExitCode::Failed }
}

/// Simulates on a thread of its own, as an interrupt is to be heard. Of many seeds, what was found until then is given.
fn made(threads: &Threads, simulation: Simulation, asked: Asked, printer: &Printer) -> Result<Found, Failure> {
    let done = Arc::new(AtomicU64::new(0));
    let all = match asked {
        Asked::Seeds(seeds) => seeds,
        Asked::Run(..) => 1,
    };
    let counted = done.clone();
    let stop = threads.cancel();
    let work = threads.spawn_blocking(move || match asked {
        Asked::Seeds(seeds) => {
            let mut count = |seeds| {
                counted.store(seeds, Ordering::Relaxed);
                if stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            Some(Found::Report(Box::new(simulation.explore(1, seeds, &mut count))))
        }
        Asked::Run(seed, strategy) => Some(Found::Replay(Box::new(simulation.replay(seed, strategy)?))),
    });
    let work = work.ok_or_else(cancelled)?;
    let what = || format!("simulating {} of {} seeds", thousands(done.load(Ordering::Relaxed)), thousands(all));
    let mut work = std::pin::pin!(progress::waiting(printer, &what, work));
    let made = match threads.wait(work.as_mut()) {
        Some(made) => made,
        // The seed that is under way is the last one. With none before it, there is nothing to wait for.
        None if done.load(Ordering::Relaxed) > 0 => threads.wait_to_the_end(work).ok_or_else(cancelled)?,
        None => return Err(cancelled()),
    };
    let broken = || Failure::host("the simulation ended before its time");
    made.map_err(|error| Failure::host(format!("the simulation broke off: {error}")))?.ok_or_else(broken)
}

/// A run that was recorded.
fn recording(file: &Path, folder: Option<&Path>) -> Result<Recording, Failure> {
    let refused = |why: String| {
        let message = format!("`{}` cannot be taken for a recorded run: {why}", file.display());
        let help = "give what `wasmill run FILE --output json` printed";
        Failure::from(Diagnostic::new(Code::InputUnreadable, message).help(help))
    };
    let text = std::fs::read(file).map_err(|error| refused(error.to_string()))?;
    let document = serde_json::from_slice(&text).map_err(|error| refused(format!("it is no JSON: {error}")))?;
    let mut fetch = blobs::reader(folder);
    let mut attach = |value: &Value| wasmill_model::attach_blobs(value, &mut fetch).map_err(|error| error.to_string());
    Recording::read(&document, &mut attach).map_err(refused)
}

/// For people.
fn report_text(report: &SimReport, command: &str) -> String {
    let mut text = format!(
        "{BOLD}{}{BOLD:#}: {} under {} strategies, {} runs\n\n",
        printable(&report.pipeline),
        plural(report.seeds, "seed"),
        report.strategies.len(),
        thousands(report.runs)
    );
    let time = |time| format_duration(time);
    let mut rows = vec![["strategy", "ok", "failed", "median", "p95", "longest"].map(str::to_owned)];
    rows.extend(report.strategies.iter().map(|(name, one)| {
        let makespan = one.makespan;
        [
            (*name).to_owned(),
            thousands(one.ok),
            thousands(one.failed),
            time(makespan.median),
            time(makespan.p95),
            time(makespan.longest),
        ]
    }));
    let whole = report.makespan;
    let counted =
        |count: fn(&wasmill_runtime::StrategyReport) -> u64| thousands(report.strategies.values().map(count).sum());
    let (ok, failed) = (counted(|one| one.ok), counted(|one| one.failed));
    rows.push(["all".to_owned(), ok, failed, time(whole.median), time(whole.p95), time(whole.longest)]);
    table(&mut text, &rows);
    findings(&mut text, &report.findings, Some(command));
    for note in &report.notes {
        let _ = writeln!(text, "\n{DIM}note:{DIM:#} {}", printable(note));
    }
    let _ = match report.findings.len() {
        0 => writeln!(text, "\n{GREEN}nothing found{GREEN:#}"),
        count => writeln!(text, "\n{RED}{} found{RED:#}", plural(count as u64, "mistake")),
    };
    text
}

fn table(text: &mut String, rows: &[[String; 6]]) {
    let widths: Vec<usize> = (0..6)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    for (place, row) in rows.iter().enumerate() {
        let style = if place == 0 { DIM } else { anstyle::Style::new() };
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let blanks = " ".repeat(width.saturating_sub(cell.chars().count()));
            let _ = match column {
                0 => write!(line, "{style}{cell}{style:#}{blanks}"),
                _ => write!(line, "  {blanks}{style}{cell}{style:#}"),
            };
        }
        let _ = writeln!(text, "{line}");
    }
}

/// `command`: what to run to see one again; none where it is being run.
fn findings(text: &mut String, findings: &[Finding], command: Option<&str>) {
    for finding in findings {
        let steps = finding.steps.join(", ");
        let place = finding.location.as_ref().map(|location| format!("  {DIM}{location}{DIM:#}")).unwrap_or_default();
        let _ = writeln!(text, "\n{RED}✘ {}{RED:#}  {BOLD}{}{BOLD:#}{place}", finding.kind.as_str(), printable(&steps));
        let _ = writeln!(text, "  {}", printable(&finding.message));
        let _ = writeln!(text, "  {YELLOW}help:{YELLOW:#} {}", printable(&finding.help));
        let Some(command) = command else { continue };
        if finding.runs > 0 {
            let _ = writeln!(text, "  {DIM}seen in {}{DIM:#}", plural(finding.runs, "run"));
        }
        for one in &finding.reproduce {
            let _ = writeln!(
                text,
                "  {DIM}{}:{DIM:#}\n    {command} --seed {} --strategy {}",
                printable(&one.shows),
                one.seed,
                one.strategy.as_str()
            );
        }
    }
}

fn replay_text(replay: &SimReplay) -> String {
    let (style, verdict) = match replay.verdict {
        RunVerdict::Ok => (GREEN, "ok"),
        RunVerdict::Failed => (RED, "failed"),
        RunVerdict::Cancelled => (YELLOW, "cancelled"),
    };
    let mut text = format!("{BOLD}seed {}{BOLD:#} under {}\n\n", replay.seed, replay.strategy.as_str());
    let times: Vec<String> = replay.timeline.iter().map(|moment| format_duration(moment.at)).collect();
    let width = times.iter().map(|time| time.chars().count()).max().unwrap_or(0);
    for (moment, time) in replay.timeline.iter().zip(&times) {
        let blanks = " ".repeat(width - time.chars().count());
        let _ = writeln!(text, "{DIM}{blanks}{time}{DIM:#}  {}", printable(&moment.what));
    }
    let _ = writeln!(text, "\n{style}{verdict}{style:#}  after {}", format_duration(replay.makespan));
    let outputs = Value::from(replay.outputs.clone()).to_json();
    let _ = writeln!(text, "outputs: {}", printable(&outputs));
    findings(&mut text, &replay.findings, None);
    text
}

fn plural(count: u64, word: &str) -> String {
    format!("{} {word}{}", thousands(count), if count == 1 { "" } else { "s" })
}
