//! The verbs that need no pipeline, help on every verb, and command lines that make no sense.

use insta::assert_snapshot;

use crate::{json, project};

#[test]
fn help() {
    let project = project();
    assert_snapshot!(project.wasmill(["--help"]).run().expect(0).to_string());
    for verb in ["run", "graph", "plan", "call", "inspect", "check", "schema", "completions"] {
        let output = project.wasmill([verb, "--help"]).run();
        assert!(output.expect(0).text().contains("Examples:"), "{output}");
    }
}

#[test]
fn version() {
    let output = project().wasmill(["--version"]).run();
    assert_eq!(output.expect(0).text(), format!("wasmill {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn schema() {
    let schema = json(project().wasmill(["schema"]).run().expect(0));
    assert!(schema["properties"]["steps"].is_object(), "{schema}");
    assert_eq!(schema, json(project().wasmill(["schema", "--output", "json"]).run().expect(0)));
}

#[test]
fn completions() {
    let project = project();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = project.wasmill(["completions", shell]).run();
        assert!(output.expect(0).text().contains("inspect"), "{shell}");
    }
    let document = json(project.wasmill(["completions", "fish", "--output", "json"]).run().expect(0));
    assert!(document["script"].as_str().unwrap().contains("inspect"));
}

#[test]
fn command_lines_that_make_no_sense() {
    let project = project();
    let all: &[&[&str]] = &[
        &["chekc", "pipeline.yaml"],
        &["run"],
        &["run", "p.yaml", "--memroy", "1MiB"],
        &["run", "p.yaml", "--output", "xml"],
        &["completions", "tcsh"],
        &["chekc", "pipeline.yaml", "--output", "json"],
        &["run", "--output=json"],
    ];
    for (index, arguments) in all.iter().enumerate() {
        let output = project.wasmill(*arguments).run();
        let shown = format!("wasmill {}\n{}", arguments.join(" "), output.expect(2));
        assert_snapshot!(format!("command_lines_that_make_no_sense_{index}"), shown);
    }
    let nothing = project.wasmill([""; 0]).run();
    assert!(nothing.expect(2).stderr.contains("Usage: wasmill"), "{nothing}");
}

#[test]
fn colour_only_where_it_is_wanted() {
    let project = project();
    let missing = |colour: &str| project.wasmill(["check", "missing.yaml", "--color", colour]).run().stderr;
    assert!(missing("always").contains("\u{1b}["));
    assert!(!missing("never").contains("\u{1b}["));
    assert!(!missing("auto").contains("\u{1b}["));
}

#[test]
fn the_generated_documentation_is_complete() {
    let project = project();
    let output = project.wasmill(["generate", ".", "--output", "json"]).run();
    let document = json(output.expect(0));
    for file in document["files"].as_array().unwrap() {
        assert!(project.path().join(file.as_str().unwrap()).is_file(), "{file}");
    }
    let read = |name: &str| std::fs::read_to_string(project.path().join("docs").join(name)).unwrap();
    assert!(read("cli.md").contains("## wasmill inspect"));
    assert!(read("errors.md").contains("| WM0603 | FuelExhausted |"));
    assert!(read("man/wasmill-run.1").contains("wasmill run"));
}
