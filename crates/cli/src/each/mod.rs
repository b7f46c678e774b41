//! `wasmill run FILE --each ROWS`: the pipeline is linked once, and run for each row.
//!
//! A thread reads rows, tasks on the threads of the guests run them, and a thread prints what became of them, in the order of the
//! rows. Between them is a [`Window`] of bounded size: whoever gets ahead of the others waits, so that neither a long file nor a
//! slow row nor a slow reader of stdout takes memory.

mod answer;
mod progress;
mod row_inputs;
mod rows;
mod window;
mod writer;

use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::sync::oneshot;
use wasmill_engine::Cancel;
use wasmill_model::{Code, Diagnostic};
use wasmill_runtime::Reuse;

use self::answer::{Answer, Ending, RowRun};
use self::progress::{Counts, Progress};
use self::row_inputs::{Blobs, RowInputs};
use self::rows::Lines;
use self::window::Window;
use self::writer::{Printed, Writer};
use crate::failure::{Failure, Outcome};
use crate::host::{Ready, Threads};
use crate::kept_results::KeptResults;
use crate::pipeline_file::{self, PipelineFile};
use crate::printer::Printer;
use crate::settings::RunSettings;
use crate::standard_input::StandardInput;
use crate::{inputs, lock};

pub(crate) use self::rows::RowSource;

/// Rows that run at once for each thread of the guests, where nobody says how many: some wait for other things than the processor.
const ROWS_PER_WORKER: usize = 4;

/// What `--each` works with.
#[derive(Debug)]
pub(crate) struct EachSettings {
    /// Where the rows come from.
    pub(crate) rows: RowSource,
    /// How many run at once.
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Whether the first row that fails is the last one.
    pub(crate) fail_fast: bool,
}

/// Runs the pipeline for each row, and prints a line for each.
pub(crate) fn each(run: &RunSettings, settings: &EachSettings, printer: &Printer) -> Outcome {
    let host = &run.host;
    let file = pipeline_file::read(&run.file, &host.policy, &host.overrides, &run.sources, printer)?;
    lock::check(&run.file, &file)?;
    let PipelineFile { bundle, sources } = file;
    let in_files = |problems: Vec<Diagnostic>| Failure::invalid(problems).in_files(&sources);
    let stdin = match settings.rows {
        RowSource::Stdin => StandardInput::taken(),
        RowSource::File(_) => StandardInput::new(printer),
    };
    let common = inputs::collect_some(&run.inputs, &bundle.pipeline.inputs, &stdin).map_err(in_files)?;
    let blobs = Blobs { folder: host.blobs.clone(), is_allowed: run.allow_blobs };
    let inputs = RowInputs::new(&bundle.pipeline, common, blobs, settings.rows.name()).map_err(in_files)?;
    let (from, size) = settings.rows.open()?;
    let jobs = settings.jobs.map_or(host.workers.get().saturating_mul(ROWS_PER_WORKER), NonZeroUsize::get);
    let runs = u32::try_from(jobs).unwrap_or(u32::MAX);
    let kept = KeptResults::open(&run.reuse, &bundle, host.overrides.cache, printer);
    let work = async |ready: &Ready| {
        let each = Each { settings, printer, jobs, size, start: Instant::now() };
        each.run(ready, inputs, kept.reuse(&run.reuse), from).await
    };
    let done = Threads::start(host)?.with_linked(&bundle, runs, host, printer, work);
    kept.note_failures(printer);
    done.map_err(|failure| failure.in_files(&sources))?
}

/// All of the rows.
struct Each<'a> {
    settings: &'a EachSettings,
    printer: &'a Printer,
    jobs: usize,
    /// How many bytes they have.
    size: Option<u64>,
    start: Instant,
}

impl Each<'_> {
    async fn run(&self, ready: &Ready, inputs: RowInputs, reuse: Reuse, from: Box<dyn Read + Send>) -> Outcome {
        // Of the rows alone: they may have to stop where nobody interrupts.
        let cancel = Cancel::new();
        let run = RowRun::new(ready.linked.clone(), inputs, reuse, self.printer, cancel.clone());
        let window = Arc::new(Window::new(self.jobs));
        let printed = self.start_threads(from, &window, &cancel).map_err(|error| {
            Failure::host(format!("the threads that read and print rows cannot be started: {error}"))
        })?;
        let run = Arc::new(run);
        let lanes: Vec<_> = (0..self.jobs)
            .map(|_| ready.guests.spawn(lane(run.clone(), window.clone(), self.settings.fail_fast)))
            .collect();
        let mut lanes = pin!(async {
            for lane in lanes {
                // What it did is in the window.
                let _ = lane.await;
            }
        });
        tokio::select! {
            () = &mut lanes => {}
            () = ready.cancel.cancelled() => {
                window.stop();
                cancel.cancel();
                lanes.await;
            }
        }
        window.close();
        let printed =
            printed.await.map_err(|_| Failure::host("the thread that prints rows ended before the rows did"))?;
        let is_interrupted = ready.cancel.is_cancelled();
        let unread = window.read_error().map(|error| {
            let name = self.settings.rows.name();
            Failure::from(Diagnostic::new(Code::InputUnreadable, format!("`{name}` cannot be read further: {error}")))
        });
        let code = printed.finish(self.printer, is_interrupted.then(|| window.left()), self.start.elapsed())?;
        unread.map_or(Ok(code), Err)
    }

    /// One thread reads, one prints. The first may never end: nobody can stop it while it waits for stdin.
    fn start_threads(
        &self,
        from: Box<dyn Read + Send>,
        window: &Arc<Window>,
        cancel: &Cancel,
    ) -> io::Result<oneshot::Receiver<Printed>> {
        let counts = Arc::new(Counts::default());
        let progress = Progress::start(self.printer, &counts, self.size);
        let source = self.settings.rows.clone();
        let writer =
            Writer::new(*self.printer, source, self.settings.fail_fast, window.clone(), cancel.clone(), counts.clone());
        let (sender, printed) = oneshot::channel();
        std::thread::Builder::new().name("print".to_owned()).spawn(move || {
            let printed = writer.write(&progress);
            drop(progress);
            let _ = sender.send(printed);
        })?;
        let window = window.clone();
        std::thread::Builder::new().name("read".to_owned()).spawn(move || read(from, &window, &counts))?;
        Ok(printed)
    }
}

/// Reads rows as long as they are wanted.
fn read(from: impl Read, window: &Window, counts: &Counts) {
    let mut lines = Lines::new(from);
    let mut rows = Vec::new();
    loop {
        let read = lines.read(&mut rows);
        if !window.offer(&mut rows, &mut lines.spare) {
            return;
        }
        match read {
            Ok(0) => return window.end_of_rows(None),
            Ok(bytes) => _ = counts.read.fetch_add(bytes as u64, Ordering::Relaxed),
            Err(error) => return window.end_of_rows(Some(error)),
        }
    }
}

/// Runs one row after the other.
async fn lane(run: Arc<RowRun>, window: Arc<Window>, fail_fast: bool) {
    while let Some(row) = window.start().await {
        let turn = Turn { window: &window, row: (row.number, row.line), size: row.size(), fail_fast, is_over: false };
        let answer = run.run(row).await;
        turn.end(answer);
    }
}

/// A row that is running: it gets an answer, whatever happens.
struct Turn<'a> {
    window: &'a Window,
    /// Its number and its line.
    row: (u64, u64),
    size: usize,
    fail_fast: bool,
    is_over: bool,
}

impl Turn<'_> {
    fn end(mut self, answer: Answer) {
        self.is_over = true;
        let is_last = self.fail_fast && matches!(answer.ending, Ending::Failed(_));
        self.window.put(self.size, answer, is_last);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let (row, line) = self.row;
            self.window.put(self.size, Answer::lost(row, line), self.fail_fast);
        }
    }
}
