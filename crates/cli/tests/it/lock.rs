//! `wasmill.lock` and what `plan` says of wants: a unit that changes, or wants more, is refused until it is accepted.

use std::fs;

use serde_json::Value;
use wasmill_testkit::{Output, Project};

use crate::fixtures::{ARITHMETIC, CAT, UPPER};
use crate::pipeline;

const TWO: &str = r#"wasmill: 1
name: two
units:
  upper: { path: upper.wat }
  cat: { path: units/cat.wat }
steps:
  up: { unit: upper, with: hello }
  same: { unit: cat, grants: { args: [] } }
  noisy: { unit: cat, with: "x", grants: { args: ["-x"] }, fallback: { value: "" } }
"#;

/// The command, which also reads the clock and writes to a folder.
fn more() -> String {
    CAT.replace(
        "(module",
        r#"(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"#,
    )
}

fn two() -> Project {
    pipeline(TWO).file("upper.wat", UPPER).file("units/cat.wat", CAT)
}

fn plan(project: &Project, more: &[&str]) -> Output {
    project.wasmill([&["plan", "pipeline.yaml"], more].concat()).run()
}

fn lock(project: &Project) -> String {
    fs::read_to_string(project.path().join("wasmill.lock")).unwrap()
}

#[test]
fn what_is_wanted_stands_against_what_is_granted() {
    let project = two();
    project.replace("units/cat.wat", more());
    let text = plan(&project, &[]).expect(0).text().to_owned();
    let wants = text.split("wants\n").nth(1).unwrap().split("limits of").next().unwrap();
    for said in [
        "wasi_snapshot_preview1 (args): granted to noisy; else empty",
        "cat: wasi_snapshot_preview1 (clock): virtual",
        "(dirs): no folder is there",
    ] {
        assert!(wants.replace("\n    ", " ").contains(said), "{said}: {wants}");
    }
    let document: Value = serde_json::from_str(plan(&project, &["--output", "json"]).expect(0).text()).unwrap();
    let wants = &document["units"]["cat"]["wants"];
    let args = wants.as_array().unwrap().iter().find(|want| want["grant"] == "args").unwrap();
    assert_eq!(args["granted_to"], serde_json::json!(["noisy"]), "{wants}");
    assert!(wants.to_string().contains("wasi_snapshot_preview1::path_open"), "{wants}");
    assert_eq!(document["units"]["upper"].get("wants"), None);
}

#[test]
fn a_unit_that_changed_is_refused_until_it_is_accepted() {
    let project = two();
    assert!(!project.path().join("wasmill.lock").exists());
    assert!(plan(&project, &["--accept"]).expect(0).stderr.contains("accepted: `wasmill.lock`"));
    let first = lock(&project);
    assert!(
        first.contains("[pipelines.\"pipeline.yaml\".units.cat]") && first.contains("wants = [\"args\"]"),
        "{first}"
    );
    project.wasmill(["run", "pipeline.yaml"]).run().expect(0);
    plan(&project, &[]).expect(0);

    project.replace("units/cat.wat", more());
    for verb in ["run", "check", "plan"] {
        let output = project.wasmill([verb, "pipeline.yaml"]).run();
        let stderr = &output.expect(2).stderr;
        assert!(stderr.contains("WM0321") && stderr.contains("pipeline.yaml:5:"), "{verb}: {output}");
        assert!(stderr.contains("it wants more than it did: clock, dirs"), "{verb}: {output}");
        assert!(stderr.contains("--accept"), "{verb}: {output}");
    }
    let shown = plan(&project, &[]).text().to_owned();
    let changed = shown.split("changed since it was accepted\n").nth(1).unwrap();
    assert!(changed.contains("~ cat") && changed.contains("+ clock") && changed.contains("sha256"), "{changed}");
    assert!(!changed.contains("upper"), "{changed}");

    plan(&project, &["--accept"]).expect(0);
    assert_ne!(lock(&project), first);
    project.wasmill(["run", "pipeline.yaml"]).run().expect(0);
}

#[test]
fn a_unit_that_nobody_accepted_is_refused_and_one_that_is_gone_is_not() {
    let project = two();
    plan(&project, &["--accept"]).expect(0);
    project.replace("pipeline.yaml", TWO.replace("units:", "units:\n  sums: { path: sums.wat }"));
    let project = project.file("sums.wat", ARITHMETIC);
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains("the unit `sums` was never accepted"), "{output}");

    let without = TWO.replace("  upper: { path: upper.wat }\n", "").replace("  up: { unit: upper, with: hello }\n", "");
    project.replace("pipeline.yaml", without);
    project.wasmill(["run", "pipeline.yaml"]).run().expect(0);
    let document: Value = serde_json::from_str(plan(&project, &["--output", "json"]).expect(0).text()).unwrap();
    assert_eq!(document["lock"]["state"], "stale");
    assert_eq!(document["lock"]["changes"][0]["unit"], "upper");
}

#[test]
fn pipelines_that_are_called_are_held_to_it_too() {
    let outer = "wasmill: 1\nsteps:\n  call: { pipeline: inner/pipeline.yaml }\n";
    let inner =
        "wasmill: 1\nunits: { sums: { path: sums.wat } }\nsteps: { a: { unit: sums, function: add, with: [1, 2] } }\n";
    let project = pipeline(outer).file("inner/pipeline.yaml", inner).file("inner/sums.wat", ARITHMETIC);
    plan(&project, &["--accept"]).expect(0);
    assert!(lock(&project).contains("[pipelines.\"inner/pipeline.yaml\".units.sums]"), "{}", lock(&project));
    project.replace("inner/sums.wat", ARITHMETIC.replace("i32.add", "i32.sub"));
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains("inner/pipeline.yaml:2:"), "{output}");
    // By itself it was never accepted.
    project.wasmill(["run", "inner/pipeline.yaml"]).run().expect(0);
}

#[test]
fn a_lock_that_is_none_is_an_error_and_is_not_overwritten() {
    let project = two().file("wasmill.lock", "version = 1\npipelines = 3\n");
    for arguments in [&["run", "pipeline.yaml"][..], &["plan", "pipeline.yaml", "--accept"]] {
        let output = project.wasmill(arguments.iter().copied()).run();
        assert!(output.expect(2).stderr.contains("WM0322"), "{output}");
    }
    assert!(lock(&project).contains("pipelines = 3"));
    project.replace("wasmill.lock", "version = 2\n");
    assert!(plan(&project, &[]).expect(2).stderr.contains("later version"));
}
