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
    /// What this run gave: of use from the next one on. Whether two calls of one run are the same call must not depend on which ends first.
    new: Vec<(CallKey, Kept)>,
}

impl Results {
    /// A run begins.
    pub(crate) fn begin_run(&self) {
        let mut state = self.state();
        state.run += 1;
        let run = state.run;
        for (key, kept) in std::mem::take(&mut state.new) {
            state.kept.insert(key, (run - 1, kept));
        }
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
        self.state().new.push((key, kept));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wasmill_model::{Digest, EngineName, Grants, Interface, Limits, Profile, Receipt, Usage, Value, Verdict};

    use super::*;

    fn kept() -> Kept {
        let receipt = Receipt {
            item: None,
            attempt: 1,
            unit: Digest::of(b""),
            interface: Interface::Core,
            function: None,
            engine: EngineName { name: "e".into(), version: "1".into() },
            routing: None,
            profile: Profile::Metered,
            limits: Arc::new(Limits::default()),
            grants: Arc::new(Grants::default()),
            input: Digest::of(b""),
            output: None,
            usage: Usage::default(),
            verdict: Verdict::Ok,
            log: String::new(),
            backtrace: Vec::new(),
            coredump: None,
            kept_from: None,
        };
        Kept { receipt, output: Value::Null }
    }

    #[test]
    fn what_is_not_asked_for_is_forgotten() {
        let key = |input: &[u8]| CallKey { unit: Digest::of(b""), call: Digest::of(b""), input: Digest::of(input) };
        let results = Results::default();
        results.begin_run();
        results.store(key(b"used"), kept());
        results.store(key(b"unused"), kept());
        for _ in 0..RUNS {
            results.begin_run();
            assert!(results.lookup(&key(b"used")).is_some());
        }
        assert_eq!(results.state().kept.len(), 2);
        results.begin_run();
        assert!(results.lookup(&key(b"unused")).is_none());
        assert!(results.lookup(&key(b"used")).is_some());
    }
}
