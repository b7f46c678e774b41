//! HTTP for the exporters: the client and the TLS that fetch units.

use std::error::Error as _;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use ureq::Agent;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::delivery::Delivery;
use super::settings::Signal;

/// The most bytes of an answer that are looked at: it says how many spans were refused.
const MAX_ANSWER: u64 = 64 << 10;
/// The most bytes of a file of certificates: many times of what systems ship.
const MAX_CERTIFICATES: u64 = 16 << 20;

/// Sends the requests of one signal. It blocks: the SDK calls it on threads of its own.
#[derive(Debug)]
pub(super) struct Transport {
    agent: Agent,
    delivery: Arc<Delivery>,
}

impl Transport {
    /// # Errors
    /// Certificates that cannot be read.
    pub(super) fn new(signal: &Signal, delivery: Arc<Delivery>) -> Result<Self, String> {
        let roots = match &signal.certificates {
            None => RootCerts::WebPki,
            Some(path) => {
                certificates(path).map_err(|error| format!("the certificates in `{}`: {error}", path.display()))?
            }
        };
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // Headers may have keys in them: they are for this server alone.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(signal.timeout))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build()
            .new_agent();
        Ok(Transport { agent, delivery })
    }
}

fn certificates(path: &Path) -> Result<RootCerts, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut pem = Vec::new();
    file.take(MAX_CERTIFICATES).read_to_end(&mut pem).map_err(|error| error.to_string())?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    if certificates.is_empty() {
        Err("there is none".to_owned())
    } else {
        Ok(RootCerts::Specific(Arc::new(certificates)))
    }
}

#[async_trait]
impl HttpClient for Transport {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let uri = request.uri();
        // Without what may be a key: user, password, path and query.
        let to = format!("{}://{}", uri.scheme_str().unwrap_or("http"), uri.host().unwrap_or_default());
        let to = uri.port().map_or_else(|| to.clone(), |port| format!("{to}:{port}"));
        let (parts, body) = request.into_parts();
        let response = self.agent.run(Request::from_parts(parts, &*body)).inspect_err(|error| {
            let cause = error.source().map(ToString::to_string).filter(|cause| *cause != error.to_string());
            let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            self.delivery.failed(format!("{to}: {error}{cause}"));
        })?;
        let (parts, body) = response.into_parts();
        if !parts.status.is_success() {
            self.delivery.failed(format!("{to} answered with status {}", parts.status.as_u16()));
        }
        let kind = parts.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if parts.status.is_success() && kind.starts_with("text/html") {
            let why = format!("{to} answered with a web page, as no receiver of OTLP does");
            self.delivery.failed(why.clone());
            return Err(why.into());
        }
        let is_json = kind.starts_with("application/json");
        let mut answer = Vec::new();
        // It was taken, whatever is said besides.
        let _ = body.into_reader().take(MAX_ANSWER).read_to_end(&mut answer);
        if parts.status.is_success()
            && let Some(many) = refused(&answer, is_json)
        {
            self.delivery.refused(many, format!("{to} did not take all of it"));
        }
        Ok(Response::from_parts(parts, answer.into()))
    }
}

/// How many of what it was sent a receiver did not take: `partial_success` of its answer, whose shape on the wire is the same for all
/// signals. What it says besides is not repeated: it may be anything.
fn refused(answer: &[u8], is_json: bool) -> Option<u64> {
    let many = if is_json {
        let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
        let success = answer.get("partialSuccess")?;
        let names = ["rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"];
        let many = names.iter().find_map(|name| success.get(name))?;
        // An int64 is a string in JSON of protobuf, or a number.
        many.as_i64().or_else(|| many.as_str()?.parse().ok())?
    } else {
        ExportTraceServiceResponse::decode(answer).ok()?.partial_success?.rejected_spans
    };
    u64::try_from(many).ok().filter(|many| *many > 0)
}
