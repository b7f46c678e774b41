//! The OS thread that moves the epoch of every engine there is.
//!
//! It ticks while calls are running and sleeps when none is, so that an idle host costs nothing. A call that starts while it
//! sleeps wakes it; a call that starts while it ticks costs two atomic writes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use wasmtime::EngineWeak;

/// How often the epoch moves: how late a deadline is noticed, and how long a guest keeps its thread.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// How many idle ticks it takes to fall asleep: back-to-back calls do not pay for a wake-up each.
const IDLE_TICKS: u32 = 50;

pub(crate) struct Ticker {
    engines: Mutex<Vec<EngineWeak>>,
    running: AtomicUsize,
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

/// One running call. While any lives, the epoch moves.
pub(crate) struct Running(Arc<Ticker>);

impl Ticker {
    /// The ticker of this process.
    pub(crate) fn global() -> std::io::Result<Arc<Ticker>> {
        static TICKER: Mutex<Option<Arc<Ticker>>> = Mutex::new(None);
        let mut global = TICKER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ticker) = &*global {
            return Ok(ticker.clone());
        }
        let ticker = Arc::new(Ticker {
            engines: Mutex::new(Vec::new()),
            running: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            thread: OnceLock::new(),
        });
        let ticking = ticker.clone();
        let handle = std::thread::Builder::new().name("wasmill-epoch".to_owned()).spawn(move || ticking.tick())?;
        // Set before anybody can hold a `Running`: the lock above is still held.
        let _ = ticker.thread.set(handle.thread().clone());
        *global = Some(ticker.clone());
        Ok(ticker)
    }

    pub(crate) fn watch(&self, engine: &wasmtime::Engine) {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner).push(engine.weak());
    }

    pub(crate) fn start(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
        Running(self.clone())
    }

    fn tick(&self) {
        let mut idle = 0;
        loop {
            std::thread::sleep(TICK);
            self.engines.lock().unwrap_or_else(PoisonError::into_inner).retain(|engine| match engine.upgrade() {
                Some(engine) => {
                    engine.increment_epoch();
                    true
                }
                None => false,
            });
            if self.running.load(Ordering::SeqCst) > 0 {
                idle = 0;
                continue;
            }
            idle += 1;
            if idle < IDLE_TICKS {
                continue;
            }
            // Announce the sleep, then look again: a call that began in between either sees `asleep` or is seen here.
            self.asleep.store(true, Ordering::SeqCst);
            while self.running.load(Ordering::SeqCst) == 0 {
                std::thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}
