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

/// Of this many levels, each of `WIDE` files that call all files of the next one.
const LEVELS: usize = 15;
const WIDE: usize = 4;

/// More ways lead through it than could be followed in a lifetime. The last file is `last.yaml`.
fn lattice(last: &str) -> wasmill_testkit::Project {
    let calling = |level: usize| {
        let steps = (0..WIDE).map(|one| match level {
            LEVELS => "  last: { pipeline: last.yaml }\n".to_owned(),
            _ => format!(r#"  s{one}: {{ pipeline: f{level}-{one}.yaml, when: "${{{{ 1 > 2 }}}}" }}"#) + "\n",
        });
        format!("wasmill: 1\nsteps:\n{}", steps.take(if level == LEVELS { 1 } else { WIDE }).collect::<String>())
    };
    let project = pipeline(&calling(1)).file("last.yaml", last);
    for level in 1..LEVELS {
        for one in 0..WIDE {
            project.write(format!("f{level}-{one}.yaml"), calling(level + 1));
        }
    }
    project
}

const ONE: &str = r#"
wasmill: 1
units: { one: { wat: '(module (func (export "one") (result i64) (i64.const 1)))' } }
steps: { one: { unit: one } }
"#;

#[test]
fn a_file_that_many_call_is_read_and_shown_once() {
    let project = lattice(ONE);
    project.wasmill(["check", "pipeline.yaml"]).run().expect(0);
    let output = project.wasmill(["plan", "pipeline.yaml"]).run();
    let text = output.expect(0).text();
    assert_eq!(text.matches("s0 calls f7-0: ").count(), 1, "{text}");
    assert_eq!(text.matches("s0 calls f7-0.yaml: see above").count(), WIDE - 1, "{text}");
    assert_eq!(text.matches("limits of ").count(), 1, "{text}");
    let plan = json(project.wasmill(["plan", "pipeline.yaml", "--output", "json"]).run().expect(0));
    let step = |step: &str| plan["steps"]["s0"]["plan"]["steps"][step].clone();
    assert_eq!((&step("s3")["pipeline"], &step("s3")["plan"]["pipeline"]), (&"f2-3.yaml".into(), &"f2-3".into()));
    let other = &plan["steps"]["s1"]["plan"]["steps"]["s3"];
    assert_eq!((&other["pipeline"], other.get("plan")), (&"f2-3.yaml".into(), None));
    // Everything is linked, and nothing of it is called.
    project.wasmill(["run", "pipeline.yaml"]).run().expect(0);
}

#[test]
fn what_is_wrong_in_a_file_that_many_call_is_said_once() {
    let project = lattice(&ONE.replace("unit: one", "unit: two"));
    let output = project.wasmill(["check", "pipeline.yaml"]).run();
    assert_eq!(output.expect(2).stderr.matches("there is no unit `two`").count(), 1, "{output}");
    // A way that is too deep is found, though the file was read on one that is not.
    project.write("last.yaml", "wasmill: 1\nsteps: { a: { pipeline: more.yaml } }\n");
    project.write("more.yaml", ONE);
    let short = "wasmill: 1\nsteps: { a: { pipeline: last.yaml }, b: { pipeline: f1-0.yaml } }\n";
    project.write("pipeline.yaml", short);
    let output = project.wasmill(["check", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains("what `last.yaml` calls is called 16 pipelines deep"), "{output}");
    // And a circle, though a file in it was read on another way.
    project.write("last.yaml", "wasmill: 1\nsteps: { a: { pipeline: f14-3.yaml } }\n");
    let output = project.wasmill(["check", "pipeline.yaml"]).run();
    assert_eq!(output.expect(2).stderr.matches("pipelines call each other").count(), 1, "{output}");
}

#[test]
fn what_a_link_to_a_file_names_is_beside_the_link() {
    let wat = |value: u8| format!(r#"(module (func (export "f") (result i64) (i64.const {value})))"#);
    let called = "wasmill: 1\nunits: { f: { path: f.wat } }\nsteps: { f: { unit: f } }\n";
    let both = "wasmill: 1\nsteps: { a: { pipeline: a/p.yaml }, b: { pipeline: b/p.yaml } }\noutputs: { a: \"${{ steps.a.output.f }}\", b: \"${{ steps.b.output.f }}\" }\n";
    let project = pipeline(both).file("a/p.yaml", called).file("a/f.wat", wat(1)).file("b/f.wat", wat(2));
    std::os::unix::fs::symlink("../a/p.yaml", project.path().join("b/p.yaml")).unwrap();
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    assert_eq!(json(output.expect(0)), serde_json::json!({ "a": 1, "b": 2 }), "{output}");
}

#[test]
fn the_bytes_that_are_compared_are_those_that_run() {
    let declared = wasmill_model::Digest::of(ONE.as_bytes());
    let project = pipeline(&format!(
        "wasmill: 1\nsteps: {{ a: {{ unit: {{ pipeline: called.yaml, sha256: \"{declared}\" }} }} }}\n"
    ));
    // A file that can be read once: whoever reads it again waits for ever.
    let called = project.path().join("called.yaml");
    let made = std::process::Command::new("mkfifo").arg(&called).status();
    assert!(made.expect("`mkfifo` is among the coreutils").success());
    let writer = std::thread::spawn(move || std::fs::write(&called, ONE));
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    writer.join().unwrap().unwrap();
    assert_eq!(json(output.expect(0))["one"], 1, "{output}");
}
