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
use wasmill_model::{Receipt, RunDocument, RunVerdict, StepReport, Verdict, VerdictKind};
use wasmill_runtime::{Observer, RunEvent};

use super::Parent;
use super::delivery::Delivery;
use super::fields as field;
use super::instruments::Instruments;
use super::providers::Providers;

/// Where all of it goes. What is not sent is not made.
pub(super) struct Sink {
    tracer: Option<(SdkTracer, Arc<Delivery>)>,
    instruments: Option<Instruments>,
    logger: Option<(SdkLogger, Arc<Delivery>)>,
    parent: Parent,
}

impl Sink {
    pub(super) fn new(providers: &Providers, parent: Parent) -> Self {
        Sink {
            tracer: providers.tracer(),
            instruments: providers.meter().map(|meter| Instruments::new(&meter)),
            logger: providers.logger(),
            parent,
        }
    }

    /// Begins a span.
    fn span(&self, name: String, parent: &Context, attributes: Vec<KeyValue>) -> Option<Span> {
        let (tracer, _) = self.tracer.as_ref()?;
        let builder = SpanBuilder { attributes: Some(attributes), ..SpanBuilder::from_name(Cow::Owned(name)) };
        Some(tracer.build_with_context(builder, parent))
    }

    /// Ends it.
    fn end(&self, span: Option<Span>, failed: Option<&'static str>, attributes: impl IntoIterator<Item = KeyValue>) {
        let (Some(mut span), Some((_, delivery))) = (span, &self.tracer) else { return };
        if !span.is_recording() {
            return;
        }
        if span.span_context().is_sampled() {
            delivery.made();
        }
        attributes.into_iter().for_each(|attribute| span.set_attribute(attribute));
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
    steps: HashMap<Arc<str>, Begun>,
    attempts: HashMap<AttemptKey, Begun>,
}

type AttemptKey = (Arc<str>, Option<u32>, u32);

struct OpenRun {
    begun: Begun,
    run: Arc<str>,
    pipeline: Arc<str>,
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
fn failure(kind: VerdictKind) -> Option<&'static str> {
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
        let mut attributes = vec![
            KeyValue::new(field::RUN, run.clone()),
            KeyValue::new(field::PIPELINE, pipeline.clone()),
            KeyValue::new(field::STEPS, number(steps as u64)),
        ];
        attributes.extend(self.row.filter(|_| path.is_empty()).map(|row| KeyValue::new(field::ROW, number(row))));
        let mut open = self.open();
        let caller = caller.and_then(|caller| Some(open.attempts.get(caller)?.within()));
        let parent = caller.as_ref().unwrap_or(&self.sink.parent);
        let begun = Begun::new(self.sink.span(format!("run {pipeline}"), parent, attributes));
        open.runs.insert(path, OpenRun { begun, run: run.clone(), pipeline: pipeline.clone() });
    }

    fn step_started(&self, step: &Arc<str>, item: Option<u32>, attempt: u32) {
        let mut open = self.open();
        if !open.steps.contains_key(step) {
            let begun = self.begin_step(&open, step);
            open.steps.insert(step.clone(), begun);
        }
        let (path, id) = split(step);
        let mut attributes = Vec::with_capacity(18);
        attributes.extend(open.runs.get(path).map(|run| KeyValue::new(field::RUN, run.run.clone())));
        attributes.push(KeyValue::new(field::STEP, id.clone()));
        attributes.extend(item.map(|item| KeyValue::new(field::ITEM, i64::from(item))));
        attributes.push(KeyValue::new(field::ATTEMPT, i64::from(attempt)));
        let within = open.steps.get(step).map(Begun::within);
        let span = self.sink.span(format!("attempt {id}"), within.as_ref().unwrap_or(&self.sink.parent), attributes);
        open.attempts.insert((step.clone(), item, attempt), Begun::new(span));
    }

    fn begin_step(&self, open: &Open, step: &Arc<str>) -> Begun {
        let (path, id) = split(step);
        let run = open.runs.get(path);
        let mut attributes = Vec::with_capacity(6);
        attributes.extend(run.map(|run| KeyValue::new(field::RUN, run.run.clone())));
        attributes.push(KeyValue::new(field::STEP, id.clone()));
        let within = run.map(|run| run.begun.within());
        Begun::new(self.sink.span(format!("step {id}"), within.as_ref().unwrap_or(&self.sink.parent), attributes))
    }

    fn attempt_finished(&self, key: &AttemptKey, verdict: &Verdict, receipt: Option<&Receipt>) {
        let (step, item, attempt) = key;
        let (begun, named) = {
            let mut open = self.open();
            (open.attempts.remove(key), self.named(&open, step))
        };
        let kind = verdict.kind();
        let sink = &self.sink;
        if let Some(instruments) = &sink.instruments {
            let took = receipt.filter(|receipt| receipt.kept_from.is_none()).map(|receipt| receipt.usage.wall);
            let took = took.or_else(|| begun.as_ref().map(|begun| begun.since.elapsed())).unwrap_or_default();
            let attributes = named.attributes(kind, receipt.map(|receipt| &receipt.engine.name));
            instruments.attempts.ended(took, &attributes);
            // What a former run used is counted there.
            if let Some(receipt) = receipt.filter(|receipt| receipt.kept_from.is_none()) {
                instruments.used(&receipt.usage, &attributes);
            }
        }
        let Some(begun) = begun else { return };
        if let Some(failure) = failure(kind).filter(|_| sink.logger.is_some()) {
            let item = item.map(|item| format!(" at item {item}")).unwrap_or_default();
            let body = format!("attempt {attempt} of step `{}`{item} ended: {failure}", named.step);
            let attributes = named.attributes(kind, receipt.map(|receipt| &receipt.engine.name));
            sink.log(Severity::Warn, "wasmill.attempt.failed", body, &begun.context(), attributes);
        }
        let used = receipt.map(receipt_attributes).unwrap_or_default();
        let ending = KeyValue::new(field::VERDICT, kind.as_str());
        sink.end(begun.span, failure(kind), std::iter::once(ending).chain(used));
    }

    fn step_finished(&self, step: &Arc<str>, report: &StepReport) {
        let (begun, named) = {
            let mut open = self.open();
            // One that never started has a span all the same: it says why.
            let begun = open.steps.remove(step).unwrap_or_else(|| self.begin_step(&open, step));
            (begun, self.named(&open, step))
        };
        let kind = report.verdict.kind();
        let sink = &self.sink;
        if let Some(instruments) = &sink.instruments {
            instruments.steps.ended(begun.since.elapsed(), &named.attributes(kind, None));
        }
        if let Some(failure) = failure(kind).filter(|_| sink.logger.is_some()) {
            let body = format!("step `{}` ended: {failure}", named.step);
            sink.log(Severity::Error, "wasmill.step.failed", body, &begun.context(), named.attributes(kind, None));
        }
        let skipped = match &report.verdict {
            Verdict::Skipped { reason } => serde_name(reason).map(|reason| KeyValue::new(field::SKIPPED, reason)),
            _ => None,
        };
        let fallback = report.fallback.as_ref().map(|fallback| KeyValue::new(field::FALLBACK, fallback.clone()));
        let ending = KeyValue::new(field::VERDICT, kind.as_str());
        sink.end(begun.span, failure(kind), std::iter::once(ending).chain(skipped).chain(fallback));
    }

    fn run_finished(&self, path: &str, document: &RunDocument) {
        let (begun, left) = {
            let mut open = self.open();
            // Nobody will say of them that they ended.
            let left = if path.is_empty() {
                (std::mem::take(&mut open.attempts), std::mem::take(&mut open.steps))
            } else {
                Default::default()
            };
            (open.runs.remove(path), left)
        };
        let sink = &self.sink;
        left.0.into_values().chain(left.1.into_values()).for_each(|begun| sink.end(begun.span, None, []));
        let Some(OpenRun { begun, run, pipeline }) = begun else { return };
        let (verdict, failed) = match document.verdict {
            RunVerdict::Ok => ("ok", None),
            RunVerdict::Cancelled => ("cancelled", Some(VerdictKind::Cancelled.as_str())),
            RunVerdict::Failed => {
                ("failed", Some(document.error.as_ref().map_or("failed", |error| error.verdict.as_str())))
            }
        };
        let attributes = || {
            let mut attributes =
                vec![KeyValue::new(field::PIPELINE, pipeline.clone()), KeyValue::new(field::VERDICT, verdict)];
            attributes.extend(failed.map(|failed| KeyValue::new(field::ERROR_TYPE, failed)));
            attributes
        };
        if let Some(instruments) = &sink.instruments {
            let mut attributes = attributes();
            attributes.push(KeyValue::new(field::NESTED, !path.is_empty()));
            instruments.runs.ended(begun.since.elapsed(), &attributes);
        }
        if sink.logger.is_some() {
            let severity = if document.verdict == RunVerdict::Failed { Severity::Error } else { Severity::Info };
            let mut attributes = attributes();
            attributes.push(KeyValue::new(field::RUN, run));
            let body = format!("run of `{pipeline}` ended: {verdict}");
            sink.log(severity, "wasmill.run.finished", body, &begun.context(), attributes);
        }
        let discarded: usize = document.discarded.values().map(Vec::len).sum();
        let discarded = (discarded > 0).then(|| KeyValue::new(field::DISCARDED, number(discarded as u64)));
        sink.end(begun.span, failed, std::iter::once(KeyValue::new(field::VERDICT, verdict)).chain(discarded));
    }

    fn named(&self, open: &Open, step: &Arc<str>) -> Named {
        let (path, id) = split(step);
        Named { pipeline: open.runs.get(path).map(|run| run.pipeline.clone()), step: id }
    }
}

/// What metrics and logs say of whom they are: few values each, as each combination is kept.
struct Named {
    pipeline: Option<Arc<str>>,
    step: Arc<str>,
}

impl Named {
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
fn receipt_attributes(receipt: &Receipt) -> Vec<KeyValue> {
    let usage = &receipt.usage;
    let mut attributes = Vec::with_capacity(13);
    attributes.extend([
        KeyValue::new(field::UNIT, receipt.unit.to_string()),
        KeyValue::new(field::INTERFACE, receipt.interface.as_str()),
        KeyValue::new(field::ENGINE, receipt.engine.name.clone()),
        KeyValue::new(field::ENGINE_VERSION, receipt.engine.version.clone()),
        KeyValue::new(field::PROFILE, receipt.profile.as_str()),
        KeyValue::new(field::PEAK_MEMORY, number(usage.peak_memory)),
        KeyValue::new(field::WALL, seconds(usage.wall)),
        KeyValue::new(field::INPUT_SIZE, number(usage.bytes_in)),
        KeyValue::new(field::OUTPUT_SIZE, number(usage.bytes_out)),
        KeyValue::new(field::LOG_SIZE, number(usage.log_bytes)),
    ]);
    attributes.extend(usage.fuel.map(|fuel| KeyValue::new(field::FUEL, number(fuel))));
    attributes.extend(receipt.function.as_ref().map(|function| KeyValue::new(field::FUNCTION, function.clone())));
    attributes.extend(receipt.kept_from.as_ref().map(|run| KeyValue::new(field::KEPT_FROM, run.clone())));
    attributes
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
