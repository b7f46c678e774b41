//! `wasmill run -`: stdin says what is run; and the same requests in every runtime that `wasmill-wasi` is promised for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json as object};
use wasmill_testkit::{Command, Project, WasiHost, assemble, wasi_program, without_times};

use crate::fixtures::ARITHMETIC;
use crate::{json, project};

/// Where a request is run.
#[derive(Clone, Copy, Debug)]
enum Place {
    Native,
    Within(WasiHost),
}

const PLACES: [Place; 4] = [
    Place::Native,
    Place::Within(WasiHost::Wasmtime),
    Place::Within(WasiHost::WasmEdge),
    Place::Within(WasiHost::Wazero),
];

impl Place {
    /// The program there, with these arguments and no folder opened.
    fn program(self, project: &Project, arguments: &[&str]) -> Command {
        match self {
            Place::Native => {
                project.wasmill(["run", "-", "--quiet", "--engine", "wasmi"].iter().chain(arguments).copied())
            }
            Place::Within(host) => host.run_with(&wasi_program(), None, arguments),
        }
    }
}

/// A request for `add`.
fn adding() -> Value {
    object!({
        "pipeline": {
            "wasmill": 1,
            "inputs": { "a": { "type": "integer", "default": 2 }, "b": { "type": "integer", "default": 3 } },
            "units": { "arithmetic": "arithmetic.wasm" },
            "steps": { "sum": { "unit": "arithmetic", "function": "add", "with": ["${{ inputs.a }}", "${{ inputs.b }}"] } },
            "outputs": { "sum": "${{ steps.sum.output }}" },
        },
        "units": { "arithmetic": BASE64.encode(assemble(ARITHMETIC)) },
    })
}

#[test]
fn whatever_stdin_is_there_is_an_answer() {
    let huge = vec![b' '; (128 << 20) + 1];
    for place in PLACES {
        let project = project();
        for (what, stdin) in [("empty", &b""[..]), ("cut off", b"{\"pipeline\": {\"wasmill\": 1,"), ("huge", &huge)] {
            let output = place.program(&project, &[]).stdin(stdin).run();
            let document = json(output.expect(2));
            assert!(document["errors"].as_array().is_some_and(|errors| !errors.is_empty()), "{place:?}, {what}");
        }
        // Nobody at the other end.
        let output = place.program(&project, &[]).start().finish();
        assert!(json(output.expect(2))["errors"].is_array(), "{place:?}");
    }
}

#[test]
fn a_folder_or_a_unit_that_is_not_there_is_said() {
    let mut request = adding();
    request["units"] = object!({});
    for place in PLACES {
        let output = place.program(&project(), &["--units", "/nowhere/at/all"]).stdin(request.to_string()).run();
        let document = json(output.expect(2));
        assert_eq!(document["errors"][0]["code"], "WM0301", "{place:?}: {document}");
    }
    let folder = project();
    for host in WasiHost::ALL {
        let output = host.run(&wasi_program(), Some(&folder.path())).stdin(request.to_string()).run();
        assert_eq!(json(output.expect(2))["errors"][0]["code"], "WM0301", "{host:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_not_waited_for() {
    for place in PLACES {
        let project = project();
        let mut running = place.program(&project, &[]).start_open();
        running.close_stdout();
        running.write(adding().to_string());
        let output = running.finish();
        match place {
            Place::Native => assert_eq!(output.code, Some(0), "{output}"),
            // wasmtime tells no broken pipe from a full disk.
            Place::Within(WasiHost::Wasmtime) => {
                assert_eq!(output.code, Some(1), "{output}");
                assert!(output.stderr.contains("could not be written to stdout"), "{output}");
            }
            // They are ended by the signal, before Wasmill hears of it.
            Place::Within(WasiHost::WasmEdge | WasiHost::Wazero) => assert_ne!(output.code, Some(2), "{output}"),
        }
    }
}

#[test]
fn the_answer_is_that_of_the_file() {
    let project = project()
        .file("lib/arithmetic.wasm", assemble(ARITHMETIC))
        .file("lib/Component.toml", "[component]\nname = \"a\"\nversion = \"1.0.0\"\n[resources.memory]\nmax_bytes = 1048576\n[resources.cpu]\nmax_fuel = 1000000\ntimeout_seconds = 1\n")
        .file(
            "lib/inner.yaml",
            "wasmill: 1\ninputs: { n: integer }\nunits: { a: arithmetic.wasm, twice: { pipeline: ../twice.yaml } }\nsteps:\n  sum: { unit: a, \
             function: add, with: [\"${{ inputs.n }}\", 1] }\n  twice: { unit: twice, with: { n: \"${{ steps.sum.output }}\" } }\n",
        )
        .file(
            "twice.yaml",
            "wasmill: 1\ninputs: { n: integer }\nunits: { a: lib/arithmetic.wasm }\nsteps: { sum: { unit: a, function: add, with: [\"${{ inputs.n }}\", \"${{ \
             inputs.n }}\"] } }\n",
        )
        .file(
            "pipeline.yaml",
            "wasmill: 1\ninputs: { n: integer }\nunits: { inner: { pipeline: lib/inner.yaml }, twice: { pipeline: ./twice.yaml } }\nsteps:\n  one: { \
             unit: inner, with: { n: \"${{ inputs.n }}\" } }\n  two: { unit: twice, with: { n: 4 } }\n",
        );
    let file =
        project.wasmill(["run", "pipeline.yaml", "--input", "n=20", "--engine", "wasmi", "--output", "json"]).run();
    let request = project.wasmill(["build", "pipeline.yaml", "--request", "--input", "n=20"]).run();
    // Elsewhere, where none of these files are.
    let elsewhere = self::project();
    let output = elsewhere.wasmill(["run", "-", "--engine", "wasmi"]).stdin(request.expect(0).text()).run();
    assert_eq!(without_times(output.expect(0).text()), without_times(file.expect(0).text()));
    let document = json(&output);
    assert_eq!(document["outputs"]["one"]["twice"], object!({ "sum": 42 }), "{document}");
    assert_eq!(document["steps"]["one"]["runs"][0]["steps"]["sum"]["attempts"][0]["limits"]["memory"], 1 << 20);
    let within = WasiHost::Wasmtime.run(&wasi_program(), None).stdin(request.text()).run();
    assert_eq!(without_times(within.expect(0).text()), without_times(file.text()));
    // A pipeline that is not the declared one is not run, whatever stands in its place.
    let mut other: Value = serde_json::from_str(request.text()).unwrap();
    let pipeline = other["pipeline"].as_str().unwrap().replace(
        "pipeline: ./twice.yaml",
        "pipeline: ./twice.yaml, sha256: 00000000000000000000000000000000000000000000000000000000000000aa",
    );
    other["pipeline"] = pipeline.into();
    let refused = elsewhere.wasmill(["run", "-"]).stdin(other.to_string()).run();
    assert!(refused.expect(2).text().contains("not the pipeline that was declared"), "{refused}");
}

#[test]
fn flags_win_over_the_request_and_policies_only_lower() {
    let run = |flags: &[&str], request: &Value| {
        let project = project().file("host.toml", "[policy.limits.ceilings]\nmemory = \"2MiB\"\n");
        json(&project.wasmill(["run", "-"].iter().chain(flags)).stdin(request.to_string()).run())
    };
    let mut request = adding();
    request["limits"] = object!({ "fuel": 1000, "memory": "1MiB" });
    request["inputs"] = object!({ "a": 10, "b": 20 });
    request["engine"] = "wasmi".into();
    let limits = |document: &Value| document["steps"]["sum"]["attempts"][0]["limits"].clone();
    let document = run(&["--fuel", "2000", "--engine", "wasmtime", "--input", "a=1"], &request);
    assert_eq!((&limits(&document)["fuel"], &limits(&document)["memory"]), (&object!(2000), &object!(1 << 20)));
    assert_eq!(document["outputs"]["sum"], 21, "{document}");
    assert_eq!(document["steps"]["sum"]["attempts"][0]["engine"]["name"], "wasmtime");
    // The request's policy cannot raise the host's, nor the other way round.
    request["limits"] = object!({ "memory": "3MiB" });
    request["policy"] = object!({ "limits": { "ceilings": { "memory": "4MiB" } } });
    let document = run(&["--policy", "host.toml"], &request);
    assert_eq!(document["errors"][0]["code"], "WM0206", "{document}");
    request["limits"] = object!({});
    request["policy"] =
        object!({ "limits": { "ceilings": { "memory": "1MiB" } }, "engines": { "allow": ["wasmi", "process"] } });
    assert_eq!(limits(&run(&["--policy", "host.toml"], &request))["memory"], 1 << 20);
    request["policy"] = object!({ "engines": { "allow": ["process"] } });
    let document = run(&[], &request);
    assert!(document["errors"][0]["message"].as_str().unwrap().contains("allows none"), "{document}");
}

#[test]
fn stdin_is_one_request_and_says_all() {
    let project = project().file("units/arithmetic.wasm", assemble(ARITHMETIC));
    let mut request = adding();
    request.as_object_mut().unwrap().remove("units");
    let stdin = request.to_string();
    let output = project.wasmill(["run", "-", "--units", "units"]).stdin(stdin.clone()).run();
    assert_eq!(json(output.expect(0))["outputs"]["sum"], 5);
    for (arguments, said) in [
        (&["run", "-", "--watch"][..], "run once"),
        (&["run", "-", "--each", "rows"], "run once"),
        (&["run", "pipeline.yaml", "--units", "x"], "for a run request"),
    ] {
        let output = project.wasmill(arguments).stdin(stdin.clone()).run();
        assert!(output.expect(2).to_string().contains(said), "{output}");
    }
    let checked = project.wasmill(["check", "-", "--units", "units"]).stdin(stdin.clone()).run();
    assert_eq!(checked.expect(0).text(), "-: ok (1 step, 1 unit)\n");
    let planned = project.wasmill(["plan", "-", "--units", "units", "--output", "json"]).stdin(stdin).run();
    assert_eq!(json(planned.expect(0))["steps"]["sum"]["interface"], "core");
    // A manifest v1 alone is answered in its own form.
    let v1 = r#"{"manifest": {"version": "v1", "nodes": [{"id": "a", "node_type": "MultiplyNode", "params": {"factor": 2}}]}, "input_data": [5, 7]}"#;
    assert_eq!(json(project.wasmill(["run", "-"]).stdin(v1).run().expect(0))["outputs"], object!([10, 14]));
}

#[test]
fn an_interpreter_is_there_once() {
    let project = project()
        .sharing_builds()
        .file("one.js", "export function main() { return 1 }\n")
        .file("two.js", "export function main() { return 2 }\n")
        .file("pipeline.yaml", "wasmill: 1\nsteps: { one: { source: one.js }, two: { source: two.js } }\n");
    let output = project.wasmill(["build", "pipeline.yaml", "--request"]).run();
    let mut request = json(output.expect(0));
    assert_eq!(request["interpreters"].as_object().unwrap().len(), 1);
    let answer = json(project.wasmill(["run", "-"]).stdin(request.to_string()).run().expect(0));
    assert_eq!(answer["outputs"], object!({ "one": 1, "two": 2 }));
    request["interpreters"] = object!({});
    let answer = project.wasmill(["run", "-"]).stdin(request.to_string()).run();
    assert!(answer.expect(2).text().contains("has no interpreter"), "{answer}");
}

#[cfg(target_os = "linux")]
#[test]
fn whoever_sits_at_the_keyboard_is_told() {
    let project = project();
    // `script` (package bsdutils) is a terminal.
    let command = format!("'{}' run -", env!("CARGO_BIN_EXE_wasmill"));
    let mut running = project.program("script", ["-qec", &command, "/dev/null"]).start_open();
    assert!(running.line().contains("from the keyboard"));
    running.write("\n\u{4}");
    let output = running.finish();
    assert!(output.expect(2).text().contains("the request is empty"), "{output}");
}
