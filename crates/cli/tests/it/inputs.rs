//! Inputs by every way that they can be given.

use insta::assert_snapshot;
use wasmill_testkit::{Output, Project};

use crate::fixtures::{ARITHMETIC, CHAIN, SHOUT, UPPER};
use crate::pipeline;

fn shout() -> Project {
    pipeline(SHOUT).file("upper.wat", UPPER).file("text.txt", "from a file\n")
}

fn chain() -> Project {
    pipeline(CHAIN).file("arithmetic.wat", ARITHMETIC)
}

fn run(project: &Project, inputs: &[&str], stdin: &str) -> Output {
    let arguments =
        ["run", "pipeline.yaml", "-q"].into_iter().chain(inputs.iter().flat_map(|input| ["--input", input]));
    project.wasmill(arguments).stdin(stdin).run()
}

#[test]
fn text() {
    let project = shout();
    for (inputs, stdin, expected) in [
        (&["text=named"][..], "", "NAMED\n"),
        (&["text=a=b"], "", "A=B\n"),
        (&["text=@text.txt"], "", "FROM A FILE\n"),
        (&["@text.txt"], "", "FROM A FILE\n"),
        (&["text=@-"], "from stdin", "FROM STDIN\n"),
        (&["-"], "from stdin", "FROM STDIN\n"),
        (&["just text"], "", "JUST TEXT\n"),
        (&[r#"{"text": "json"}"#], "", "JSON\n"),
        (&[], "piped", "PIPED\n"),
        (&[], r#"{"text": "piped json"}"#, "PIPED JSON\n"),
        (&[], r#"{"other": 1}"#, "{\"OTHER\": 1}\n"),
        (&["text=12"], "", "12\n"),
        (&["text=first", "text=last"], "", "LAST\n"),
    ] {
        let output = run(&project, inputs, stdin);
        assert_eq!(output.expect(0).text(), expected, "{inputs:?} {stdin:?}");
    }
}

#[test]
fn numbers() {
    let project = chain();
    for (inputs, stdin, expected) in [
        (&[][..], "", "10\n"),
        (&["a=10"], "", "26\n"),
        (&[r#"{"a": 10, "b": 20}"#], "", "60\n"),
        (&["-"], r#"{"b": 1}"#, "6\n"),
        (&[], r#"{"b": 1}"#, "6\n"),
        (&["a=-2", "b=-3"], "", "-10\n"),
    ] {
        assert_eq!(run(&project, inputs, stdin).expect(0).text(), expected, "{inputs:?} {stdin:?}");
    }
}

#[test]
fn what_cannot_be_an_input() {
    let project = chain();
    let all =
        ["a=ten", "a=1.5", "a=\"1\"", "c=1", "a=@missing.txt", "@.", "plain text", "[1, 2]", r#"{"c": 1, "a": 2}"#];
    for (index, input) in all.into_iter().enumerate() {
        let output = run(&project, &[input], "");
        output.expect(2);
        assert_snapshot!(format!("what_cannot_be_an_input_{index}"), format!("--input '{input}'\n{output}"));
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    assert_snapshot!(run(&chain(), &["a=x", "c=1", "b=y"], "").to_string());
}

#[test]
fn a_required_input_is_missing() {
    assert_snapshot!(run(&shout(), &[], "").to_string());
}

#[test]
fn declared_checks_hold() {
    let text = CHAIN
        .replace("a: { type: integer, default: 2 }", "a: { type: integer, default: 2, min: 1, max: 9 }")
        .replace("b: { type: integer, default: 3 }", "b: { type: integer, default: 3, enum: [3, 4] }");
    let project = pipeline(&text).file("arithmetic.wat", ARITHMETIC);
    assert_snapshot!(run(&project, &["a=10", "b=5"], "").to_string());
}

#[test]
fn errors_in_json() {
    let project = chain();
    let output = project.wasmill(["run", "pipeline.yaml", "--output", "json", "--input", "a=x"]).run();
    assert_snapshot!(output.expect(2).to_string());
}
