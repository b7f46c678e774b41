//! `wasmill run`: results, documents, failures.

use insta::assert_snapshot;
use wasmill_testkit::Project;

use crate::fixtures::{ARITHMETIC, CAT, CHAIN, COMPONENT, SHOUT, UPPER};
use crate::{json, pipeline};

fn chain() -> Project {
    pipeline(CHAIN).file("arithmetic.wat", ARITHMETIC)
}

#[test]
fn the_only_output_as_it_is() {
    let project = chain();
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml"]).run().to_string());
    let quiet = project.wasmill(["run", "pipeline.yaml", "--quiet", "--input", "a=20"]).run();
    assert_eq!((quiet.expect(0).text(), quiet.stderr.as_str()), ("46\n", ""));
}

#[test]
fn several_outputs_are_one_object() {
    let text = CHAIN.replace("outputs:\n", "outputs:\n  sum: \"${{ steps.sum.output }}\"\n");
    let output = pipeline(&text).file("arithmetic.wat", ARITHMETIC).wasmill(["run", "pipeline.yaml"]).run();
    assert_eq!(json(output.expect(0)), serde_json::json!({ "sum": 5, "doubled": 10 }));
}

#[test]
fn text_ends_with_a_line_and_bytes_do_not() {
    let project = pipeline(SHOUT).file("upper.wat", UPPER);
    let run = |text: &str| project.wasmill(["run", "pipeline.yaml", "--input", text]).run();
    assert_eq!(run("text=hello").expect(0).text(), "HELLO\n");
    assert_eq!(run("text=hello\n").expect(0).text(), "HELLO\n");
    project.write("pipeline.yaml", SHOUT.replace("unit: upper,", "unit: upper, as: bytes,"));
    assert_eq!(run("text=hello").expect(0).text(), "HELLO");
}

#[test]
fn the_document() {
    assert_snapshot!(chain().wasmill(["run", "pipeline.yaml", "--output", "json", "-q"]).run().to_string());
}

#[test]
fn every_interface_in_one_pipeline() {
    let text = r#"wasmill: 1
name: four
inputs: { text: { type: string, default: abc } }
units:
  arithmetic: { path: arithmetic.wat }
  upper: { path: upper.wat }
  cat: { path: cat.wat }
  component: { path: component.wat }
steps:
  bytes: { unit: upper, with: "${{ inputs.text }}" }
  command: { unit: cat, with: "${{ steps.bytes.output }}" }
  core: { unit: arithmetic, function: add, with: [1, "${{ size(steps.command.output) }}"] }
  component: { unit: component, function: double, with: { a: "${{ steps.core.output }}" } }
outputs:
  text: "${{ steps.command.output }}"
  number: "${{ steps.component.output }}"
"#;
    let project = pipeline(text)
        .file("arithmetic.wat", ARITHMETIC)
        .file("upper.wat", UPPER)
        .file("cat.wat", CAT)
        .file("component.wat", COMPONENT);
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml"]).run().to_string());
}

#[test]
fn a_trap_is_told_with_its_place_and_backtrace() {
    let text = CHAIN.replace("function: add\n    with: { a", "function: divide\n    with: { a");
    let project = pipeline(&text).file("arithmetic.wat", ARITHMETIC);
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml", "--input", "b=0"]).run().to_string());
    let document =
        json(project.wasmill(["run", "pipeline.yaml", "--input", "b=0", "--output", "json"]).run().expect(1));
    assert_eq!(document["verdict"], "failed");
    assert_eq!(document["error"]["code"], "WM0602");
    assert_eq!(document["error"]["step"], "sum");
    assert_eq!(document["steps"]["sum"]["attempts"][0]["trap"], "integer-division-by-zero");
    assert_eq!(document["steps"]["double"]["verdict"], "skipped");
    assert_eq!(document["outputs"], serde_json::json!({}));
}

#[test]
fn a_unit_that_says_no() {
    let text = r#"wasmill: 1
name: complain
units: { cat: { path: cat.wat } }
steps:
  complain: { unit: cat, with: "", grants: { args: [--wrong] } }
outputs: { text: "${{ steps.complain.output }}" }
"#;
    let project = pipeline(text).file("cat.wat", CAT);
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml"]).run().to_string());
}

#[test]
fn an_expression_that_fails_while_it_runs() {
    let text = CHAIN.replace("[\"${{ steps.sum.output }}\",", "[\"${{ 1 / (steps.sum.output - 5) }}\",");
    let project = pipeline(&text).file("arithmetic.wat", ARITHMETIC);
    assert_snapshot!(project.wasmill(["run", "pipeline.yaml"]).run().to_string());
}

#[test]
fn a_pipeline_in_json_and_toml() {
    let json = r#"{"wasmill": 1, "units": {"a": {"path": "arithmetic.wat"}},
      "steps": {"s": {"unit": "a", "function": "add", "with": [1, 2]}}, "outputs": {"sum": "${{ steps.s.output }}"}}"#;
    let toml = "wasmill = 1\n[units.a]\npath = \"arithmetic.wat\"\n[steps.s]\nunit = \"a\"\nfunction = \"add\"\nwith = [1, 2]\n\
                [outputs]\nsum = \"${{ steps.s.output }}\"\n";
    let project = chain().file("p.json", json).file("p.toml", toml);
    for file in ["p.json", "p.toml"] {
        assert_eq!(project.wasmill(["run", file]).run().expect(0).text(), "3\n");
    }
}

#[test]
fn paths_are_relative_to_the_manifest() {
    let project = crate::project().file("deep/er/pipeline.yaml", CHAIN).file("deep/er/arithmetic.wat", ARITHMETIC);
    assert_eq!(project.wasmill(["run", "deep/er/pipeline.yaml"]).run().expect(0).text(), "10\n");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let project = pipeline(SHOUT).file("upper.wat", UPPER).file("large.txt", "x".repeat(40 << 10));
    let mut running = project.wasmill(["run", "pipeline.yaml", "--input", "text=@large.txt"]).start();
    running.close_stdout();
    let output = running.finish();
    assert_eq!(output.code, Some(0), "{output}");
    assert!(!output.stderr.contains("rror"), "{output}");
}

#[test]
fn no_cache_folder_is_no_obstacle() {
    let project = chain().file("not-a-folder", "");
    let command = project.wasmill(["run", "pipeline.yaml", "-q"]).env("WASMILL_CACHE_DIR", "not-a-folder/x");
    assert_eq!(command.run().expect(0).text(), "10\n");
}

#[test]
fn the_second_run_takes_the_compiled_code_of_the_first() {
    let project = chain();
    let first = json(project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run().expect(0));
    let second = json(project.wasmill(["run", "pipeline.yaml", "--output", "json"]).run().expect(0));
    let receipt = |document: &serde_json::Value| {
        let mut receipt = document["steps"]["double"]["attempts"][0].clone();
        receipt["usage"]["wall_us"] = 0.into();
        receipt
    };
    assert_eq!(receipt(&first), receipt(&second));
}
