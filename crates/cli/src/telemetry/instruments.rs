//! The metrics: how many runs, steps and attempts ended how, how long they took, and what they used.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use wasmill_model::Usage;

/// One kind of thing that is counted and timed.
pub(super) struct Counted {
    count: Counter<u64>,
    duration: Histogram<f64>,
}

impl Counted {
    fn new(meter: &Meter, name: &'static str, one: &'static str) -> Self {
        // From a call of a small unit, which takes microseconds, to the longest timeouts.
        let seconds = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];
        Counted {
            count: meter.u64_counter(format!("wasmill.{name}s")).with_unit(format!("{{{one}}}")).build(),
            duration: meter
                .f64_histogram(format!("wasmill.{name}.duration"))
                .with_unit("s")
                .with_boundaries(seconds.to_vec())
                .build(),
        }
    }

    /// One of them ended.
    pub(super) fn ended(&self, took: Duration, attributes: &[KeyValue]) {
        self.count.add(1, attributes);
        self.duration.record(took.as_secs_f64(), attributes);
    }
}

/// All of them.
pub(super) struct Instruments {
    pub(super) runs: Counted,
    pub(super) steps: Counted,
    pub(super) attempts: Counted,
    fuel: Histogram<u64>,
    memory: Histogram<u64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter) -> Self {
        let powers =
            |from: u32, to: u32, by: usize| (from..=to).step_by(by).map(|power| f64::from(power).exp2()).collect();
        Instruments {
            runs: Counted::new(meter, "run", "run"),
            steps: Counted::new(meter, "step", "step"),
            attempts: Counted::new(meter, "attempt", "attempt"),
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
        }
    }

    /// What one attempt used.
    pub(super) fn used(&self, usage: &Usage, attributes: &[KeyValue]) {
        if let Some(fuel) = usage.fuel {
            self.fuel.record(fuel, attributes);
        }
        self.memory.record(usage.peak_memory, attributes);
    }
}
