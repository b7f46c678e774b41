//! Engines from outside: which one runs a step, what is passed over and why, and what the host's policy has to say about it.

use serde_json::Value;
use wasmill_testkit::{Output, Project};

use crate::{json, pipeline, project};

const ADD: &str = r#"wasmill: 1
units:
  add: { wat: "(module (func (export \"add\") (param $a i32) (param $b i32) (result i32) (i32.add (local.get $a) (local.get $b))))" }
steps:
  sum: { unit: add, with: { a: 2, b: 3 }, ENGINE }
outputs: { sum: "${{ steps.sum.output }}" }
"#;

const COMPONENT: &str = r#"wasmill: 1
units:
  none: { wat: "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m)) (func (export \"f\") (canon lift (core func $i \"f\"))))" }
steps:
  one: { unit: none, engine: [wasmi] }
"#;

fn add(engine: &str) -> Project {
    pipeline(&ADD.replace("ENGINE", engine))
}

fn first_receipt(output: &Output) -> Value {
    let document = json(output);
    document["steps"].as_object().unwrap().values().next().unwrap()["attempts"][0].clone()
}

fn run(project: &Project, arguments: &[&str], code: i32) -> Value {
    let all = ["run", "pipeline.yaml", "--output", "json"].iter().chain(arguments);
    let output = project.wasmill(all).run();
    first_receipt(output.expect(code))
}

#[test]
fn a_step_runs_on_the_engine_that_it_names() {
    let receipt = run(&add("engine: wasmi"), &[], 0);
    assert_eq!(receipt["engine"]["name"], "wasmi");
    assert!(receipt.get("passed_over").is_none(), "{receipt}");
    // The command line is stronger than the step.
    assert_eq!(run(&add("engine: wasmi"), &["--engine", "wasmtime"], 0)["engine"]["name"], "wasmtime");
    // `defaults` are for steps that name none.
    let text = ADD.replace("units:", "defaults: { engine: wasmi }\nunits:");
    assert_eq!(run(&pipeline(&text.replace(", ENGINE", "")), &[], 0)["engine"]["name"], "wasmi");
    assert_eq!(run(&pipeline(&text.replace("ENGINE", "engine: wasmtime")), &[], 0)["engine"]["name"], "wasmtime");
    // And the host's order is for those that nobody else speaks for.
    let silent = add("after: []").file("host.toml", "[policy.engines]\nallow = [\"wasmi\", \"wasmtime\"]\n");
    assert_eq!(run(&silent, &["--policy", "host.toml"], 0)["engine"]["name"], "wasmi");
}

#[test]
fn a_missing_engine_is_passed_over_and_the_receipt_says_so() {
    let project = add("engine: [wasmedge, wasmtime], allow_weaker: true");
    let output =
        project.wasmill(["run", "pipeline.yaml", "--output", "json"]).env("WASMEDGE_PATH", "/nowhere/wasmedge").run();
    let receipt = first_receipt(output.expect(0));
    assert_eq!(receipt["engine"]["name"], "wasmtime");
    assert_eq!(receipt["passed_over"][0]["engine"], "wasmedge");
    assert!(receipt["passed_over"][0]["reason"].as_str().unwrap().contains("/nowhere/wasmedge"), "{receipt}");
    let output = project.wasmill(["run", "pipeline.yaml"]).env("WASMEDGE_ENABLED", "false").run();
    let words = "sum ran on wasmtime, as wasmedge was passed over: ";
    assert!(output.expect(0).stderr.contains(words), "{output}");
    assert_eq!(output.text(), "5\n");
    // Where there is no other, that is the error.
    let output = project.wasmill(["run", "pipeline.yaml", "--engine", "wasmedge"]).env("WASMEDGE_ENABLED", "0").run();
    assert!(output.expect(2).stderr.contains("WM0611"), "{output}");
    assert!(output.stderr.contains("WASMEDGE_ENABLED"), "{output}");
}

#[test]
fn a_variable_that_makes_no_sense_is_an_error() {
    for (name, value) in
        [("WASMEDGE_TIMEOUT", "soon"), ("WASMEDGE_MEMORY_LIMIT", "128MB"), ("WASMEDGE_ENABLED", "perhaps")]
    {
        let output = add("engine: wasmtime").wasmill(["run", "pipeline.yaml"]).env(name, value).run();
        assert!(output.expect(2).stderr.contains(name), "{output}");
    }
}

#[test]
fn a_unit_that_an_engine_does_not_run_names_those_that_could() {
    let project = pipeline(COMPONENT);
    for verb in ["check", "run", "plan"] {
        let output = project.wasmill([verb, "pipeline.yaml"]).run();
        assert!(output.stderr.contains("wasmi: it does not run component units"), "{output}");
        assert!(output.stderr.contains("use `wasmtime`"), "{output}");
        assert_ne!(output.code, Some(0));
    }
    let receipt = run(&project, &["--engine", "wasmi,wasmtime"], 0);
    assert_eq!(receipt["engine"]["name"], "wasmtime");
    assert_eq!(receipt["passed_over"][0]["reason"], "it does not run component units");
}

#[test]
fn a_policy_says_which_engines_there_are() {
    let project = add("engine: wasmi").file("host.toml", "[policy.engines]\nallow = [\"wasmtime\"]\n");
    for arguments in [&["check", "pipeline.yaml"][..], &["run", "pipeline.yaml"]] {
        let output = project.wasmill(arguments.iter().chain(&["--policy", "host.toml"])).run();
        assert!(output.expect(2).stderr.contains("WM0209"), "{output}");
        assert!(output.stderr.contains("wasmi: the host's policy does not let steps use it"), "{output}");
        assert!(output.stderr.contains("use `wasmtime`"), "{output}");
    }
    // Among several it is passed over.
    let receipt = run(&project, &["--policy", "host.toml", "--engine", "wasmi,wasmtime"], 0);
    assert_eq!(receipt["passed_over"][0]["reason"], "the host's policy does not let steps use it");
    let flags = ["run", "pipeline.yaml", "--policy", "host.toml", "--engine"];
    project.wasmill(flags.iter().chain(&["wasmtime"])).run().expect(0);
    assert!(project.wasmill(flags.iter().chain(&["wasmi"])).run().expect(2).stderr.contains("WM0209"));
    assert!(project.wasmill(flags.iter().chain(&["wasmy"])).run().expect(2).stderr.contains("WM0207"));
}

#[test]
fn a_weaker_sandbox_is_never_taken_in_silence() {
    let strict = "[policy.engines]\nallow = [\"wasmtime\", \"process\"]\nallow_weaker = false\n";
    let open = "[policy.engines]\nallow = [\"wasmtime\", \"process\"]\n";
    let text = r#"wasmill: 1
units: { sort: { program: /usr/bin/sort } }
steps:
  sorted: { unit: sort, engine: process, with: "b\na\n", grants: { args: [-r] }, WEAKER }
"#;
    let project = pipeline(&text.replace(", WEAKER", "")).file("strict.toml", strict).file("open.toml", open);
    // No policy: there is no such engine for steps.
    let output = project.wasmill(["run", "pipeline.yaml", "--allow-weaker"]).run();
    assert!(output.expect(2).stderr.contains("WM0209"), "{output}");
    assert!(output.stderr.contains("as it has no sandbox"), "{output}");
    // A policy, and a step that does not say that it knows.
    let output = project.wasmill(["run", "pipeline.yaml", "--policy", "open.toml"]).run();
    assert!(output.stderr.contains("process: it has no sandbox"), "{output}");
    assert!(output.stderr.contains("allow_weaker: true"), "{output}");
    // Both.
    let output = project.wasmill(["run", "pipeline.yaml", "--policy", "open.toml", "--allow-weaker"]).run();
    assert_eq!(output.expect(0).text(), "b\na\n");
    assert!(output.stderr.contains("whose sandbox is weaker, as it was allowed to be: no sandbox"), "{output}");
    let project =
        pipeline(&text.replace("WEAKER", "allow_weaker: true")).file("strict.toml", strict).file("open.toml", open);
    project.wasmill(["run", "pipeline.yaml", "--policy", "open.toml"]).run().expect(0);
    // A host that allows no such thing.
    for flag in ["--allow-weaker", "--quiet"] {
        let output = project.wasmill(["run", "pipeline.yaml", "--policy", "strict.toml", flag]).run();
        assert!(output.expect(2).stderr.contains("WM0209"), "{output}");
    }
}

#[test]
fn what_is_weaker_is_said_wherever_it_runs() {
    let policy = "[policy.engines]\nallow = [\"process\", \"wasmtime\"]\n";
    let inner = r#"wasmill: 1
inputs: { text: { type: string, default: "b\na\n" } }
units: { sort: { program: /usr/bin/sort } }
steps:
  sorted: { unit: sort, engine: process, allow_weaker: true, with: "${{ inputs.text }}" }
"#;
    let outer = "wasmill: 1\nsteps:\n  all: { pipeline: inner.yaml }\n";
    let project = pipeline(outer).file("inner.yaml", inner).file("open.toml", policy);
    let words = "sorted ran on process, whose sandbox is weaker";
    let output = project.wasmill(["run", "pipeline.yaml", "--policy", "open.toml"]).run();
    assert!(output.expect(0).stderr.contains(&format!("all.{words}")), "{output}");
    let rows = "{\"text\": \"d\\nc\\n\"}\n{\"text\": \"f\\ne\\n\"}\n";
    project.write("rows.ndjson", rows);
    let output = project.wasmill(["run", "inner.yaml", "--policy", "open.toml", "--each", "rows.ndjson"]).run();
    assert_eq!(output.expect(0).stderr.matches(words).count(), 1, "{output}");
    // And before anything runs.
    let plan =
        json(project.wasmill(["plan", "inner.yaml", "--policy", "open.toml", "--output", "json"]).run().expect(0));
    assert_eq!(plan["steps"]["sorted"]["weaker"], serde_json::json!(["sandbox", "memory", "fuel"]));
}

#[test]
fn a_plan_says_what_is_passed_over() {
    let project = add("engine: [wasmedge, wasmi, wasmtime], profile: deterministic");
    let plan = json(project.wasmill(["plan", "pipeline.yaml", "--output", "json"]).run().expect(0));
    let step = &plan["steps"]["sum"];
    assert_eq!(step["engines"], serde_json::json!(["wasmi", "wasmtime"]));
    assert_eq!(step["passed_over"][0]["engine"], "wasmedge", "{step}");
    // What stands behind the first that will do is not passed over.
    assert_eq!(step["passed_over"].as_array().unwrap().len(), 1, "{step}");
}

#[test]
fn limits_of_an_engines_own_stand_in_the_receipt() {
    let project = add("engine: wasmedge");
    let output = project
        .wasmill(["run", "pipeline.yaml", "--output", "json"])
        .env("WASMEDGE_TIMEOUT", "20000")
        .env("WASMEDGE_MEMORY_LIMIT", "1048576")
        .env("WASMEDGE_PATH", &wasmedge())
        .run();
    let receipt = first_receipt(output.expect(0));
    assert_eq!(receipt["limits"]["timeout_ms"], 30_000);
    assert_eq!((&receipt["held"]["timeout_ms"], &receipt["held"]["memory"]), (&20_000.into(), &1_048_576.into()));
}

/// The WasmEdge that `cargo xtask setup` installs.
fn wasmedge() -> String {
    let home = std::env::var("HOME").unwrap();
    let tools = std::env::var("WASMILL_TOOLS").unwrap_or_else(|_| format!("{home}/.cache/wasmill/tools"));
    format!("{tools}/wasmedge/bin/wasmedge")
}

#[test]
fn names_of_engines_are_looked_at() {
    let project = add("after: []").file("host.toml", "[policy.engines]\nallow = [\"wasmtim\"]\n");
    let output = project.wasmill(["run", "pipeline.yaml", "--policy", "host.toml"]).run();
    assert!(output.expect(2).stderr.contains("WM0207"), "{output}");
    assert!(output.stderr.contains("host.toml") && output.stderr.contains("did you mean `wasmtime`?"), "{output}");
    project.wasmill(["run", "pipeline.yaml", "--engine", "wasmi, wasmtime"]).run().expect(0);
    project.wasmill(["run", "pipeline.yaml", "--engine", "wasmi,"]).run().expect(2);
}

#[cfg(unix)]
#[test]
fn a_native_programs_memory_is_limited() {
    use std::os::unix::fs::PermissionsExt as _;

    let text = r#"wasmill: 1
units: { hog: { program: ./hog } }
steps:
  one: { unit: hog, engine: process, allow_weaker: true, with: "", limits: { memory: MEMORY } }
"#;
    let policy = "[policy.engines]\nallow = [\"process\"]\n";
    // How a program takes it that it gets no more memory is its own affair; that it does not get it is ours.
    for (memory, ok, code) in [("400MiB", true, 0), ("16MiB", false, 1)] {
        let project = pipeline(&text.replace("MEMORY", memory)).file("open.toml", policy);
        project.write("hog", "#!/bin/sh\nx=$(head -c 60000000 /dev/zero | tr '\\0' x)\necho ${#x}\n");
        std::fs::set_permissions(project.path().join("hog"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let receipt = run(&project, &["--policy", "open.toml"], code);
        assert_eq!(receipt["verdict"] == "ok", ok, "{memory}: {receipt}");
    }
}

#[test]
fn engines_says_what_there_is() {
    let project = project();
    let output = project.wasmill(["engines", "--output", "json"]).run();
    let document = json(output.expect(0));
    let engines = document["engines"].as_array().unwrap();
    let names: Vec<&str> = engines.iter().map(|engine| engine["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["wasmtime", "wasmi", "wasmedge", "process"]);
    for engine in engines {
        let sandboxed = engine["sandboxed"].as_bool().unwrap();
        assert_eq!(engine["allowed"], sandboxed, "{engine}");
        assert_eq!(engine["available"], true, "{engine}");
        if sandboxed {
            assert!(engine["call_us"].as_f64().unwrap() > 0.0, "{engine}");
        }
    }
    let output = project.wasmill(["engines"]).env("WASMEDGE_PATH", "/nowhere/wasmedge").run();
    assert!(output.expect(0).text().contains("/nowhere/wasmedge"), "{output}");
    let none = project.file("host.toml", "[policy.engines]\nallow = [\"wasmedge\"]\n");
    let output = none.wasmill(["engines", "--policy", "host.toml"]).env("WASMEDGE_ENABLED", "false").run();
    output.expect(1);
}

#[cfg(unix)]
#[test]
fn an_engine_that_keeps_crashing_at_its_start_is_left_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let text = r#"wasmill: 1
units:
  double: { wat: "(module (func (export \"f\") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))" }
steps:
  all: { unit: double, engine: [wasmedge, wasmi], allow_weaker: true, foreach: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], max_parallel: 1, with: ["${{ item }}"] }
"#;
    // It says its version, and that is all that it does.
    let fake = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'wasmedge version 0.17.1'; exit 0; fi\necho start >> STARTS\nexit 127\n";
    let project = pipeline(text);
    let starts = project.path().join("starts");
    project.write("wasmedge", fake.replace("STARTS", &starts.display().to_string()));
    let program = project.path().join("wasmedge");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = project
        .wasmill(["run", "pipeline.yaml", "--output", "json"])
        .env("WASMEDGE_PATH", &program.display().to_string())
        .run();
    let document = json(output.expect(0));
    let receipts = document["steps"]["all"]["attempts"].as_array().unwrap();
    assert_eq!(receipts.len(), 10);
    for receipt in receipts {
        assert_eq!(receipt["engine"]["name"], "wasmi", "{receipt}");
        assert_eq!(receipt["passed_over"][0]["engine"], "wasmedge", "{receipt}");
    }
    let reason = receipts[9]["passed_over"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("it failed to start 3 times in a row"), "{reason}");
}
