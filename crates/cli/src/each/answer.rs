//! One row: its inputs, its run, and the line that is printed for it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use wasmill_engine::Cancel;
use wasmill_manifest::ResultV1;
use wasmill_model::{Code, Diagnostic, Dialect, ExitCode, RunDocument, RunVerdict, Value};
use wasmill_runtime::{Linked, NoObserver, Observer, Reuse, RunOptions};

use super::row_inputs::RowInputs;
use super::rows::Row;
use crate::blobs;
use crate::host;
use crate::printer::Printer;
use crate::summary;
use crate::telemetry;

/// What is printed for a row that gave nothing, so that every row has its line.
const NOTHING: &[u8] = b"null\n";

/// What became of a row.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Which row this is.
    pub(crate) row: u64,
    /// The line that it stands in.
    pub(crate) at: u64,
    /// What is printed for it: one line, with its end.
    pub(crate) line: Vec<u8>,
    /// How it ended.
    pub(crate) ending: Ending,
}

/// How a row ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Well.
    Ok,
    /// Not well.
    Failed(Box<Failed>),
    /// Somebody stopped it.
    Cancelled,
}

/// Why a row failed.
#[derive(Debug)]
pub(crate) struct Failed {
    /// How the process would have ended, had it run this row alone.
    pub(crate) exit: ExitCode,
    /// What is wrong.
    pub(crate) problems: Vec<Diagnostic>,
}

impl Answer {
    /// How many bytes it holds, about.
    pub(crate) fn size(&self) -> usize {
        self.line.len()
    }

    /// Of a row whose task ended before it had one: a defect of Wasmill, and no reason to wait for ever.
    pub(crate) fn lost(row: u64, at: u64) -> Self {
        let problems = vec![Diagnostic::new(Code::HostError, "the row's task ended before the row did")];
        let failed = Failed { exit: ExitCode::Failed, problems };
        Answer { row, at, line: NOTHING.to_vec(), ending: Ending::Failed(Box::new(failed)) }
    }
}

/// What is printed for a row that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// The run document.
    Document,
    /// A manifest v1's own form.
    V1,
    /// The only output.
    Bare,
    /// The outputs by their names.
    Object,
}

/// What every row is run with.
pub(crate) struct RowRun {
    linked: Linked,
    inputs: RowInputs,
    shape: Shape,
    /// The runs' ids begin so.
    id: Arc<str>,
    seed: u64,
    observer: Arc<dyn Observer>,
    cancel: Cancel,
    reuse: Reuse,
    printer: Printer,
    /// What was said of engines: rows have that in common.
    said: Mutex<HashSet<String>>,
}

impl RowRun {
    pub(crate) fn new(linked: Linked, inputs: RowInputs, reuse: Reuse, printer: &Printer, cancel: Cancel) -> Self {
        // It does not depend on what a row gave: that all lines have one shape is worth more.
        let shape = match linked.pipeline().dialect {
            _ if printer.is_json() => Shape::Document,
            Dialect::PipelineV1 => Shape::V1,
            _ if linked.output_names().count() == 1 => Shape::Bare,
            _ => Shape::Object,
        };
        let (id, seed) = (host::run_id(), host::random());
        RowRun {
            linked,
            inputs,
            shape,
            id,
            seed,
            observer: Arc::new(NoObserver),
            cancel,
            reuse,
            printer: *printer,
            said: Mutex::default(),
        }
    }

    /// Runs a row to its end.
    pub(crate) async fn run(&self, row: Row) -> Answer {
        let inputs = match self.inputs.read(&row) {
            Ok(inputs) => inputs,
            Err(problems) => return self.refused(&row, problems),
        };
        // What is printed takes the place of what was read.
        let Row { number, line: at, text } = row;
        let mut line = text.into_buffer();
        let options = RunOptions {
            seed: self.seed.wrapping_add(number),
            cancel: self.cancel.clone(),
            observer: telemetry::observing(self.observer.clone(), Some(number), &self.printer),
            reuse: self.reuse.clone(),
            ..RunOptions::new(format!("{}-{number}", self.id))
        };
        let mut document = self.linked.run_here(inputs, options).await;
        self.tell_of_engines(&document);
        if self.shape == Shape::Document {
            blobs::detach(&mut document, self.inputs.blobs_folder(), &self.printer);
        }
        self.print((number, at), &document, &mut line);
        let ending = match document.verdict {
            RunVerdict::Ok => Ending::Ok,
            RunVerdict::Cancelled => Ending::Cancelled,
            RunVerdict::Failed => Ending::Failed(Box::new(Failed {
                exit: document.exit_code(),
                problems: document.error.as_ref().map(problem).into_iter().collect(),
            })),
        };
        Answer { row: number, at, line, ending }
    }

    /// What was passed over, and what is weaker: said once.
    fn tell_of_engines(&self, document: &RunDocument) {
        for line in summary::routed(document).split_inclusive('\n') {
            let first = self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(line.to_owned());
            if first {
                self.printer.note(line);
            }
        }
    }

    /// A row that cannot be run.
    fn refused(&self, row: &Row, problems: Vec<Diagnostic>) -> Answer {
        let mut line = Vec::new();
        match self.shape {
            Shape::Document => {
                let refused = Refused { row: row.number, line: row.line, wasmill: 1, errors: &problems };
                json_line(&refused, &mut line);
            }
            _ => line.extend_from_slice(NOTHING),
        }
        let failed = Failed { exit: ExitCode::Invalid, problems };
        Answer { row: row.number, at: row.line, line, ending: Ending::Failed(Box::new(failed)) }
    }

    fn print(&self, (row, at): (u64, u64), document: &RunDocument, line: &mut Vec<u8>) {
        match self.shape {
            Shape::Document => json_line(&RowDocument { row, line: at, document }, line),
            Shape::V1 => json_line(&ResultV1::of(document, self.linked.pipeline()), line),
            Shape::Bare => json_line(document.outputs.values().next().unwrap_or(&Value::Null), line),
            // Of a run that failed and went on, what there is.
            Shape::Object if document.verdict == RunVerdict::Ok || !document.outputs.is_empty() => {
                json_line(&document.outputs, line);
            }
            Shape::Object => line.extend_from_slice(NOTHING),
        }
    }
}

fn problem(error: &wasmill_model::RunError) -> Diagnostic {
    Diagnostic {
        code: error.code,
        message: error.message.clone(),
        location: None,
        step: error.step.clone(),
        help: error.help.clone(),
    }
}

/// The run document of a row.
#[derive(Serialize)]
struct RowDocument<'a> {
    row: u64,
    line: u64,
    #[serde(flatten)]
    document: &'a RunDocument,
}

/// What stands in its place where the row cannot be run.
#[derive(Serialize)]
struct Refused<'a> {
    row: u64,
    line: u64,
    wasmill: u32,
    errors: &'a [Diagnostic],
}

fn json_line<T: Serialize + ?Sized>(value: &T, line: &mut Vec<u8>) {
    // Documents have string keys and no failing member: writing one into memory cannot fail.
    let _ = serde_json::to_writer(&mut *line, value);
    line.push(b'\n');
}
