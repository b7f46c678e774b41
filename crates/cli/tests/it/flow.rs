//! Conditions, items, retries, fallbacks and failure policies, from outside.

use crate::{json, pipeline};

const FLOW: &str = r#"
wasmill: 1
inputs: { numbers: { type: array, default: [1, 2, 3, 0] } }
on_failure: continue
units:
  math:
    wat: |
      (module
        (func (export "share") (param i64) (result i64) (i64.div_s (i64.const 100) (local.get 0)))
        (func (export "double") (param i64) (result i64) (i64.mul (i64.const 2) (local.get 0))))
steps:
  each:
    unit: math
    function: share
    foreach: "${{ inputs.numbers }}"
    with: "${{ item }}"
    fallback: { value: -1, on: [trap] }
  bad: { unit: math, function: share, with: 0, retry: { attempts: 2, initial: 1ms } }
  never: { unit: math, function: double, when: "${{ steps.bad.verdict == 'ok' }}", with: 4 }
  spare: { unit: math, function: double, with: 21 }
  risky: { unit: math, function: share, with: 0, fallback: { step: spare } }
outputs: { each: "${{ steps.each.output }}", risky: "${{ steps.risky.output }}", bad: "${{ steps.bad.output }}" }
"#;

#[test]
fn every_strategy_gives_what_there_is() {
    for strategy in ["work-queue", "level", "reactive"] {
        let text = format!("{FLOW}schedule: {{ strategy: {strategy}, max_concurrency: 3 }}\n");
        let project = pipeline(&text);
        let output = project.wasmill(["run", "pipeline.yaml"]).run();
        assert_eq!(json(output.expect(1)), serde_json::json!({ "each": [100, 50, 33, -1], "risky": 42 }), "{output}");
        assert!(output.stderr.contains("step `bad` failed: an integer was divided by zero"), "{output}");
        let document = json(project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run().expect(1));
        let verdict = |step: &str| document["steps"][step]["verdict"].clone();
        assert_eq!(
            [verdict("each"), verdict("bad"), verdict("never"), verdict("spare"), verdict("risky")],
            ["ok", "trap", "skipped", "ok", "trap"]
        );
        assert_eq!(document["steps"]["bad"]["attempts"].as_array().unwrap().len(), 2);
        assert_eq!(document["steps"]["risky"]["fallback"], "step spare");
        assert_eq!(document["steps"]["each"]["attempts"][3]["item"], 3);
    }
}

#[test]
fn fail_fast_ends_as_one_at_a_time() {
    let text = FLOW.replace("on_failure: continue\n", "");
    let project = pipeline(&text);
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    assert_eq!(output.expect(1).text(), "");
    let best = pipeline(&FLOW.replace("continue", "best-effort"));
    let output = best.wasmill(["run", "pipeline.yaml"]).run();
    let expected = serde_json::json!({ "each": [100, 50, 33, -1], "risky": 42, "bad": null });
    assert_eq!(json(output.expect(0)), expected, "{output}");
}

/// Writes `1`, counts for a while, writes `2`, and ends with the exit code that it is given.
const SLOW_LINES: &str = r#"
wasmill: 1
units:
  lines:
    wat: |
      (module
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\20\00\00\00\02\00\00\00\22\00\00\00\02\00\00\00")
        (data (i32.const 32) "1\n2\n")
        (func (export "_start") (local $left i64)
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
          (local.set $left (i64.const 300000000))
          (loop $count
            (local.set $left (i64.sub (local.get $left) (i64.const 1)))
            (br_if $count (i64.ne (local.get $left) (i64.const 0))))
          (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))
          (call $exit (i32.const EXIT))))
  math: { wat: '(module (func (export "double") (param i64) (result i64) (i64.mul (i64.const 2) (local.get 0))))' }
steps:
  lines: { unit: lines, as: ndjson, profile: fast }
  double: { unit: math, foreach: "${{ steps.lines.output }}", with: "${{ item }}" }
outputs: { doubled: "${{ steps.double.output }}" }
"#;

#[test]
fn items_are_called_while_the_command_still_writes() {
    let project = pipeline(&SLOW_LINES.replace("EXIT", "0"));
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    assert_eq!(json(output.expect(0)), serde_json::json!([2, 4]), "{output}");
    let place = |line: &str| output.stderr.find(line).unwrap_or_else(|| panic!("no `{line}`: {output}"));
    assert!(place("▶ double") < place("✔ lines"), "{output}");

    let project = pipeline(&SLOW_LINES.replace("EXIT", "3"));
    let output = project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run();
    let document = json(output.expect(1));
    assert_eq!(document["steps"]["double"]["verdict"], "skipped");
    assert_eq!(document["steps"]["double"]["attempts"], serde_json::json!([]));
    assert_eq!(document["discarded"]["double"][0]["verdict"], "ok");
}

#[test]
fn each_sink_has_its_place_and_what_was_not_given_is_null() {
    let text = r#"
wasmill: 1
inputs: { go: { type: boolean, required: false } }
units: { math: { wat: '(module (func (export "double") (param i64) (result i64) (i64.mul (i64.const 2) (local.get 0))))' } }
steps:
  a: { unit: math, with: 1 }
  b: { unit: math, with: 2, when: "${{ inputs.go == true && has(inputs.go) }}" }
"#;
    let project = pipeline(text);
    let run =
        |arguments: &[&str]| json(project.wasmill([&["run", "pipeline.yaml"], arguments].concat()).run().expect(0));
    assert_eq!(run(&[]), serde_json::json!({ "a": 2, "b": null }));
    assert_eq!(run(&["--input", "go=true"]), serde_json::json!({ "a": 2, "b": 4 }));
}

#[test]
fn an_item_that_fails_is_named_and_the_others_are_kept() {
    let text =
        FLOW.replace("    fallback: { value: -1, on: [trap] }\n", "").replace("with: 0, retry", "with: 5, retry");
    let project = pipeline(&text);
    let output = project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run();
    let document = json(output.expect(1));
    assert_eq!(document["steps"]["each"]["partial"], serde_json::json!([100, 50, 33, null]));
    assert_eq!(document["error"]["message"], "step `each` failed at item 3: an integer was divided by zero");
    // What ran behind it does not count, whether or not it ended.
    let output = project.wasmill(["run", "pipeline.yaml", "--output", "json", "--input", "[1, 0, 2, 4]"]).run();
    assert_eq!(json(output.expect(1))["steps"]["each"]["partial"], serde_json::json!([100, null, null, null]));
}
