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
    // What positions of a request are in.
    let text = text.replace("\"file\": \"stdin\"", "\"file\": \"request\"");
    let mut document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
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
    in_chromium_with(&[], requests)
}

/// The same, with components that were prepared, each in a file.
pub(super) fn in_chromium_with(prepared: &[String], requests: &[Value]) -> Vec<(i32, Value)> {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = vec!["web/tests/run.mjs".to_owned()];
    arguments.extend(prepared.iter().flat_map(|file| ["--prepared".to_owned(), file.clone()]));
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
        // What cannot be instantiated has used what it begins with.
        wat("(module (memory 2) (table 4 funcref) (data (i32.const -1) \"x\") (func (export \"f\")))", json!({})),
    ];
    compare(&requests);
}

/// Guests that have the host work for them without end. wasmi takes fuel for that; in a browser, as on wasmtime, time ends them.
const OTHERWISE: [&str; 3] = ["spin-empty-buffers", "spin-random", "spin-subscriptions"];

#[test]
fn every_hostile_guest_meets_the_same_end() {
    let folder = workspace().join("guests/limits");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wat"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    let limits = json!({ "fuel": 3_000_000, "timeout": "60s", "memory": "16MiB", "output": "64KiB", "log": "64KiB" });
    let requests: Vec<Value> = names
        .iter()
        .filter(|name| {
            !OTHERWISE.contains(&name.as_str()) && wasmill_testkit::guest("limits", name)[4..8] == [1, 0, 0, 0]
        })
        .map(|name| {
            let mut request = guest("limits", name, json!({ "with": "hello" }));
            request["limits"] = limits.clone();
            request["file"] = json!(format!("{name}.json"));
            request
        })
        .collect();
    assert!(requests.len() > 50);
    compare(&requests);
}

#[test]
fn the_work_of_the_host_ends_with_time() {
    let request = |name: &&str| {
        let mut request = guest("limits", name, json!({ "with": "hello" }));
        request["limits"] = json!({ "timeout": "500ms" });
        request
    };
    let requests: Vec<Value> = OTHERWISE.iter().map(request).collect();
    for ((code, document), name) in in_chromium(&requests).into_iter().zip(OTHERWISE) {
        assert_eq!((code, &document["steps"]["step"]["verdict"]), (3, &json!("timed-out")), "{name}: {document}");
    }
}

fn compare(requests: &[Value]) {
    let answers = in_chromium(requests);
    assert_eq!(answers.len(), requests.len());
    let mut different = Vec::new();
    for (request, answer) in requests.iter().zip(answers) {
        let expected = natively(request);
        if answer != expected {
            let (name, (code, here), (there, document)) = (&request["file"], expected, answer);
            different.push(format!("{name}: {code} and {there}\nhere:  {here}\nthere: {document}\n"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
