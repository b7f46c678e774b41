//! `wasmill run FILE --watch`: runs, waits for a change of what it read, and runs again what the change touches.
//!
//! Each run is a whole run, with a document of its own; only the calls that could give nothing new are not made (see [`Results`]). A run
//! is never cut short by a change: what changes while it goes on starts the next one.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use wasmill_model::ExitCode;
use wasmill_runtime::Reuse;

use super::{finish, read};
use crate::changes::Changes;
use crate::failure::Outcome;
use crate::host::Threads;
use crate::kept_results::KeptResults;
use crate::printer::Printer;
use crate::render::{self, BOLD, DIM};
use crate::results::Results;
use crate::settings::{RunSettings, Watch};
use crate::standard_input::StandardInput;
use crate::{inputs, pipeline_file};

/// Runs until an interrupt, or until nobody reads stdout any more.
///
/// # Errors
/// What makes watching impossible. What is wrong with a pipeline is printed, and may be mended.
pub(super) fn watch(settings: &RunSettings, printer: &Printer) -> Outcome {
    let printer = printer.in_lines();
    let is_in_place = settings.watch == Watch::InPlace && std::io::stderr().is_terminal();
    let threads = Threads::start(&settings.host)?;
    let mut changes = Changes::default();
    let stdin = StandardInput::kept(&printer);
    let results = Arc::new(Results::default());
    loop {
        // Before anything is read: what changes from here on is seen.
        changes.look_at(files(settings));
        results.begin_run();
        let code = once(settings, &threads, &stdin, &results, &printer)?;
        if code == ExitCode::Cancelled || printer.is_unheard() {
            return Ok(if code == ExitCode::Cancelled { code } else { ExitCode::Success });
        }
        stdin.rewind();
        printer.note(&format!("{DIM}waiting for changes; Ctrl-C ends it{DIM:#}\n"));
        let Some(changed) = threads.wait(changes.next()) else { return Ok(ExitCode::Success) };
        let changed: Vec<String> = changed.iter().map(|path| path.display().to_string()).collect();
        if is_in_place {
            // The screen is one page: what was said of the last run is over.
            printer.note("\x1b[2J\x1b[3J\x1b[H");
        }
        printer.note(&format!("\n{BOLD}changed{BOLD:#}: {}\n", render::printable(&changed.join(", "))));
    }
}

/// One run, printed. Gives how the process would end, were this all.
///
/// # Errors
/// When its result could not be printed.
fn once(
    settings: &RunSettings,
    threads: &Threads,
    stdin: &StandardInput,
    results: &Arc<Results>,
    printer: &Printer,
) -> Outcome {
    let (job, sources) = match read(settings, stdin, printer) {
        Ok(read) => read,
        Err(failure) => return Ok(failure.report(printer)),
    };
    let kept = KeptResults::open(&settings.reuse, &job.bundle, settings.host.overrides.cache, printer);
    let reuse = Reuse { all: Some(results.clone()), ..kept.reuse(&settings.reuse) };
    match threads.run(&job, &settings.host, reuse, printer) {
        Ok(finished) => finish(finished, &job, &settings.host, &sources, printer),
        Err(failure) => Ok(failure.in_files(&sources).report(printer)),
    }
}

/// All that is read for a run, and could change.
fn files(settings: &RunSettings) -> Vec<PathBuf> {
    let mut files = pipeline_file::files(&settings.file);
    files.extend(inputs::files(&settings.inputs));
    files
}
