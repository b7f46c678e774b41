//! What a run is doing, while it does it: a live tree on a terminal, plain lines anywhere else. All of it goes to stderr.
//!
//! Events come from the threads that run guests, and stderr may be a pipe that nobody reads: so a thread of its own does the
//! writing.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wasmill_model::{StepReport, format_duration};
use wasmill_runtime::{NoObserver, Observer, RunEvent};

use crate::printer::Printer;
use crate::render::{BOLD, DIM};
use crate::summary::{kept, mark, style, usage};

/// The most steps that the tree shows at once; the head counts the others.
const LONGEST_TREE: usize = 12;
/// A longer run gets lines only for steps that do not succeed.
const MOST_LINES: usize = 100;
/// Shorter runs are over before anybody could read a tree.
pub(crate) const TICK: Duration = Duration::from_millis(100);

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
        let thread = std::thread::Builder::new().name("progress".to_owned());
        if io::stderr().is_terminal() {
            let tree = Arc::new(Tree::default());
            let drawn = tree.clone();
            let writer = thread.spawn(move || drawn.draw());
            return Progress { observer: tree, writer: writer.ok() };
        }
        let (sender, receiver) = mpsc::channel::<String>();
        let printer = *printer;
        let writer = thread.spawn(move || {
            for mut text in receiver.iter() {
                // What has gathered is written at once.
                text.extend(receiver.try_iter());
                printer.note(&text);
            }
        });
        let lines = Lines {
            lines: Mutex::new(Some(sender)),
            is_long: AtomicBool::new(steps > MOST_LINES),
            said: AtomicUsize::new(0),
        };
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

/// Says that units are being compiled, while `work` does it and takes long: at the first run of a large unit it takes seconds.
pub(crate) async fn compiling<T>(printer: &Printer, units: usize, work: impl Future<Output = T>) -> T {
    let what = if units == 1 { "1 unit".to_owned() } else { format!("{units} units") };
    waiting(printer, &|| format!("compiling {what}"), work).await
}

/// Says what goes on, while `work` does it and takes long.
pub(crate) async fn waiting<T>(printer: &Printer, what: &dyn Fn() -> String, work: impl Future<Output = T>) -> T {
    const EACH: Duration = Duration::from_secs(10);
    let is_drawn = io::stderr().is_terminal() && !printer.is_quiet();
    let start = Instant::now();
    let mut bar: Option<ProgressBar> = None;
    let mut next = if is_drawn { TICK } else { Duration::from_secs(1) };
    let mut work = std::pin::pin!(work);
    let result = loop {
        tokio::select! {
            biased;
            result = &mut work => break result,
            () = tokio::time::sleep(next) => {}
        }
        let time = format!("{DIM}{:.1} s{DIM:#}", start.elapsed().as_secs_f64());
        if is_drawn {
            let bar = bar.get_or_insert_with(spinner);
            bar.set_message(format!("{}  {time}", what()));
            bar.tick();
        } else {
            printer.note(&format!("{DIM}{}{DIM:#}  {time}\n", what()));
            next = EACH;
        }
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    result
}

/// A line on a terminal that says what goes on.
pub(crate) fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner:.cyan} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plain lines: `▶ parse` and `✔ parse  ok  1.20 ms`.
struct Lines {
    /// Gone when the run is over: that ends the writer.
    lines: Mutex<Option<Sender<String>>>,
    is_long: AtomicBool,
    /// Lines that were said of steps.
    said: AtomicUsize,
}

impl Lines {
    fn is_long(&self) -> bool {
        self.is_long.load(Ordering::Relaxed)
    }

    /// A line of many: pipelines that call others have more steps than anybody knows before.
    fn count(&self) {
        if self.said.fetch_add(1, Ordering::Relaxed) > 4 * MOST_LINES {
            self.is_long.store(true, Ordering::Relaxed);
        }
    }

    fn say(&self, line: String) {
        if let Some(lines) = &*lock(&self.lines) {
            let _ = lines.send(line);
        }
    }
}

impl Observer for Lines {
    fn event(&self, event: &RunEvent<'_>) {
        match event {
            RunEvent::StepStarted { step, attempt, item } if !self.is_long() && item.is_none_or(|item| item == 0) => {
                let again = if *attempt == 1 { String::new() } else { format!("  {DIM}attempt {attempt}{DIM:#}") };
                self.count();
                self.say(format!("{DIM}▶ {step}{DIM:#}{again}\n"));
            }
            RunEvent::StepFinished { step, report } if !(self.is_long() && report.verdict.is_ok()) => {
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
    let words = kept(report).unwrap_or_else(|| kind.to_string());
    let wall = usage(report).map(|usage| usage.wall);
    let time = wall.map(|wall| format!("  {DIM}{}{DIM:#}", format_duration(wall))).unwrap_or_default();
    format!("{style}{}{style:#} {step}  {style}{words}{style:#}{time}\n", mark(kind))
}

/// The live tree: a head that counts, and a line for each running step. It is gone when the run is over: the table that
/// follows says it all.
#[derive(Default)]
struct Tree {
    state: Mutex<TreeState>,
    changed: Condvar,
}

#[derive(Default)]
struct TreeState {
    pipeline: String,
    steps: usize,
    done: usize,
    running: IndexMap<Arc<str>, Instant>,
    is_over: bool,
}

impl Tree {
    /// Draws until the run is over. The first picture comes after one tick: a short run needs none.
    fn draw(&self) {
        let start = Instant::now();
        let mut bar: Option<ProgressBar> = None;
        let mut state = lock(&self.state);
        while !state.is_over {
            state = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
            if start.elapsed() < TICK {
                continue;
            }
            let picture = state.picture(start);
            let bar = bar.get_or_insert_with(spinner);
            bar.set_message(picture);
            bar.tick();
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }
}

impl TreeState {
    fn picture(&self, start: Instant) -> String {
        let time = |since: Instant| format!("{DIM}{:.1} s{DIM:#}", since.elapsed().as_secs_f64());
        let mut text =
            format!("{BOLD}{}{BOLD:#}  {} of {} steps  {}", self.pipeline, self.done, self.steps, time(start));
        for (index, (step, since)) in self.running.iter().take(LONGEST_TREE).enumerate() {
            let branch = if index + 1 == self.running.len() { "└─" } else { "├─" };
            text.push_str(&format!("\n  {DIM}{branch}{DIM:#} {step}  {}", time(*since)));
        }
        if let Some(more) = self.running.len().checked_sub(LONGEST_TREE).filter(|more| *more > 0) {
            text.push_str(&format!("\n  {DIM}└─ and {more} more{DIM:#}"));
        }
        text
    }
}

impl Observer for Tree {
    fn event(&self, event: &RunEvent<'_>) {
        let mut state = lock(&self.state);
        match event {
            RunEvent::RunStarted { pipeline, steps, .. } => {
                state.pipeline = pipeline.to_string();
                state.steps = *steps;
            }
            RunEvent::StepStarted { step, .. } => drop(state.running.insert((*step).clone(), Instant::now())),
            RunEvent::StepFinished { step, .. } => {
                state.done += 1;
                state.running.shift_remove(&**step);
            }
            RunEvent::RunFinished { .. } => {
                state.is_over = true;
                self.changed.notify_all();
            }
            _ => {}
        }
    }
}
