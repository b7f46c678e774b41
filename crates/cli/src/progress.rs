//! What a run is doing, while it does it: a live tree on a terminal, plain lines anywhere else. All of it goes to stderr.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use wasmill_model::{Verdict, format_duration};
use wasmill_runtime::{Observer, RunEvent};

use crate::printer::Printer;
use crate::render::{BOLD, DIM};
use crate::summary::{mark, style, thousands};

/// The most steps that the tree shows at once; the head counts the others.
const LONGEST_TREE: usize = 12;
const TICK: Duration = Duration::from_millis(100);

/// An observer for this printer: none where the user asked for quiet.
pub(crate) fn observer(printer: &Printer, steps: usize) -> Option<Arc<dyn Observer>> {
    if printer.is_quiet() {
        None
    } else if io::stderr().is_terminal() {
        Some(Arc::new(Tree::new(steps)))
    } else {
        Some(Arc::new(Lines { printer: *printer }))
    }
}

/// Plain lines: `▶ parse` and `✔ parse  ok  1.20 ms`.
struct Lines {
    printer: Printer,
}

impl Observer for Lines {
    fn event(&self, event: &RunEvent<'_>) {
        match event {
            RunEvent::StepStarted { step, .. } => self.printer.note(&format!("{DIM}▶ {step}{DIM:#}\n")),
            RunEvent::StepFinished { step, report, .. } => {
                let wall = report.attempts.last().map(|receipt| receipt.usage.wall);
                self.printer.note(&format!("{}\n", finished(step, &report.verdict, wall)));
            }
            _ => {}
        }
    }
}

fn finished(step: &str, verdict: &Verdict, wall: Option<Duration>) -> String {
    let style = style(verdict.kind());
    let time = wall.map(|wall| format!("  {DIM}{}{DIM:#}", format_duration(wall))).unwrap_or_default();
    format!("{style}{}{style:#} {step}  {style}{}{style:#}{time}", mark(verdict.kind()), verdict.kind())
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
        head.set_style(template("{spinner:.cyan} {msg} {pos}/{len} {elapsed:.dim}"));
        head.set_message(format!("{BOLD}running{BOLD:#} {}", thousands(steps as u64)));
        Tree { bars, head, running: Mutex::default() }
    }
}

fn template(text: &str) -> ProgressStyle {
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Observer for Tree {
    fn event(&self, event: &RunEvent<'_>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            RunEvent::RunStarted { .. } => self.head.enable_steady_tick(TICK),
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
                let _ = self.bars.clear();
            }
            _ => {}
        }
    }
}
