//! A unit that is ready to be called, with the engine that was picked for it; and with the next one, should that fail to start.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use wasmill_model::{EngineName, LimitOverrides, Limits, PassedOver, Profile, Routing, Usage, Verdict};
use wasmill_unit::Unit;

use super::{Passed, Reasons, Router, over, routing, weaker};
use crate::{Binding, Call, EngineInfo, Outcome, PreparedUnit};

/// A unit prepared by one engine.
#[derive(Clone)]
pub(super) struct Ready {
    place: usize,
    name: EngineName,
    weaker: Vec<Arc<str>>,
    at_most: LimitOverrides,
    prepared: Arc<dyn PreparedUnit>,
}

impl Ready {
    pub(super) fn new(place: usize, info: &EngineInfo, profile: Profile, prepared: Arc<dyn PreparedUnit>) -> Self {
        // What is not metered has no limit that could be lowered.
        let fuel = info.at_most.fuel.filter(|_| profile != Profile::Fast);
        let at_most = LimitOverrides { fuel, ..info.at_most };
        Ready { place, name: info.name.clone(), weaker: weaker(info, profile), at_most, prepared }
    }
}

impl Ready {
    /// The limits that hold, where some of the engine's own are lower than these.
    fn held(&self, limits: &Limits) -> Option<Limits> {
        if self.at_most == LimitOverrides::default() {
            return None;
        }
        let held = limits.at_most(self.at_most);
        (held != *limits).then_some(held)
    }
}

/// A unit, ready to be called.
pub struct Routed {
    router: Router,
    unit: Unit,
    binding: Binding,
    first: Ready,
    /// What receipts of the first choice say, where the engine lowers no limit.
    routing: Option<Arc<Routing>>,
    /// What was passed over for the first choice.
    passed_over: Vec<PassedOver>,
    /// Engines that are asked when the first one does not start.
    later: Vec<usize>,
    /// Those of them that were needed.
    prepared: Mutex<HashMap<usize, Ready>>,
}

/// What became of a call, and where it was made.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How it ended.
    pub outcome: Outcome,
    /// The engine that ran it, or was the last to be asked.
    pub engine: EngineName,
    /// What was passed over for it, and in what it is weaker; none where there is nothing to say.
    pub routing: Option<Arc<Routing>>,
}

impl Routed {
    pub(super) fn new(
        router: Router,
        unit: &Unit,
        binding: &Binding,
        first: Ready,
        later: Vec<usize>,
        passed_over: Vec<PassedOver>,
    ) -> Self {
        let routing = routing(passed_over.clone(), &first.weaker, None);
        let (unit, binding) = (unit.clone(), binding.clone());
        Routed { router, unit, binding, first, routing, passed_over, later, prepared: Mutex::default() }
    }

    /// The engine that was picked.
    pub fn engine(&self) -> &EngineName {
        &self.first.name
    }

    /// What receipts of calls under these limits say of it; none where there is nothing to say.
    pub fn routing(&self, limits: &Limits) -> Option<Arc<Routing>> {
        match self.first.held(limits) {
            None => self.routing.clone(),
            held => routing(self.passed_over.clone(), &self.first.weaker, held),
        }
    }

    /// Runs the function once. Where the engine cannot be started, the next one is asked; the guest has not run then.
    pub async fn call(&self, call: Call<'_>) -> Answer {
        let reason = match self.router.shared.check(self.first.place) {
            Err(reason) => reason,
            Ok(breaker) => {
                let outcome = self.first.prepared.call(call).await;
                let Some(reason) = not_started(&outcome) else {
                    breaker.succeeded();
                    return Answer { outcome, engine: self.first.name.clone(), routing: self.routing(call.limits) };
                };
                breaker.failed(&*self.router.shared.clock);
                if self.later.is_empty() {
                    return Answer { outcome, engine: self.first.name.clone(), routing: self.routing(call.limits) };
                }
                reason
            }
        };
        self.call_later(call, reason).await
    }

    async fn call_later(&self, call: Call<'_>, reason: String) -> Answer {
        let mut passed_over = self.passed_over.clone();
        passed_over.push(over(&self.first.name.name, reason));
        for &place in &self.later {
            let shared = &self.router.shared;
            let ready = match self.ready(place).await {
                Ok(ready) => ready,
                Err(reason) => {
                    passed_over.push(over(self.router.name(place), reason));
                    continue;
                }
            };
            let breaker = match shared.check(place) {
                Ok(breaker) => breaker,
                Err(reason) => {
                    passed_over.push(over(&ready.name.name, reason));
                    continue;
                }
            };
            let outcome = ready.prepared.call(call).await;
            match not_started(&outcome) {
                None => {
                    breaker.succeeded();
                    let routing = routing(passed_over, &ready.weaker, ready.held(call.limits));
                    return Answer { outcome, engine: ready.name, routing };
                }
                Some(reason) => {
                    breaker.failed(&*shared.clock);
                    passed_over.push(over(&ready.name.name, reason));
                }
            }
        }
        let message = Reasons(&passed_over).to_string();
        let outcome = Outcome::failed(Verdict::EngineUnavailable { message }, Usage::default());
        Answer { outcome, engine: self.first.name.clone(), routing: routing(passed_over, &[], None) }
    }

    /// The unit, prepared by a later choice. Two that ask at once prepare it twice, which is no harm: engines compile once.
    async fn ready(&self, place: usize) -> Result<Ready, String> {
        let known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        if let Some(ready) = known {
            return Ok(ready);
        }
        match self.router.shared.prepare(place, &self.unit, &self.binding).await {
            Ok(ready) => {
                let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(prepared.entry(place).or_insert(ready).clone())
            }
            Err(Passed::Over(error) | Passed::Answer(error)) => Err(error.to_string()),
        }
    }
}

impl fmt::Debug for Routed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Routed").field("engine", &self.first.name).finish_non_exhaustive()
    }
}

/// Why the engine did not start; none where it did, however the guest fared.
fn not_started(outcome: &Outcome) -> Option<String> {
    match &outcome.verdict {
        Verdict::EngineUnavailable { message } => Some(message.clone()),
        _ => None,
    }
}
