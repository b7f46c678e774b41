//! How far the rows are, while they run, and how they went. All of it goes to stderr.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::printer::Printer;
use crate::progress::{TICK, spinner};
use crate::render::{DIM, RED};
use crate::summary::thousands;

/// Plain lines come so often.
const LINES: Duration = Duration::from_secs(5);

/// What is counted.
#[derive(Default)]
pub(crate) struct Counts {
    /// Bytes that were read.
    pub(crate) read: AtomicU64,
    /// Rows that were printed.
    pub(crate) rows: AtomicU64,
    /// Of those, rows that failed.
    pub(crate) failed: AtomicU64,
}

/// Tells of the counts until it is dropped.
pub(crate) struct Progress {
    shared: Arc<Shared>,
    teller: Option<JoinHandle<()>>,
}

struct Shared {
    counts: Arc<Counts>,
    /// How many bytes there are.
    size: Option<u64>,
    start: Instant,
    /// Drawn where stderr is a terminal and the rows go elsewhere.
    bar: Option<ProgressBar>,
    is_drawn: AtomicBool,
    is_over: Mutex<bool>,
    over: Condvar,
}

impl Progress {
    /// For rows from a source of so many bytes; nothing where the user asked for quiet.
    pub(crate) fn start(printer: &Printer, counts: &Arc<Counts>, size: Option<u64>) -> Self {
        // Rows that go to a terminal are their own progress, and a bar would be in their way.
        let has_bar = io::stderr().is_terminal();
        let is_told = !(printer.is_quiet() || has_bar && io::stdout().is_terminal());
        let shared = Arc::new(Shared {
            counts: counts.clone(),
            size: size.filter(|size| *size > 0),
            start: Instant::now(),
            bar: (is_told && has_bar).then(spinner),
            is_drawn: AtomicBool::new(false),
            is_over: Mutex::new(false),
            over: Condvar::new(),
        });
        let (told, printer) = (shared.clone(), *printer);
        let thread = std::thread::Builder::new().name("progress".to_owned());
        let teller = is_told.then(|| thread.spawn(move || told.tell(&printer)).ok()).flatten();
        Progress { shared, teller }
    }

    /// Prints something else, with the bar out of the way.
    pub(crate) fn aside(&self, print: impl FnOnce()) {
        match &self.shared.bar {
            Some(bar) if self.shared.is_drawn.load(Ordering::Relaxed) => bar.suspend(print),
            _ => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        *self.shared.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.over.notify_all();
        if let Some(teller) = self.teller.take() {
            // It cannot panic; and were it to, the rows are what counts.
            let _ = teller.join();
        }
    }
}

impl Shared {
    fn tell(&self, printer: &Printer) {
        let each = if self.bar.is_some() { TICK } else { LINES };
        let mut is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        // All may be over before this thread gets to wait.
        while !*is_over {
            let (guard, waited) = self.over.wait_timeout(is_over, each).unwrap_or_else(PoisonError::into_inner);
            is_over = guard;
            if *is_over || !waited.timed_out() {
                continue;
            }
            match &self.bar {
                Some(bar) => {
                    self.is_drawn.store(true, Ordering::Relaxed);
                    bar.set_message(self.picture());
                    bar.tick();
                }
                None => printer.note(&format!("{}\n", self.picture())),
            }
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// `12,000 rows  2,400 rows/s  3 failed  41 %`
    fn picture(&self) -> String {
        let rows = self.counts.rows.load(Ordering::Relaxed);
        let failed = self.counts.failed.load(Ordering::Relaxed);
        let mut text = format!("{}  {DIM}{}{DIM:#}", counted(rows), rate(rows, self.start.elapsed()));
        if failed > 0 {
            text.push_str(&format!("  {RED}{} failed{RED:#}", thousands(failed)));
        }
        if let Some(size) = self.size {
            let read = self.counts.read.load(Ordering::Relaxed).min(size);
            text.push_str(&format!("  {DIM}{} %{DIM:#}", u128::from(read) * 100 / u128::from(size)));
        }
        text
    }
}

/// `1 row`, `12,000 rows`
pub(crate) fn counted(rows: u64) -> String {
    format!("{} {}", thousands(rows), if rows == 1 { "row" } else { "rows" })
}

/// `2,400 rows/s`
pub(crate) fn rate(rows: u64, time: Duration) -> String {
    let rate = rows as f64 / time.as_secs_f64().max(1e-9);
    format!("{} rows/s", thousands(rate as u64))
}
