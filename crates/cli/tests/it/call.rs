//! `wasmill call`: one unit, every interface.

use insta::assert_snapshot;
use wasmill_testkit::{Output, Project};

use crate::fixtures::{ARITHMETIC, CAT, COMPONENT, UPPER};
use crate::{json, project};

fn units() -> Project {
    project()
        .file("arithmetic.wat", ARITHMETIC)
        .file("upper.wat", UPPER)
        .file("cat.wat", CAT)
        .file("component.wat", COMPONENT)
        .file(
            "one.wat",
            "(module (func (export \"half\") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2))))",
        )
        .file("text.txt", "from a file\n")
}

fn call(project: &Project, arguments: &[&str], stdin: &str) -> Output {
    project.wasmill(["call", "-q"].iter().chain(arguments)).stdin(stdin).run()
}

#[test]
fn every_interface_in_every_way() {
    let project = units();
    for (arguments, stdin, expected) in [
        (&["arithmetic.wat", "add", "2", "3"][..], "", "5\n"),
        (&["arithmetic.wat", "add", "2", "-3"], "", "-1\n"),
        (&["arithmetic.wat", "add", "--input", r#"{"a": 2, "b": 3}"#], "", "5\n"),
        (&["arithmetic.wat", "add", "--input", "a=2", "--input", "b=3"], "", "5\n"),
        (&["arithmetic.wat", "add", "--input", "[2, 3]"], "", "5\n"),
        (&["arithmetic.wat", "add"], "[2, 3]", "5\n"),
        (&["arithmetic.wat", "widen", "9007199254740993"], "", "9007199254740994\n"),
        (&["one.wat", "3"], "", "1.5\n"),
        (&["one.wat", "half", "3"], "", "1.5\n"),
        (&["one.wat"], "3", "1.5\n"),
        (&["component.wat", "add", "2", "3"], "", "5\n"),
        (&["component.wat", "double", "--input", "a=4"], "", "8\n"),
        (&["upper.wat", "--input", "abc"], "", "ABC\n"),
        (&["upper.wat", "--input", "@text.txt"], "", "FROM A FILE\n"),
        (&["upper.wat", "abc"], "", "ABC\n"),
        (&["upper.wat"], "abc", "ABC\n"),
        (&["upper.wat", "--as", "json", "--input", "[1, 2]"], "", "[\n  1,\n  2\n]\n"),
        (&["upper.wat", "--as", "bytes", "--input", "abc"], "", "ABC"),
        (&["cat.wat"], "piped", "piped\n"),
        (&["cat.wat", "--as", "ndjson"], "1\n2\n", "[\n  1,\n  2\n]\n"),
    ] {
        let output = call(&project, arguments, stdin);
        assert_eq!(output.expect(0).text(), expected, "{arguments:?} {stdin:?}");
    }
}

#[test]
fn a_unit_from_stdin() {
    let project = units();
    let wasm = wasmill_testkit::assemble(ARITHMETIC);
    assert_eq!(project.wasmill(["call", "-", "add", "1", "2"]).stdin(ARITHMETIC).run().expect(0).text(), "3\n");
    assert_eq!(project.wasmill(["call", "-", "add", "1", "2"]).stdin(wasm).run().expect(0).text(), "3\n");
}

#[test]
fn the_summary_and_the_document() {
    let project = units();
    assert_snapshot!(project.wasmill(["call", "arithmetic.wat", "add", "2", "3"]).run().to_string());
    let document = json(project.wasmill(["call", "cat.wat", "--output", "json"]).stdin("x").run().expect(0));
    assert_eq!(document["outputs"]["result"], "x");
    assert_eq!(document["steps"]["call"]["attempts"][0]["interface"], "command");
}

#[test]
fn a_program_that_fails_shows_its_log() {
    let project = units();
    assert_snapshot!(project.wasmill(["call", "cat.wat", "--", "--wrong"]).run().to_string());
}

#[test]
fn calls_that_make_no_sense() {
    let project = units();
    let all: &[&[&str]] = &[
        &["arithmetic.wat"],
        &["arithmetic.wat", "ad", "1", "2"],
        &["arithmetic.wat", "add", "1"],
        &["arithmetic.wat", "add", "one", "2"],
        &["arithmetic.wat", "add"],
        &["one.wat", "hlaf", "3"],
        &["arithmetic.wat", "add", "1", "2", "--input", "a=1"],
        &["upper.wat", "a", "b"],
        &["missing.wasm"],
        &["text.txt"],
        &["."],
        &["cat.wat", "--env", "LANG"],
    ];
    for (index, arguments) in all.iter().enumerate() {
        let output = call(&project, arguments, "");
        assert_snapshot!(
            format!("calls_that_make_no_sense_{index:02}"),
            format!("call {}\n{output}", arguments.join(" "))
        );
    }
}

#[test]
fn limits_hold() {
    let project = project().file("spin.wat", "(module (func (export \"spin\") (loop $on (br $on))))");
    let output = project.wasmill(["call", "spin.wat", "--fuel", "1000", "--output", "json"]).run();
    assert_eq!(json(output.expect(3))["error"]["code"], "WM0603");
}
