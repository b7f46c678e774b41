//! Every class of bad input: code, position, what to do; exit code 2; nothing started. `run` and `check` say the same.

use insta::assert_snapshot;
use wasmill_testkit::Project;

use crate::fixtures::{ARITHMETIC, CHAIN};
use crate::pipeline;

/// Pins what `run` says, and that `check` says the same and that both exit with 2.
fn refuse(name: &str, project: &Project) {
    let run = project.wasmill(["run", "pipeline.yaml"]).run();
    let check = project.wasmill(["check", "pipeline.yaml"]).run();
    assert_eq!(run.expect(2).stderr, check.expect(2).stderr);
    assert!(run.stdout.is_empty(), "{run}");
    assert_snapshot!(name.to_owned(), run.to_string());
    let cache = project.path().parent().unwrap().join("cache");
    assert!(!cache.exists(), "something was compiled");
}

fn chain(from: &str, to: &str) -> Project {
    assert!(CHAIN.contains(from), "the fixture no longer has `{from}`");
    pipeline(&CHAIN.replacen(from, to, 1)).file("arithmetic.wat", ARITHMETIC)
}

#[test]
fn unknown_key() {
    refuse("unknown_key", &chain("function: add", "funktion: add"));
}

#[test]
fn unknown_key_at_the_top() {
    refuse("unknown_key_at_the_top", &chain("steps:", "step:"));
}

#[test]
fn cycle() {
    refuse("cycle", &chain("a: \"${{ inputs.a }}\"", "a: \"${{ steps.double.output }}\""));
}

#[test]
fn a_step_that_waits_for_itself() {
    refuse("a_step_that_waits_for_itself", &chain("a: \"${{ inputs.a }}\"", "a: \"${{ steps.sum.output }}\""));
}

#[test]
fn unknown_step() {
    refuse("unknown_step", &chain("[\"${{ steps.sum.output }}\"", "[\"${{ steps.smu.output }}\""));
}

#[test]
fn unknown_step_in_after() {
    refuse("unknown_step_in_after", &chain("  double:\n", "  double:\n    after: [summ]\n"));
}

#[test]
fn unknown_unit() {
    refuse("unknown_unit", &chain("unit: arithmetic", "unit: arithmetics"));
}

#[test]
fn unknown_function() {
    refuse("unknown_function", &chain("function: add", "function: addd"));
}

#[test]
fn function_needed() {
    refuse("function_needed", &chain("    function: add\n", ""));
}

#[test]
fn unknown_input() {
    refuse("unknown_input", &chain("inputs.b", "inputs.bb"));
}

#[test]
fn wrong_type() {
    refuse(
        "wrong_type",
        &chain("with: { a: \"${{ inputs.a }}\", b: \"${{ inputs.b }}\" }", "with: { a: true, b: 1 }\n    limits: 3"),
    );
}

#[test]
fn wrong_type_of_default() {
    refuse("wrong_type_of_default", &chain("default: 2", "default: two"));
}

#[test]
fn bad_size() {
    refuse("bad_size", &chain("function: add", "function: add\n    limits: { memory: 64 parsecs, timeout: soon }"));
}

#[test]
fn limit_above_policy() {
    refuse("limit_above_policy", &chain("function: add", "function: add\n    limits: { memory: 1TiB }"));
}

#[test]
fn missing_file() {
    refuse("missing_file", &chain("path: arithmetic.wat", "path: arithmetic.wasm"));
}

#[test]
fn truncated_binary() {
    let project = chain("path: arithmetic.wat", "path: arithmetic.wasm");
    let mut wasm = wasmill_testkit::assemble(ARITHMETIC);
    wasm.truncate(wasm.len() / 2);
    project.write("arithmetic.wasm", wasm);
    refuse("truncated_binary", &project);
}

#[test]
fn corrupt_binary() {
    let project = chain("path: arithmetic.wat", "path: arithmetic.wasm");
    let mut wasm = wasmill_testkit::assemble(ARITHMETIC);
    let middle = wasm.len() / 3;
    wasm[middle..middle + 8].fill(0xff);
    project.write("arithmetic.wasm", wasm);
    refuse("corrupt_binary", &project);
}

#[test]
fn wrong_kind_of_binary() {
    let project = chain("path: arithmetic.wat", "path: arithmetic.wasm");
    project.write("arithmetic.wasm", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    refuse("wrong_kind_of_binary", &project);
    project.write("arithmetic.wasm", wasmill_testkit::assemble("(module (memory (export \"memory\") 1))"));
    refuse("no_function_at_all", &project);
}

#[test]
fn digest_mismatch() {
    let digest = "a".repeat(64);
    refuse("digest_mismatch", &chain("arithmetic.wat }", &format!("arithmetic.wat, sha256: {digest} }}")));
}

#[test]
fn bad_digest() {
    refuse("bad_digest", &chain("arithmetic.wat }", "arithmetic.wat, sha256: 9f2c }"));
}

#[test]
fn bad_base64() {
    refuse("bad_base64", &chain("{ path: arithmetic.wat }", "{ base64: 'AGFzbQ!!' }"));
}

#[test]
fn bad_wat() {
    refuse("bad_wat", &chain("{ path: arithmetic.wat }", "{ wat: '(module (fnuc))' }"));
}

#[test]
fn expression_syntax() {
    refuse("expression_syntax", &chain("${{ inputs.a }}", "${{ inputs.a + }}"));
}

#[test]
fn expression_that_reads_nothing() {
    refuse("expression_that_reads_nothing", &chain("${{ inputs.a }}", "${{ input.a }}"));
}

#[test]
fn wrong_arguments() {
    refuse("wrong_arguments", &chain("with: { a: \"${{ inputs.a }}\", b", "with: { x: \"${{ inputs.a }}\", b"));
}

#[test]
fn missing_import() {
    let project = chain("function: add", "function: add");
    project.write(
        "arithmetic.wat",
        "(module (import \"env\" \"abort\" (func)) (func (export \"add\") (param $a i32) (param $b i32) (result i32) (i32.const 1)))",
    );
    refuse("missing_import", &project);
}

#[test]
fn yaml_that_does_not_parse() {
    refuse("yaml_that_does_not_parse", &chain("inputs:\n", "inputs: [\n"));
}

#[test]
fn the_same_step_twice() {
    refuse("the_same_step_twice", &chain("  double:\n", "  sum:\n"));
}

#[test]
fn a_name_that_is_none() {
    refuse("a_name_that_is_none", &chain("  double:\n", "  \"do uble\":\n"));
}

#[test]
fn errors_of_file_and_units_at_once() {
    let text = CHAIN
        .replace(
            "  double:\n    unit: arithmetic\n    function: add",
            "  double:\n    unit: arithmetic\n    function: adn",
        )
        .replace("default: 2", "default: two")
        .replace("steps:\n", "  gone: { path: gone.wasm }\nsteps:\n");
    refuse("errors_of_file_and_units_at_once", &pipeline(&text).file("arithmetic.wat", ARITHMETIC));
}

#[test]
fn many_errors_at_once() {
    let text = CHAIN
        .replace(
            "unit: arithmetic\n    function: add\n    with: [",
            "unit: arithmetics\n    funktion: add\n    with: [",
        )
        .replace("inputs.b", "inputs.bb")
        .replace("default: 2", "default: two");
    refuse("many_errors_at_once", &pipeline(&text).file("arithmetic.wat", ARITHMETIC));
}
