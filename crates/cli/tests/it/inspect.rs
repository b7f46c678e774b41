//! `wasmill inspect`

use insta::assert_snapshot;

use crate::fixtures::{ARITHMETIC, CAT, COMPONENT, UPPER};
use crate::project;

#[test]
fn every_interface() {
    let units = [("core", ARITHMETIC), ("bytes", UPPER), ("command", CAT), ("component", COMPONENT)];
    for (interface, text) in units {
        let project = project().file("unit.wat", text);
        assert_snapshot!(
            format!("every_interface_{interface}"),
            project.wasmill(["inspect", "unit.wat"]).run().to_string()
        );
    }
}

#[test]
fn as_json() {
    let project = project().file("unit.wat", CAT);
    assert_snapshot!(project.wasmill(["inspect", "unit.wat", "--output", "json"]).run().to_string());
}

#[test]
fn what_nobody_provides_is_said() {
    let unit = "(module (import \"env\" \"abort\" (func)) (func (export \"f\")))";
    let project = project().file("unit.wat", unit);
    assert_snapshot!(project.wasmill(["inspect", "unit.wat"]).run().to_string());
}

#[test]
fn what_is_no_unit() {
    let project = project()
        .file("truncated.wasm", b"\0asm\x01\0\0\0\x01\x20")
        .file("text.wasm", "hello")
        .file("empty.wasm", "")
        .file("broken.wat", "(module\n  (func (export \"f\") (nop))\n  (fnuc))")
        .file("pipeline.yaml", "wasmill: 1\n");
    for file in ["truncated.wasm", "text.wasm", "empty.wasm", "broken.wat", "missing.wasm", "pipeline.yaml"] {
        let output = project.wasmill(["inspect", file]).run();
        assert_snapshot!(format!("what_is_no_unit_{file}"), output.expect(2).to_string());
    }
}

#[test]
fn what_comes_from_stdin_is_called_so() {
    let project = project().file("empty.wasm", "");
    for (unit, stdin, words) in [
        ("-", "", "stdin: this is not a WebAssembly binary: it is empty"),
        ("-", "(module (fnuc))", "stdin is not valid WebAssembly text"),
        ("/dev/null", "", "`/dev/null`: this is not a WebAssembly binary: it is empty"),
        ("empty.wasm", "", "`empty.wasm`: this is not a WebAssembly binary: it is empty"),
        (".", "", "`.` is a folder, not a unit"),
    ] {
        let output = project.wasmill(["inspect", unit]).stdin(stdin).run();
        assert!(output.expect(2).stderr.contains(words), "{output}");
    }
}
