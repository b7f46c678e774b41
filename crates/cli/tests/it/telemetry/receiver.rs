//! A receiver of OTLP over HTTP, which reads with the protocol's own messages; and the ways in which one can be no help.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde::de::DeserializeOwned;

/// What it does with what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Takes,
    /// Says no, with this status.
    Refuses(u16),
    /// Says yes, and then something that is no message.
    Babbles,
    /// Takes all but one.
    TakesLess,
    /// Is a server of web pages.
    Serves,
    /// Says something that is not HTTP.
    Shouts,
    /// Hangs up before it says anything.
    HangsUp,
    /// Reads, and never says anything.
    Sleeps,
}

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    fn read<M: Message + Default + DeserializeOwned>(&self) -> M {
        if self.head.contains("content-type: application/json") {
            return serde_json::from_slice(&self.body).expect("the body is JSON of OTLP");
        }
        assert!(self.head.contains("content-type: application/x-protobuf"), "{}", self.head);
        M::decode(&*self.body).expect("the body is a message of OTLP")
    }
}

pub(crate) struct Receiver {
    pub(crate) endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    pub(crate) fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let kept = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                std::thread::spawn(move || serve(stream, manner, &kept));
            }
        });
        Receiver { endpoint, requests }
    }

    pub(crate) fn requests(&self) -> std::sync::MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap()
    }

    fn all<M: Message + Default + DeserializeOwned>(&self, path: &str) -> Vec<M> {
        self.requests().iter().filter(|request| request.path == path).map(Request::read).collect()
    }

    pub(crate) fn traces(&self) -> Vec<ExportTraceServiceRequest> {
        self.all("/v1/traces")
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.traces().into_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    pub(crate) fn logs(&self) -> Vec<LogRecord> {
        let requests = self.all::<ExportLogsServiceRequest>("/v1/logs");
        let resources = requests.into_iter().flat_map(|request| request.resource_logs);
        resources.flat_map(|resource| resource.scope_logs).flat_map(|scope| scope.log_records).collect()
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let requests = self.all::<ExportMetricsServiceRequest>("/v1/metrics");
        let resources = requests.into_iter().flat_map(|request| request.resource_metrics);
        resources.flat_map(|resource| resource.scope_metrics).flat_map(|scope| scope.metrics).collect()
    }

    /// What a counter says, where its points have this attribute.
    pub(crate) fn count(&self, name: &str, key: &str, value: &str) -> i64 {
        let metrics = self.metrics();
        let metric = metrics.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("no {name}"));
        let Some(metric::Data::Sum(sum)) = &metric.data else { panic!("{name} is no counter") };
        let points = sum.data_points.iter().filter(|point| text(&point.attributes, key).as_deref() == Some(value));
        points
            .map(|point| match point.value {
                Some(number_data_point::Value::AsInt(count)) => count,
                _ => panic!("{name} does not count"),
            })
            .sum()
    }

    /// How many series a metric has.
    pub(crate) fn series(&self, name: &str) -> usize {
        let metrics = self.metrics();
        let metric = metrics.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("no {name}"));
        match &metric.data {
            Some(metric::Data::Sum(sum)) => sum.data_points.len(),
            Some(metric::Data::Histogram(histogram)) => histogram.data_points.len(),
            _ => panic!("{name} is neither a counter nor a histogram"),
        }
    }

    /// How many values a histogram has, and their sum.
    pub(crate) fn histogram(&self, name: &str) -> (u64, f64) {
        let metrics = self.metrics();
        let metric = metrics.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("no {name}"));
        let Some(metric::Data::Histogram(histogram)) = &metric.data else { panic!("{name} is no histogram") };
        histogram
            .data_points
            .iter()
            .fold((0, 0.0), |(count, sum), point| (count + point.count, sum + point.sum.unwrap_or_default()))
    }
}

/// An attribute as text.
pub(crate) fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let KeyValue { value: Some(AnyValue { value: Some(value) }), .. } =
        attributes.iter().find(|attribute| attribute.key == key)?
    else {
        return None;
    };
    Some(match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::BoolValue(is) => is.to_string(),
        other => panic!("{key} is {other:?}"),
    })
}

fn serve(stream: TcpStream, manner: Manner, kept: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(request) = read(&mut reader) {
        let is_json = request.head.contains("content-type: application/json");
        kept.lock().unwrap().push(request);
        let (kind, taken): (_, &[u8]) =
            if is_json { ("application/json", b"{}") } else { ("application/x-protobuf", b"") };
        let answer = match manner {
            Manner::Takes => answer(200, kind, taken),
            Manner::Refuses(status) => answer(status, kind, taken),
            Manner::Babbles => answer(200, kind, &[0xff; 4096]),
            Manner::TakesLess if is_json => answer(200, kind, br#"{"partialSuccess":{"rejectedSpans":"1"}}"#),
            // Field 1, a message of 2 bytes; in it field 1, the number 1.
            Manner::TakesLess => answer(200, kind, &[0x0a, 2, 0x08, 1]),
            Manner::Serves => answer(200, "text/html; charset=utf-8", b"<!doctype html>"),
            Manner::Shouts => b"\x00\x01 no thanks \xff\r\n\r\n".to_vec(),
            Manner::HangsUp => return,
            Manner::Sleeps => loop {
                std::thread::park();
            },
        };
        if writer.write_all(&answer).is_err() {
            return;
        }
    }
}

fn answer(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let path = head.split(' ').nth(1)?.to_owned();
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length is said");
    let mut body = vec![0; length.trim().parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    if head.contains("content-encoding: gzip") {
        let mut plain = Vec::new();
        GzDecoder::new(&*body).read_to_end(&mut plain).expect("the body is gzip");
        body = plain;
    }
    Some(Request { path, head, body })
}
