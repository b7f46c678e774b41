//! One simulated run: who answers its calls, and who writes down what happens.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{Either, select};
use wasmill_engine::{BoxFuture, Outcome};
use wasmill_model::{Receipt, Usage, Verdict, VerdictKind};

use super::outcomes::{Decided, Outcomes};
use super::trace::{Call, Cause, Trace};
use super::world::World;
use crate::{Answerer, CallKey, Clock, Kept, Memo, Observer, RunEvent, UnitCall};

/// The id of every simulated run.
pub(super) const RUN: &str = "sim";
/// The run whose host died.
const DEAD: &str = "dead";

/// Answers the calls of one run, and traces it.
pub(super) struct Stage {
    seed: u64,
    world: World,
    outcomes: Arc<Outcomes>,
    trace: Mutex<Trace>,
    /// The host of the run died: nothing is noted any more.
    is_dead: AtomicBool,
}

impl Stage {
    pub(super) fn new(seed: u64, world: World, outcomes: Arc<Outcomes>) -> Self {
        Stage { seed, world, outcomes, trace: Mutex::default(), is_dead: AtomicBool::new(false) }
    }

    /// From now on nothing of the run is noted: it is gone.
    pub(super) fn die(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
    }

    /// What happened.
    pub(super) fn take_trace(&self) -> Trace {
        std::mem::take(&mut *self.trace())
    }

    fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// Notes that a call begins; gives its place in the trace.
    fn begins(&self, path: &Arc<str>, call: &UnitCall<'_>) -> (usize, Arc<str>) {
        let mut trace = self.trace();
        let place = trace.path(path);
        let (item, attempt, is_fallback, began) = (call.item, call.attempt, call.is_fallback, self.world.now());
        trace.calls.push(Call { path: place, item, attempt, is_fallback, began, ended: None });
        let plain = trace.paths.get(place).map_or_else(|| path.clone(), |path| path.plain.clone());
        (trace.calls.len() - 1, plain)
    }

    fn ends(&self, place: usize, verdict: VerdictKind, cause: Cause) {
        if !self.is_dead()
            && let Some(call) = self.trace().calls.get_mut(place)
        {
            call.ended = Some((self.world.now(), verdict, cause));
        }
    }
}

/// The path of a step of this run: `step`, `outer[3]#2/step`.
fn path(run: &str, step: &Arc<str>) -> Arc<str> {
    match run.strip_prefix(RUN).and_then(|rest| rest.strip_prefix('/')) {
        Some(within) => format!("{within}/{step}").into(),
        None => step.clone(),
    }
}

impl Answerer for Stage {
    fn answer<'a>(&'a self, call: UnitCall<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let path = path(call.run, &call.step.id);
            let (place, step) = self.begins(&path, &call);
            let Decided { outcome, takes, cause } = self.outcomes.decide(self.seed, &path, &step, &call);
            let began = self.world.now();
            match select(self.world.sleep(takes), call.cancel.cancelled()).await {
                Either::Left(_) => {
                    self.ends(place, outcome.verdict.kind(), cause);
                    outcome
                }
                Either::Right(_) => {
                    self.ends(place, VerdictKind::Cancelled, Cause::Told);
                    let wall = self.world.now().saturating_sub(began);
                    Outcome::failed(Verdict::Cancelled, Usage { wall, ..Usage::default() })
                }
            }
        })
    }
}

impl Observer for Stage {
    fn event(&self, event: &RunEvent<'_>) {
        if self.is_dead() {
            return;
        }
        let now = self.world.now();
        match event {
            RunEvent::StepStarted { step, .. } => {
                if let Some(span) = self.trace().span(step) {
                    span.began.get_or_insert(now);
                }
            }
            RunEvent::StepFinished { step, report } => {
                if let Some(span) = self.trace().span(step) {
                    span.ended = Some((now, report.verdict.kind()));
                }
            }
            // Attempts are written down where they are answered.
            RunEvent::RunStarted { .. }
            | RunEvent::AttemptFinished { .. }
            | RunEvent::SubRunStarted { .. }
            | RunEvent::SubRunFinished { .. }
            | RunEvent::RunFinished { .. } => {}
        }
    }
}

/// What is left of a run when its host dies: the results of pure calls.
#[derive(Default)]
pub(super) struct Journal {
    kept: Mutex<HashMap<CallKey, Kept>>,
    is_closed: AtomicBool,
}

impl Journal {
    /// Nothing is kept from now on.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

impl Memo for Journal {
    fn lookup(&self, key: &CallKey) -> Option<Kept> {
        if !self.is_closed.load(Ordering::Relaxed) {
            return None;
        }
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn store(&self, key: CallKey, kept: Kept) {
        if !self.is_closed.load(Ordering::Relaxed) {
            // The run that is begun anew has the name of the one that died, and a run is not given what it kept itself.
            let receipt = Receipt { kept_from: Some(DEAD.into()), ..kept.receipt };
            let kept = Kept { receipt, ..kept };
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(key, kept);
        }
    }
}
