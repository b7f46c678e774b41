//! Steps that call another pipeline, from outside.

use crate::{json, pipeline};

const OUTER: &str = r#"
wasmill: 1
inputs: { numbers: { type: array, default: [1, 2, 5] } }
steps:
  each: { pipeline: sub/inner.yaml, foreach: "${{ inputs.numbers }}", with: { n: "${{ item }}" } }
  one: { pipeline: sub/inner.yaml, with: { n: 10, by: 30 } }
outputs: { each: "${{ steps.each.output }}", one: "${{ steps.one.output.result }}" }
"#;

const INNER: &str = r#"
wasmill: 1
inputs: { n: integer, by: { type: integer, default: 100 } }
units: { math: math.wat }
steps:
  share: { unit: math, function: div, with: ["${{ inputs.by }}", "${{ inputs.n }}"] }
outputs: { result: "${{ steps.share.output }}" }
"#;

const MATH: &str =
    r#"(module (func (export "div") (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1))))"#;

fn project() -> wasmill_testkit::Project {
    pipeline(OUTER).file("sub/inner.yaml", INNER).file("sub/math.wat", MATH)
}

#[test]
fn it_runs_and_its_document_is_in_the_document() {
    let project = project();
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    let expected = serde_json::json!({ "each": [{ "result": 100 }, { "result": 50 }, { "result": 20 }], "one": 3 });
    assert_eq!(json(output.expect(0)), expected, "{output}");
    assert!(output.stderr.contains("each[2]/share"), "{output}");
    let document = json(project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run().expect(0));
    let run = &document["steps"]["each"]["runs"][1];
    assert_eq!((&run["item"], &run["pipeline"]), (&1.into(), &"inner".into()));
    assert_eq!(run["steps"]["share"]["attempts"][0]["verdict"], "ok");
    assert_eq!(run["usage"]["fuel"], run["steps"]["share"]["attempts"][0]["usage"]["fuel"]);
}

#[test]
fn where_it_fails_is_shown_in_both_files() {
    let output = project().wasmill(["run", "pipeline.yaml", "--input", "[1, 0]"]).run();
    assert!(
        output
            .expect(1)
            .stderr
            .contains("step `each` failed at item 1: step `share` failed: an integer was divided by zero")
    );
    for place in ["pipeline.yaml:5:3", "sub/inner.yaml:6:3"] {
        assert!(output.stderr.contains(place), "{output}");
    }
}

#[test]
fn limits_are_those_of_its_own_steps_and_of_the_run() {
    let project = project();
    let flags = ["run", "pipeline.yaml", "--memory", "1MiB", "--output", "json"];
    let document = json(project.wasmill(flags).run().expect(0));
    assert_eq!(document["steps"]["one"]["runs"][0]["steps"]["share"]["attempts"][0]["limits"]["memory"], 1 << 20);
    project.write("policy.toml", "[policy.limits.ceilings]\nmemory = \"1MiB\"\n");
    project.write("sub/inner.yaml", INNER.replace("function: div", "limits: { memory: 2MiB }, function: div"));
    let output = project.wasmill(["run", "pipeline.yaml", "--policy", "policy.toml"]).run();
    assert!(output.expect(2).stderr.contains("sub/inner.yaml:6"), "{output}");
}

#[test]
fn what_is_wrong_is_found_where_it_stands() {
    let project = project();
    project.write("sub/inner.yaml", INNER.replace("function: div", "function: dvi"));
    let output = project.wasmill(["check", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains("sub/inner.yaml:6:34"), "{output}");

    project.write("pipeline.yaml", "wasmill: 1\nsteps:\n  a: { pipeline: nowhere.yaml }\n  b: { pipeline: x.yaml }\n");
    project.write("x.yaml", "wasmill: 1\nsteps: { a: { pipeline: pipeline.yaml } }\n");
    let output = project.wasmill(["check", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains("there is no file `nowhere.yaml`"), "{output}");
    assert!(
        output.stderr.contains("pipelines call each other: `pipeline.yaml` → `x.yaml` → `pipeline.yaml`"),
        "{output}"
    );
}

#[test]
fn the_pipeline_that_was_declared_is_the_one_that_runs() {
    let project = project();
    let zeros = "0".repeat(64);
    let pinned = OUTER.replace(
        "pipeline: sub/inner.yaml, with",
        &format!("unit: {{ pipeline: sub/inner.yaml, sha256: {zeros:?} }}, with"),
    );
    project.write("pipeline.yaml", &pinned);
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains("is not the pipeline that was declared"), "{output}");
    let (_, rest) = output.stderr.split_once("its SHA-256 is ").unwrap();
    let actual: String = rest.chars().filter(|one| !one.is_whitespace() && *one != '│').take(64).collect();
    project.write("pipeline.yaml", pinned.replace(&zeros, &actual));
    project.wasmill(["run", "pipeline.yaml"]).run().expect(0);
}

#[test]
fn other_dialects_can_be_called() {
    let project = project();
    project.write(
        "dag.yaml",
        "strategy: level\nprocessors: [{ id: up, processor: change_text_case_upper }, { id: back, processor: reverse_text, depends_on: [up] }]\n",
    );
    project.write(
        "pipeline.yaml",
        "wasmill: 1\nsteps: { a: { pipeline: dag.yaml, with: abc } }\noutputs: { a: \"${{ steps.a.output.back }}\" }\n",
    );
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    assert_eq!(output.expect(0).text(), "CBA\n", "{output}");
}

#[test]
fn a_time_that_is_over_and_an_interrupt_reach_it() {
    let spin = r#"(module (func (export "div") (param i64 i64) (result i64) (loop $l (br $l)) (i64.const 0)))"#;
    let project = project();
    project.write("sub/math.wat", spin);
    let one = "wasmill: 1\nsteps: { one: { pipeline: sub/inner.yaml, with: { n: 1 }, timeout: 200ms } }\n";
    project.write("pipeline.yaml", one);
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    assert!(output.expect(3).stderr.contains("step `one` failed"), "{output}");
    project.write("pipeline.yaml", one.replace(", timeout: 200ms", ""));
    let mut running = project.wasmill(["run", "pipeline.yaml"]).start();
    running.wait_for("one/share");
    running.signal("INT");
    running.finish().expect(130);
}
