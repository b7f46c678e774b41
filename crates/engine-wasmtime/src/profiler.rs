//! Where a guest spends its time: looked at whenever the epoch moves while it computes, in the form that the Firefox profiler opens.
//!
//! Time in host functions and in waiting is not in it: there no epoch is noticed. The samples are of the guest's own clock, which the deadline
//! bounds.

use std::time::{Duration, Instant};

use wasmtime::{GuestProfiler, StoreContextMut};

use crate::compile::Code;
use crate::state::State;
use crate::ticker::TICK;

/// The most time that is spent on looking at one call: guests may recurse as deep as their stack is, and each frame of each sample is kept.
const MOST_TIME: Duration = Duration::from_secs(1);

/// The profile of one call.
pub(crate) struct Profiler {
    guest: GuestProfiler,
    samples: u64,
    spent: Duration,
}

impl Profiler {
    /// Begins the profile of a call; none where the code has nothing that could be seen.
    pub(crate) fn new(code: &Code, unit: &str) -> Option<Box<Self>> {
        let guest = match code {
            Code::Module(module) => {
                let name = module.name().unwrap_or("unit").to_owned();
                GuestProfiler::new(module.engine(), unit, TICK, [(name, module.clone())])
            }
            Code::Component(component) => {
                GuestProfiler::new_component(component.engine(), unit, TICK, component.clone(), [])
            }
        };
        Some(Box::new(Profiler { guest: guest.ok()?, samples: 0, spent: Duration::ZERO }))
    }

    /// Notes where the guest is. Called by the guest's own thread, when it notices that the epoch moved.
    pub(crate) fn sample(mut store: StoreContextMut<'_, State>) {
        let Some(mut profiler) = store.data_mut().profiler.take() else { return };
        if profiler.spent < MOST_TIME {
            let start = Instant::now();
            profiler.guest.sample(&store, TICK);
            profiler.samples += 1;
            profiler.spent += start.elapsed();
        }
        store.data_mut().profiler = Some(profiler);
    }

    /// The profile as JSON; none where the guest was never seen at work.
    pub(crate) fn finish(self: Box<Self>) -> Option<Vec<u8>> {
        let mut json = Vec::new();
        (self.samples > 0).then(|| self.guest.finish(&mut json).ok()).flatten()?;
        Some(json)
    }
}
