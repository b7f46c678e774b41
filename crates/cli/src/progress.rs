//! What a run is doing, while it does it: a live tree on a terminal, plain lines anywhere else. All of it goes to stderr.
//!
//! Events come from the threads that run guests, and stderr may be a pipe that nobody reads: so lines are written by a thread
//! of their own.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use wasmill_model::{StepReport, format_duration};
use wasmill_runtime::{NoObserver, Observer, RunEvent};

use crate::printer::Printer;
use crate::render::DIM;
use crate::summary::{mark, style};

/// The most steps that the tree shows at once; the head counts the others.
const LONGEST_TREE: usize = 12;
/// A longer run gets lines only for steps that do not succeed.
const MOST_LINES: usize = 100;
/// Shorter runs are over before anybody could read a tree.
const TICK: Duration = Duration::from_millis(100);

/// The progress of one run.
pub(crate) struct Progress {
    observer: Arc<dyn Observer>,
    writer: Option<JoinHandle<()>>,
}

impl Progress {
    /// For a run of so many steps; nothing where the user asked for quiet.
    pub(crate) fn start(printer: &Printer, steps: usize) -> Self {
        if printer.is_quiet() {
            return Progress { observer: Arc::new(NoObserver), writer: None };
        }
        if io::stderr().is_terminal() {
            return Progress { observer: Arc::new(Tree::new(steps)), writer: None };
        }
        let (sender, receiver) = mpsc::channel::<String>();
        let printer = *printer;
        let writer = std::thread::Builder::new().name("progress".to_owned()).spawn(move || {
            for mut text in receiver.iter() {
                // What has gathered is written at once.
                text.extend(receiver.try_iter());
                printer.note(&text);
            }
        });
        let lines = Lines { lines: Mutex::new(Some(sender)), is_long: steps > MOST_LINES };
        Progress { observer: Arc::new(lines), writer: writer.ok() }
    }

    /// Who is told of the run's events.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        self.observer.clone()
    }

    /// After the run: waits until all of it is written.
    pub(crate) fn finish(self) {
        if let Some(writer) = self.writer {
            // It cannot panic; and were it to, the result is what counts.
            let _ = writer.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plain lines: `▶ parse` and `✔ parse  ok  1.20 ms`.
struct Lines {
    /// Gone when the run is over: that ends the writer.
    lines: Mutex<Option<Sender<String>>>,
    is_long: bool,
}

impl Lines {
    fn say(&self, line: String) {
        if let Some(lines) = &*lock(&self.lines) {
            let _ = lines.send(line);
        }
    }
}

impl Observer for Lines {
    fn event(&self, event: &RunEvent<'_>) {
        match event {
            RunEvent::StepStarted { step, .. } if !self.is_long => self.say(format!("{DIM}▶ {step}{DIM:#}\n")),
            RunEvent::StepFinished { step, report } if !(self.is_long && report.verdict.is_ok()) => {
                self.say(finished(step, report));
            }
            RunEvent::RunFinished { .. } => drop(lock(&self.lines).take()),
            _ => {}
        }
    }
}

fn finished(step: &str, report: &StepReport) -> String {
    let kind = report.verdict.kind();
    let style = style(kind);
    let wall = report.attempts.last().map(|receipt| receipt.usage.wall);
    let time = wall.map(|wall| format!("  {DIM}{}{DIM:#}", format_duration(wall))).unwrap_or_default();
    format!("{style}{}{style:#} {step}  {style}{kind}{style:#}{time}\n", mark(kind))
}

/// The live tree: a head that counts, and a line for each running step. It is gone when the run is over: the table that
/// follows says it all.
struct Tree {
    bars: MultiProgress,
    head: ProgressBar,
    running: Mutex<HashMap<Arc<str>, ProgressBar>>,
}

impl Tree {
    fn new(steps: usize) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(15));
        let head = bars.add(ProgressBar::new(steps as u64));
        head.set_style(template("{spinner:.cyan} {prefix:.bold} {pos}/{len} {elapsed:.dim}"));
        Tree { bars, head, running: Mutex::default() }
    }
}

fn template(text: &str) -> ProgressStyle {
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Observer for Tree {
    fn event(&self, event: &RunEvent<'_>) {
        let mut running = lock(&self.running);
        match event {
            RunEvent::RunStarted { pipeline, .. } => {
                self.head.set_prefix(pipeline.to_string());
                self.head.enable_steady_tick(TICK);
            }
            RunEvent::StepStarted { step, .. } if running.len() < LONGEST_TREE => {
                let bar = self.bars.add(ProgressBar::new_spinner());
                bar.set_style(template("  {prefix:.dim} {msg} {elapsed:.dim}"));
                bar.set_prefix("├─");
                bar.set_message(step.to_string());
                bar.enable_steady_tick(TICK);
                running.insert((*step).clone(), bar);
            }
            RunEvent::StepFinished { step, .. } => {
                self.head.inc(1);
                if let Some(bar) = running.remove(&**step) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
            }
            RunEvent::RunFinished { .. } => {
                self.head.finish_and_clear();
                // Nothing is left to be cleared where the terminal went away.
                let _ = self.bars.clear();
            }
            _ => {}
        }
    }
}
