//! The program as WebAssembly, in every runtime that it is promised for. `cargo xtask wasi` builds it first.

use serde_json::{Value, json};
use wasmill_testkit::{Output, WasiHost, wasi_program, without_times, workspace};

use super::{DOUBLE, run, units};

/// What it answers in a runtime.
fn inside(host: WasiHost, folder: Option<&std::path::Path>, stdin: impl Into<Vec<u8>>) -> Output {
    host.run(&wasi_program(), folder).stdin(stdin).run()
}

/// A request for an example, with one engine for all steps, so that here and there it is the same.
fn example(name: &str, inputs: Value) -> String {
    let file = format!("examples/{name}/pipeline.yaml");
    let text = std::fs::read_to_string(workspace().join(&file)).unwrap();
    json!({ "pipeline": text, "file": file, "inputs": inputs, "engine": "wasmi" }).to_string()
}

#[test]
fn every_runtime_gives_what_this_machine_gives() {
    let requests = [
        example("first", json!({ "fahrenheit": 212 })),
        example("second-opinion", json!({ "count": 200 })),
        r#"{"manifest": {"version": "v1", "nodes": [{"id": "a", "node_type": "MultiplyNode", "params": {"factor": 2}}]}, "input_data": [5, 7, 3]}"#.to_owned(),
        r#"{"wasmill": 1, "units": {"u": {"wat": "(module (func (export \"_start\")))"}}, "steps": {"s": {"unit": "u", "as": "text"}}}"#.to_owned(),
        r#"{"wasmill": 1, "units": {"u": {"wat": "(module (memory 65536) (func (export \"f\")))"}}, "steps": {"s": {"unit": "u"}}}"#.to_owned(),
        r#"{"wasmill": 1, "units": {"u": {"wat": "(module (func $f (export \"f\") (call $f) (call $f)))"}}, "steps": {"s": {"unit": "u"}}}"#.to_owned(),
        r#"{"pipeline": {"wasmill": 1, "units": {"u": {"wat": "(module (func (export \"f\") (loop $l (br $l))))"}}, "steps": {"s": {"unit": "u"}}}, "limits": {"fuel": 1000000}}"#.to_owned(),
    ];
    for request in requests {
        let (code, expected, _) = run(&[], &request);
        for host in WasiHost::ALL {
            let output = inside(host, None, request.clone());
            assert_eq!(
                without_times(output.expect(code as i32).text()),
                without_times(&expected),
                "{host:?}: {request}"
            );
        }
    }
}

/// While a guest computes there is nobody else to look at the clock: of the attempt, the step, the pipeline, and those that it calls.
#[test]
fn every_time_is_kept_in_every_runtime() {
    let spin = r#""units": {"u": {"wat": "(module (func (export \"f\") (loop $l (br $l))))"}}"#;
    let called = json!(format!(r#"{{"wasmill": 1, {spin}, "steps": {{"s": {{"unit": "u"}}}}}}"#));
    let requests = [
        format!(r#"{{"wasmill": 1, {spin}, "steps": {{"s": {{"unit": "u", "limits": {{"timeout": "200ms"}}}}}}}}"#),
        format!(r#"{{"wasmill": 1, {spin}, "steps": {{"s": {{"unit": "u", "timeout": "200ms"}}}}}}"#),
        format!(
            r#"{{"wasmill": 1, "timeout": "200ms", {spin}, "steps": {{"s": {{"unit": "u"}}, "t": {{"unit": "u"}}}}}}"#
        ),
        format!(
            r#"{{"pipeline": {{"wasmill": 1, "steps": {{"s": {{"pipeline": "p.json", "timeout": "200ms"}}}}}}, "pipelines": {{"p.json": {{"pipeline": {called}}}}}}}"#
        ),
    ];
    for request in requests {
        for host in WasiHost::ALL {
            let output = inside(host, None, request.clone());
            let answer: Value = serde_json::from_str(output.expect(3).text()).unwrap();
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains("200.00 ms"), "{host:?}: {request}: {answer}");
        }
    }
}

#[test]
fn every_runtime_opens_the_folder_and_nothing_else() {
    let outside = units(&[("out.wasm", DOUBLE), ("in/double.wasm", DOUBLE)]);
    let folder = outside.path().join("in");
    let request = |path: &str| {
        format!(
            r#"{{"wasmill": 1, "units": {{"u": {{"path": "{path}"}}}}, "steps": {{"a": {{"unit": "u", "with": 21}}}}}}"#
        )
    };
    for host in WasiHost::ALL {
        assert!(inside(host, Some(&folder), request("double.wasm")).expect(0).text().contains("\"a\": 42"));
        assert!(inside(host, Some(&folder), request("../out.wasm")).expect(2).text().contains("outside of the folder"));
        assert!(inside(host, Some(&folder), request("none.wasm")).expect(2).text().contains("WM0301"));
        assert!(inside(host, None, request("double.wasm")).expect(2).text().contains("no folder of units"));
        // One that is named, and that the runtime did not open.
        let unopened = host.run_with(&wasi_program(), None, &["--units", "/units"]).stdin(request("double.wasm")).run();
        assert!(unopened.expect(2).text().contains("the folder of units `/units` cannot be opened"), "{unopened}");
    }
}

#[test]
fn every_runtime_is_answered_whatever_stdin_is() {
    let deep = "[".repeat(1 << 14);
    let wide = format!("[{}1]", "1,".repeat(1 << 12));
    for host in WasiHost::ALL {
        for stdin in ["\u{0}", &deep, &wide] {
            let output = inside(host, None, stdin);
            let document: Value = serde_json::from_str(output.expect(2).text()).unwrap();
            assert!(document["errors"].is_array(), "{host:?}: {document}");
        }
    }
}

#[test]
fn every_runtime_lets_retries_wait() {
    let request = r#"{"wasmill": 1, "units": {"u": {"wat": "(module (func (export \"f\") unreachable))"}},
        "steps": {"s": {"unit": "u", "retry": {"attempts": 3, "backoff": "fixed", "initial": "20ms", "jitter": "none"}}}}"#;
    for host in WasiHost::ALL {
        let output = inside(host, None, request);
        let document: Value = serde_json::from_str(output.expect(1).text()).unwrap();
        assert_eq!(document["steps"]["s"]["attempts"].as_array().unwrap().len(), 3, "{host:?}");
    }
}
