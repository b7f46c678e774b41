//! `wasmill export` and `wasmill replay`: a run in one file, made again, and every change of it found by name.

use std::fs;

use base64::Engine as _;
use serde_json::{Value, json};
use wasmill_testkit::{Output, Project};

use crate::fixtures::{ARITHMETIC, CAT};
use crate::pipeline;

const SUMS: &str = r#"wasmill: 1
name: sums
inputs:
  n: { type: integer, default: 5 }
units:
  arithmetic: { path: arithmetic.wat }
  cat: { path: cat.wat }
steps:
  a: { unit: arithmetic, function: add, with: [1, "${{ inputs.n }}"] }
  b: { unit: arithmetic, function: widen, foreach: [1, 2, 3], with: ["${{ item }}"] }
  real: { unit: cat, with: "${{ string(steps.a.output) }}", grants: { clock: real } }
outputs:
  sum: "${{ steps.a.output }}"
  wide: "${{ steps.b.output }}"
  said: "${{ steps.real.output }}"
"#;

fn sums() -> Project {
    pipeline(SUMS).file("arithmetic.wat", ARITHMETIC).file("cat.wat", CAT)
}

fn exported(project: &Project, more: &[&str]) -> Value {
    project.wasmill([&["export", "pipeline.yaml", "-o", "run.wasmill"], more].concat()).run().expect(0);
    serde_json::from_str(&fs::read_to_string(project.path().join("run.wasmill")).unwrap()).unwrap()
}

fn replay(project: &Project, more: &[&str]) -> Output {
    project.wasmill([&["replay", "run.wasmill"], more].concat()).run()
}

fn told(output: &Output, code: i32) -> Value {
    serde_json::from_str(output.expect(code).text()).unwrap()
}

#[test]
fn a_run_is_made_again_where_nothing_else_is_left() {
    let project = sums();
    let bundle = exported(&project, &["--input", "n=41"]);
    assert_eq!(bundle["recorded"]["run"]["outputs"]["sum"], 42);
    for file in ["pipeline.yaml", "arithmetic.wat", "cat.wat"] {
        fs::remove_file(project.path().join(file)).unwrap();
    }
    let output = replay(&project, &[]);
    assert!(output.expect(0).text().contains("the same: 4 calls were made again"), "{output}");
    assert!(output.text().contains("taken from the record: real"), "{output}");
    let document = told(&replay(&project, &["--output", "json"]), 0);
    assert_eq!(document["run"], bundle["recorded"]["run"]["run"]);
    assert_eq!(
        (&document["same"], &document["computed"], &document["taken"]),
        (&json!(true), &json!(4), &json!(["real"]))
    );
    // Somebody who wants all of it computed is told that it is not.
    assert!(replay(&project, &["--verify"]).expect(1).text().contains("--verify wants all of it computed"));
}

#[test]
fn another_engine_gives_the_same_and_its_fuel_is_its_own() {
    let project = sums();
    exported(&project, &[]);
    let document = told(&replay(&project, &["--engine", "wasmi", "--output", "json"]), 0);
    assert_eq!(document["other_engine"], json!(["a", "b"]));
}

#[test]
fn the_run_can_be_one_that_was_made_before() {
    let project = sums();
    let run = project.wasmill(["run", "pipeline.yaml", "--input", "n=2", "--output", "json"]).run();
    let project = project.file("run.json", run.expect(0).text());
    let bundle = exported(&project, &["--input", "n=2", "--run", "run.json"]);
    assert_eq!(bundle["recorded"]["run"]["outputs"]["sum"], 3);
    replay(&project, &[]).expect(0);
    // With other inputs than it had, it is not that run.
    exported(&project, &["--input", "n=3", "--run", "run.json"]);
    let output = replay(&project, &[]);
    assert!(output.expect(1).text().contains("step `a` has another input"), "{output}");
}

#[test]
fn large_values_of_a_run_that_was_made_before_are_fetched() {
    let project = pipeline(
        "wasmill: 1\ninputs: { text: string }\nunits: { cat: cat.wat }\nsteps:\n  a: { unit: cat, with: \"${{ inputs.text }}\" }\n",
    )
    .file("cat.wat", CAT)
    .file("text.txt", "x".repeat(300_000));
    let input = ["--input", "text=@text.txt"];
    let run = ["run", "pipeline.yaml", "--output", "json", "--blobs", "kept"];
    let run = project.wasmill([&run[..], &input].concat()).run();
    assert!(run.expect(0).text().contains("$blob"), "{run}");
    let project = project.file("run.json", run.text());
    let export = |more: &[&str]| {
        let export = ["export", "pipeline.yaml", "--run", "run.json", "-o", "run.wasmill"];
        project.wasmill([&export[..], &input, more].concat()).run()
    };
    let refused = export(&["--blobs", "kept"]);
    assert!(refused.expect(2).stderr.contains("refers to a large value"), "{refused}");
    assert!(refused.stderr.contains("--allow-blobs"), "{refused}");
    let gone = export(&["--allow-blobs", "--blobs", "nowhere"]);
    assert!(gone.expect(2).stderr.contains("nowhere"), "{gone}");
    export(&["--allow-blobs", "--blobs", "kept"]).expect(0);
    replay(&project, &["--verify"]).expect(0);
}

#[test]
fn a_part_that_was_changed_is_named() {
    let project = sums();
    let bundle = exported(&project, &["--input", "n=41"]);
    let changes: [(&str, Value, &str); 8] = [
        ("/pipeline", json!(SUMS.replace("inputs.n", "inputs.n + 1")), "the pipeline was changed"),
        ("/inputs/n", json!(40), "the inputs was changed"),
        ("/units/cat", bundle["units"]["arithmetic"].clone(), "the unit `cat` was changed"),
        ("/recorded/run/outputs/sum", json!(43), "the outputs of the run was changed"),
        ("/recorded/run/steps/a/output", json!(43), "the receipts or the output of the step `a` was changed"),
        (
            "/recorded/run/steps/b/attempts/1/usage/fuel",
            json!(1),
            "the receipts or the output of the step `b` was changed",
        ),
        ("/recorded/digests/inputs", json!("00"), "the inputs was changed"),
        ("/recorded/run/verdict", json!("failed"), "`verdict` of the run was changed"),
    ];
    for (place, value, said) in changes {
        let mut changed = bundle.clone();
        *changed.pointer_mut(place).unwrap() = value;
        fs::write(project.path().join("run.wasmill"), changed.to_string()).unwrap();
        let output = replay(&project, &[]);
        let stderr = &output.expect(2).stderr;
        assert!(stderr.contains("WM0323") && stderr.contains(said), "{place}: {output}");
    }
    let mut without = bundle.clone();
    without["units"].as_object_mut().unwrap().remove("cat");
    fs::write(project.path().join("run.wasmill"), without.to_string()).unwrap();
    assert!(replay(&project, &[]).expect(2).stderr.contains("the unit `cat` was taken out"));
}

/// Whoever changes a part can give it a digest that fits: then making the run again shows it.
#[test]
fn a_forger_who_knows_the_digests_is_found_by_the_run() {
    let project = sums();
    let bundle = exported(&project, &["--input", "n=41"]);
    let digest = |value: &Value| wasmill_model::Value::from_json(value.to_string().as_bytes()).unwrap().digest();
    let forge = |changes: &[(&str, Value)]| {
        let mut forged = bundle.clone();
        for (place, value) in changes {
            *forged.pointer_mut(place).unwrap() = value.clone();
        }
        let run = forged["recorded"]["run"].clone();
        let sealed = [
            ("inputs".to_owned(), digest(&forged["inputs"])),
            ("run.steps.a".to_owned(), digest(&run["steps"]["a"])),
            ("run.steps.b".to_owned(), digest(&run["steps"]["b"])),
            ("run.steps.real".to_owned(), digest(&run["steps"]["real"])),
            ("run.outputs".to_owned(), digest(&run["outputs"])),
            ("units.arithmetic".to_owned(), digest(&forged["units"]["arithmetic"])),
        ];
        for (part, digest) in sealed {
            forged["recorded"]["digests"][part] = json!(digest.to_string());
        }
        fs::write(project.path().join("run.wasmill"), forged.to_string()).unwrap();
        told(&replay(&project, &["--output", "json"]), 1)["difference"].clone()
    };
    let output = wasmill_model::Value::Int(43).digest().to_string();
    let found = forge(&[
        ("/recorded/run/steps/a/output", json!(43)),
        ("/recorded/run/steps/a/attempts/0/output", json!(output)),
        ("/recorded/run/outputs/sum", json!(43)),
    ]);
    assert_eq!(
        (&found["step"], &found["what"], &found["recorded"]),
        (&json!("a"), &json!("output"), &json!(format!("sha256:{output}")))
    );
    let found = forge(&[("/recorded/run/steps/b/attempts/1/usage/fuel", json!(1))]);
    assert_eq!((&found["step"], &found["item"], &found["what"]), (&json!("b"), &json!(1), &json!("fuel")));
    let found = forge(&[("/inputs/n", json!(40))]);
    assert_eq!((&found["step"], &found["what"]), (&json!("a"), &json!("input")));
    let other = wat::parse_str(ARITHMETIC.replace("i32.add", "i32.sub")).unwrap();
    let found = forge(&[("/units/arithmetic", json!(base64::engine::general_purpose::STANDARD.encode(other)))]);
    assert_eq!((&found["step"], &found["what"]), (&json!("a"), &json!("unit")));
}

/// A bundle with one value replaced, and all digests made right again.
fn resealed(bundle: &Value, place: &str, value: Value) -> Value {
    let digest = |value: &Value| {
        json!(wasmill_model::Value::from_json(value.to_string().as_bytes()).unwrap().digest().to_string())
    };
    let mut forged = bundle.clone();
    *forged.pointer_mut(place).unwrap_or_else(|| panic!("{place}: {bundle}")) = value;
    let run = forged["recorded"]["run"].clone();
    let mut digests = serde_json::Map::new();
    for (part, value) in run.as_object().unwrap() {
        match value.as_object().filter(|_| part == "steps") {
            Some(steps) => digests.extend(steps.iter().map(|(id, step)| (format!("run.steps.{id}"), digest(step)))),
            None => drop(digests.insert(format!("run.{part}"), digest(value))),
        }
    }
    let kept = forged["recorded"]["digests"].as_object_mut().unwrap();
    digests.into_iter().for_each(|(part, digest)| drop(kept.insert(part, digest)));
    forged
}

/// Nothing of a record can be another without being named: not in a receipt, not in a step, not in the run.
#[test]
fn each_part_of_a_record_is_held_against_the_run() {
    let text = r#"wasmill: 1
name: parts
on_failure: continue
units: { a: { path: a.wat }, cat: { path: cat.wat } }
steps:
  sum: { unit: a, function: add, with: [1, 2] }
  noisy: { unit: cat, with: "x", grants: { args: ["-x"] }, fallback: { value: "none" } }
  zero: { unit: a, function: divide, with: [1, 0] }
  many: { unit: a, function: divide, foreach: [5, 0], with: [10, "${{ item }}"] }
"#;
    let project = pipeline(text).file("a.wat", ARITHMETIC).file("cat.wat", CAT);
    let bundle = exported(&project, &[]);
    replay(&project, &[]).expect(0);
    let receipt = "/recorded/run/steps/sum/attempts/0";
    let other = "0".repeat(64);
    for (place, value, step, what) in [
        (format!("{receipt}/unit"), json!(other), Some("sum"), "unit"),
        (format!("{receipt}/interface"), json!("bytes"), Some("sum"), "interface"),
        (format!("{receipt}/function"), json!("sub"), Some("sum"), "function"),
        (format!("{receipt}/profile"), json!("fast"), Some("sum"), "profile"),
        (format!("{receipt}/limits/memory"), json!(65536), Some("sum"), "limits"),
        (format!("{receipt}/grants/clock"), json!("real"), Some("sum"), "grants"),
        (format!("{receipt}/input"), json!(other), Some("sum"), "input"),
        (format!("{receipt}/output"), json!(other), Some("sum"), "output"),
        (format!("{receipt}/usage/fuel"), json!(1), Some("sum"), "fuel"),
        (format!("{receipt}/usage/peak_memory"), json!(1), Some("sum"), "peak memory"),
        (format!("{receipt}/usage/bytes_in"), json!(1), Some("sum"), "bytes in"),
        (format!("{receipt}/usage/bytes_out"), json!(1), Some("sum"), "bytes out"),
        ("/recorded/run/steps/sum/output".to_owned(), json!(4), Some("sum"), "output"),
        ("/recorded/run/steps/noisy/attempts/0/log".to_owned(), json!("quiet"), Some("noisy"), "log"),
        ("/recorded/run/steps/noisy/attempts/0/message".to_owned(), json!("other"), Some("noisy"), "message"),
        ("/recorded/run/steps/noisy/fallback".to_owned(), json!("unit cat"), Some("noisy"), "fallback"),
        ("/recorded/run/steps/sum/attempts".to_owned(), json!([]), Some("sum"), "attempts"),
        ("/recorded/run/steps/many/partial".to_owned(), json!([3, null]), Some("many"), "partial"),
        ("/recorded/run/outputs/sum".to_owned(), json!(4), None, "outputs"),
        ("/recorded/run/verdict".to_owned(), json!("ok"), None, "verdict"),
        ("/recorded/run/error/code".to_owned(), json!("WM0603"), None, "error"),
    ] {
        let forged = resealed(&bundle, &place, value);
        fs::write(project.path().join("run.wasmill"), forged.to_string()).unwrap();
        let found = told(&replay(&project, &["--output", "json"]), 1)["difference"].clone();
        assert_eq!((found["step"].as_str(), &found["what"]), (step, &json!(what)), "{place}: {found}");
    }
    // A verdict of a step, with that of its attempt or without.
    for places in [&["/attempts/0/verdict", "/verdict"][..], &["/attempts/0/verdict"]] {
        let mut forged = bundle.clone();
        for place in places {
            forged = resealed(&forged, &format!("/recorded/run/steps/sum{place}"), json!("cancelled"));
        }
        fs::write(project.path().join("run.wasmill"), forged.to_string()).unwrap();
        let found = told(&replay(&project, &["--output", "json"]), 1)["difference"].clone();
        assert_eq!((&found["step"], &found["what"]), (&json!("sum"), &json!("verdict")), "{found}");
    }
    // What nobody sealed was put in.
    let mut more = bundle.clone();
    more["recorded"]["run"]["steps"]["ghost"] = more["recorded"]["run"]["steps"]["sum"].clone();
    fs::write(project.path().join("run.wasmill"), more.to_string()).unwrap();
    let output = replay(&project, &[]);
    assert!(output.expect(2).stderr.contains("the receipts or the output of the step `ghost` was added"), "{output}");
}

/// What a step says beside its output is part of the record, too.
#[test]
fn what_is_said_beside_an_output_is_compared() {
    let project = pipeline(crate::dialects::DAG);
    let bundle = exported(&project, &["--input", "hello world"]);
    replay(&project, &[]).expect(0);
    let forged = resealed(&bundle, "/recorded/run/steps/count/metadata/word_count", json!(3));
    fs::write(project.path().join("run.wasmill"), forged.to_string()).unwrap();
    let found = told(&replay(&project, &["--output", "json"]), 1)["difference"].clone();
    assert_eq!((&found["step"], &found["what"]), (&json!("count"), &json!("metadata")), "{found}");
}

/// A unit that leaves a file where it was called.
const TOUCH: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "touched")
  (func (export "_start")
    (if (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 7) (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 0))
      (then (unreachable)))))"#;

#[test]
fn what_has_no_answer_in_the_record_is_not_called_to_get_one() {
    let text = "wasmill: 1\nname: touch\nunits: { touch: { path: touch.wat } }\nsteps:\n  touch: { unit: touch, grants: { dirs: { ./data: { at: /data, mode: rw } } } }\n";
    let project = pipeline(text).file("touch.wat", TOUCH).file("data/file", "");
    let bundle = exported(&project, &[]);
    let touched = project.path().join("data/touched");
    fs::remove_file(&touched).unwrap();
    replay(&project, &[]).expect(0);
    assert!(!touched.exists());
    let place = "/recorded/run/steps/touch/attempts";
    fs::write(project.path().join("run.wasmill"), resealed(&bundle, place, json!([])).to_string()).unwrap();
    replay(&project, &[]).expect(1);
    assert!(!touched.exists());
}

#[test]
fn numbers_that_json_has_no_word_for_are_the_same_again() {
    let wat = "(module (func (export \"f\") (param f64) (result f64) (f64.div (local.get 0) (f64.const 0))))";
    let steps = "  nan: { unit: u, function: f, with: [0.0] }\n  inf: { unit: u, function: f, foreach: [1.0, -1.0], with: [\"${{ item }}\"] }\n  \
                 real: { unit: u, function: f, with: [0.0], grants: { clock: real } }\n";
    let manifest = format!(
        "wasmill: 1\nunits:\n  u: {{ wat: '{wat}' }}\nsteps:\n{steps}outputs: {{ nan: \"${{{{ steps.nan.output }}}}\" }}\n"
    );
    let project = pipeline(&manifest);
    let bundle = exported(&project, &[]);
    assert_eq!(bundle["recorded"]["run"]["outputs"]["nan"], "NaN");
    let document = told(&replay(&project, &["--output", "json"]), 0);
    assert_eq!((&document["same"], &document["taken"]), (&json!(true), &json!(["real"])), "{document}");
}

#[test]
fn a_record_does_not_choose_what_is_verified() {
    let project = pipeline(
        "wasmill: 1\nunits: { u: { wat: '(module (func (export \"f\") (result i32) i32.const 7))' } }\nsteps:\n  a: { unit: u, function: f }\n",
    );
    let bundle = exported(&project, &[]);
    assert_eq!(replay(&project, &["--verify"]).code, Some(0));
    let forged = resealed(&bundle, "/recorded/run/steps/a/attempts/0/engine/version", json!("0.0.1"));
    let forged = resealed(&forged, "/recorded/run/steps/a/attempts/0/usage/fuel", json!(1));
    fs::write(project.path().join("run.wasmill"), forged.to_string()).unwrap();
    // Fuel is an engine's own: what was not compared is said, and is not verified.
    assert_eq!(replay(&project, &[]).code, Some(0));
    let output = replay(&project, &["--verify"]);
    assert!(output.expect(1).text().contains("--verify compares them"), "{output}");
    assert_eq!(replay(&project, &["--verify", "--engine", "wasmi"]).code, Some(0));
}

#[test]
fn what_was_written_is_told_as_json() {
    let project = sums();
    let output = project.wasmill(["export", "pipeline.yaml", "-o", "run.wasmill", "--output", "json"]).run();
    let document = told(&output, 0);
    let size = fs::metadata(project.path().join("run.wasmill")).unwrap().len();
    assert_eq!(
        (&document["bundle"], &document["bytes"], &document["verdict"]),
        (&json!("run.wasmill"), &json!(size), &json!("ok"))
    );
}

#[test]
fn what_reached_outside_is_taken_from_the_record() {
    let text = r#"wasmill: 1
name: outside
units: { cat: { path: cat.wat } }
steps:
  folder: { unit: cat, with: "one", grants: { dirs: { ./data: { at: /data, mode: rw } } } }
  secret: { unit: cat, with: "two", grants: { secrets: [API_KEY] } }
  after: { unit: cat, with: "${{ steps.folder.output + steps.secret.output }}" }
"#;
    let project = pipeline(text).file("cat.wat", CAT).file("data/file", "");
    let bundle = project.wasmill(["export", "pipeline.yaml", "-o", "run.wasmill", "--secret", "API_KEY=env:KEY"]);
    bundle.env("KEY", "do not tell").run().expect(0);
    assert!(!fs::read_to_string(project.path().join("run.wasmill")).unwrap().contains("do not tell"));
    fs::remove_dir_all(project.path().join("data")).unwrap();
    let document = told(&replay(&project, &["--output", "json"]), 0);
    assert_eq!((&document["taken"], &document["computed"]), (&json!(["folder", "secret"]), &json!(1)));
}

/// Its output is no output of the run, and still what a replay has to hand on.
#[test]
fn a_step_over_its_budget_is_over_it_again() {
    let text = r#"wasmill: 1
name: dear
units: { cat: { path: cat.wat } }
steps:
  real: { unit: cat, with: "${{ item }}", foreach: [one, two], grants: { clock: real }, budget: { fuel: FUEL } }
  after: { unit: cat, with: "${{ steps.real.output[0] }}" }
"#;
    let project = pipeline(&text.replace("FUEL", "1_000_000")).file("cat.wat", CAT);
    let used = |project: &Project| -> u64 {
        let bundle = exported(project, &[]);
        let attempts = bundle["recorded"]["run"]["steps"]["real"]["attempts"].as_array().unwrap();
        attempts.iter().map(|attempt| attempt["usage"]["fuel"].as_u64().unwrap()).sum()
    };
    let fuel = used(&project);
    project.replace("pipeline.yaml", text.replace("FUEL", &(fuel - 1).to_string()));
    assert_eq!(exported(&project, &[])["recorded"]["run"]["verdict"], "failed");
    let output = replay(&project, &[]);
    assert!(output.expect(0).text().contains("taken from the record: real"), "{output}");
}

/// What is not pure is not called, whatever a forger says of its grants or takes out of the record.
#[test]
fn what_reaches_outside_is_never_called_again() {
    let text = r#"wasmill: 1
name: outside
units: { cat: { path: cat.wat } }
steps:
  folder: { unit: cat, with: "one", grants: { dirs: { ./data: { at: /data, mode: rw } } } }
"#;
    let project = pipeline(text).file("cat.wat", CAT).file("data/file", "");
    let bundle = exported(&project, &[]);
    let digest =
        |value: &Value| wasmill_model::Value::from_json(value.to_string().as_bytes()).unwrap().digest().to_string();
    let forge = |change: &dyn Fn(&mut Value)| {
        let mut forged = bundle.clone();
        change(&mut forged["recorded"]["run"]);
        let run = forged["recorded"]["run"].clone();
        forged["recorded"]["digests"]["run.steps.folder"] = json!(digest(&run["steps"]["folder"]));
        forged["recorded"]["digests"]["run.outputs"] = json!(digest(&run["outputs"]));
        if !run["steps"]["ghost"].is_null() {
            forged["recorded"]["digests"]["run.steps.ghost"] = json!(digest(&run["steps"]["ghost"]));
        }
        fs::write(project.path().join("run.wasmill"), forged.to_string()).unwrap();
        told(&replay(&project, &["--verify", "--output", "json"]), 1)
    };
    let document = forge(&|run| {
        run["steps"]["folder"]["output"] = json!("forged");
        run["outputs"]["folder"] = json!("forged");
        let receipt = &mut run["steps"]["folder"]["attempts"][0];
        receipt["output"] = json!(wasmill_model::Value::from("forged").digest().to_string());
        receipt["grants"].as_object_mut().unwrap().remove("dirs");
    });
    assert_eq!((&document["difference"]["what"], &document["taken"]), (&json!("grants"), &json!(["folder"])));
    let document = forge(&|run| run["steps"]["folder"]["attempts"] = json!([]));
    assert_eq!((&document["same"], &document["computed"]), (&json!(false), &json!(0)));
    let document = forge(&|run| run["steps"]["ghost"] = run["steps"]["folder"].clone());
    assert_eq!(document["same"], false);
}

#[test]
fn a_run_that_failed_fails_the_same_way() {
    let text = "wasmill: 1\nunits: { a: { path: a.wat } }\nsteps:\n  s: { unit: a, function: divide, with: [1, 0], retry: { attempts: 2, initial: 1ms } }\n  t: { unit: a, function: widen, with: [\"${{ steps.s.output }}\"] }\n";
    let project = pipeline(text).file("a.wat", ARITHMETIC);
    let bundle = exported(&project, &[]);
    assert_eq!(bundle["recorded"]["run"]["verdict"], "failed");
    let document = told(&replay(&project, &["--output", "json"]), 0);
    assert_eq!(document["same"], true);
}

#[test]
fn pipelines_that_call_pipelines_are_compared_within() {
    let inner =
        "wasmill: 1\nunits: { a: { path: ../a.wat } }\nsteps: { s: { unit: a, function: add, with: [1, 2] } }\n";
    let outer = "wasmill: 1\nsteps: { one: { pipeline: in/p.yaml } }\n";
    let project = pipeline(outer).file("a.wat", ARITHMETIC).file("in/p.yaml", inner);
    let bundle = exported(&project, &[]);
    replay(&project, &[]).expect(0);
    let run = "/recorded/run/steps/one/runs";
    let other = "0".repeat(64);
    for (place, value, step, what) in [
        ("/0/steps/s/attempts/0/usage/fuel", json!(1), "one/s", "fuel"),
        ("/0/steps/s/attempts/0/unit", json!(other), "one/s", "unit"),
        ("/0/steps/s/attempts/0/input", json!(other), "one/s", "input"),
        ("/0/steps/s/output", json!(4), "one/s", "output"),
        ("/0/input", json!(other), "one", "input"),
        ("/0/outputs/s", json!(4), "one", "outputs"),
        ("/0/verdict", json!("cancelled"), "one", "verdict"),
        ("/0/usage/bytes_in", json!(1), "one", "usage"),
        ("", json!([]), "one", "attempts"),
    ] {
        let forged = resealed(&bundle, &format!("{run}{place}"), value);
        fs::write(project.path().join("run.wasmill"), forged.to_string()).unwrap();
        let found = told(&replay(&project, &["--output", "json"]), 1)["difference"].clone();
        assert_eq!((&found["step"], &found["what"]), (&json!(step), &json!(what)), "{place}: {found}");
    }
}

#[test]
fn what_is_no_bundle_is_said() {
    let project = sums();
    assert!(replay(&project, &[]).expect(2).stderr.contains("wasmill export FILE"));
    let request = project.wasmill(["build", "pipeline.yaml", "--request"]).run();
    let project = project.file("run.wasmill", request.expect(0).text());
    assert!(replay(&project, &[]).expect(2).stderr.contains("has no record of a run"));
    project.replace("run.wasmill", "{");
    replay(&project, &[]).expect(2);
    // A bundle is a run request, too.
    let bundle = exported(&project, &["--input", "n=1"]);
    let bytes = fs::read(project.path().join("run.wasmill")).unwrap();
    let output = project.wasmill(["run", "-"]).stdin(bytes.clone()).run();
    assert_eq!(told(&output, 0)["outputs"]["sum"], 2);
    project.wasmill(["replay", "-"]).stdin(bytes).run().expect(0);
    let later = resealed(&bundle, "/recorded/run/wasmill", json!(2));
    fs::write(project.path().join("run.wasmill"), later.to_string()).unwrap();
    assert!(replay(&project, &[]).expect(2).stderr.contains("version 2"));
    // An error in it shows no line that nobody reads.
    fs::write(project.path().join("run.wasmill"), format!("{bundle}\nmore")).unwrap();
    let output = replay(&project, &[]);
    assert!(output.expect(2).stderr.len() < 2_000, "{output}");
}

#[test]
fn a_run_that_was_made_before_is_one_of_this_pipeline() {
    let project = sums();
    let run = project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run();
    let project = project.file("run.json", run.expect(0).text());
    let export = || project.wasmill(["export", "pipeline.yaml", "--run", "run.json", "-o", "run.wasmill"]).run();
    export().expect(0);
    project.replace("arithmetic.wat", ARITHMETIC.replace("i32.add", "i32.sub"));
    assert!(export().expect(2).stderr.contains("called another unit in step `a`"));
    project.replace("arithmetic.wat", ARITHMETIC);
    project.replace("pipeline.yaml", SUMS.replace("name: sums", "name: others"));
    assert!(export().expect(2).stderr.contains("is a run of the pipeline `sums`, and not of `others`"));
    project.replace("pipeline.yaml", SUMS.replace("  b: {", "  c: {").replace("steps.b", "steps.c"));
    assert!(export().expect(2).stderr.contains("has a step `b`, and the pipeline has none"));
    project.replace("run.json", run.text().replace("\"wasmill\": 1", "\"wasmill\": 2"));
    assert!(export().expect(2).stderr.contains("is of version 2"));
}

/// Data with members that are called as references are is data, in inputs and in outputs, however it was put in.
#[test]
fn data_that_looks_like_a_reference_is_data_again() {
    let text = "wasmill: 1\ninputs: { o: any }\nsteps: { o: { unit: cat, with: \"${{ inputs.o }}\", as: json } }\nunits: { cat: cat.wat }\n";
    let project = pipeline(text).file("cat.wat", CAT);
    for data in
        [json!({ "$$base64": "aGk=" }), json!({ "$$base64": "zz", "k": [{ "$$$blob": 1 }] }), json!({ "$$blob": "zz" })]
    {
        let input = format!("o={data}");
        let bundle = exported(&project, &["--input", &input]);
        assert_eq!(bundle["inputs"]["o"], data);
        replay(&project, &["--verify"]).expect(0);
        let run = project.wasmill(["run", "pipeline.yaml", "--input", &input, "--output", "json"]).run();
        project.replace("run.json", run.expect(0).text());
        exported(&project, &["--input", &input, "--run", "run.json"]);
        replay(&project, &["--verify"]).expect(0);
        // Without a file, they are what they are with one.
        let bytes = fs::read(project.path().join("run.wasmill")).unwrap();
        let alone = told(&project.wasmill(["run", "-"]).stdin(bytes).run(), 0);
        assert_eq!(alone["outputs"], told(&run, 0)["outputs"], "{data}");
    }
}

#[test]
fn answers_that_were_kept_in_called_pipelines_are_the_same_again() {
    let inner = "wasmill: 1\nunits: { a: { path: ../a.wat } }\nsteps: { s: { unit: a, function: add, with: [1, 2], cache: auto } }\n";
    let outer = "wasmill: 1\nsteps: { one: { pipeline: in/p.yaml } }\n";
    let project = pipeline(outer).file("a.wat", ARITHMETIC).file("in/p.yaml", inner);
    for kept in [false, true] {
        let run = project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run();
        let receipt = &told(&run, 0)["steps"]["one"]["runs"][0]["steps"]["s"]["attempts"][0];
        assert_eq!(receipt["kept_from"].is_string(), kept, "{receipt}");
        project.replace("run.json", run.text());
        exported(&project, &["--run", "run.json"]);
        replay(&project, &["--verify"]).expect(0);
    }
}

const SPIN: &str = r#"(module (func (export "spin") (param $until i64) (result i64)
  (loop $on
    (local.set $until (i64.sub (local.get $until) (i64.const 1)))
    (br_if $on (i64.ne (local.get $until) (i64.const 0))))
  (local.get $until))
  (func (export "none") (param i64) (result i64) unreachable))"#;

/// Where the clock ended something is chance: it is not held against the clock again, on any engine.
#[test]
fn what_the_clock_ended_is_taken() {
    let text = r#"wasmill: 1
name: late
on_failure: best-effort
defaults: { limits: { fuel: 1_000_000_000_000_000 } }
units: { u: { path: u.wat } }
steps:
  attempt: { unit: u, function: spin, with: [0], limits: { timeout: 30ms }, retry: { attempts: 2, initial: 1ms }, fallback: { value: 1 } }
  items: { unit: u, function: spin, foreach: [5, 0, 6, 7, 0, 8], with: ["${{ item }}"], timeout: 50ms, fallback: { value: 2 } }
  retried: { unit: u, function: none, with: [1], timeout: 40ms, retry: { attempts: 9, initial: 1h, max: 1h } }
  called: { pipeline: in/p.yaml, fallback: { value: 3 } }
  stopped: { pipeline: in/q.yaml, timeout: 60ms }
"#;
    let inner = "wasmill: 1
units: { u: { path: ../u.wat } }
steps: { s: { unit: u, function: spin, with: [0], limits: { fuel: 1_000_000_000_000_000 } } }
";
    let project = pipeline(text)
        .file("u.wat", SPIN)
        .file("in/p.yaml", format!("timeout: 50ms\n{inner}"))
        .file("in/q.yaml", inner);
    let bundle = exported(&project, &[]);
    let steps = &bundle["recorded"]["run"]["steps"];
    for (step, verdict) in [
        ("attempt", "ok"),
        ("items", "timed-out"),
        ("retried", "timed-out"),
        ("called", "ok"),
        ("stopped", "timed-out"),
    ] {
        assert_eq!(steps[step]["verdict"], verdict, "{step}: {}", steps[step]);
    }
    for engine in ["wasmtime", "wasmi"] {
        let document = told(&replay(&project, &["--engine", engine, "--output", "json"]), 0);
        assert_eq!(document["taken"], json!(["attempt", "items", "called", "stopped"]), "{document}");
    }
    // Somebody who wants all of it computed is told that it is not.
    replay(&project, &["--verify"]).expect(1);
}

/// Who was in time on one machine need not be on another, or on another engine.
#[test]
fn what_ended_in_time_has_more_of_it() {
    let text = "wasmill: 1\nunits: { u: { path: u.wat } }\nsteps: { slow: { unit: u, function: spin, with: [5000000], limits: { timeout: 40s }, timeout: 50s } }\ntimeout: 60s\n";
    let project = pipeline(text).file("u.wat", SPIN);
    let bundle = exported(&project, &[]);
    assert_eq!(bundle["recorded"]["run"]["verdict"], "ok");
    // As if a machine had made it that is thousands of times as fast.
    let pipeline = text.replace("40s", "1ms").replace("50s", "1ms").replace("60s", "1ms");
    let mut fast = resealed(&bundle, "/recorded/run/steps/slow/attempts/0/limits/timeout_ms", json!(1));
    fast["recorded"]["digests"]["pipeline"] = json!(wasmill_model::Value::from(pipeline.as_str()).digest().to_string());
    fast["pipeline"] = json!(pipeline);
    fs::write(project.path().join("run.wasmill"), fast.to_string()).unwrap();
    replay(&project, &["--verify"]).expect(0);
}

#[test]
fn a_run_that_was_stopped_is_not_made_again() {
    let text = "wasmill: 1\ntimeout: 50ms\nunits: { u: { path: u.wat } }\nsteps: { s: { unit: u, function: spin, with: [0], limits: { fuel: 1_000_000_000_000_000 } } }\n";
    let project = pipeline(text).file("u.wat", SPIN);
    let output = project.wasmill(["export", "pipeline.yaml", "-o", "run.wasmill"]).run();
    assert!(output.expect(0).stderr.contains("warning: the run was stopped"), "{output}");
    let output = replay(&project, &[]);
    assert!(output.expect(2).stderr.contains("nobody can make it again"), "{output}");
}
