//! `wasmill graph` and `wasmill plan`: a pipeline that is looked at.

use insta::assert_snapshot;
use serde_json::json;
use wasmill_testkit::Project;

use crate::fixtures::{ARITHMETIC, CHAIN, UPPER};
use crate::{json, pipeline};

/// A diamond with a step that only stands after it; limits from everywhere.
const DIAMOND: &str = r#"wasmill: 1
name: diamond
inputs:
  a: { type: integer, default: 2 }
defaults: { limits: { memory: 32MiB, timeout: 5s } }
units:
  arithmetic: { path: arithmetic.wat }
  upper: { path: other/upper.wat }
steps:
  top: { unit: arithmetic, function: add, with: [1, "${{ inputs.a }}"] }
  left:
    unit: arithmetic
    function: add
    with: ["${{ steps.top.output }}", 1]
    limits:
      memory: 2MiB
      output: 1KiB
  right: { unit: arithmetic, function: add, with: ["${{ steps.top.output }}", 2], profile: deterministic }
  bottom: { unit: arithmetic, function: add, with: ["${{ steps.left.output }}", "${{ steps.right.output }}"] }
  say: { unit: upper, with: done, after: [bottom], grants: { env: { LANG: en }, net: ["example.com:443"] } }
outputs:
  sum: "${{ steps.bottom.output }}"
"#;

const COMPONENT_TOML: &str = r#"[component]
name = "upper"

[resources.memory]
max_bytes = "1MiB"

[resources.cpu]
max_fuel = 5_000_000
timeout_seconds = 5
"#;

fn diamond() -> Project {
    pipeline(DIAMOND)
        .file("arithmetic.wat", ARITHMETIC)
        .file("other/upper.wat", UPPER)
        .file("other/Component.toml", COMPONENT_TOML)
}

#[test]
fn a_graph_in_every_language() {
    let project = diamond();
    assert_snapshot!("graph_mermaid", project.wasmill(["graph", "pipeline.yaml"]).run());
    assert_snapshot!("graph_dot", project.wasmill(["graph", "pipeline.yaml", "--format", "dot"]).run());
    assert_snapshot!("graph_svg", project.wasmill(["graph", "pipeline.yaml", "-f", "svg"]).run());
    assert_snapshot!("graph_json", project.wasmill(["graph", "pipeline.yaml", "--output", "json"]).run());
}

#[test]
fn a_graph_needs_no_units() {
    let output = pipeline(DIAMOND).wasmill(["graph", "pipeline.yaml"]).run();
    assert!(output.expect(0).text().contains("s0 --> s1"), "{output}");
}

#[test]
fn what_has_no_graph() {
    let text = CHAIN.replace("b: \"${{ inputs.b }}\"", "b: \"${{ steps.double.output }}\"");
    let output = pipeline(&text).wasmill(["graph", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains("steps wait for each other"), "{output}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_plan() {
    let project = diamond();
    let policy = "[policy.limits.defaults]\nlog = \"64KiB\"\n";
    let project = project.file("strict.toml", policy);
    let plan =
        |more: &[&str]| project.wasmill([&["plan", "pipeline.yaml", "--policy", "strict.toml"], more].concat()).run();
    let output = plan(&["--fuel", "1_000_000"]);
    assert!(output.expect(0).text().lines().all(|line| line.chars().count() <= 100), "{output}");
    assert_snapshot!("plan_text", output.text());
    assert_snapshot!("plan_json", plan(&["--fuel", "1_000_000", "--output", "json"]).text());
    // Nothing is compiled, so nothing is kept.
    assert!(!project.path().join("../cache").exists());
}

#[test]
fn a_plan_says_whose_word_a_limit_is() {
    let project = diamond();
    let plan = json(project.wasmill(["plan", "pipeline.yaml", "--timeout", "1s", "--output", "json"]).run().expect(0));
    let from = |step: &str, limit: &str| plan["steps"][step]["limits_from"][limit].clone();
    assert_eq!(from("left", "memory"), "step");
    assert_eq!(from("left", "output"), "step");
    assert_eq!(from("top", "memory"), "defaults");
    assert_eq!(from("top", "output"), "built-in");
    assert_eq!(from("say", "memory"), "component");
    assert_eq!(from("left", "timeout"), "flag");
    assert_eq!(plan["steps"]["left"]["limits"]["timeout_ms"], 1000);
    assert_eq!(plan["critical_path"], json!(["top", "left", "bottom", "say"]));
    assert_eq!(plan["levels"], json!([["top"], ["left", "right"], ["bottom"], ["say"]]));
    // The limits are those that a run has.
    let run = json(project.wasmill(["run", "pipeline.yaml", "--timeout", "1s", "--output", "json"]).run().expect(0));
    for step in ["top", "left", "right", "bottom", "say"] {
        assert_eq!(run["steps"][step]["attempts"][0]["limits"], plan["steps"][step]["limits"], "{step}");
        assert_eq!(run["steps"][step]["attempts"][0]["profile"], plan["steps"][step]["profile"], "{step}");
    }
}

#[test]
fn a_plan_finds_what_is_wrong() {
    let output = diamond().wasmill(["plan", "pipeline.yaml", "--engine", "wasmtim"]).run();
    assert!(output.expect(2).stderr.contains("there is no engine `wasmtim`"), "{output}");
    let output = diamond().wasmill(["plan", "pipeline.yaml", "--memory", "1TiB"]).run();
    assert!(output.expect(2).stderr.contains("the host allows"), "{output}");
    let output = pipeline(DIAMOND).wasmill(["plan", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains("arithmetic.wat"), "{output}");
}

/// All that can stand around the calls of a step.
const FLOW: &str = r#"wasmill: 1
name: flow "<&>"
inputs:
  rows: { type: array, default: [1, 2] }
defaults: { retry: { attempts: 3, on: [trap] } }
timeout: 1m
units: { arithmetic: { path: arithmetic.wat } }
steps:
  start: { unit: arithmetic, function: add, with: [1, 2], profile: fast, retry: { attempts: 1 } }
  end: { unit: arithmetic, function: add, foreach: "${{ inputs.rows }}", max_parallel: 2, with: ["${{ item }}", 1], timeout: 20s }
  maybe:
    unit: arithmetic
    function: add
    when: "${{ size(steps.end.output) > 1 && steps.start.verdict == 'ok' }}"
    with: ["${{ steps.end.output[0] }}", 1]
    retry: { attempts: 2, backoff: fixed, initial: 1500ms }
    fallback: [{ step: spare, on: [trap] }, { value: "${{ steps.start.output }}" }]
  spare: { unit: arithmetic, function: add, with: [0, 0], concurrency: { key: slow, max: 1 } }
  last:
    unit: arithmetic
    function: add
    with: [1, 1]
    after: [maybe]
    grants: { clock: real, random: real, dirs: { ./out: { at: /out, mode: rw } } }
"#;

#[test]
fn all_that_can_stand_around_a_call() {
    let project = pipeline(FLOW).file("arithmetic.wat", ARITHMETIC).file("out/.keep", "");
    assert_snapshot!("flow_mermaid", project.wasmill(["graph", "pipeline.yaml"]).run().expect(0).text());
    assert_snapshot!("flow_plan", project.wasmill(["plan", "pipeline.yaml"]).run().expect(0).text());
    let plan = json(project.wasmill(["plan", "pipeline.yaml", "--output", "json"]).run().expect(0));
    assert_eq!(plan["steps"]["spare"]["waits_for"], json!([{ "step": "maybe", "kind": "fallback" }]));
    assert_eq!(plan["steps"]["end"]["foreach"], json!({ "items": "inputs.rows", "max_parallel": 2 }));
    assert_eq!(plan["timeout_ms"], 60_000);
}

#[test]
fn files_of_other_dialects() {
    let dag = r#"strategy: work_queue
processors:
  - { id: shout, processor: change_text_case_upper }
  - { id: turn, processor: reverse_text, depends_on: [shout] }
executor_options: { timeout_seconds: 2 }
"#;
    let project = pipeline(dag);
    let graph = project.wasmill(["graph", "pipeline.yaml"]).run();
    assert!(graph.expect(0).text().contains("s0 --> s1"), "{graph}");
    let plan = json(project.wasmill(["plan", "pipeline.yaml", "--output", "json"]).run().expect(0));
    assert_eq!(plan["steps"]["shout"]["limits_from"]["timeout"], "manifest");
    assert_eq!(plan["steps"]["shout"]["limits"]["timeout_ms"], 2000);
}
