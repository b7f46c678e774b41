//! The metrics: how many runs, steps and attempts ended how, how long they took, and what they used.
//!
//! A measurement is a few nanoseconds: whom it is of is worked out once, and bound to the instruments. There are few of these (see [`Whose`]),
//! since each of them is kept and sent for as long as the process lives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, BoundHistogram, Counter, Histogram, Meter};
use wasmill_model::{Usage, VerdictKind};

use super::fields as field;
use super::spans::failure;

/// The most steps of a pipeline whose metrics name them. A pipeline that a program wrote has thousands, and a receiver keeps a series of each.
pub(super) const NAMED_STEPS: usize = 100;

/// What is counted and timed, and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ended {
    Run { verdict: &'static str, failure: Option<&'static str>, is_nested: bool },
    Step(VerdictKind),
    Attempt(VerdictKind),
}

/// Whose a measurement is: what metrics say of it. Nothing of which there may be any number: no run, no item, no try, no digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Whose {
    pub(super) ended: Ended,
    pub(super) pipeline: Option<Arc<str>>,
    /// None also of a step of a pipeline that has more than [`NAMED_STEPS`].
    pub(super) step: Option<Arc<str>>,
    pub(super) engine: Option<Arc<str>>,
}

impl Whose {
    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = Vec::with_capacity(5);
        attributes.extend(self.pipeline.as_ref().map(|pipeline| KeyValue::new(field::PIPELINE, pipeline.clone())));
        attributes.extend(self.step.as_ref().map(|step| KeyValue::new(field::STEP, step.clone())));
        let (verdict, failure) = match self.ended {
            Ended::Run { verdict, failure, .. } => (verdict, failure),
            Ended::Step(kind) | Ended::Attempt(kind) => (kind.as_str(), failure(kind)),
        };
        attributes.push(KeyValue::new(field::VERDICT, verdict));
        attributes.extend(self.engine.as_ref().map(|engine| KeyValue::new(field::ENGINE, engine.clone())));
        attributes.extend(failure.map(|failure| KeyValue::new(field::ERROR_TYPE, failure)));
        if let Ended::Run { is_nested, .. } = self.ended {
            attributes.push(KeyValue::new(field::NESTED, is_nested));
        }
        attributes
    }
}

/// One kind of thing that is counted and timed.
struct Counted {
    count: Counter<u64>,
    duration: Histogram<f64>,
}

impl Counted {
    fn new(meter: &Meter, name: &'static str) -> Self {
        // From a call of a small unit, which takes microseconds, to the longest timeouts.
        let seconds = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];
        Counted {
            count: meter.u64_counter(format!("wasmill.{name}s")).with_unit(format!("{{{name}}}")).build(),
            duration: meter
                .f64_histogram(format!("wasmill.{name}.duration"))
                .with_unit("s")
                .with_boundaries(seconds.to_vec())
                .build(),
        }
    }
}

/// All of them.
pub(super) struct Instruments {
    runs: Counted,
    steps: Counted,
    attempts: Counted,
    fuel: Histogram<u64>,
    memory: Histogram<u64>,
    bound: Mutex<HashMap<Whose, Arc<Bound>>>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter) -> Self {
        let powers =
            |from: u32, to: u32, by: usize| (from..=to).step_by(by).map(|power| f64::from(power).exp2()).collect();
        Instruments {
            runs: Counted::new(meter, "run"),
            steps: Counted::new(meter, "step"),
            attempts: Counted::new(meter, "attempt"),
            // 1 Ki to 1 Ti instructions.
            fuel: meter
                .u64_histogram("wasmill.attempt.fuel")
                .with_unit("{fuel}")
                .with_boundaries(powers(10, 40, 3))
                .build(),
            // 64 KiB, a page of WebAssembly, to 4 GiB.
            memory: meter
                .u64_histogram("wasmill.attempt.memory.peak")
                .with_unit("By")
                .with_boundaries(powers(16, 32, 2))
                .build(),
            bound: Mutex::default(),
        }
    }

    /// The instruments of whom it is.
    pub(super) fn of(&self, whose: Whose) -> Arc<Bound> {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bound) = bound.get(&whose) {
            return bound.clone();
        }
        let attributes = whose.attributes();
        let (counted, of_calls) = match whose.ended {
            Ended::Run { .. } => (&self.runs, false),
            Ended::Step(_) => (&self.steps, false),
            Ended::Attempt(_) => (&self.attempts, true),
        };
        let made = Arc::new(Bound {
            count: counted.count.bind(&attributes),
            duration: counted.duration.bind(&attributes),
            used: of_calls.then(|| (self.fuel.bind(&attributes), self.memory.bind(&attributes))),
        });
        bound.insert(whose, made.clone());
        made
    }
}

/// The instruments of one pipeline, step, verdict and engine.
pub(super) struct Bound {
    count: BoundCounter<u64>,
    duration: BoundHistogram<f64>,
    /// Fuel and memory, of attempts.
    used: Option<(BoundHistogram<u64>, BoundHistogram<u64>)>,
}

impl Bound {
    /// One of them ended.
    pub(super) fn ended(&self, took: Duration) {
        self.count.add(1);
        self.duration.record(took.as_secs_f64());
    }

    /// What one attempt used.
    pub(super) fn used(&self, usage: &Usage) {
        let Some((fuel_used, memory)) = &self.used else { return };
        if let Some(fuel) = usage.fuel {
            fuel_used.record(fuel);
        }
        memory.record(usage.peak_memory);
    }
}
