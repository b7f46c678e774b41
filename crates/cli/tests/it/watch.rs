//! `wasmill run --watch`: what changes runs again, and nothing else. No test here sleeps: each waits for the line of a run.

use serde_json::Value;
use wasmill_testkit::{Project, Running};

use crate::fixtures::{ARITHMETIC, CHAIN, SHOUT, UPPER};
use crate::pipeline;

/// `b` and `alone` read the input; `c` reads `a` and `b`, which are of another unit.
const DIAMOND: &str = r#"wasmill: 1
name: diamond
inputs:
  n: { type: integer, default: 5 }
units:
  arithmetic: { path: arithmetic.wat }
  other: { path: other/unit.wat }
steps:
  a: { unit: arithmetic, function: add, with: [1, 2] }
  b: { unit: other, function: add, with: ["${{ inputs.n }}", 1] }
  c: { unit: arithmetic, function: add, with: ["${{ steps.a.output }}", "${{ steps.b.output }}"] }
  alone: { unit: arithmetic, function: add, with: ["${{ inputs.n }}", 0] }
outputs:
  sum: "${{ steps.c.output }}"
"#;

fn diamond() -> Project {
    pipeline(DIAMOND).file("arithmetic.wat", ARITHMETIC).file("other/unit.wat", ARITHMETIC)
}

fn watch(project: &Project, more: &[&str]) -> Running {
    project.wasmill([&["run", "pipeline.yaml", "--watch", "--output", "json"], more].concat()).start()
}

/// The document of the next run.
fn next(running: &mut Running) -> Value {
    serde_json::from_str(&running.line()).expect("a document is one line")
}

/// The steps whose every call was made, in the order of the file.
fn made(document: &Value) -> Vec<&str> {
    let steps = document["steps"].as_object().expect("a run document").iter();
    let is_made = |step: &Value| {
        let attempts = step["attempts"].as_array().expect("a run document");
        !attempts.is_empty() && attempts.iter().all(|receipt| receipt["kept_from"].is_null())
    };
    steps.filter(|(_, step)| is_made(step)).map(|(id, _)| id.as_str()).collect()
}

#[test]
fn a_change_of_a_unit_touches_what_follows_from_it() {
    let project = diamond();
    let mut running = watch(&project, &[]);
    let first = next(&mut running);
    assert_eq!((made(&first), &first["outputs"]["sum"]), (vec!["a", "b", "c", "alone"], &Value::from(9)));

    project.replace("other/unit.wat", ARITHMETIC.replace("i32.add", "i32.mul"));
    let second = next(&mut running);
    assert_eq!((made(&second), &second["outputs"]["sum"]), (vec!["b", "c"], &Value::from(8)));
    // An honest receipt: of the run that made it, and what it used there.
    let (then, now) = (&first["steps"]["a"]["attempts"][0], &second["steps"]["a"]["attempts"][0]);
    assert_eq!(now["kept_from"], first["run"]);
    assert_eq!((&now["usage"], &now["output"]), (&then["usage"], &then["output"]));
    assert_ne!(first["run"], second["run"]);

    // Another unit that gives the same: what reads it is kept.
    project.replace(
        "other/unit.wat",
        format!("{} ;; 1", ARITHMETIC.replace("i32.add", "i32.mul").replace("$widen", "$w")),
    );
    assert_eq!(made(&next(&mut running)), ["b"]);
}

#[test]
fn a_change_of_an_input_touches_what_reads_it() {
    let project = diamond().file("n.json", "5");
    let mut running = watch(&project, &["--input", "n=@n.json"]);
    assert_eq!(made(&next(&mut running)).len(), 4);
    project.replace("n.json", "6");
    let second = next(&mut running);
    assert_eq!((made(&second), &second["outputs"]["sum"]), (vec!["b", "c", "alone"], &Value::from(10)));
    // What was there before is still known.
    project.replace("n.json", "5");
    assert_eq!(made(&next(&mut running)), Vec::<&str>::new());
}

#[test]
fn a_change_of_a_step_touches_the_step() {
    let project = diamond();
    let mut running = watch(&project, &[]);
    next(&mut running);
    // A file that is written again, and is the same, changes nothing: the next run is that of the manifest.
    project.replace("arithmetic.wat", ARITHMETIC);
    project.replace("pipeline.yaml", DIAMOND.replace("[1, 2] }", "[1, 2], limits: { memory: 1MiB } }"));
    assert_eq!(made(&next(&mut running)), ["a"]);
    // A limit beside the unit is one of the step.
    project.replace(
        "other/Component.toml",
        "[component]\nname = \"unit\"\n[resources.memory]\nmax_bytes = 1048576\n[resources.cpu]\nmax_fuel = 1000\ntimeout_seconds = 1\n",
    );
    assert_eq!(made(&next(&mut running)), ["b"]);
}

#[test]
fn a_broken_manifest_is_waited_for() {
    let project = diamond();
    let mut running = watch(&project, &[]);
    next(&mut running);
    project.replace("pipeline.yaml", DIAMOND.replace("unit: other,", "unit: othr,"));
    let broken = next(&mut running);
    assert_eq!(broken["errors"][0]["code"], "WM0202", "{broken}");
    project.replace("pipeline.yaml", DIAMOND.replace("other/unit.wat", "later/unit.wat"));
    let missing = next(&mut running);
    assert_eq!(missing["errors"][0]["code"], "WM0301", "{missing}");
    // A folder that was not there.
    project.replace("later/unit.wat", ARITHMETIC);
    let mended = next(&mut running);
    assert_eq!((made(&mended), &mended["verdict"]), (Vec::<&str>::new(), &Value::from("ok")));
    running.signal("INT");
    assert_eq!(running.finish().expect(0).text(), "");
}

#[test]
fn a_run_that_failed_keeps_what_succeeded() {
    let project = pipeline(&CHAIN.replace("function: add\n    with: [", "function: divide\n    with: ["))
        .file("arithmetic.wat", ARITHMETIC);
    let mut running = watch(&project, &["--input", "a=0", "--input", "b=0"]);
    let failed = next(&mut running);
    assert_eq!(failed["steps"]["double"]["verdict"], "trap");
    project.replace("pipeline.yaml", CHAIN);
    let mended = next(&mut running);
    assert_eq!((made(&mended), &mended["outputs"]["doubled"]), (vec!["double"], &Value::from(0)));
}

#[test]
fn what_is_not_pure_runs_again() {
    let text = DIAMOND.replace("[1, 2] }", "[1, 2], grants: { clock: real } }");
    let project = pipeline(&text).file("arithmetic.wat", ARITHMETIC).file("other/unit.wat", ARITHMETIC);
    let mut running = watch(&project, &[]);
    next(&mut running);
    project.replace("pipeline.yaml", format!("{text}# The end.\n"));
    assert_eq!(made(&next(&mut running)), ["a"]);
}

#[test]
fn text_is_printed_as_ever() {
    let project = pipeline(SHOUT).file("upper.wat", UPPER).file("text.txt", "hello");
    let mut running = project.wasmill(["run", "pipeline.yaml", "--watch", "--input", "@text.txt"]).start();
    assert_eq!(running.line(), "HELLO\n");
    running.wait_for("waiting for changes");
    project.replace("text.txt", "bye");
    running.wait_for("changed: text.txt");
    assert_eq!(running.line(), "BYE\n");
    project.replace("pipeline.yaml", format!("{SHOUT}  again: \"${{{{ inputs.text }}}}\"\n"));
    running.wait_for("changed: pipeline.yaml");
    running.wait_for("shout  kept");
    running.wait_for("ok  1 step (1 kept)");
    running.wait_for("waiting for changes");
    running.signal("TERM");
    assert_eq!(running.finish().expect(0).text(), "{\n  \"shouted\": \"BYE\",\n  \"again\": \"bye\"\n}\n");
}

#[test]
fn a_pipeline_that_is_called_is_watched() {
    let outer = "wasmill: 1\nsteps: { sub: { pipeline: sub/pipeline.yaml } }\n";
    let project = pipeline(outer)
        .file("sub/pipeline.yaml", DIAMOND)
        .file("sub/arithmetic.wat", ARITHMETIC)
        .file("sub/other/unit.wat", ARITHMETIC);
    let mut running = watch(&project, &[]);
    let inner = |document: &Value| document["steps"]["sub"]["runs"][0].clone();
    assert_eq!(made(&inner(&next(&mut running))).len(), 4);
    project.replace("sub/other/unit.wat", ARITHMETIC.replace("i32.add", "i32.mul"));
    assert_eq!(made(&inner(&next(&mut running))), ["b", "c"]);
    project.replace("sub/pipeline.yaml", DIAMOND.replace("[1, 2] }", "[1, 3] }"));
    assert_eq!(made(&inner(&next(&mut running))), ["a", "c"]);
}

const SPIN: &str = r#"wasmill: 1
name: spin
units:
  spin: { wat: '(module (func (export "spin") (loop $forever (br $forever))) (func (export "stop")))' }
steps:
  first: { unit: spin, function: stop }
  spin: { unit: spin, function: spin, after: [first], profile: fast, limits: { timeout: 1s } }
"#;

#[test]
fn a_change_in_a_run_starts_the_next_one() {
    let project = pipeline(SPIN);
    let mut running = watch(&project, &[]);
    running.wait_for("▶ spin");
    project.replace("pipeline.yaml", SPIN.replace("function: spin", "function: stop"));
    assert_eq!(next(&mut running)["steps"]["spin"]["verdict"], "timed-out");
    let second = next(&mut running);
    assert_eq!((&second["verdict"], made(&second)), (&Value::from("ok"), vec!["spin"]));
}

#[test]
fn an_interrupt_ends_a_run_and_the_watch() {
    let project = pipeline(&SPIN.replace("timeout: 1s", "timeout: 10m"));
    let mut running = watch(&project, &[]);
    running.wait_for("▶ spin");
    running.signal("INT");
    let output = running.finish();
    let document: Value = serde_json::from_str(output.expect(130).text()).unwrap();
    assert_eq!(document["verdict"], "cancelled");
}

#[test]
fn a_reader_that_goes_away_ends_it() {
    let project = diamond();
    let mut running = watch(&project, &[]);
    next(&mut running);
    running.close_stdout();
    project.replace("arithmetic.wat", format!("{ARITHMETIC} ;; again"));
    assert_eq!(running.finish().code, Some(0));
}

#[test]
fn pipelines_that_call_each_other_are_mended() {
    let round = "wasmill: 1\nunits: { x: { pipeline: ../d/a.yaml }, y: { pipeline: ../d/../d/a.yaml } }\nsteps: { s: { unit: x }, t: { unit: y } }\n";
    let project = pipeline("").file("d/a.yaml", round);
    let mut running = project.wasmill(["run", "d/a.yaml", "--watch", "--output", "json"]).start();
    assert!(next(&mut running)["errors"].to_string().contains("pipelines call each other"));
    project.replace(
        "d/a.yaml",
        "wasmill: 1\nunits: { one: { wat: '(module (func (export \"one\") (result i64) (i64.const 1)))' } }\nsteps: { one: { unit: one } }\n",
    );
    assert_eq!(next(&mut running)["outputs"]["one"], 1);
    running.signal("INT");
    running.finish();
}
