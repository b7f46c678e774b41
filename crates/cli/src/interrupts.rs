//! Ctrl-C and SIGTERM while units are built: the compilers go first, with all that they started, and their scratch folders with them.
//!
//! While a pipeline runs, `host::Threads` listens instead.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use wasmill_model::ExitCode;

static LISTENING: Once = Once::new();
static BUILDING: AtomicUsize = AtomicUsize::new(0);
static RUNNING: AtomicBool = AtomicBool::new(false);
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Does the work; where an interrupt came meanwhile, the process ends when the work has come to its end, which is at once.
pub(crate) fn while_building<T>(work: impl FnOnce() -> T) -> T {
    LISTENING.call_once(|| {
        // Without it, an interrupt ends the process as it always did.
        let _ = std::thread::Builder::new().name("interrupts".to_owned()).spawn(listen);
    });
    BUILDING.fetch_add(1, Ordering::SeqCst);
    let result = work();
    if BUILDING.fetch_sub(1, Ordering::SeqCst) == 1 && INTERRUPTED.load(Ordering::SeqCst) {
        drop(result);
        std::process::exit(ExitCode::Cancelled as i32);
    }
    result
}

/// From here on somebody else listens.
pub(crate) fn left_to_runs() {
    RUNNING.store(true, Ordering::SeqCst);
}

fn listen() {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let Ok(mut interrupts) = crate::host::Interrupts::new() else { return };
        loop {
            interrupts.next().await;
            if BUILDING.load(Ordering::SeqCst) > 0 {
                INTERRUPTED.store(true, Ordering::SeqCst);
                wasmill_artifact::kill_workers();
            } else if !RUNNING.load(Ordering::SeqCst) {
                std::process::exit(ExitCode::Cancelled as i32);
            }
        }
    });
}
