//! Traces, metrics and logs of runs, sent over OTLP where the standard `OTEL_*` variables ask for it (docs/traces.md).
//!
//! A run is a span, in it each step, in that each attempt; a pipeline that a step calls is a run within the attempt. They are made of the
//! events that the runtime tells its observers, whose reports have no secret in them. No value, no message of a unit and no log text goes
//! into any of it: names, numbers and digests do.
//!
//! What is exported is never in a run's way: the threads of the SDK send it, what they cannot keep up with is dropped and counted, and the
//! process waits for them once, at its end, for [`PATIENCE`]. Where nothing asks for telemetry, nothing of this is started.

mod delivery;
mod fields;
mod instruments;
mod providers;
mod settings;
mod spans;
mod transport;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::Context;
use wasmill_runtime::{Observer, RunEvent};

use self::providers::Providers;
use self::spans::{RunSpans, Sink};
use crate::printer::Printer;

/// How long the end of the process waits for what is still to be sent, at the most.
const PATIENCE: Duration = Duration::from_secs(2);

/// The telemetry of this process: one, whatever it runs.
static TELEMETRY: OnceLock<Option<Telemetry>> = OnceLock::new();

struct Telemetry {
    sink: Arc<Sink>,
    providers: Providers,
}

/// Who is told of a run besides its own observer; the observer alone where nobody asked for telemetry.
///
/// `row` is the number of the row that it is run for.
pub(crate) fn observing(observer: Arc<dyn Observer>, row: Option<u64>, printer: &Printer) -> Arc<dyn Observer> {
    match TELEMETRY.get_or_init(|| start(printer)) {
        Some(telemetry) => Arc::new(Both(observer, RunSpans::new(telemetry.sink.clone(), row))),
        None => observer,
    }
}

/// At the end of the process: waits until everything is sent, but not for long, and says what could not be.
pub(crate) fn finish(printer: &Printer) {
    let Some(Some(telemetry)) = TELEMETRY.get() else { return };
    if let Some(warning) = telemetry.providers.finish(PATIENCE) {
        printer.note(&warning);
    }
}

fn start(printer: &Printer) -> Option<Telemetry> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let settings::Settings { signals, refused } = settings::read(variable);
    for refused in &refused {
        printer.note(&format!("warning: {refused}\n"));
    }
    if !signals.any() {
        return None;
    }
    let (providers, problems) = Providers::start(&signals);
    for problem in &problems {
        printer.note(&format!("warning: {problem}\n"));
    }
    let sink = Arc::new(Sink::new(&providers, settings::parent(variable)));
    Some(Telemetry { sink, providers })
}

/// Two observers, told one after the other.
struct Both(Arc<dyn Observer>, RunSpans);

impl Observer for Both {
    fn event(&self, event: &RunEvent<'_>) {
        self.0.event(event);
        self.1.event(event);
    }
}

/// The context that a process was started in: nothing, or the span of whoever started it.
type Parent = Context;
