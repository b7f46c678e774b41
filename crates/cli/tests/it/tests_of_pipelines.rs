//! `wasmill test`, and budgets.

use std::fs;

use serde_json::Value;
use wasmill_testkit::{Output, Project};

use crate::fixtures::{ARITHMETIC, CAT, UPPER};
use crate::pipeline;

const SUMS: &str = r#"wasmill: 1
name: sums
inputs:
  n: { type: integer, default: 5 }
  text: { type: string, default: "" }
units:
  arithmetic: { path: arithmetic.wat }
  upper: { path: upper.wat }
steps:
  a: { unit: arithmetic, function: add, with: ["${{ inputs.n }}", 1] }
  loud: { unit: upper, with: "${{ inputs.text }}", when: "${{ inputs.text != '' }}" }
  by: { unit: arithmetic, function: divide, with: [100, "${{ inputs.n }}"] }
outputs:
  sum: "${{ steps.a.output }}"
  loud: "${{ steps.loud.verdict == 'ok' ? steps.loud.output : '' }}"
  by: "${{ steps.by.output }}"
"#;

fn sums(tests: &str) -> Project {
    let project = pipeline(&format!("{SUMS}{tests}"));
    project.file("arithmetic.wat", ARITHMETIC).file("upper.wat", UPPER).file("data/words.txt", "one\ntwo\n")
}

fn test(project: &Project, more: &[&str]) -> Output {
    project.wasmill([&["test", "pipeline.yaml"], more].concat()).run()
}

fn json(project: &Project, code: i32) -> Value {
    serde_json::from_str(test(project, &["--output", "json"]).expect(code).text()).unwrap()
}

#[test]
fn cases_that_hold() {
    let project = sums(
        "tests:
  usual: { outputs: { sum: 6, by: 20.0 }, budget: { fuel: 100 } }
  words:
    inputs: { text: { $file: data/words.txt } }
    outputs: { loud: \"ONE\\nTWO\\n\" }
    steps: { loud: ok }
  zero:
    inputs: { n: 0 }
    verdict: trap
    steps: { by: trap }
",
    );
    let output = test(&project, &[]);
    let text = output.expect(0).text();
    assert!(text.contains("ok    usual") && text.contains("3 passed, 0 failed"), "{output}");
    let one = test(&project, &["zero"]);
    assert!(one.expect(0).text().contains("1 passed"), "{one}");
    let document = json(&project, 0);
    assert_eq!(document["tests"][2]["verdict"], "trap");
    // Fuel is counted, and is the same each time.
    assert_eq!(document["tests"][0]["fuel"], json(&project, 0)["tests"][0]["fuel"]);
}

#[test]
fn what_differs_is_shown() {
    let project = sums(
        "tests:
  wrong:
    inputs: { text: \"one\\ntwo\\nthree\" }
    outputs: { sum: 7, loud: \"ONE\\nZWEI\\nTHREE\" }
    steps: { loud: trap }
    budget: { fuel: 1 }
  failed: { inputs: { n: 0 }, outputs: { by: 1 } }
",
    );
    let output = test(&project, &[]);
    let text = output.expect(1).text().to_owned();
    for said in [
        "FAIL  wrong",
        "  outputs.sum\n    - 7\n    + 6\n",
        "  outputs.loud\n      ONE\n    - ZWEI\n    + TWO\n      THREE\n",
        "  steps.loud\n    - trap\n    + ok\n",
        "  budget.fuel\n    - 1\n",
        "  verdict\n    - ok\n    + trap\n",
        "step `by` failed: an integer was divided by zero",
        "0 passed, 2 failed",
    ] {
        assert!(text.contains(said), "{said}: {output}");
    }
    let document = json(&project, 1);
    assert_eq!(document["tests"][0]["differences"][0]["at"], "outputs.sum");
    assert_eq!(document["tests"][1]["error"], "step `by` failed: an integer was divided by zero");
}

/// The smallest difference between texts that have little in common is found in hours.
#[test]
fn large_texts_that_differ_everywhere_are_cut() {
    let lines = |factor: u64| (0..60_000).map(|line| format!("{}\n", line * factor % 65_537)).collect::<String>();
    let expected = Value::from(lines(4_097));
    let text = format!(
        "wasmill: 1\ninputs: {{ text: string }}\nunits: {{ cat: cat.wat }}\nsteps: {{ same: {{ unit: cat, with: \"${{{{ inputs.text }}}}\" }} }}\n\
         tests:\n  large: {{ inputs: {{ text: {{ $file: data/large.txt }} }}, outputs: {{ same: {expected} }} }}\n"
    );
    let project = pipeline(&text).file("cat.wat", CAT).file("data/large.txt", lines(257));
    let output = test(&project, &[]);
    assert!(output.expect(1).text().contains("… and more"), "{}", output.text().len());
    assert!(output.text().lines().count() < 300, "{}", output.text().lines().count());
}

#[test]
fn the_budget_of_a_case_is_exact() {
    let fuel = json(&sums("tests:\n  one: {}\n"), 0)["tests"][0]["fuel"].as_u64().unwrap();
    for (budget, code) in [(fuel + 1, 0), (fuel, 0), (fuel - 1, 1)] {
        let project = sums(&format!("tests:\n  one: {{ budget: {{ fuel: {budget} }} }}\n"));
        let document = json(&project, code);
        let differences = document["tests"][0]["differences"].as_array().map_or(0, Vec::len);
        assert_eq!(differences, usize::from(code == 1), "{document}");
        // A budget is a promise, and nothing that is found: it is never written.
        test(&project, &["--update"]).expect(code);
    }
}

#[test]
fn expectations_are_written_into_the_manifest() {
    let tests = "tests:
  # The usual one.
  usual: { outputs: { sum: 7 } } # was seven
  new:
    inputs: { n: 2 }
  broken:
    inputs: { n: 0 }
  right: { outputs: { by: 20 } }
";
    let project = sums(tests);
    test(&project, &[]).expect(1);
    let output = test(&project, &["--update"]);
    assert!(output.expect(0).text().contains("written into pipeline.yaml: usual, new, broken"), "{output}");
    let text = fs::read_to_string(project.path().join("pipeline.yaml")).unwrap();
    assert!(text.starts_with(SUMS), "{text}");
    let after = text.split_once("tests:\n").unwrap().1;
    assert_eq!(
        after,
        "  # The usual one.
  usual: { outputs: { sum: 6 } } # was seven
  new:
    outputs:
      sum: 3
      loud: \"\"
      by: 50
    inputs: { n: 2 }
  broken:
    verdict: trap
    inputs: { n: 0 }
  right: { outputs: { by: 20 } }
"
    );
    test(&project, &[]).expect(0);
    // Nothing is left to write.
    assert!(!test(&project, &["--update"]).expect(0).text().contains("written"));
}

#[test]
fn a_case_that_cannot_be_written_keeps_no_other_from_it() {
    let project = sums("tests:\n  usual: { outputs: { sum: 7 } }\n  empty:\n");
    let output = test(&project, &["--update"]);
    assert!(output.expect(0).text().contains("written into pipeline.yaml: usual\n"), "{output}");
    assert!(output.stderr.contains("warning: expectations of the test `empty` cannot be written: "), "{output}");
    let text = fs::read_to_string(project.path().join("pipeline.yaml")).unwrap();
    assert!(text.ends_with("tests:\n  usual: { outputs: { sum: 6 } }\n  empty:\n"), "{text}");
}

#[test]
fn outputs_that_no_plain_text_has_are_written_too() {
    let text = "a \"quoted\" \\ line\n\tof\u{202e}another\u{2066}\u{200f}\u{2028}an \u{7f}\u{85}\u{1b}[1m 🦀 'odd' text: # {}\r\n";
    let project = pipeline(
        "wasmill: 1
units:
  nan: { wat: '(module (func (export \"nan\") (result f64) (f64.const nan)))' }
  echo: { path: upper.wat }
inputs: { text: { type: string, default: \"\" } }
steps:
  nan: { unit: nan, function: nan, with: [] }
  echo: { unit: echo, with: \"${{ inputs.text }}\" }
outputs: { nan: \"${{ steps.nan.output }}\", \"the \\\"text\\\"\\u2028\": \"${{ steps.echo.output }}\" }
tests:
  \"odd \\\"name\\\"\\u001b[1m🦀\": { inputs: { text: { $file: text.txt } } }
  nothing: { outputs: { nan: 1 } }
",
    )
    .file("upper.wat", UPPER)
    .file("text.txt", text);
    test(&project, &[]).expect(1);
    let output = test(&project, &["--update"]);
    assert!(output.expect(0).text().contains("written into pipeline.yaml: odd"), "{output}");
    assert!(!output.text().contains('\u{1b}'), "{output}");
    let written = fs::read_to_string(project.path().join("pipeline.yaml")).unwrap();
    // What turns the order of letters around would make it read as another text.
    assert!(!written.contains(['\u{202e}', '\u{2066}', '\u{200f}']), "{written:?}");
    test(&project, &[]).expect(0);
    assert!(!test(&project, &["--update"]).expect(0).text().contains("written"), "{written}");
    // It is the very text that is held to: one of another case fails.
    let project = project.file("text.txt", text.replace('🦀', "x"));
    test(&project, &[]).expect(1);
}

#[test]
fn a_large_output_is_written_as_its_digest() {
    let project =
        sums("tests:\n  long: { inputs: { text: { $file: long.txt } } }\n").file("long.txt", "word\n".repeat(1_000));
    test(&project, &["--update"]).expect(0);
    let text = fs::read_to_string(project.path().join("pipeline.yaml")).unwrap();
    assert!(text.contains("loud: {\"$sha256\":\""), "{text}");
    test(&project, &[]).expect(0);
    let project = project.file("long.txt", "other\n".repeat(1_000));
    assert!(test(&project, &[]).expect(1).text().contains("+ sha256 "));
}

#[test]
fn what_cannot_be_tried_is_an_error_with_its_place() {
    let none = sums("");
    assert!(test(&none, &[]).expect(2).stderr.contains("has no tests"));
    let project = sums("tests:\n  one: { inputs: { text: { $file: none.txt } } }\n  two: { inputs: { n: many } }\n");
    let output = test(&project, &[]);
    let stderr = &output.expect(2).stderr;
    assert!(stderr.contains("none.txt") && stderr.contains("pipeline.yaml:18:"), "{output}");
    assert!(stderr.contains("pipeline.yaml:19:"), "{output}");
    assert!(test(&project, &["three"]).expect(2).stderr.contains("there is no test `three`"));
    let toml = Project::new(env!("CARGO_BIN_EXE_wasmill")).file("arithmetic.wat", ARITHMETIC).file(
        "pipeline.toml",
        "wasmill = 1\n[units]\na = \"arithmetic.wat\"\n[steps.s]\nunit = \"a\"\nfunction = \"add\"\nwith = [1, 2]\n[tests.one]\noutputs = { s = 4 }\n",
    );
    let output = toml.wasmill(["test", "pipeline.toml", "--update"]).run();
    assert!(output.expect(2).stderr.contains("YAML and JSON alone"), "{output}");
}

#[test]
fn a_budget_is_for_all_attempts_together() {
    let run = |budget: &str, foreach: &str| {
        let text = format!(
            "wasmill: 1\nunits: {{ a: {{ path: a.wat }} }}\nsteps:\n  s: {{ unit: a, function: widen, with: [\"${{{{ item }}}}\"], \
             foreach: {foreach}, {budget} }}\n"
        );
        let project = pipeline(&text).file("a.wat", ARITHMETIC);
        let output = project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run();
        let document: Value = serde_json::from_str(output.text()).unwrap();
        (output.code, document)
    };
    let (code, document) = run("limits: { fuel: 1000 }", "[1]");
    assert_eq!(code, Some(0));
    let fuel = document["steps"]["s"]["attempts"][0]["usage"]["fuel"].as_u64().unwrap();
    let budget = format!("budget: {{ fuel: {} }}", 3 * fuel);
    assert_eq!(run(&budget, "[1, 2, 3]").0, Some(0));
    // To the unit.
    assert_eq!(run(&format!("budget: {{ fuel: {} }}", 3 * fuel - 1), "[1, 2, 3]").0, Some(3));
    assert_eq!(run(&format!("budget: {{ fuel: {fuel} }}"), "[1]").0, Some(0));
    assert_eq!(run(&format!("budget: {{ fuel: {} }}", fuel - 1), "[1]").0, Some(3));
    let (code, document) = run(&budget, "[1, 2, 3, 4]");
    assert_eq!((code, &document["error"]["code"]), (Some(3), &"WM0603".into()));
    assert_eq!(document["steps"]["s"]["verdict"], "fuel-exhausted");
    assert_eq!(document["outputs"], serde_json::json!({}));
    let message = document["error"]["message"].as_str().unwrap();
    assert_eq!(message, format!("step `s` used {} units of fuel, and its budget is {}", 4 * fuel, 3 * fuel));
    // What it gave is no output, and is not lost.
    let report = &document["steps"]["s"];
    assert_eq!((&report["output"], &report["partial"]), (&Value::Null, &serde_json::json!([2, 3, 4, 5])));
    // No attempt is given more than there is for all.
    let (code, document) = run("budget: { fuel: 1 }", "[1]");
    assert_eq!((code, &document["steps"]["s"]["attempts"][0]["limits"]["fuel"]), (Some(3), &1.into()));
    // What is to be raised is what it ran into.
    let help = |document: &Value| document["error"]["help"].as_str().unwrap().to_owned();
    assert!(help(&document).contains("`budget: { fuel: 2 }`"), "{document}");
    assert!(help(&run("limits: { fuel: 1 }", "[1]").1).contains("`limits: { fuel: 10 }`"));
}

#[test]
fn the_budget_of_a_run_holds_for_what_it_calls_too() {
    let inner = "wasmill: 1\nunits: { a: { path: ../a.wat } }\nsteps: { s: { unit: a, function: widen, with: [\"${{ item }}\"], foreach: [1, 2, 3] } }\n";
    let outer = |fuel: u64| {
        format!(
            "wasmill: 1\nbudget: {{ fuel: {fuel} }}\nsteps: {{ one: {{ pipeline: in/p.yaml }}, two: {{ pipeline: in/p.yaml }} }}\n"
        )
    };
    let project = pipeline(&outer(1_000)).file("a.wat", ARITHMETIC).file("in/p.yaml", inner);
    let document = |code: i32| -> Value {
        serde_json::from_str(project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run().expect(code).text())
            .unwrap()
    };
    let usage = |step: &str| document(0)["steps"][step]["runs"][0]["usage"]["fuel"].as_u64().unwrap();
    let used = usage("one") + usage("two");
    project.replace("pipeline.yaml", outer(used));
    document(0);
    project.replace("pipeline.yaml", outer(used - 1));
    assert!(document(3)["error"]["message"].as_str().unwrap().starts_with("the run used "));
    // A pipeline that goes over its own budget is a step that failed.
    project.replace("pipeline.yaml", outer(1_000));
    project.replace("in/p.yaml", format!("budget: {{ fuel: {} }}\n{inner}", used / 3));
    let document = document(3);
    assert_eq!(document["steps"]["one"]["verdict"], "fuel-exhausted");
}

/// Which calls are set aside depends on which end first: a budget does not.
#[test]
fn what_is_set_aside_is_in_no_budget() {
    let text = r#"wasmill: 1
units:
  slow: { wat: '(module (func (export "run") (param $n i64) (result i64) (loop $more (local.set $n (i64.sub (local.get $n) (i64.const 1))) (br_if $more (i64.gt_s (local.get $n) (i64.const 0)))) (if (i64.eqz (local.get $n)) (then unreachable)) (i64.const 7)))' }
steps:
  each: { unit: slow, foreach: [9000000, 0, 0, 0], with: "${{ item }}", fallback: { step: instead } }
  instead: { unit: slow, with: -5 }
"#;
    let project = pipeline(text);
    let run = |code: i32| -> Value {
        serde_json::from_str(project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run().expect(code).text())
            .unwrap()
    };
    let document = run(0);
    assert!(document["discarded"]["each"].is_array(), "{document}");
    let fuel = |step: &str| document["steps"][step]["attempts"][0]["usage"]["fuel"].as_u64().unwrap();
    let used = fuel("each") + fuel("instead");
    project.replace("pipeline.yaml", format!("budget: {{ fuel: {used} }}\n{text}"));
    // No attempt is given more than there is for all.
    assert_eq!(run(0)["steps"]["each"]["attempts"][0]["limits"]["fuel"], used);
    project.replace("pipeline.yaml", format!("budget: {{ fuel: {} }}\n{text}", used - 1));
    run(3);
}

/// How far a unit came when the clock stopped it is another each time: nobody counts it, and it breaks no budget.
#[test]
fn what_the_clock_ended_is_in_no_budget() {
    let text = r#"wasmill: 1
units: { spin: { wat: '(module (func (export "run") (loop $more (br $more))))' } }
steps:
  s: { unit: spin, limits: { timeout: 20ms }, budget: { fuel: 1_000_000_000_000_000 }, fallback: { value: 1 } }
"#;
    let output = pipeline(text).wasmill(["run", "pipeline.yaml", "--output", "json"]).run();
    let document: Value = serde_json::from_str(output.expect(0).text()).unwrap();
    let attempt = &document["steps"]["s"]["attempts"][0];
    assert_eq!((&attempt["verdict"], attempt["usage"].get("fuel")), (&"timed-out".into(), None), "{document}");
}
