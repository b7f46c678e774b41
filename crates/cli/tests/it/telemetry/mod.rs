//! What is sent over OTLP of a run, and that whoever receives it is never in the run's way.

mod collector;
mod receiver;

use opentelemetry_proto::tonic::trace::v1::Span;
use wasmill_testkit::{Command, Output, Project};

use self::collector::Collector;
use self::receiver::{Manner, Receiver, text};
use crate::fixtures::{ARITHMETIC, CAT};
use crate::{json, pipeline, project};

/// A step that succeeds, one with items that calls another pipeline, one that fails twice and has a stand-in, one that is skipped.
const OUTER: &str = r#"
wasmill: 1
name: outer
units: { math: math.wat }
steps:
  first: { unit: math, function: add, with: [1, 2] }
  rows: { pipeline: inner.yaml, foreach: [1, 2], with: { n: "${{ item }}" } }
  shaky: { unit: math, function: divide, with: [1, 0], retry: { attempts: 2, initial: 1ms, on: [trap] }, fallback: [{ value: 7 }] }
  never: { unit: math, function: add, with: [1, 2], when: "${{ false }}" }
"#;

const INNER: &str = r#"
wasmill: 1
name: inner
inputs: { n: integer }
units: { math: math.wat }
steps:
  share: { unit: math, function: divide, with: [10, "${{ inputs.n }}"] }
"#;

/// The spans of a run of it, each with those that it is within.
const TREE: [&str; 16] = [
    "run outer",
    "run outer > step first",
    "run outer > step first > attempt first",
    "run outer > step never",
    "run outer > step rows",
    "run outer > step rows > attempt rows",
    "run outer > step rows > attempt rows",
    "run outer > step rows > attempt rows > run inner",
    "run outer > step rows > attempt rows > run inner",
    "run outer > step rows > attempt rows > run inner > step share",
    "run outer > step rows > attempt rows > run inner > step share",
    "run outer > step rows > attempt rows > run inner > step share > attempt share",
    "run outer > step rows > attempt rows > run inner > step share > attempt share",
    "run outer > step shaky",
    "run outer > step shaky > attempt shaky",
    "run outer > step shaky > attempt shaky",
];

fn outer() -> Project {
    pipeline(OUTER).file("inner.yaml", INNER).file("math.wat", ARITHMETIC)
}

fn sent_to(command: Command, receiver: &Receiver) -> Command {
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.endpoint)
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    text(&span.attributes, key)
}

/// The span that another is within.
fn parent<'a>(spans: &'a [Span], span: &Span) -> Option<&'a Span> {
    spans.iter().find(|other| other.span_id == span.parent_span_id)
}

/// The names of a span and of all that it is within, the outermost first.
fn path(spans: &[Span], span: &Span) -> String {
    match parent(spans, span) {
        Some(parent) => format!("{} > {}", path(spans, parent), span.name),
        None => span.name.clone(),
    }
}

/// The paths of all spans, in the order of the alphabet.
fn paths(spans: &[Span]) -> Vec<String> {
    let mut paths: Vec<String> = spans.iter().map(|span| path(spans, span)).collect();
    paths.sort();
    paths
}

#[test]
fn a_run_is_a_tree_of_spans() {
    let receiver = Receiver::start(Manner::Takes);
    let output = sent_to(outer().wasmill(["run", "pipeline.yaml", "--output", "json"]), &receiver).run();
    let document = json(output.expect(0));
    let spans = receiver.spans();
    assert_eq!(paths(&spans), TREE);
    assert!(
        spans
            .iter()
            .all(|span| span.trace_id == spans[0].trace_id && span.end_time_unix_nano >= span.start_time_unix_nano)
    );
    for span in &spans {
        let Some(parent) = parent(&spans, span) else { continue };
        let is_within = parent.start_time_unix_nano <= span.start_time_unix_nano
            && span.end_time_unix_nano <= parent.end_time_unix_nano;
        assert!(is_within, "{}", path(&spans, span));
    }

    // What it says is what the document says.
    let first = spans.iter().find(|span| span.name == "attempt first").unwrap();
    let receipt = &document["steps"]["first"]["attempts"][0];
    for (key, expected) in [
        ("wasmill.run.id", &document["run"]),
        ("wasmill.step.id", &"first".into()),
        ("wasmill.attempt", &1.into()),
        ("wasmill.verdict", &"ok".into()),
        ("wasmill.unit.digest", &receipt["unit"]),
        ("wasmill.unit.interface", &receipt["interface"]),
        ("wasmill.engine.name", &receipt["engine"]["name"]),
        ("wasmill.engine.version", &receipt["engine"]["version"]),
        ("wasmill.profile", &receipt["profile"]),
        ("wasmill.fuel", &receipt["usage"]["fuel"]),
        ("wasmill.memory.peak", &receipt["usage"]["peak_memory"]),
        ("wasmill.input.size", &receipt["usage"]["bytes_in"]),
        ("wasmill.output.size", &receipt["usage"]["bytes_out"]),
        ("code.function.name", &receipt["function"]),
    ] {
        let expected = expected.as_str().map_or_else(|| expected.to_string(), str::to_owned);
        assert_eq!(attribute(first, key), Some(expected), "{key}");
    }
    assert_eq!(attribute(first, "error.type"), None);
    let inner: Vec<_> = spans.iter().filter(|span| span.name == "run inner").collect();
    let ids: Vec<_> = inner.iter().map(|span| attribute(span, "wasmill.run.id").unwrap()).collect();
    let run = document["run"].as_str().unwrap();
    assert!(ids.contains(&format!("{run}/rows[0]")) && ids.contains(&format!("{run}/rows[1]")), "{ids:?}");
    let items: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "attempt rows")
        .map(|span| attribute(span, "wasmill.step.item"))
        .collect();
    assert!(items.contains(&Some("0".to_owned())) && items.contains(&Some("1".to_owned())), "{items:?}");

    // The tries that failed say so; the step that got over it does not.
    let shaky = spans.iter().filter(|span| span.name == "attempt shaky");
    let mut tries: Vec<_> =
        shaky.map(|span| (attribute(span, "wasmill.attempt").unwrap(), attribute(span, "error.type"))).collect();
    tries.sort();
    let trap = Some("trap".to_owned());
    assert_eq!(tries, [("1".to_owned(), trap.clone()), ("2".to_owned(), trap)]);
    let failed = spans.iter().filter(|span| span.status.as_ref().is_some_and(|status| status.code == 2)).count();
    assert_eq!(failed, 2);
    let shaky = spans.iter().find(|span| span.name == "step shaky").unwrap();
    assert_eq!(attribute(shaky, "wasmill.step.fallback"), Some("value".to_owned()));
    let never = spans.iter().find(|span| span.name == "step never").unwrap();
    assert_eq!(attribute(never, "wasmill.verdict"), Some("skipped".to_owned()));
    assert_eq!(attribute(never, "wasmill.step.skipped"), Some("when".to_owned()));
}

#[test]
fn metrics_count_and_measure() {
    let receiver = Receiver::start(Manner::Takes);
    sent_to(outer().wasmill(["run", "pipeline.yaml"]), &receiver).run().expect(0);
    assert_eq!(receiver.count("wasmill.runs", "wasmill.run.nested", "false"), 1);
    assert_eq!(receiver.count("wasmill.runs", "wasmill.run.nested", "true"), 2);
    assert_eq!(receiver.count("wasmill.steps", "wasmill.verdict", "ok"), 5);
    assert_eq!(receiver.count("wasmill.steps", "wasmill.verdict", "skipped"), 1);
    assert_eq!(receiver.count("wasmill.attempts", "wasmill.verdict", "trap"), 2);
    assert_eq!(receiver.count("wasmill.attempts", "wasmill.step.id", "share"), 2);
    assert_eq!(receiver.histogram("wasmill.run.duration").0, 3);
    // A value that stands in is none.
    assert_eq!(receiver.histogram("wasmill.attempt.duration").0, 7);
    // Of calls of units: not of runs.
    let (calls, fuel) = receiver.histogram("wasmill.attempt.fuel");
    assert!(calls == 5 && fuel > 0.0, "{calls} {fuel}");
    assert_eq!(receiver.histogram("wasmill.attempt.memory.peak").0, 5);
}

/// Not only tests of ours understand it: a collector of others takes it, and hands on what it is.
#[test]
fn a_collector_takes_it_and_hands_it_on() {
    for protocol in ["http/protobuf", "http/json"] {
        let (project, receiver) = (outer(), Receiver::start(Manner::Takes));
        let collector = Collector::start(&project, &receiver.endpoint);
        let command = project.wasmill(["run", "pipeline.yaml"]).env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol);
        let output = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint).run();
        assert!(!output.expect(0).stderr.contains("warning"), "{output}");
        collector.stop();
        assert_eq!(paths(&receiver.spans()), TREE, "{protocol}");
        // Of metrics in JSON this collector does not read the values.
        if protocol == "http/protobuf" {
            assert_eq!(receiver.count("wasmill.steps", "wasmill.verdict", "ok"), 5);
            assert_eq!(receiver.histogram("wasmill.attempt.duration").0, 7);
        }
        let logs = receiver.logs();
        let events = |name: &str| {
            logs.iter()
                .filter(|log| text(&log.attributes, "event.name").as_deref() == Some(name) || log.event_name == name)
                .count()
        };
        assert_eq!((events("wasmill.attempt.failed"), events("wasmill.run.finished")), (2, 3), "{protocol}: {logs:?}");
    }
}

/// A series is kept for each combination of what metrics say: of many items, rows and steps there are not many.
#[test]
fn what_there_may_be_any_number_of_is_in_no_metric() {
    let receiver = Receiver::start(Manner::Takes);
    let project = pipeline(
        "wasmill: 1\nname: many\nunits: { math: math.wat }\nsteps:\n  items: { unit: math, function: add, foreach: [1, 2, 3, 4, 5, 6, 7, 8, 9], with: [\"${{ item }}\", 1] }\n",
    );
    let project = project.file("math.wat", ARITHMETIC).file("rows", "{}\n".repeat(7));
    sent_to(project.wasmill(["run", "pipeline.yaml", "--each", "rows"]), &receiver).run().expect(0);
    assert_eq!(receiver.count("wasmill.attempts", "wasmill.step.id", "items"), 63);
    for metric in
        ["wasmill.runs", "wasmill.steps", "wasmill.attempts", "wasmill.attempt.duration", "wasmill.attempt.fuel"]
    {
        assert_eq!(receiver.series(metric), 1, "{metric}");
    }
    assert_eq!(receiver.count("wasmill.attempts", "wasmill.step.item", "0"), 0);

    // A pipeline that a program wrote.
    let receiver = Receiver::start(Manner::Takes);
    let steps: String =
        (0..101).map(|step| format!("  s{step}: {{ unit: math, function: add, with: [{step}, 1] }}\n")).collect();
    let project = pipeline(&format!("wasmill: 1\nname: large\nunits: {{ math: math.wat }}\nsteps:\n{steps}"));
    sent_to(project.file("math.wat", ARITHMETIC).wasmill(["run", "pipeline.yaml"]), &receiver).run().expect(0);
    assert_eq!(receiver.count("wasmill.attempts", "wasmill.pipeline.name", "large"), 101);
    assert_eq!(receiver.series("wasmill.attempts"), 1);
    // Its spans say which step it was.
    assert_eq!(receiver.spans().iter().filter(|span| attribute(span, "wasmill.step.id").is_some()).count(), 202);
}

#[test]
fn logs_say_what_failed_within_its_trace() {
    let receiver = Receiver::start(Manner::Takes);
    let project = pipeline("wasmill: 1\nname: bad\nunits: { math: math.wat }\nsteps:\n  share: { unit: math, function: divide, with: [1, 0] }\n")
        .file("math.wat", ARITHMETIC);
    sent_to(project.wasmill(["run", "pipeline.yaml"]), &receiver).run().expect(1);
    let (logs, spans) = (receiver.logs(), receiver.spans());
    let events: Vec<_> = logs.iter().map(|log| (log.event_name.as_str(), log.severity_text.as_str())).collect();
    assert_eq!(
        events,
        [("wasmill.attempt.failed", "WARN"), ("wasmill.step.failed", "ERROR"), ("wasmill.run.finished", "ERROR")]
    );
    for (log, name) in logs.iter().zip(["attempt share", "step share", "run bad"]) {
        let span = spans.iter().find(|span| span.name == name).unwrap();
        assert_eq!((&log.trace_id, &log.span_id), (&span.trace_id, &span.span_id), "{name}");
        assert_eq!(text(&log.attributes, "error.type").as_deref(), Some("trap"), "{name}");
    }
}

#[test]
fn no_secret_no_value_and_no_text_of_a_unit_is_in_it() {
    let receiver = Receiver::start(Manner::Takes);
    // A program that says what it is given, on stderr, and fails; one that gives it back.
    let project = pipeline(
        r#"
wasmill: 1
on_failure: continue
inputs: { text: string }
units: { cat: cat.wat }
steps:
  back: { unit: cat, with: "${{ inputs.text }} words-of-the-input", grants: { secrets: [KEY], env: { NAME: value-of-a-variable } } }
  fails: { unit: cat, with: "${{ steps.back.output }}", grants: { args: [argument-of-a-program] } }
  wrong: { unit: cat, with: "${{ int(steps.back.output) }}" }
outputs: { result: "${{ steps.back.output }}" }
"#,
    )
    .file("cat.wat", CAT)
    .file("key", "value-of-the-secret");
    let flags =
        ["run", "pipeline.yaml", "--input", "text=text-of-the-user value-of-the-secret", "--secret", "KEY=@key"];
    let output = sent_to(project.wasmill(flags), &receiver).run();
    assert!(output.stderr.contains("no such option"), "the unit speaks: {output}");
    assert_eq!(receiver.spans().iter().filter(|span| span.name.starts_with("attempt")).count(), 3);
    assert!(!receiver.logs().is_empty() && !receiver.metrics().is_empty());
    for request in receiver.requests().iter() {
        let body = String::from_utf8_lossy(&request.body);
        for text in [
            "value-of-the-secret",
            "words-of-the-input",
            "text-of-the-user",
            "value-of-a-variable",
            "argument-of-a-program",
            "no such option",
            "warming up",
        ] {
            assert!(!body.contains(text) && !request.head.contains(text), "{text} is in {}", request.path);
        }
    }
}

#[test]
fn the_standard_variables_hold() {
    let receiver = Receiver::start(Manner::Takes);
    let project = outer();
    let run = |variables: &[(&str, &str)]| {
        let command = sent_to(project.wasmill(["run", "pipeline.yaml"]), &receiver);
        variables.iter().fold(command, |command, (name, value)| command.env(name, value)).run().expect(0);
    };
    run(&[
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=for-the-collector"),
        ("OTEL_SERVICE_NAME", "mill"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ]);
    let traces = receiver.traces();
    let resource = traces[0].resource_spans[0].resource.as_ref().unwrap();
    for (key, expected) in [
        ("service.name", "mill"),
        ("deployment.environment.name", "staging"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("telemetry.sdk.language", "rust"),
    ] {
        assert_eq!(text(&resource.attributes, key).as_deref(), Some(expected), "{key}");
    }
    assert!(text(&resource.attributes, "service.instance.id").is_some());
    let mut requests = receiver.requests();
    assert!(requests.iter().all(|request| request.head.contains("api-key: for-the-collector")));
    assert!(requests.iter().all(|request| request.head.contains("content-type: application/json")));
    assert!(requests.iter().all(|request| request.path != "/v1/metrics"));
    requests.clear();
    drop(requests);

    for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")] {
        run(&[off]);
        assert!(receiver.requests().is_empty(), "{off:?}");
    }
    run(&[("OTEL_TRACES_SAMPLER", "always_off")]);
    assert!(receiver.spans().is_empty() && !receiver.metrics().is_empty());
    receiver.requests().clear();
    run(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("{}/here", receiver.endpoint)),
    ]);
    assert!(!receiver.requests().is_empty());
    assert!(receiver.requests().iter().all(|request| request.path == "/here"), "the traces' own endpoint is as it is");
}

#[test]
fn runs_are_within_the_trace_of_whoever_starts_them() {
    let receiver = Receiver::start(Manner::Takes);
    let project = outer();
    let run = |traceparent: &str| {
        let command = sent_to(project.wasmill(["run", "pipeline.yaml"]), &receiver).env("TRACEPARENT", traceparent);
        command.env("TRACESTATE", "vendor=value").run().expect(0);
        let spans = receiver.spans();
        receiver.requests().clear();
        spans
    };
    let spans = run("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(spans.iter().all(|span| hex(&span.trace_id) == "0af7651916cd43dd8448eb211c80319c"));
    let run_span = spans.iter().find(|span| span.name == "run outer").unwrap();
    assert_eq!(hex(&run_span.parent_span_id), "b7ad6b7169203331");
    assert!(spans.iter().all(|span| span.trace_state == "vendor=value"));
    // They decided against it.
    assert!(run("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00").is_empty());
    let spans = run("nonsense");
    assert!(spans.iter().find(|span| span.name == "run outer").unwrap().parent_span_id.is_empty());
}

#[test]
fn a_call_and_each_row_are_runs() {
    let receiver = Receiver::start(Manner::Takes);
    let project = project().file("math.wat", ARITHMETIC);
    sent_to(project.wasmill(["call", "math.wat", "add", "1", "2"]), &receiver).run().expect(0);
    assert_eq!(paths(&receiver.spans()), ["run math", "run math > step call", "run math > step call > attempt call"]);
    receiver.requests().clear();

    let project = pipeline("wasmill: 1\nname: rows\ninputs: { n: integer }\nunits: { math: math.wat }\nsteps:\n  share: { unit: math, function: divide, with: [9, \"${{ inputs.n }}\"] }\n")
        .file("math.wat", ARITHMETIC);
    let rows: String = (0..200).map(|number| format!("{number}\n")).collect();
    sent_to(project.wasmill(["run", "pipeline.yaml", "--each", "-"]), &receiver).stdin(rows).run().expect(1);
    let spans = receiver.spans();
    let mut rows: Vec<u64> = spans
        .iter()
        .filter(|span| span.name == "run rows")
        .map(|span| attribute(span, "wasmill.row").unwrap().parse().unwrap())
        .collect();
    rows.sort_unstable();
    assert_eq!(rows, (1..=200).collect::<Vec<u64>>());
    assert_eq!(spans.len(), 600);
    assert_eq!(receiver.count("wasmill.runs", "error.type", "trap"), 1);
}

#[test]
fn a_cancelled_run_is_told_of() {
    let receiver = Receiver::start(Manner::Takes);
    let project =
        project().file("spin.wat", "(module (func (export \"spin\") (result i32) (loop (br 0)) (unreachable)))");
    let flags = ["call", "spin.wat", "spin", "--profile", "fast", "--timeout", "10m"];
    let mut running = sent_to(project.wasmill(flags), &receiver).start();
    running.wait_for("call");
    running.signal("INT");
    running.finish().expect(130);
    let spans = receiver.spans();
    assert_eq!(paths(&spans), ["run spin", "run spin > step call", "run spin > step call > attempt call"]);
    for span in &spans {
        assert_eq!(attribute(span, "error.type").as_deref(), Some("cancelled"), "{}", span.name);
    }
}

#[test]
fn attempts_that_do_not_count_are_told_of() {
    let receiver = Receiver::start(Manner::Takes);
    // The second item fails while later ones may have run.
    let project = pipeline("wasmill: 1\nname: p\nunits: { math: math.wat }\nsteps:\n  share: { unit: math, function: divide, foreach: [1, 0, 3, 4, 5, 6], with: [9, \"${{ item }}\"] }\n")
        .file("math.wat", ARITHMETIC);
    let output = sent_to(project.wasmill(["run", "pipeline.yaml", "--output", "json"]), &receiver).run();
    let document = json(output.expect(1));
    let count = |receipts: &serde_json::Value| receipts.as_array().map_or(0, Vec::len);
    let discarded = count(&document["discarded"]["share"]);
    let receipts = count(&document["steps"]["share"]["attempts"]) + discarded;
    let spans = receiver.spans();
    assert_eq!(spans.iter().filter(|span| span.name == "attempt share").count(), receipts);
    let run = spans.iter().find(|span| span.name == "run p").unwrap();
    let told = attribute(run, "wasmill.run.discarded").map_or(0, |discarded| discarded.parse().unwrap());
    assert_eq!(told, discarded);
}

/// What a run says that is not of telemetry: its output, its end, and stderr without times and warnings.
fn said(output: &Output) -> (Option<i32>, String) {
    (output.code, output.text().to_owned())
}

#[test]
fn a_receiver_that_is_no_help_changes_nothing() {
    let project = pipeline(
        "wasmill: 1\ninputs: { n: integer }\nunits: { math: math.wat }\nsteps:\n  share: { unit: math, function: divide, with: [9, \"${{ inputs.n }}\"] }\n",
    )
    .file("math.wat", ARITHMETIC);
    // Nobody listens there: port 1 is for nobody.
    let nowhere = "http://127.0.0.1:1".to_owned();
    let manners = [
        Manner::Refuses(400),
        Manner::Refuses(503),
        Manner::HangsUp,
        Manner::Shouts,
        Manner::Sleeps,
        Manner::Serves,
        Manner::TakesLess,
    ];
    let receivers = manners.map(Receiver::start);
    let endpoints = receivers.iter().map(|receiver| receiver.endpoint.clone());
    for endpoint in endpoints.chain([nowhere, "http://[not a host".to_owned()]) {
        for (input, code) in [("3", 0), ("0", 1)] {
            let run = ["run", "pipeline.yaml", "--input", input];
            let plain = project.wasmill(run).run();
            // Longer than any test may take: the end of the process is what does not wait for it.
            let command = project.wasmill(run).env("OTEL_EXPORTER_OTLP_TIMEOUT", "600000");
            let output = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint).run();
            assert_eq!(said(output.expect(code)), said(&plain), "{endpoint}");
            assert_eq!(output.stderr.matches("warning: ").count(), 1, "{endpoint}: {output}");
        }
    }
    // Who took it took it, whatever else is said.
    let babbler = Receiver::start(Manner::Babbles);
    let output = sent_to(project.wasmill(["run", "pipeline.yaml", "--input", "3"]), &babbler).run();
    assert!(!output.expect(0).stderr.contains("warning"), "{output}");
}

#[test]
fn what_a_receiver_does_not_take_is_counted() {
    let project = project().file("math.wat", ARITHMETIC);
    for protocol in ["http/protobuf", "http/json"] {
        let receiver = Receiver::start(Manner::TakesLess);
        let command = project.wasmill(["call", "math.wat", "add", "1", "2"]).env("OTEL_TRACES_EXPORTER", "otlp");
        let command = command.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &receiver.endpoint);
        let output = command.env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol).run();
        let said = format!("telemetry did not arrive (1 span): {} did not take all of it", receiver.endpoint);
        assert!(output.expect(0).stderr.contains(&said), "{output}");
    }
}

#[test]
fn a_warning_shows_no_key() {
    let project = project().file("math.wat", ARITHMETIC);
    let command =
        project.wasmill(["call", "math.wat", "add", "1", "2"]).env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hidden");
    let output = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hidden@127.0.0.1:1/hidden").run();
    assert!(output.expect(0).stderr.contains("telemetry did not arrive"), "{output}");
    assert!(output.stderr.contains("http://127.0.0.1:1") && !output.stderr.contains("hidden"), "{output}");
    let quiet = project.wasmill(["call", "math.wat", "add", "1", "2", "--quiet"]);
    assert_eq!(quiet.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1").run().expect(0).stderr, "");
}

#[test]
fn a_sampler_that_makes_no_sense_is_said_with_what_is_done_instead() {
    let project = outer();
    let every = "and every run is traced";
    for (variables, is_sent, said) in [
        (
            &[("OTEL_TRACES_SAMPLER", "bogus")][..],
            true,
            Some("`OTEL_TRACES_SAMPLER=bogus` names no sampler that is here"),
        ),
        (&[("OTEL_TRACES_SAMPLER", "xray")], true, Some(every)),
        (&[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "abc")], true, Some(every)),
        (&[("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "7")], true, Some(every)),
        (
            &[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "-1")],
            false,
            Some("`OTEL_TRACES_SAMPLER_ARG=-1` is no share from 0 to 1, and no run is traced"),
        ),
        (&[("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "1.0")], true, None),
        (&[("OTEL_TRACES_SAMPLER", "traceidratio")], true, None),
        // Nobody asks for it.
        (&[("OTEL_TRACES_SAMPLER", "always_on"), ("OTEL_TRACES_SAMPLER_ARG", "abc")], true, None),
        (&[("OTEL_TRACES_SAMPLER", "bogus"), ("OTEL_TRACES_EXPORTER", "none")], false, None),
        (&[("OTEL_EXPORTER_OTLP_COMPRESSION", "none")], true, None),
        (
            &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")],
            true,
            Some("`OTEL_EXPORTER_OTLP_COMPRESSION=gzip` is not done here, and what is sent is not compressed"),
        ),
    ] {
        let receiver = Receiver::start(Manner::Takes);
        let command = sent_to(project.wasmill(["run", "pipeline.yaml"]), &receiver);
        let output = variables.iter().fold(command, |command, (name, value)| command.env(name, value)).run();
        assert_eq!(!receiver.spans().is_empty(), is_sent, "{variables:?}");
        assert!(receiver.requests().iter().all(|request| !request.head.contains("content-encoding")));
        assert_eq!(output.expect(0).stderr.matches("warning: ").count(), usize::from(said.is_some()), "{output}");
        assert!(said.is_none_or(|said| output.stderr.contains(said)), "{variables:?}: {output}");
    }
}

/// It was told of when it was made.
#[test]
fn a_run_that_is_made_again_is_not_sent() {
    let project = outer();
    let receiver = Receiver::start(Manner::Takes);
    sent_to(project.wasmill(["export", "pipeline.yaml", "-o", "run.wasmill"]), &receiver).run().expect(0);
    assert!(!receiver.spans().is_empty());
    receiver.requests().clear();
    sent_to(project.wasmill(["replay", "run.wasmill"]), &receiver).run().expect(0);
    assert!(receiver.requests().is_empty());
}

/// What OTLP says of each status.
#[test]
fn only_what_may_pass_is_tried_once_more() {
    let project = project().file("math.wat", ARITHMETIC);
    for (status, requests) in [(429, 2), (502, 2), (503, 2), (504, 2), (307, 1), (400, 1), (401, 1), (500, 1)] {
        let receiver = Receiver::start(Manner::Refuses(status));
        let command = project.wasmill(["call", "math.wat", "add", "1", "2"]);
        let output =
            command.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("{}/v1/traces", receiver.endpoint)).run();
        assert!(output.expect(0).stderr.contains(&format!("answered with status {status}")), "{output}");
        assert_eq!(receiver.requests().len(), requests, "{status}");
    }
}
