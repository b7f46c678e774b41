//! The same request gives the same document in Chromium as on this machine, but for what an engine says of itself.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wasmill_testkit::workspace;

use super::node;

/// What an engine says of itself and of time.
const OWN: [&str; 4] = ["run", "wall_us", "engine", "fuel"];

/// A document without what may differ.
fn without_own(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !OWN.contains(&name.as_str()));
            members.values_mut().for_each(without_own);
        }
        Value::Array(items) => items.iter_mut().for_each(without_own),
        _ => {}
    }
}

fn document(text: &str) -> Value {
    let mut document = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    without_own(&mut document);
    document
}

/// What comes of a request here.
fn natively(request: &Value) -> (i32, Value) {
    let mut request = request.clone();
    request["engine"] = json!("wasmi");
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let code = wasmill_wasi::run([], request.to_string().as_bytes(), &mut stdout, &mut stderr);
    (code as i32, document(&String::from_utf8(stdout).unwrap()))
}

/// What comes of requests in Chromium, which is started once for all of them.
fn in_chromium(requests: &[Value]) -> Vec<(i32, Value)> {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = vec!["web/tests/run.mjs".to_owned()];
    for (number, request) in requests.iter().enumerate() {
        let mut request = request.clone();
        request["engine"] = json!("browser");
        let file = folder.path().join(format!("{number}.json"));
        fs::write(&file, request.to_string()).unwrap();
        arguments.push(file.display().to_string());
    }
    let output = node(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let answer = |line: &str| {
        let answer: Value = serde_json::from_str(line).unwrap();
        (answer["exitCode"].as_i64().unwrap() as i32, document(answer["text"].as_str().unwrap()))
    };
    said.lines().map(answer).collect()
}

fn example(name: &str, inputs: Value) -> Value {
    let file = format!("examples/{name}/pipeline.yaml");
    let text = fs::read_to_string(workspace().join(&file)).unwrap();
    json!({ "pipeline": text, "file": file, "inputs": inputs })
}

/// A pipeline of one step that calls a built guest.
fn guest(suite: &str, name: &str, mut step: Value) -> Value {
    let binary = wasmill_testkit::guest(suite, name);
    step["unit"] = json!("unit");
    json!({
        "pipeline": { "wasmill": 1, "name": "guest", "units": { "unit": "unit.wasm" }, "steps": { "step": step } },
        "units": { "unit": STANDARD.encode(binary) },
    })
}

#[test]
fn the_same_document_comes_of_the_same_request() {
    let text = fs::read_to_string(workspace().join("examples/text-report/sample.txt")).unwrap();
    let report = workspace().join("examples/text-report/units");
    let unit = |name: &str| STANDARD.encode(fs::read(report.join(name)).unwrap());
    let parts = json!({
        "pipeline": {
            "wasmill": 1, "name": "parts",
            "inputs": { "text": { "type": "string" } },
            "units": { "normalize": "normalize.wasm", "wc": "wc.wasm", "render": "render.wasm" },
            "steps": {
                "normalize": { "unit": "normalize", "with": "${{ inputs.text }}" },
                "count": { "unit": "wc", "as": "json", "with": "${{ inputs.text }}" },
                "page": { "unit": "render", "with": { "title": "Parts", "counts": "${{ steps.count.output }}", "top": [] } },
            },
            "outputs": { "page": "${{ steps.page.output }}", "text": "${{ steps.normalize.output }}" },
        },
        "inputs": { "text": text },
        "units": { "normalize": unit("normalize.wasm"), "wc": unit("wc.wasm"), "render": unit("render.wasm") },
    });
    let wat = |text: &str, step: Value| {
        let mut step = step;
        step["unit"] = json!("u");
        json!({ "pipeline": { "wasmill": 1, "name": "wat", "units": { "u": { "wat": text } }, "steps": { "s": step } } })
    };
    let requests = [
        example("first", json!({ "fahrenheit": 212 })),
        example("first", json!({ "fahrenheit": "hot" })),
        example("second-opinion", json!({ "count": 2000 })),
        parts,
        wat("(module (func (export \"f\") unreachable))", json!({})),
        wat(
            "(module (func (export \"f\") (param i64) (result i64) (local.get 0)))",
            json!({ "with": ["9223372036854775807"] }),
        ),
        wat("(module (func (export \"f\") (result i32 f64) (i32.const 7) (f64.const 0.1)))", json!({ "retry": 2 })),
        wat(
            "(module (func (export \"f\") (param i32) (result i32) (i32.div_u (i32.const 6) (local.get 0))))",
            json!({ "foreach": [1, 2, 3, 0], "with": ["${{ item }}"] }),
        ),
        wat("(module (import \"env\" \"nothing\" (func)) (func (export \"f\")))", json!({})),
        json!({ "pipeline": { "version": "v1", "nodes": [{ "id": "a", "node_type": "MultiplyNode", "params": { "factor": 2 } }] }, "inputs": { "input_data": [5, 7, 3] } }),
        guest("command", "echo", json!({ "with": "hello", "as": "text" })),
        guest("bytes", "echo", json!({ "with": "hello", "as": "text" })),
        guest("bytes", "far-output", json!({ "with": "hello" })),
        guest("bytes", "one-place", json!({ "with": "hello" })),
        guest("bytes", "overlap", json!({ "with": "hello" })),
        guest("bytes", "unaligned", json!({ "with": "hello" })),
        guest("bytes", "reactor", json!({ "with": "hello" })),
    ];
    let answers = in_chromium(&requests);
    assert_eq!(answers.len(), requests.len());
    for (request, answer) in requests.iter().zip(answers) {
        let mut expected = natively(request);
        // Words that name the engine.
        let here = expected.1.to_string().replace("wasmi", "browser");
        expected.1 = serde_json::from_str(&here).unwrap();
        assert_eq!(answer.0, expected.0, "{request}\n{}", answer.1);
        let answer: Value = serde_json::from_str(&answer.1.to_string().replace("wasmi", "browser")).unwrap();
        assert_eq!(answer, expected.1, "{request}");
    }
}
