//! What calls gave, for `run --watch`: in memory, and for as long as it is of use.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wasmill_runtime::{CallKey, Kept, Memo};

/// What nobody asked for in so many runs is forgotten: somebody who tries this and that comes back to it, and memory is not filled.
const RUNS: u64 = 8;

/// The results of pure calls.
#[derive(Default)]
pub(crate) struct Results(Mutex<State>);

#[derive(Default)]
struct State {
    run: u64,
    /// With the run that used it last.
    kept: HashMap<CallKey, (u64, Kept)>,
}

impl Results {
    /// A run begins.
    pub(crate) fn begin_run(&self) {
        let mut state = self.state();
        state.run += 1;
        let run = state.run;
        state.kept.retain(|_, (used, _)| *used + RUNS >= run);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memo for Results {
    fn lookup(&self, key: &CallKey) -> Option<Kept> {
        let mut state = self.state();
        let run = state.run;
        let (used, kept) = state.kept.get_mut(key)?;
        *used = run;
        Some(kept.clone())
    }

    fn store(&self, key: CallKey, kept: Kept) {
        let mut state = self.state();
        let run = state.run;
        state.kept.insert(key, (run, kept));
    }
}
