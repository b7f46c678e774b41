//! `wasmill graph`, `wasmill plan` and `wasmill submit`: a pipeline that is looked at.

use insta::assert_snapshot;
use serde_json::json;
use wasmill_testkit::Project;

use crate::fixtures::{ARITHMETIC, CHAIN, SHOUT, UPPER};
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

#[test]
fn submit_is_run() {
    let project = pipeline(SHOUT).file("upper.wat", UPPER);
    assert_eq!(project.wasmill(["submit", "pipeline.yaml", "--input", "hello"]).run().expect(0).text(), "HELLO\n");
}
