//! Files of other systems: they run as they are, and as the native manifest that `convert` prints.

use base64::Engine as _;
use serde_json::{Value, json};
use wasmill_testkit::{Project, workspace};

use crate::{json, project};

pub(crate) const DAG: &str = "
strategy: work_queue
failure_strategy: fail_fast
executor_options: { max_concurrency: 4, timeout_seconds: 30, retry_attempts: 2 }
processors:
  - { id: upper, type: local, processor: change_text_case_upper }
  - { id: count, type: local, processor: token_counter, depends_on: [upper] }
  - { id: frame, type: local, processor: prefix_suffix_adder, depends_on: [count], options: { prefix: '>>> ', suffix: ' <<<' } }
";

const TASK: &str = r#"
task_definition:
  name: factorial
  inputs: [{ name: number, type: integer, required: true }]
  outputs: [{ name: factorial, type: integer }]
  validation: [{ field: number, min: 0, max: 20 }]
  compute_logic:
    type: wasm
    wasm_module: factorial.wat
    function_name: factorial
    timeout_seconds: 10
    wasm_config: { memory_limit: 64MB, allow_networking: false }
"#;

const FACTORIAL: &str = r#"(module (func $factorial (export "factorial") (param i64) (result i64)
  (if (result i64) (i64.le_s (local.get 0) (i64.const 1))
    (then (i64.const 1))
    (else (i64.mul (local.get 0) (call $factorial (i64.sub (local.get 0) (i64.const 1))))))))"#;

const REQUEST: &str = r#"{
  "manifest": {
    "version": "v1",
    "metadata": { "name": "calculator" },
    "nodes": [
      { "id": "multiply", "node_type": "MultiplyNode", "params": { "factor": 2 } },
      { "id": "add", "node_type": "AddNode", "params": { "addend": 10 } }
    ],
    "connections": [{ "from": "multiply", "to": "add" }]
  },
  "input_data": [5, 7, 3]
}"#;

/// The file converted, beside it.
fn converted(project: &Project, file: &str) -> &'static str {
    let native = project.wasmill(["convert", file]).run();
    project.write("native.yaml", native.expect(0).text());
    "native.yaml"
}

#[test]
fn a_dag_config() {
    let project = project().file("dag.yaml", DAG);
    for file in ["dag.yaml", converted(&project, "dag.yaml")] {
        let output = project.wasmill(["run", file, "--input", "hello world"]).run();
        assert_eq!(output.expect(0).text(), ">>> HELLO WORLD <<<\n", "{output}");
        let document = json(project.wasmill(["run", file, "--input", "a b", "--output", "json"]).run().expect(0));
        assert_eq!(document["steps"]["count"]["output"], "A B");
        assert_eq!(
            document["steps"]["count"]["metadata"],
            json!({ "char_count": 3, "word_count": 2, "line_count": 1 })
        );
        assert_eq!(document["steps"]["upper"].get("metadata"), None);
    }
    for strategy in ["level", "reactive"] {
        project.write("dag.yaml", DAG.replace("work_queue", strategy));
        let output = project.wasmill(["run", "dag.yaml", "--input", "hello world"]).run();
        assert_eq!(output.expect(0).text(), ">>> HELLO WORLD <<<\n", "{output}");
    }
}

#[test]
fn a_wasm_processor_transforms_or_analyzes() {
    let text = "
strategy: reactive
wasm: { fuel: { default: 1000000, minimum: 10000, maximum: 2000000 } }
processors:
  - { id: shout, type: wasm, module: upper.wat, options: { intent: transform, fuel_level: 500000 } }
  - { id: look, type: wasm, module: upper.wat, depends_on: [shout], options: { intent: analyze } }
  - { id: back, processor: reverse_text, depends_on: [look] }
";
    let project = project().file("dag.yaml", text).file("upper.wat", crate::fixtures::UPPER);
    let document = json(project.wasmill(["run", "dag.yaml", "--input", "abc", "--output", "json"]).run().expect(0));
    assert_eq!(document["outputs"], json!({ "back": "CBA" }));
    assert_eq!(document["steps"]["look"]["output"], "ABC");
    let limits = &document["steps"]["shout"]["attempts"][0]["limits"];
    assert_eq!(limits["fuel"], 500_000);
    assert_eq!(document["steps"]["look"]["attempts"][0]["limits"]["fuel"], 1_000_000);
}

#[test]
fn a_task_definition() {
    let project = project().file("task.yaml", TASK).file("factorial.wat", FACTORIAL);
    for file in ["task.yaml", converted(&project, "task.yaml")] {
        let run = |input: &str| project.wasmill(["submit", "--file", file, "--input", input]).run();
        assert_eq!(run("number=5").expect(0).text(), "120\n");
        assert_eq!(run(r#"{"number": 20}"#).expect(0).text(), "2432902008176640000\n");
        let output = run("number=21");
        assert!(output.expect(2).stderr.contains("the input `number` is 21, and must be at most 20"), "{output}");
    }
    let document = json(project.wasmill(["run", "task.yaml", "--input", "5", "--output", "json"]).run().expect(0));
    assert_eq!(document["steps"]["factorial"]["attempts"][0]["limits"]["memory"], 64_000_000);
    assert_eq!(document["steps"]["factorial"]["attempts"][0]["limits"]["timeout_ms"], 10_000);
    assert_eq!(document["outputs"], json!({ "factorial": 120 }));
}

#[test]
fn a_task_definition_holds_its_unit() {
    let binary = wat::parse_str(FACTORIAL).unwrap();
    let base64 = base64::engine::general_purpose::STANDARD.encode(binary);
    let text = TASK.replace("wasm_module: factorial.wat", &format!("wasm_binary: \"{base64}\""));
    let output = project().file("task.yaml", text).wasmill(["submit", "task.yaml", "--input", "6"]).run();
    assert_eq!(output.expect(0).text(), "720\n", "{output}");
}

#[test]
fn a_sequence_of_tasks() {
    let text = r#"
task_definition:
  name: sequence
  inputs: [{ name: number, type: integer }]
  tasks:
    - name: first
      inputs: { n: "{{inputs.number}}" }
      compute_logic: { type: wasm, wasm_module: factorial.wat, function_name: factorial }
    - name: second
      inputs: { n: "{{result}}" }
      compute_logic: { type: wasm, wasm_module: factorial.wat, function_name: factorial }
"#;
    let project = project().file("task.yaml", text).file("factorial.wat", FACTORIAL);
    for file in ["task.yaml", converted(&project, "task.yaml")] {
        let output = project.wasmill(["run", file, "--input", "number=3"]).run();
        assert_eq!(output.expect(0).text(), "720\n", "{output}");
    }
}

#[test]
fn scripts_run_in_the_sandbox() {
    let text = r#"task_definition:
  name: scores
  inputs: [{ name: number, type: integer, required: true }]
  outputs: [{ name: result, type: integer }]
  tasks:
    - name: square
      type: script
      language: python
      inputs: { number: "{{inputs.number}}" }
      code: |
        import json
        print(json.dumps({"square": inputs["number"] ** 2}))
    - name: more
      type: script
      language: javascript
      code: result = inputs.result.square + 1
    - name: last
      type: expression
      language: python
      code: inputs["result"] * 2
"#;
    let project = project().sharing_builds().file("task.yaml", text);
    let document =
        json(project.wasmill(["run", "task.yaml", "--input", "number=5", "--output", "json"]).run().expect(0));
    assert_eq!(document["outputs"], json!({ "result": 52 }));
    let native = converted(&project, "task.yaml");
    assert_eq!(project.wasmill(["run", native, "--input", "number=5"]).run().expect(0).text(), "52\n");
    let docker = "compute_logic: { type: bash, code: 'echo 1' }\n";
    let refused = project.file("bash.yaml", docker).wasmill(["run", "bash.yaml"]).run();
    assert!(refused.expect(2).stderr.contains("builds no units in `bash`"), "{refused}");
}

#[test]
fn a_manifest_v1_prints_its_own_result() {
    let project = project().file("request.json", REQUEST);
    let info = json!({ "node_count": 2, "source_count": 1, "sink_count": 1, "execution_order": ["multiply", "add"] });
    let run =
        |arguments: &[&str]| json(project.wasmill([&["run", "request.json"], arguments].concat()).run().expect(0));
    let of = |outputs: Value| json!({ "status": "success", "outputs": outputs, "graph_info": info });
    assert_eq!(run(&[]), of(json!([20, 24, 16])));
    assert_eq!(run(&["--input", "[1]"]), of(json!(12)));
    assert_eq!(run(&["--input", "[]"]), of(json!([])));
    assert_eq!(run(&["--input", r#"{"input_data": [1, 2]}"#]), of(json!([12, 14])));
    let document = run(&["--output", "json"]);
    assert_eq!(document["outputs"], json!({ "add": [20, 24, 16] }));
    let native = converted(&project, "request.json");
    assert_eq!(json(project.wasmill(["run", native]).run().expect(0)), json!([20, 24, 16]));
}

#[test]
fn a_manifest_v1_without_nodes_gives_nothing() {
    let project = project().file("empty.json", r#"{"version": "v1", "metadata": { "name": "empty" }, "nodes": []}"#);
    let result = json(project.wasmill(["run", "empty.json"]).run().expect(0));
    assert_eq!((&result["status"], &result["outputs"]), (&json!("success"), &json!([])));
    let output = project.wasmill(["convert", "empty.json"]).run();
    assert!(output.expect(2).stderr.contains("has no nodes"), "{output}");
}

#[test]
fn a_manifest_v1_that_fails_says_so_on_stdout_too() {
    let text = REQUEST.replace("\"MultiplyNode\"", "\"Divide\"").replace("{ \"factor\": 2 }", "null");
    let trap = crate::fixtures::UPPER
        .replace("(local $at i32) (local $byte i32)", "(local $at i32) (local $byte i32) unreachable");
    let project = project().file("request.json", text).file("units/Divide.wasm", wat::parse_str(trap).unwrap());
    let output = project.wasmill(["run", "request.json"]).run();
    let result = json(output.expect(1));
    assert_eq!(result["status"], "error", "{output}");
    assert_eq!(result["graph_info"]["node_count"], 2);
    assert!(result["error"].as_str().unwrap().contains("unreachable"), "{output}");
    assert!(output.stderr.contains("step `multiply` failed"), "{output}");
}

#[test]
fn what_runs_by_itself_runs_the_same_converted() {
    let folder = workspace().join("crates/manifest/tests/dialects/valid");
    let mut ran = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_dialect = (name.starts_with("dag-") || name.starts_with("v1-")) && !name.ends_with(".native");
        let text = std::fs::read_to_string(&path).unwrap();
        if !is_dialect || name.contains("empty") {
            continue;
        }
        let project = project().file(&name, text);
        if project.wasmill(["check", &name]).run().code != Some(0) {
            // It names units that are not here.
            continue;
        }
        let input = if name.starts_with("dag-") { "Straße und Haus" } else { "[2, \"3\", null]" };
        let native = converted(&project, &name);
        let outputs = |file: &str| {
            let output = project.wasmill(["run", file, "--input", input, "--output", "json"]).run();
            json(&output)["outputs"].clone()
        };
        let given = outputs(&name);
        assert_eq!(given, outputs(native), "{name}");
        assert!(given.as_object().is_some_and(|outputs| !outputs.is_empty()), "{name}");
        ran += 1;
    }
    assert!(ran >= 8, "{ran}");
}

#[test]
fn a_malformed_file_of_each_dialect_has_positions() {
    for (name, text, line, says) in [
        ("dag.yaml", DAG.replace("reverse", "").replace("token_counter", "token_countr"), 7, "token_counter"),
        ("task.yaml", TASK.replace("function_name: factorial", "function_name: factoral"), 10, "factoral"),
        ("v1.json", REQUEST.replace("\"to\": \"add\"", "\"to\": \"ad\""), 9, "`ad`"),
    ] {
        let project = project().file(name, text).file("factorial.wat", FACTORIAL);
        let document = json(project.wasmill(["check", name, "--output", "json"]).run().expect(2));
        let error = &document["errors"][0];
        assert!(error["message"].as_str().unwrap().contains(says) || error["help"].as_str().unwrap().contains(says));
        assert_eq!(error["at"]["line"], line, "{document}");
    }
}

#[test]
fn a_component_file_is_checked_and_converted() {
    let text = "[component]\nname = \"stats\"\nversion = \"1.0.0\"\n[resources.memory]\nmax_bytes = 1048576\n[resources.cpu]\nmax_fuel = 100000\ntimeout_seconds = 5\n";
    let project = project().file("Component.toml", text);
    let checked = project.wasmill(["check", "Component.toml"]).run();
    assert_eq!(checked.expect(0).text(), "Component.toml: ok (memory 1 MiB, fuel 100,000, timeout 5 s)\n");
    let converted = project.wasmill(["convert", "Component.toml"]).run();
    assert_eq!(converted.expect(0).text(), "limits:\n  memory: 1MiB\n  fuel: 100000\n  timeout: 5s\n");
    let document = json(project.wasmill(["check", "Component.toml", "--output", "json"]).run().expect(0));
    assert_eq!(document["limits"]["memory"], 1_048_576);
    project.write("Component.toml", text.replace("max_bytes = 1048576", "max_bytes = 1"));
    let output = project.wasmill(["check", "Component.toml"]).run();
    assert!(output.expect(2).stderr.contains("Component.toml:5:13"), "{output}");
    let output = project.wasmill(["run", "Component.toml"]).run();
    assert!(output.expect(2).stderr.contains("is no pipeline"), "{output}");
}
