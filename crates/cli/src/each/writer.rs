//! Prints what became of the rows, in their order, and what there is to say when they are over.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use wasmill_engine::Cancel;
use wasmill_model::{Code, ExitCode, format_duration};

use super::answer::{Answer, Ending, Failed};
use super::progress::{Counts, Progress, counted, rate};
use super::rows::RowSource;
use super::window::{Left, Window};
use crate::failure::Outcome;
use crate::printer::{Printer, Reader};
use crate::render::{DIM, GREEN, RED, YELLOW, printable};
use crate::summary::thousands;

/// Prints rows.
pub(crate) struct Writer {
    printer: Printer,
    /// The name of the file that they come from.
    file: Arc<str>,
    fail_fast: bool,
    window: Arc<Window>,
    /// Stops those that run.
    cancel: Cancel,
    counts: Arc<Counts>,
    /// What was said already about what to do.
    helped: HashSet<Code>,
    printed: Printed,
}

/// What was printed.
#[derive(Debug)]
pub(crate) struct Printed {
    source: RowSource,
    rows: u64,
    failed: u64,
    /// How the rows that failed would have ended the process; none where they do not agree.
    exit: Option<ExitCode>,
    /// The line of the last row.
    line: u64,
    /// Rows that were taken out of the window and not printed: one of them was stopped.
    unprinted: usize,
    end: End,
}

/// Why no more is printed.
#[derive(Debug)]
enum End {
    /// There is no more; or the rows were interrupted.
    Rows,
    /// A row failed, and it was to be the last one.
    FirstFailure,
    /// Nobody reads it.
    ReaderGone,
    /// It cannot be written.
    Unwritten(io::Error),
}

impl Writer {
    pub(crate) fn new(
        printer: Printer,
        source: RowSource,
        fail_fast: bool,
        window: Arc<Window>,
        cancel: Cancel,
        counts: Arc<Counts>,
    ) -> Self {
        let file = source.name();
        let printed = Printed { source, rows: 0, failed: 0, exit: None, line: 0, unprinted: 0, end: End::Rows };
        Writer { printer, file, fail_fast, window, cancel, counts, helped: HashSet::new(), printed }
    }

    /// Prints until there is no more.
    pub(crate) fn write(mut self, progress: &Progress) -> Printed {
        let (mut answers, mut spare, mut lines, mut errors) = (Vec::new(), Vec::new(), Vec::new(), String::new());
        let mut before = Instant::now();
        while self.window.take(before, &mut answers, &mut spare) {
            before = Instant::now();
            let mut is_last = false;
            let taken = answers.len();
            for (place, mut answer) in answers.drain(..).enumerate() {
                if matches!(answer.ending, Ending::Cancelled) {
                    // What is printed is without a gap, so that one can go on behind it.
                    self.printed.unprinted = taken - place;
                    is_last = true;
                    break;
                }
                self.add(&answer, &mut lines, &mut errors);
                if !matches!(self.printed.end, End::Rows) {
                    is_last = true;
                    break;
                }
                answer.line.clear();
                spare.push(answer.line);
            }
            let mut reader = Ok(Reader::There);
            progress.aside(|| {
                reader = self.printer.lines(&lines);
                if !errors.is_empty() {
                    self.printer.error(&errors);
                }
            });
            match reader {
                Ok(Reader::There) => {}
                Ok(Reader::Gone) => self.printed.end = End::ReaderGone,
                Err(error) => self.printed.end = End::Unwritten(error),
            }
            self.counts.rows.store(self.printed.rows, Ordering::Relaxed);
            self.counts.failed.store(self.printed.failed, Ordering::Relaxed);
            lines.clear();
            errors.clear();
            if is_last || !matches!(self.printed.end, End::Rows) {
                self.window.stop();
                self.cancel.cancel();
                break;
            }
        }
        self.printed
    }

    fn add(&mut self, answer: &Answer, lines: &mut Vec<u8>, errors: &mut String) {
        lines.extend_from_slice(&answer.line);
        let printed = &mut self.printed;
        printed.rows += 1;
        printed.line = answer.at;
        let Ending::Failed(failed) = &answer.ending else { return };
        printed.exit = match printed.exit {
            _ if printed.failed == 0 => Some(failed.exit),
            before => before.filter(|before| *before == failed.exit),
        };
        printed.failed += 1;
        // In JSON the row says it itself.
        if !self.printer.is_json() {
            self.explain(answer, failed, errors);
        }
        if self.fail_fast {
            self.printed.end = End::FirstFailure;
        }
    }

    /// `rows.ndjson:4:7: row 3: error WM0405: …`, and what to do where that was not said yet.
    fn explain(&mut self, answer: &Answer, failed: &Failed, errors: &mut String) {
        for problem in &failed.problems {
            let column = problem.location.as_ref().map(|place| format!(":{}", place.column)).unwrap_or_default();
            let (file, line, row) = (&self.file, answer.at, answer.row);
            let message = printable(&problem.message).trim_end().replace('\n', "\n  ");
            let _ = writeln!(errors, "{file}:{line}{column}: row {row}: {RED}error {}{RED:#}: {message}", problem.code);
            if let Some(help) = &problem.help
                && self.helped.insert(problem.code)
            {
                let _ = writeln!(errors, "  {DIM}help: {}{DIM:#}", printable(help));
            }
        }
    }
}

impl Printed {
    /// Says how it went, and gives how the process ends. `left` is what was not printed where there was an interrupt.
    pub(crate) fn finish(self, printer: &Printer, left: Option<Left>, took: Duration) -> Outcome {
        let left = left.map(|left| Left { read: left.read + self.unprinted, ..left });
        let left = left.filter(|left| left.read > 0 || left.there_may_be_more);
        let (all, time) = (counted(self.rows), format_duration(took));
        let time = format!("in {time}  {DIM}{}{DIM:#}", rate(self.rows, took));
        let exit = match self.failed {
            0 => ExitCode::Success,
            _ => self.exit.unwrap_or(ExitCode::Failed),
        };
        let counts = match self.failed {
            0 => all.clone(),
            failed => format!("{} of {all}", thousands(failed)),
        };
        match self.end {
            End::Unwritten(error) => return Err(error.into()),
            // It has seen enough.
            End::ReaderGone => {}
            End::FirstFailure => {
                printer.note(&format!("{RED}failed{RED:#}  stopped at row {} {time}\n", thousands(self.rows)));
            }
            End::Rows => {
                if let Some(left) = left {
                    let failed =
                        if self.failed == 0 { String::new() } else { format!(", {} failed", thousands(self.failed)) };
                    printer.note(&format!(
                        "{YELLOW}cancelled{YELLOW:#}  after {all}{failed} {time}\n{}",
                        self.go_on(left)
                    ));
                    return Ok(ExitCode::Cancelled);
                }
                let (style, word) = if self.failed == 0 { (GREEN, "ok") } else { (RED, "failed") };
                printer.note(&format!("{style}{word}{style:#}  {counts} {time}\n"));
            }
        }
        Ok(exit)
    }

    /// What an interrupt left undone, and where it can be taken up.
    fn go_on(&self, left: Left) -> String {
        let read = match left.read {
            0 => String::new(),
            1 => "1 row was read and not run to its end".to_owned(),
            rows => format!("{} rows were read and not run to their end", thousands(rows as u64)),
        };
        let unread = if left.there_may_be_more { "what follows was not read" } else { "" };
        let both = [read.as_str(), unread].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
        let next = self.line + 1;
        let help = match &self.source {
            RowSource::Stdin => format!("line {next} of stdin is the first one that was not printed"),
            RowSource::File(file) => {
                format!("go on from there with `tail -n +{next} {}`", printable(&file.display().to_string()))
            }
        };
        format!("  {both}\n  help: {help}\n")
    }
}
