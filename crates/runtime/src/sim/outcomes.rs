//! What becomes of a call, and how long it takes: recorded, declared, or what the unit really gives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmill_engine::{Cancel, Outcome};
use wasmill_model::{LimitKind, Limits, Simulated, TrapKind, Usage, Verdict, VerdictKind};

use super::chance::{around, draw, fold, part, within};
use super::trace::Cause;
use super::{Inject, Recording};
use crate::{CallKey, UnitCall, block_on};

/// The least that a call takes for which there is no time but that of its work.
const OVERHEAD: Duration = Duration::from_millis(1);

/// What is drawn for an attempt.
const WHETHER: u64 = 0;
const HOW_LONG: u64 = 1;

/// Where the outcomes of all simulated runs come from.
pub(super) struct Outcomes {
    recording: Option<Recording>,
    inject: Vec<Inject>,
    /// What units gave that were really called. They are pure: they would give the same again.
    made: Arc<Mutex<HashMap<CallKey, Outcome>>>,
    /// Whether chance may choose a declared failure.
    may_fail: bool,
}

/// What becomes of a call.
pub(super) struct Decided {
    pub(super) outcome: Outcome,
    pub(super) takes: Duration,
    pub(super) cause: Cause,
}

impl Outcomes {
    pub(super) fn new(recording: Option<Recording>, inject: Vec<Inject>) -> Self {
        Outcomes { recording, inject, made: Arc::default(), may_fail: true }
    }

    /// The same, with no failure injected or drawn.
    pub(super) fn without_failures(&self) -> Self {
        let (recording, made) = (self.recording.clone(), self.made.clone());
        Outcomes { recording, inject: Vec::new(), made, may_fail: false }
    }

    /// Decides on a call. The same for a seed, whatever the order.
    pub(super) fn decide(&self, seed: u64, path: &str, step: &str, call: &UnitCall<'_>) -> Decided {
        let item = call.item.map_or(u64::MAX, u64::from);
        let place = |what: u64| draw(seed, &[fold(0, path.as_bytes()), item, u64::from(call.attempt), what]);
        let declared = call.step.simulate.as_ref();
        let failing = |kind: VerdictKind, said: &str, cause: Cause| {
            let recorded = self.recorded(path, call).map(|one| one.wall);
            let own = declared.and_then(|declared| declared.fails.get(&kind)?.takes);
            let takes = match (own, declared.and_then(|declared| declared.takes)) {
                (Some(takes), _) => within(takes, place(HOW_LONG)),
                (None, _) if kind == VerdictKind::TimedOut => call.limits.timeout,
                (None, Some(takes)) if recorded.is_none() => within(takes, place(HOW_LONG)),
                _ => around(recorded.unwrap_or(OVERHEAD), place(HOW_LONG)),
            };
            let takes = takes.min(call.limits.timeout);
            Decided { outcome: ended(failure(kind, said, call.limits), takes), takes, cause }
        };
        let injected = self.inject.iter().find(|inject| inject.is_for(step, call));
        if let Some(inject) = injected {
            return failing(inject.verdict, "injected by the simulation", Cause::Injected);
        }
        if let Some(kind) =
            declared.filter(|_| self.may_fail && !call.is_fallback).and_then(|one| drawn(one, part(place(WHETHER))))
        {
            return failing(kind, "a failure that the step declares", Cause::Drawn);
        }
        let (outcome, usual) = self.outcome(path, call);
        let takes = match declared.and_then(|declared| declared.takes) {
            Some(takes) if self.recorded(path, call).is_none() => within(takes, place(HOW_LONG)),
            _ => around(usual, place(HOW_LONG)),
        };
        if takes > call.limits.timeout {
            let limit = call.limits.timeout;
            let outcome = ended(Verdict::TimedOut { limit, elapsed: limit }, limit);
            return Decided { outcome, takes: limit, cause: Cause::Limit };
        }
        let usage = Usage { wall: takes, ..outcome.usage };
        Decided { outcome: Outcome { usage, ..outcome }, takes, cause: Cause::Itself }
    }

    fn recorded(&self, path: &str, call: &UnitCall<'_>) -> Option<&super::recording::RecordedCall> {
        self.recording.as_ref()?.call(path, call.item, call.attempt).filter(|one| {
            // What a fallback gave instead stands in the place of the step's own output.
            one.output.is_some() || one.verdict(call.limits) != Verdict::Ok
        })
    }

    /// What the unit gives, and how long that usually takes.
    fn outcome(&self, path: &str, call: &UnitCall<'_>) -> (Outcome, Duration) {
        if let Some(recorded) = self.recorded(path, call) {
            let outcome =
                Outcome { output: recorded.output.clone(), ..ended(recorded.verdict(call.limits), recorded.wall) };
            return (outcome, recorded.wall.max(Duration::from_micros(1)));
        }
        if let Some(output) = call.step.simulate.as_ref().and_then(|declared| declared.output.clone()) {
            return (Outcome { output: Some(output), ..ended(Verdict::Ok, OVERHEAD) }, OVERHEAD);
        }
        let Some(key) = &call.key else {
            // Nothing is simulated before this was looked at.
            let message = "nothing says what the call of this step gives".to_owned();
            return (ended(Verdict::HostError { message }, OVERHEAD), OVERHEAD);
        };
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        let outcome = made.unwrap_or_else(|| {
            // The signal that stops the simulated call must not stop the real one: what it gives is for all runs.
            let never = Cancel::new();
            let real = wasmill_engine::Call::new(call.input, call.limits, &never);
            let outcome = block_on(call.unit.call(real)).outcome;
            self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(*key, outcome.clone());
            outcome
        });
        // What it really took is another time in each simulation; its fuel is not.
        let work = Duration::from_nanos(outcome.usage.fuel.unwrap_or_default());
        let usual = if outcome.verdict.kind() == VerdictKind::TimedOut { call.limits.timeout } else { OVERHEAD + work };
        (outcome, usual)
    }
}

fn ended(verdict: Verdict, wall: Duration) -> Outcome {
    // It costs nothing, which is not the same as that nobody knows.
    Outcome::failed(verdict, Usage { wall, fuel: Some(0), ..Usage::default() })
}

/// The failure that this part of all attempts has.
fn drawn(declared: &Simulated, mut part: f64) -> Option<VerdictKind> {
    for (kind, failing) in &declared.fails {
        if part < failing.chance {
            return Some(*kind);
        }
        part -= failing.chance;
    }
    None
}

/// A failure of this kind, under these limits.
pub(super) fn failure(kind: VerdictKind, said: &str, limits: &Limits) -> Verdict {
    let message = said.to_owned();
    match kind {
        VerdictKind::Trap => Verdict::Trap { kind: TrapKind::Unreachable, detail: message },
        VerdictKind::FuelExhausted => Verdict::FuelExhausted { limit: limits.fuel },
        VerdictKind::TimedOut => Verdict::TimedOut { limit: limits.timeout, elapsed: limits.timeout },
        VerdictKind::MemoryExceeded => {
            let (of, limit) = (LimitKind::Memory, limits.memory);
            Verdict::MemoryExceeded { of, limit, wanted: limit.saturating_add(1) }
        }
        VerdictKind::OutputExceeded => {
            Verdict::OutputExceeded { limit: limits.output, produced: limits.output.saturating_add(1) }
        }
        VerdictKind::LogExceeded => Verdict::LogExceeded { limit: limits.log },
        VerdictKind::Denied => Verdict::Denied { grant: "none".to_owned(), message },
        VerdictKind::InvalidInput => Verdict::InvalidInput { message },
        VerdictKind::InvalidUnit => Verdict::InvalidUnit { message },
        VerdictKind::EngineUnavailable => Verdict::EngineUnavailable { message },
        VerdictKind::GuestError => Verdict::GuestError { message },
        VerdictKind::Cancelled | VerdictKind::Ok | VerdictKind::Skipped | VerdictKind::HostError => {
            Verdict::HostError { message }
        }
    }
}
