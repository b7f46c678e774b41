//! What the SDK is started with, and how it ends.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use opentelemetry::logs::LoggerProvider as _;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, Key, KeyValue};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, RetryPolicy, SpanExporter, WithExportConfig as _,
    WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider};

use super::delivery::{Delivery, Noted};
use super::settings::{Signal, Signals};
use super::transport::Transport;
use crate::env_vars;
use crate::host;

/// Spans that wait to be sent, where the environment says nothing else: a run of small steps makes them faster than the SDK's 2,048 allow.
const QUEUED_SPANS: usize = 16_384;

/// One signal that is sent.
struct Sent<P> {
    provider: P,
    delivery: Arc<Delivery>,
}

/// Signals that cannot be sent.
pub(super) struct Problem {
    of: Vec<&'static str>,
    why: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} are not exported: {}", self.of.join(", "), self.why)
    }
}

/// Those of the signals that are sent.
pub(super) struct Providers {
    traces: Option<Sent<SdkTracerProvider>>,
    metrics: Option<Sent<SdkMeterProvider>>,
    logs: Option<Sent<SdkLoggerProvider>>,
}

impl Providers {
    /// Starts them, and says which of them could not be.
    pub(super) fn start(signals: &Signals) -> (Self, Vec<Problem>) {
        let resource = resource();
        let mut problems = Vec::new();
        let traces = started(signals.traces.as_ref(), "traces", &mut problems, |signal, transport| {
            let exporter = SpanExporter::builder().with_http().with_http_client(transport);
            let exporter = exporter.with_protocol(signal.protocol).with_timeout(signal.timeout);
            exporter.with_retry_policy(retries()).build()
        });
        let traces = traces.map(|(exporter, delivery)| {
            let mut config = BatchConfigBuilder::default();
            if std::env::var_os(env_vars::OTEL_BSP_MAX_QUEUE_SIZE).is_none() {
                config = config.with_max_queue_size(QUEUED_SPANS);
            }
            let noted = Noted { exporter, delivery: delivery.clone() };
            let processor = BatchSpanProcessor::builder(noted).with_batch_config(config.build()).build();
            let provider = SdkTracerProvider::builder().with_resource(resource.clone()).with_span_processor(processor);
            Sent { provider: provider.build(), delivery }
        });
        let metrics = started(signals.metrics.as_ref(), "metrics", &mut problems, |signal, transport| {
            let exporter = MetricExporter::builder().with_http().with_http_client(transport);
            let exporter = exporter.with_protocol(signal.protocol).with_timeout(signal.timeout);
            exporter.with_retry_policy(retries()).build()
        });
        let metrics = metrics.map(|(exporter, delivery)| {
            let noted = Noted { exporter, delivery: delivery.clone() };
            let provider = SdkMeterProvider::builder().with_resource(resource.clone()).with_periodic_exporter(noted);
            Sent { provider: provider.build(), delivery }
        });
        let logs = started(signals.logs.as_ref(), "logs", &mut problems, |signal, transport| {
            let exporter = LogExporter::builder().with_http().with_http_client(transport);
            let exporter = exporter.with_protocol(signal.protocol).with_timeout(signal.timeout);
            exporter.with_retry_policy(retries()).build()
        });
        let logs = logs.map(|(exporter, delivery)| {
            let noted = Noted { exporter, delivery: delivery.clone() };
            let provider = SdkLoggerProvider::builder().with_resource(resource.clone()).with_batch_exporter(noted);
            Sent { provider: provider.build(), delivery }
        });
        (Providers { traces, metrics, logs }, problems)
    }

    pub(super) fn tracer(&self) -> Option<(SdkTracer, Arc<Delivery>)> {
        let sent = self.traces.as_ref()?;
        Some((sent.provider.tracer_with_scope(scope()), sent.delivery.clone()))
    }

    pub(super) fn meter(&self) -> Option<Meter> {
        Some(self.metrics.as_ref()?.provider.meter_with_scope(scope()))
    }

    pub(super) fn logger(&self) -> Option<(SdkLogger, Arc<Delivery>)> {
        let sent = self.logs.as_ref()?;
        Some((sent.provider.logger_with_scope(scope()), sent.delivery.clone()))
    }

    /// Sends what is left, all signals at once, and waits for it at most so long. A warning where something did not arrive.
    pub(super) fn finish(&self, patience: Duration) -> Option<String> {
        let end = Instant::now() + patience;
        let (sender, ended) = mpsc::channel();
        let shut_down = |name: &'static str, shut_down: Option<Box<dyn FnOnce() -> OTelSdkResult + Send>>| {
            let sender = sender.clone();
            let shut_down = shut_down?;
            // A thread that hangs ends with the process.
            let thread = std::thread::Builder::new().name(format!("last {name}"));
            let run = move || {
                let result = shut_down();
                let _ = sender.send((name, result.is_ok()));
            };
            thread.spawn(run).ok().map(|_| name)
        };
        let traces = self.traces.as_ref().map(|sent| sent.provider.clone());
        let metrics = self.metrics.as_ref().map(|sent| sent.provider.clone());
        let logs = self.logs.as_ref().map(|sent| sent.provider.clone());
        let mut awaited = [
            shut_down("traces", traces.map(|one| Box::new(move || one.shutdown_with_timeout(patience)) as _)),
            shut_down("metrics", metrics.map(|one| Box::new(move || one.shutdown()) as _)),
            shut_down("logs", logs.map(|one| Box::new(move || one.shutdown_with_timeout(patience)) as _)),
        ];
        while awaited.iter().any(Option::is_some) {
            match ended.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok((name, _)) => {
                    awaited.iter_mut().filter(|one| **one == Some(name)).for_each(|one| *one = None);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        self.warning(&awaited, patience)
    }

    fn warning(&self, awaited: &[Option<&str>], patience: Duration) -> Option<String> {
        let spans = self.traces.as_ref().map(|sent| ("traces", &sent.delivery));
        let metrics = self.metrics.as_ref().map(|sent| ("metrics", &sent.delivery));
        let logs = self.logs.as_ref().map(|sent| ("logs", &sent.delivery));
        let mut lost = Vec::new();
        let mut why = None;
        for (name, delivery) in [spans, metrics, logs].into_iter().flatten() {
            let is_late = awaited.contains(&Some(name));
            let missing = delivery.missing();
            let reason = delivery.lost();
            if !is_late && missing == 0 && reason.is_none() {
                continue;
            }
            lost.push(match (name, missing) {
                ("traces", 1) => "1 span".to_owned(),
                ("traces", many) if many > 0 => format!("{many} spans"),
                ("logs", 1) => "1 log record".to_owned(),
                ("logs", many) if many > 0 => format!("{many} log records"),
                _ => name.to_owned(),
            });
            let late = is_late.then(|| format!("no answer within {} s", patience.as_secs()));
            why = why.or(reason).or(late);
        }
        if lost.is_empty() {
            return None;
        }
        let why = why.unwrap_or_else(|| "more was made than could be sent".to_owned());
        Some(format!(
            "warning: telemetry did not arrive ({}): {why}\n  help: the run is as it was; `{}=true` turns the export off\n",
            lost.join(", "),
            env_vars::OTEL_SDK_DISABLED,
        ))
    }
}

/// One more try where the other end was not there: the process is not to wait long for it.
fn retries() -> RetryPolicy {
    RetryPolicy::recommended().with_max_retries(1)
}

/// The exporter of one signal, where it is asked for and can be made.
fn started<E>(
    signal: Option<&Signal>,
    name: &'static str,
    problems: &mut Vec<Problem>,
    build: impl FnOnce(&Signal, Transport) -> Result<E, ExporterBuildError>,
) -> Option<(E, Arc<Delivery>)> {
    let signal = signal?;
    let delivery = Arc::<Delivery>::default();
    let transport = Transport::new(signal, delivery.clone());
    let exporter = transport.and_then(|transport| build(signal, transport).map_err(|error| error.to_string()));
    match exporter {
        Ok(exporter) => Some((exporter, delivery)),
        Err(error) => {
            // What is wrong with all of them is said once.
            match problems.iter_mut().find(|problem| problem.why == error) {
                Some(problem) => problem.of.push(name),
                None => problems.push(Problem { of: vec![name], why: error }),
            }
            None
        }
    }
}

/// Which part of the program says it.
fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("wasmill").with_version(env!("CARGO_PKG_VERSION")).build()
}

/// Who says it: what the environment names, and what it leaves open.
fn resource() -> Resource {
    let named = Resource::builder().build();
    let name = named.get(&Key::from_static_str("service.name")).map(|name| name.to_string());
    let mut builder = Resource::builder();
    if name.is_none_or(|name| name.starts_with("unknown_service")) {
        builder = builder.with_service_name("wasmill");
    }
    // Two processes must not count as one.
    let instance = format!("{:016x}{:016x}", host::random(), host::random());
    for (key, value) in [("service.version", env!("CARGO_PKG_VERSION").to_owned()), ("service.instance.id", instance)] {
        if named.get(&Key::from_static_str(key)).is_none() {
            builder = builder.with_attribute(KeyValue::new(key, value));
        }
    }
    builder.build()
}
