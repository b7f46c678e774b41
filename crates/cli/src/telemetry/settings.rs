//! What the environment asks for, by the names of OpenTelemetry's specification.
//!
//! The library reads endpoints, headers, sampler, resource and the sizes of batches by itself; here stands what it does not
//! read, and what decides whether it is started at all. A variable that makes no sense is never a run's error: it is said once, and the
//! signal is off, or what the library does instead is said.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry_otlp::Protocol;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use ureq::http::Uri;

use super::Parent;
use crate::env_vars;

/// What the environment asks for.
pub(super) struct Settings {
    pub(super) signals: Signals,
    /// What of it is not done, and why.
    pub(super) refused: Vec<String>,
}

/// Which signals are sent, and how.
#[derive(Default)]
pub(super) struct Signals {
    pub(super) traces: Option<Signal>,
    pub(super) metrics: Option<Signal>,
    pub(super) logs: Option<Signal>,
}

impl Signals {
    pub(super) fn any(&self) -> bool {
        self.traces.is_some() || self.metrics.is_some() || self.logs.is_some()
    }
}

/// How one signal is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signal {
    pub(super) protocol: Protocol,
    /// For one request.
    pub(super) timeout: Duration,
    /// The certificates that a server's is held against, where they are not the usual ones.
    pub(super) certificates: Option<PathBuf>,
}

/// What the specification says where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the environment, whose empty variables count as absent.
pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Settings {
    let mut refused = Vec::new();
    let mut signals = Signals::default();
    if variable(env_vars::OTEL_SDK_DISABLED).is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        return Settings { signals, refused };
    }
    for (name, slot) in
        [("TRACES", &mut signals.traces), ("METRICS", &mut signals.metrics), ("LOGS", &mut signals.logs)]
    {
        match signal(name, &variable) {
            Ok(signal) => *slot = signal,
            // What is wrong with all three is said once.
            Err(problem) if refused.contains(&problem) => {}
            Err(problem) => refused.push(problem),
        }
    }
    refused.extend(signals.traces.as_ref().and_then(|_| sampler(&variable)));
    for (name, is_on) in
        [("TRACES", signals.traces.is_some()), ("METRICS", signals.metrics.is_some()), ("LOGS", signals.logs.is_some())]
    {
        let problem = compression(name, &variable).filter(|problem| is_on && !refused.contains(problem));
        refused.extend(problem);
    }
    Settings { signals, refused }
}

/// A sampler that the library cannot make, and what it does instead.
fn sampler(variable: &impl Fn(&str) -> Option<String>) -> Option<String> {
    const NAME: &str = "OTEL_TRACES_SAMPLER";
    const SHARE: &str = "OTEL_TRACES_SAMPLER_ARG";
    let name = variable(NAME)?;
    match &*name {
        "always_on" | "always_off" | "parentbased_always_on" | "parentbased_always_off" => None,
        "traceidratio" | "parentbased_traceidratio" => {
            let share = variable(SHARE)?;
            let instead = match share.parse::<f64>() {
                Ok(share) if (0.0..=1.0).contains(&share) => return None,
                Ok(share) if share < 0.0 || share.is_nan() => "no run is traced",
                _ => "every run is traced",
            };
            Some(format!("`{SHARE}={share}` is no share from 0 to 1, and {instead}"))
        }
        _ => Some(format!(
            "`{NAME}={name}` names no sampler that is here, and every run is traced\n  help: write `always_on`, `always_off` or \
             `traceidratio`, or one of them with `parentbased_` in front"
        )),
    }
}

/// A compression that is asked for: there is none.
fn compression(name: &str, variable: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let (variable, value) = own_or_common(name, "COMPRESSION", variable)?;
    let is_none = value.eq_ignore_ascii_case("none");
    (!is_none).then(|| format!("`{variable}={value}` is not done here, and what is sent is not compressed"))
}

/// The signal's own variable, or else the one of all.
fn own_or_common(name: &str, suffix: &str, variable: &impl Fn(&str) -> Option<String>) -> Option<(String, String)> {
    let [own, common] = [format!("OTEL_EXPORTER_OTLP_{name}_{suffix}"), format!("OTEL_EXPORTER_OTLP_{suffix}")];
    variable(&own).map(|value| (own, value)).or_else(|| variable(&common).map(|value| (common, value)))
}

fn signal(name: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<Option<Signal>, String> {
    let either = |suffix: &str| own_or_common(name, suffix, variable);
    let exporter = format!("OTEL_{name}_EXPORTER");
    match variable(&exporter).as_deref().map(str::trim) {
        Some("none") => return Ok(None),
        Some("otlp") => {}
        Some(other) => return Err(format!("`{exporter}={other}` names no exporter that is here: `otlp` or `none`")),
        // Without a word where to, nothing is sent: a program that is run by hand is no service.
        None if either("ENDPOINT").is_none() => return Ok(None),
        None => {}
    }
    if let Some((variable, value)) = either("ENDPOINT")
        && !is_address(&value)
    {
        // Not the value itself: there may be a key in it.
        return Err(format!(
            "`{variable}` is no address of a server, and nothing is exported\n  help: write `http://HOST:4318`, or `https://…`"
        ));
    }
    let protocol = match either("PROTOCOL") {
        None => Protocol::HttpBinary,
        Some((variable, value)) => match value.trim() {
            "http/protobuf" => Protocol::HttpBinary,
            "http/json" => Protocol::HttpJson,
            other => {
                return Err(format!(
                    "`{variable}={other}` is not spoken here, and nothing is exported with it\n  help: write `http/protobuf` or \
                     `http/json`; a collector listens for them on port 4318"
                ));
            }
        },
    };
    let timeout = match either("TIMEOUT") {
        None => TIMEOUT,
        Some((variable, value)) => match value.trim().parse().ok().filter(|timeout| *timeout > 0) {
            Some(milliseconds) => Duration::from_millis(milliseconds),
            None => return Err(format!("`{variable}={value}` is no number of milliseconds, and nothing is exported")),
        },
    };
    let certificates = either("CERTIFICATE").map(|(_, path)| path.into());
    Ok(Some(Signal { protocol, timeout, certificates }))
}

fn is_address(value: &str) -> bool {
    let uri = value.trim().parse::<Uri>();
    uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    })
}

/// The span that this process is part of: W3C trace context in the environment, as build tools and schedulers hand it on. What is no such
/// context is as if it were not there, as the specification has it.
pub(super) fn parent(variable: impl Fn(&str) -> Option<String>) -> Parent {
    let names = [("traceparent", env_vars::TRACEPARENT), ("tracestate", env_vars::TRACESTATE)];
    let carrier: HashMap<String, String> =
        names.iter().filter_map(|(key, name)| Some(((*key).to_owned(), variable(name)?))).collect();
    TraceContextPropagator::new().extract_with_context(&Parent::new(), &carrier)
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TraceContextExt as _;

    use super::*;

    fn read_from(variables: &[(&str, &str)]) -> Settings {
        read(|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_is_sent_unless_it_is_said_where_to() {
        assert!(!read_from(&[]).signals.any());
        assert!(!read_from(&[("OTEL_SERVICE_NAME", "x"), ("TRACEPARENT", "x")]).signals.any());
        let all = read_from(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")]).signals;
        assert!(all.traces.is_some() && all.metrics.is_some() && all.logs.is_some());
        let one = read_from(&[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://collector:4318/v1/logs")]).signals;
        assert!(one.traces.is_none() && one.metrics.is_none() && one.logs.is_some());
        let usual = read_from(&[("OTEL_TRACES_EXPORTER", "otlp")]).signals;
        assert!(usual.traces.is_some() && usual.metrics.is_none());
    }

    #[test]
    fn it_is_turned_off() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        assert!(!read_from(&[endpoint, ("OTEL_SDK_DISABLED", "true")]).signals.any());
        assert!(read_from(&[endpoint, ("OTEL_SDK_DISABLED", "false")]).signals.any());
        let without = read_from(&[endpoint, ("OTEL_METRICS_EXPORTER", "none")]).signals;
        assert!(without.traces.is_some() && without.metrics.is_none() && without.logs.is_some());
    }

    #[test]
    fn a_signals_own_variable_is_stronger() {
        let found = read_from(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
            ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "700"),
        ]);
        let Signals { traces: Some(traces), metrics: Some(metrics), .. } = found.signals else { panic!() };
        assert_eq!((traces.protocol, traces.timeout), (Protocol::HttpBinary, Duration::from_millis(500)));
        assert_eq!((metrics.protocol, metrics.timeout), (Protocol::HttpJson, Duration::from_millis(700)));
    }

    #[test]
    fn what_makes_no_sense_is_said_once_and_off() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317");
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ] {
            let found = read_from(&[endpoint, (name, value)]);
            assert!(!found.signals.any(), "{name}");
            assert_eq!(found.refused.len(), 1, "{:?}", found.refused);
            assert!(found.refused[0].contains(&format!("{name}={value}")), "{:?}", found.refused);
        }
        let found = read_from(&[endpoint, ("OTEL_TRACES_EXPORTER", "zipkin")]);
        assert!(found.signals.traces.is_none() && found.signals.logs.is_some());
        assert_eq!(found.refused.len(), 1);
    }

    #[test]
    fn an_address_that_is_none_is_not_shown() {
        for address in ["http://user:hidden@[not a host", "hidden:4318", "ftp://hidden", "http:///hidden", "http://"] {
            let found = read_from(&[("OTEL_EXPORTER_OTLP_ENDPOINT", address)]);
            assert!(!found.signals.any(), "{address}");
            let [refused] = &*found.refused else { panic!("{:?}", found.refused) };
            assert!(refused.contains("OTEL_EXPORTER_OTLP_ENDPOINT") && !refused.contains("hidden"), "{refused}");
        }
    }

    #[test]
    fn a_trace_context_is_taken_and_nonsense_is_not() {
        let parent_of = |traceparent: &str| {
            parent(|name| match name {
                "TRACEPARENT" => Some(traceparent.to_owned()),
                "TRACESTATE" => Some("vendor=value".to_owned()),
                _ => None,
            })
        };
        let found = parent_of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let span = found.span().span_context().clone();
        assert_eq!(span.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span.span_id().to_string(), "b7ad6b7169203331");
        assert!(span.is_sampled() && span.is_remote());
        assert_eq!(span.trace_state().get("vendor"), Some("value"));
        for nonsense in [
            "",
            "x",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(!parent_of(nonsense).span().span_context().is_valid(), "{nonsense}");
        }
    }
}
