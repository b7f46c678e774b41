//! One run as spans, metrics and log records, made of the events that its observer is told of.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, Severity};
use opentelemetry::trace::{Span as _, SpanBuilder, SpanContext, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::logs::SdkLogger;
use opentelemetry_sdk::trace::{SdkTracer, Span};
use wasmill_model::{Digest, Receipt, RunDocument, RunVerdict, StepReport, Verdict, VerdictKind};
use wasmill_runtime::{Observer, RunEvent};

use super::Parent;
use super::delivery::Delivery;
use super::fields as field;
use super::instruments::{Ended, Instruments, NAMED_STEPS, Whose};
use super::providers::Providers;

/// Where all of it goes. What is not sent is not made.
pub(super) struct Sink {
    tracer: Option<(SdkTracer, Arc<Delivery>)>,
    instruments: Option<Instruments>,
    logger: Option<(SdkLogger, Arc<Delivery>)>,
    parent: Parent,
    /// Of units, as text: each is written once, and shared by the spans that name it.
    digests: Mutex<HashMap<Digest, Arc<str>>>,
}

/// The most digests that are kept as text.
const DIGESTS: usize = 1_024;

impl Sink {
    pub(super) fn new(providers: &Providers, parent: Parent) -> Self {
        Sink {
            tracer: providers.tracer(),
            instruments: providers.meter().map(|meter| Instruments::new(&meter)),
            logger: providers.logger(),
            parent,
            digests: Mutex::default(),
        }
    }

    /// Begins a span. What is said of it is not worked out where it is not sent.
    fn span(&self, parent: &Context, is_sent: bool, said: impl FnOnce() -> (String, Vec<KeyValue>)) -> Option<Span> {
        let (tracer, _) = self.tracer.as_ref()?;
        let (name, attributes) = if is_sent { said() } else { Default::default() };
        let builder = SpanBuilder { attributes: Some(attributes), ..SpanBuilder::from_name(Cow::Owned(name)) };
        Some(tracer.build_with_context(builder, parent))
    }

    /// Begins a span within another of the same trace: who decides whether a trace is sent decides it for all of it.
    fn span_within(&self, parent: &Context, said: impl FnOnce() -> (String, Vec<KeyValue>)) -> Option<Span> {
        let is_sent = Some(parent.span().span_context()).filter(|span| span.is_valid())?.is_sampled();
        self.span(parent, is_sent, said)
    }

    fn digest(&self, digest: &Digest) -> Arc<str> {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = digests.get(digest) {
            return text.clone();
        }
        let text: Arc<str> = digest.to_string().into();
        if digests.len() < DIGESTS {
            digests.insert(*digest, text.clone());
        }
        text
    }

    /// Ends it.
    fn end<A: IntoIterator<Item = KeyValue>>(
        &self,
        span: Option<Span>,
        failed: Option<&'static str>,
        attributes: impl FnOnce() -> A,
    ) {
        let (Some(mut span), Some((_, delivery))) = (span, &self.tracer) else { return };
        if !span.is_recording() {
            return;
        }
        if span.span_context().is_sampled() {
            delivery.made();
        }
        attributes().into_iter().for_each(|attribute| span.set_attribute(attribute));
        if let Some(kind) = failed {
            span.set_attribute(KeyValue::new(field::ERROR_TYPE, kind));
            // What a unit said of its failure may be what it was given.
            span.set_status(Status::error(kind));
        }
        span.end();
    }

    fn log(
        &self,
        severity: Severity,
        event: &'static str,
        body: String,
        span: &SpanContext,
        attributes: Vec<KeyValue>,
    ) {
        let Some((logger, delivery)) = &self.logger else { return };
        let mut record = logger.create_log_record();
        record.set_event_name(event);
        record.set_severity_number(severity);
        record.set_severity_text(severity.name());
        record.set_timestamp(std::time::SystemTime::now());
        record.set_body(AnyValue::from(body));
        for KeyValue { key, value, .. } in attributes {
            match value {
                opentelemetry::Value::I64(number) => record.add_attribute(key, number),
                opentelemetry::Value::String(text) => record.add_attribute(key, text),
                other => record.add_attribute(key, other.to_string()),
            }
        }
        if span.is_valid() {
            record.set_trace_context(span.trace_id(), span.span_id(), Some(span.trace_flags()));
        }
        delivery.made();
        logger.emit(record);
    }
}

/// The observer of one run.
pub(super) struct RunSpans {
    sink: Arc<Sink>,
    row: Option<u64>,
    open: Mutex<Open>,
}

/// What has begun and not ended.
#[derive(Default)]
struct Open {
    /// By their paths; the run itself has none.
    runs: HashMap<Arc<str>, OpenRun>,
    /// By their paths.
    steps: HashMap<Arc<str>, OpenStep>,
    /// Attempts whose steps have ended without them.
    left: Vec<(Arc<str>, OpenAttempt)>,
}

impl Open {
    /// Takes an attempt that has begun.
    fn take(&mut self, (step, item, attempt): &AttemptKey) -> Option<Begun> {
        let is_it = |one: &OpenAttempt| (one.item, one.attempt) == (*item, *attempt);
        if let Some(open) = self.steps.get_mut(step) {
            return open.attempts.iter().position(is_it).map(|place| open.attempts.swap_remove(place).begun);
        }
        let place = self.left.iter().position(|(path, one)| path == step && is_it(one));
        place.map(|place| self.left.swap_remove(place).1.begun)
    }

    /// The context of what an attempt calls.
    fn within(&self, (step, item, attempt): &AttemptKey) -> Option<Context> {
        let mut attempts = self.steps.get(step)?.attempts.iter();
        attempts.find(|one| (one.item, one.attempt) == (*item, *attempt)).map(|one| one.begun.within())
    }
}

struct OpenStep {
    begun: Begun,
    named: Arc<Named>,
    /// Those that are under way: few.
    attempts: Vec<OpenAttempt>,
}

struct OpenAttempt {
    item: Option<u32>,
    attempt: u32,
    begun: Begun,
}

type AttemptKey = (Arc<str>, Option<u32>, u32);

struct OpenRun {
    begun: Begun,
    run: Arc<str>,
    pipeline: Arc<str>,
    /// Whether its metrics name its steps.
    names_steps: bool,
}

/// A span, and when it began: the latter also where spans are not sent.
struct Begun {
    span: Option<Span>,
    since: Instant,
}

impl Begun {
    fn new(span: Option<Span>) -> Self {
        Begun { span, since: Instant::now() }
    }

    fn context(&self) -> SpanContext {
        self.span.as_ref().map_or(SpanContext::NONE, |span| span.span_context().clone())
    }

    /// What begins here has it as its parent.
    fn within(&self) -> Context {
        Context::new().with_remote_span_context(self.context())
    }
}

/// A step's path in two: the path of the run that it is part of, and its id there.
fn split(path: &Arc<str>) -> (&str, Arc<str>) {
    match path.rsplit_once('/') {
        Some((run, step)) => (run, step.into()),
        None => ("", path.clone()),
    }
}

/// The kind of a verdict that is a failure.
pub(super) fn failure(kind: VerdictKind) -> Option<&'static str> {
    (!matches!(kind, VerdictKind::Ok | VerdictKind::Skipped)).then(|| kind.as_str())
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl RunSpans {
    pub(super) fn new(sink: Arc<Sink>, row: Option<u64>) -> Self {
        RunSpans { sink, row, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins: the one that is observed, or one that an attempt of it is.
    fn run_started(
        &self,
        path: Arc<str>,
        caller: Option<&AttemptKey>,
        run: &Arc<str>,
        pipeline: &Arc<str>,
        steps: usize,
    ) {
        let row = self.row.filter(|_| path.is_empty());
        let said = || {
            let mut attributes = vec![
                KeyValue::new(field::RUN, run.clone()),
                KeyValue::new(field::PIPELINE, pipeline.clone()),
                KeyValue::new(field::STEPS, number(steps as u64)),
            ];
            attributes.extend(row.map(|row| KeyValue::new(field::ROW, number(row))));
            (format!("run {pipeline}"), attributes)
        };
        let mut open = self.open();
        let caller = caller.and_then(|caller| open.within(caller));
        let begun = match &caller {
            Some(attempt) => self.sink.span_within(attempt, said),
            // Whether it is sent is decided as it begins.
            None => self.sink.span(&self.sink.parent, true, said),
        };
        let (begun, run, pipeline) = (Begun::new(begun), run.clone(), pipeline.clone());
        open.runs.insert(path, OpenRun { begun, run, pipeline, names_steps: steps <= NAMED_STEPS });
    }

    fn step_started(&self, step: &Arc<str>, item: Option<u32>, attempt: u32) {
        let mut open = self.open();
        let Open { runs, steps, .. } = &mut *open;
        let step = match steps.get_mut(step) {
            Some(step) => step,
            None => steps.entry(step.clone()).or_insert(self.begin_step(runs, step)),
        };
        let said = || {
            let Named { run, step, .. } = &*step.named;
            // Room for what is said at its end, too.
            let mut attributes = Vec::with_capacity(19);
            attributes.extend(run.as_ref().map(|run| KeyValue::new(field::RUN, run.clone())));
            attributes.push(KeyValue::new(field::STEP, step.clone()));
            attributes.extend(item.map(|item| KeyValue::new(field::ITEM, i64::from(item))));
            attributes.push(KeyValue::new(field::ATTEMPT, i64::from(attempt)));
            (format!("attempt {step}"), attributes)
        };
        let begun = Begun::new(self.sink.span_within(&step.begun.within(), said));
        step.attempts.push(OpenAttempt { item, attempt, begun });
    }

    fn begin_step(&self, runs: &HashMap<Arc<str>, OpenRun>, step: &Arc<str>) -> OpenStep {
        let (path, step) = split(step);
        let within = runs.get(path);
        let named = Arc::new(Named {
            run: within.map(|run| run.run.clone()),
            pipeline: within.map(|run| run.pipeline.clone()),
            step,
            is_in_metrics: within.is_some_and(|run| run.names_steps),
        });
        let said = || {
            let Named { run, step, .. } = &*named;
            let mut attributes = Vec::with_capacity(6);
            attributes.extend(run.as_ref().map(|run| KeyValue::new(field::RUN, run.clone())));
            attributes.push(KeyValue::new(field::STEP, step.clone()));
            (format!("step {step}"), attributes)
        };
        let begun = Begun::new(within.and_then(|run| self.sink.span_within(&run.begun.within(), said)));
        OpenStep { begun, named, attempts: Vec::new() }
    }

    fn attempt_finished(&self, key: &AttemptKey, verdict: &Verdict, receipt: Option<&Receipt>) {
        let (step, item, attempt) = key;
        let (begun, named) = {
            let mut open = self.open();
            let named = open.steps.get(step).map(|step| step.named.clone());
            (open.take(key), named.unwrap_or_else(|| self.begin_step(&open.runs, step).named))
        };
        let kind = verdict.kind();
        let sink = &self.sink;
        if let Some(instruments) = &sink.instruments {
            let took = receipt.filter(|receipt| receipt.kept_from.is_none()).map(|receipt| receipt.usage.wall);
            let took = took.or_else(|| begun.as_ref().map(|begun| begun.since.elapsed())).unwrap_or_default();
            let measured = instruments.of(named.measured(Ended::Attempt(kind), receipt));
            measured.ended(took);
            // What a former run used is counted there.
            if let Some(receipt) = receipt.filter(|receipt| receipt.kept_from.is_none()) {
                measured.used(&receipt.usage);
            }
        }
        let Some(begun) = begun else { return };
        if let Some(failure) = failure(kind).filter(|_| sink.logger.is_some()) {
            let item = item.map(|item| format!(" at item {item}")).unwrap_or_default();
            let body = format!("attempt {attempt} of step `{}`{item} ended: {failure}", named.step);
            let attributes = named.attributes(kind, receipt.map(|receipt| &receipt.engine.name));
            sink.log(Severity::Warn, "wasmill.attempt.failed", body, &begun.context(), attributes);
        }
        sink.end(begun.span, failure(kind), || {
            let used = receipt.into_iter().flat_map(|receipt| receipt_attributes(receipt, sink.digest(&receipt.unit)));
            std::iter::once(KeyValue::new(field::VERDICT, kind.as_str())).chain(used)
        });
    }

    fn step_finished(&self, step: &Arc<str>, report: &StepReport) {
        let OpenStep { begun, named, attempts } = {
            let mut open = self.open();
            // One that never started has a span all the same: it says why.
            let ended = open.steps.remove(step);
            ended.unwrap_or_else(|| self.begin_step(&open.runs, step))
        };
        if !attempts.is_empty() {
            self.open().left.extend(attempts.into_iter().map(|attempt| (step.clone(), attempt)));
        }
        let kind = report.verdict.kind();
        let sink = &self.sink;
        if let Some(instruments) = &sink.instruments {
            instruments.of(named.measured(Ended::Step(kind), None)).ended(begun.since.elapsed());
        }
        if let Some(failure) = failure(kind).filter(|_| sink.logger.is_some()) {
            let body = format!("step `{}` ended: {failure}", named.step);
            sink.log(Severity::Error, "wasmill.step.failed", body, &begun.context(), named.attributes(kind, None));
        }
        sink.end(begun.span, failure(kind), || {
            let skipped = match &report.verdict {
                Verdict::Skipped { reason } => serde_name(reason).map(|reason| KeyValue::new(field::SKIPPED, reason)),
                _ => None,
            };
            let fallback = report.fallback.as_ref().map(|fallback| KeyValue::new(field::FALLBACK, fallback.clone()));
            std::iter::once(KeyValue::new(field::VERDICT, kind.as_str())).chain(skipped).chain(fallback)
        });
    }

    fn run_finished(&self, path: &str, document: &RunDocument) {
        let (begun, left) = {
            let mut open = self.open();
            // Nobody will say of them that they ended.
            let left = if path.is_empty() {
                (std::mem::take(&mut open.left), std::mem::take(&mut open.steps))
            } else {
                Default::default()
            };
            (open.runs.remove(path), left)
        };
        let sink = &self.sink;
        let of_steps = left
            .1
            .into_values()
            .flat_map(|step| step.attempts.into_iter().map(|attempt| attempt.begun).chain(std::iter::once(step.begun)));
        let left = left.0.into_iter().map(|(_, attempt)| attempt.begun).chain(of_steps);
        left.for_each(|begun| sink.end(begun.span, None, || []));
        let Some(OpenRun { begun, run, pipeline, .. }) = begun else { return };
        let (verdict, failed) = match document.verdict {
            RunVerdict::Ok => ("ok", None),
            RunVerdict::Cancelled => ("cancelled", Some(VerdictKind::Cancelled.as_str())),
            RunVerdict::Failed => {
                ("failed", Some(document.error.as_ref().map_or("failed", |error| error.verdict.as_str())))
            }
        };
        if let Some(instruments) = &sink.instruments {
            let ended = Ended::Run { verdict, failure: failed, is_nested: !path.is_empty() };
            let whose = Whose { ended, pipeline: Some(pipeline.clone()), step: None, engine: None };
            instruments.of(whose).ended(begun.since.elapsed());
        }
        if sink.logger.is_some() {
            let severity = if document.verdict == RunVerdict::Failed { Severity::Error } else { Severity::Info };
            let mut attributes =
                vec![KeyValue::new(field::PIPELINE, pipeline.clone()), KeyValue::new(field::VERDICT, verdict)];
            attributes.extend(failed.map(|failed| KeyValue::new(field::ERROR_TYPE, failed)));
            attributes.push(KeyValue::new(field::RUN, run));
            let body = format!("run of `{pipeline}` ended: {verdict}");
            sink.log(severity, "wasmill.run.finished", body, &begun.context(), attributes);
        }
        sink.end(begun.span, failed, || {
            let discarded: usize = document.discarded.values().map(Vec::len).sum();
            let discarded = (discarded > 0).then(|| KeyValue::new(field::DISCARDED, number(discarded as u64)));
            std::iter::once(KeyValue::new(field::VERDICT, verdict)).chain(discarded)
        });
    }
}

/// What metrics and logs say of whom they are.
struct Named {
    run: Option<Arc<str>>,
    pipeline: Option<Arc<str>>,
    step: Arc<str>,
    is_in_metrics: bool,
}

impl Named {
    fn measured(&self, ended: Ended, receipt: Option<&Receipt>) -> Whose {
        Whose {
            ended,
            pipeline: self.pipeline.clone(),
            step: self.is_in_metrics.then(|| self.step.clone()),
            engine: receipt.map(|receipt| receipt.engine.name.clone()),
        }
    }

    fn attributes(&self, kind: VerdictKind, engine: Option<&Arc<str>>) -> Vec<KeyValue> {
        let mut attributes = Vec::with_capacity(5);
        attributes.extend(self.pipeline.as_ref().map(|pipeline| KeyValue::new(field::PIPELINE, pipeline.clone())));
        attributes.push(KeyValue::new(field::STEP, self.step.clone()));
        attributes.push(KeyValue::new(field::VERDICT, kind.as_str()));
        attributes.extend(engine.map(|engine| KeyValue::new(field::ENGINE, engine.clone())));
        attributes.extend(failure(kind).map(|kind| KeyValue::new(field::ERROR_TYPE, kind)));
        attributes
    }
}

/// What a receipt says that is no value, no message and no text of a unit.
fn receipt_attributes(receipt: &Receipt, unit: Arc<str>) -> impl Iterator<Item = KeyValue> {
    let usage = &receipt.usage;
    let always = [
        KeyValue::new(field::UNIT, unit),
        KeyValue::new(field::INTERFACE, receipt.interface.as_str()),
        KeyValue::new(field::ENGINE, receipt.engine.name.clone()),
        KeyValue::new(field::ENGINE_VERSION, receipt.engine.version.clone()),
        KeyValue::new(field::PROFILE, receipt.profile.as_str()),
        KeyValue::new(field::PEAK_MEMORY, number(usage.peak_memory)),
        KeyValue::new(field::WALL, seconds(usage.wall)),
        KeyValue::new(field::INPUT_SIZE, number(usage.bytes_in)),
        KeyValue::new(field::OUTPUT_SIZE, number(usage.bytes_out)),
        KeyValue::new(field::LOG_SIZE, number(usage.log_bytes)),
    ];
    let fuel = usage.fuel.map(|fuel| KeyValue::new(field::FUEL, number(fuel)));
    let function = receipt.function.as_ref().map(|function| KeyValue::new(field::FUNCTION, function.clone()));
    let kept_from = receipt.kept_from.as_ref().map(|run| KeyValue::new(field::KEPT_FROM, run.clone()));
    always.into_iter().chain(fuel).chain(function).chain(kept_from)
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// The name that a value has in documents.
fn serde_name(value: &impl serde::Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

impl Observer for RunSpans {
    fn event(&self, event: &RunEvent<'_>) {
        match *event {
            RunEvent::RunStarted { run, pipeline, steps } => self.run_started("".into(), None, run, pipeline, steps),
            RunEvent::SubRunStarted { step, item, attempt, path, run, pipeline, steps } => {
                self.run_started(path.clone(), Some(&(step.clone(), item, attempt)), run, pipeline, steps);
            }
            RunEvent::StepStarted { step, item, attempt } => self.step_started(step, item, attempt),
            RunEvent::AttemptFinished { step, item, attempt, verdict, receipt } => {
                self.attempt_finished(&(step.clone(), item, attempt), verdict, receipt);
            }
            RunEvent::StepFinished { step, report } => self.step_finished(step, report),
            RunEvent::SubRunFinished { path, document } => self.run_finished(path, document),
            RunEvent::RunFinished { document } => self.run_finished("", document),
            _ => {}
        }
    }
}
