//! `wasmill replay run.wasmill`: makes a run again, and holds it against its record.

use std::fmt::Write as _;
use std::path::Path;

use wasmill_model::{Code, Diagnostic, ExitCode};
use wasmill_runtime::{Recorded, Replay, ReplayDocument, Reuse};

use crate::commands::run::Job;
use crate::failure::{Failure, Outcome};
use crate::host::{self, Finished};
use crate::pipeline_file::PipelineFile;
use crate::printer::Printer;
use crate::render::{BOLD, DIM, GREEN, RED, printable};
use crate::request_file::{self, RequestFile, Text};
use crate::settings::{HostSettings, ReplaySettings};
use crate::{blobs, standard_input, summary};

/// Makes the run again and says whether it is the same.
pub(crate) fn replay(settings: ReplaySettings, printer: &Printer) -> Outcome {
    let ReplaySettings { file: path, verify, sources, host } = settings;
    let shown = path.display().to_string();
    let bytes = if shown == "-" { standard_input::request(printer)? } else { read(&path)? };
    if !bytes.windows(RECORDED.len()).any(|part| part == RECORDED) {
        let problem =
            Diagnostic::new(Code::UnknownFile, format!("`{shown}` is no run bundle: it has no record of a run"));
        let help = "`wasmill export FILE -o run.wasmill` makes one; `wasmill export FILE --run RUN.json` puts a run in \
                    that was made before";
        return Err(Failure::from(problem.help(help)));
    }
    let text = Text { name: &shown, bytes, units: path.parent(), is_replayed: true };
    let read = request_file::read_text(text, &host.policy, &host.overrides, &sources, printer)?;
    let RequestFile { file: PipelineFile { bundle, sources }, inputs, policy, overrides, secrets, recorded, .. } = read;
    let Some(recorded) = recorded else {
        let problem = Diagnostic::new(Code::UnknownFile, format!("`{shown}` is a run request, and says of no run"));
        return Err(Failure::from(problem.help("`wasmill export FILE -o run.wasmill` makes a bundle")));
    };
    if let Some(problem) = Recorded::problem(&recorded) {
        return Err(problem.into());
    }
    let in_files = |failure: Failure| failure.in_files(&sources);
    // A bundle has all of them in it.
    let inputs = blobs::attach(inputs, false, None).map_err(|problems| in_files(Failure::invalid(problems)))?;
    let inputs = wasmill_runtime::bind_inputs(&bundle.pipeline, inputs);
    let inputs = inputs.map_err(|problems| in_files(Failure::invalid(problems.0)))?;
    // Another engine than the recorded one says nothing of fuel: it has to be asked for, by somebody else than the record.
    let is_engine_chosen = !host.overrides.engines.is_empty();
    let secrets = Recorded::secrets(request_file::secrets(secrets, &host.secrets)?, &bundle);
    let host = HostSettings { policy, overrides, secrets, ..host };
    let job = Job { bundle, inputs };
    let reuse = Reuse { recorded: Some(Recorded::new(recorded.clone())), ..Reuse::default() };
    let Finished { document, took } = host::run(&job, &host, reuse, printer).map_err(in_files)?;
    printer.note(&summary::table(&document, took));
    let replay = Replay::of(&job.bundle, &recorded, &document);
    let is_all_computed = replay.taken.is_empty() && (is_engine_chosen || replay.other_engine.is_empty());
    let is_ok = replay.same && (!verify || is_all_computed);
    if printer.is_json() {
        printer.json(&ReplayDocument::new(&recorded, &replay))?;
    } else {
        printer.text(&told(&replay, verify, is_engine_chosen))?;
    }
    Ok(if is_ok { ExitCode::Success } else { ExitCode::Failed })
}

/// What every bundle has in it.
const RECORDED: &[u8] = b"\"recorded\"";

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let cannot = |why: String| {
        let problem = Diagnostic::new(Code::UnknownFile, format!("`{shown}` {why}"));
        Failure::from(problem.help("name a bundle: `wasmill export FILE -o run.wasmill` makes one"))
    };
    let size = std::fs::metadata(path).map_err(|error| cannot(format!("cannot be read: {error}")))?.len();
    if size > wasmill_manifest::LARGEST_REQUEST as u64 {
        return Err(cannot(format!("has {size} bytes: no bundle is that large")));
    }
    std::fs::read(path).map_err(|error| cannot(format!("cannot be read: {error}")))
}

/// For people.
fn told(replay: &Replay, verify: bool, is_engine_chosen: bool) -> String {
    let Replay { same, difference, computed, taken, other_engine } = replay;
    let mut text = match difference {
        None => format!("{GREEN}the same{GREEN:#}: {computed} calls were made again, and gave what they gave then\n"),
        Some(difference) => {
            let step =
                difference.step.as_ref().map_or("the run".to_owned(), |step| format!("step `{}`", printable(step)));
            let item = difference.item.map(|item| format!(", item {item}")).unwrap_or_default();
            let attempt = difference.attempt.filter(|attempt| *attempt > 1);
            let attempt = attempt.map(|attempt| format!(", attempt {attempt}")).unwrap_or_default();
            format!(
                "{RED}not the same{RED:#}: {step}{item}{attempt} has another {BOLD}{}{BOLD:#}\n  recorded  {}\n  found     {}\n",
                difference.what,
                printable(&difference.recorded),
                printable(&difference.found)
            )
        }
    };
    let list = |names: &[std::sync::Arc<str>]| {
        names.iter().map(|name| printable(name).to_string()).collect::<Vec<_>>().join(", ")
    };
    if !taken.is_empty() {
        let why = "it could be another today (real clock, randomness, network, folders, secrets, host functions, programs, what the clock ended)";
        let but =
            if verify && *same { format!(" {RED}--verify wants all of it computed{RED:#}") } else { String::new() };
        let _ = writeln!(text, "{DIM}taken from the record{DIM:#}: {}; {why}{but}", list(taken));
    }
    if !other_engine.is_empty() {
        let _ = writeln!(
            text,
            "{DIM}fuel, memory and logs not compared{DIM:#}: {}; another engine, or version, ran it{}",
            list(other_engine),
            if verify && *same && !is_engine_chosen {
                format!(" {RED}--verify compares them, unless `--engine` asks for another{RED:#}")
            } else {
                String::new()
            }
        );
    }
    text
}
