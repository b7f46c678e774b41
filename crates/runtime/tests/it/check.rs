//! What is said about a pipeline before anything is compiled.

use indexmap::IndexMap;
use wasmill_engine::Engine;
use wasmill_model::{
    DirGrant, DirMode, LimitOverrides, Location, OutputFormat, Pipeline, Policy, Step, UnitSource, UnitSpec, With,
};
use wasmill_runtime::{Bundle, Overrides, check};

use crate::fake::{Fake, after, input, named, pipeline, positional, single, step, template, unit, units};

/// `WM0305 message | help`, each.
fn problems_of(pipeline: &Pipeline, text: Option<&str>) -> Vec<String> {
    let units = match text {
        Some(text) => IndexMap::from([("unit".into(), unit(text))]),
        None => units(),
    };
    let engine = Fake::new(0);
    check(
        &Bundle::new(pipeline.clone(), units),
        &Policy::default(),
        std::slice::from_ref(engine.info()),
        &Overrides::default(),
    )
    .iter()
    .map(|problem| format!("{problem} | {}", problem.help.as_deref().unwrap_or("-")))
    .collect()
}

fn problems(steps: Vec<Step>) -> Vec<String> {
    problems_of(&pipeline(steps, &[]), None)
}

const COMPONENT: &str = r#"(component
    (core module $m
        (func (export "f") (param i32 i32 i32) (result i32) unreachable))
    (core instance $i (instantiate $m))
    (func (export "scale") (param "point" u32) (param "by" (option u32)) (result u32)
        (canon lift (core func $i "f"))))"#;

#[test]
fn functions_are_looked_up() {
    let mut nameless = step("b", "echo", single("1"));
    nameless.function = None;
    let found = problems(vec![step("a", "ecko", single("1")), nameless]);
    assert!(
        found[0]
            .starts_with("p.yaml:1:1: WM0305 the unit `unit` does not export a function `ecko` | did you mean `echo`?"),
        "{found:?}"
    );
    assert!(found[1].starts_with("p.yaml:2:1: WM0306 the unit `unit` exports 20 functions"), "{found:?}");
    assert!(found[1].contains("add `function:` with one of `noop`, `echo`"), "{found:?}");
}

#[test]
fn arguments_are_held_against_parameters() {
    let found = problems(vec![
        step("a", "sum", named(&[("a", "1"), ("c", "2")])),
        step("b", "sum", positional(&["1"])),
        step("c", "echo", named(&[("x", "1"), ("y", "2")])),
        step("d", "echo", single("\"twelve\"")),
        step("e", "sum", single("1")),
        step("f", "sum", positional(&["1", "1.5"])),
        // All right: a number as text, and what only an expression knows.
        step("g", "sum", positional(&["\"9007199254740993\"", "${{ steps.b.output }}"])),
        step("h", "sum", single("${{ steps.b.output }}")),
        step("i", "echo", single("{\"a\": 1}")),
    ]);
    let signature = "it is `sum(a: i64, b: i64) -> i64`";
    assert_eq!(found, [
        format!("p.yaml:1:1: WM0307 `sum` has no parameter `c` | {signature}"),
        format!("p.yaml:1:1: WM0307 `sum` also takes `b` | {signature}"),
        format!("p.yaml:2:1: WM0307 `sum` takes 2 arguments, and is given 1 | {signature}"),
        "p.yaml:3:1: WM0307 `echo` has no parameter `x` | it is `echo(value: i64) -> i64`; to give an object as its only \
         parameter, write `with: { value: { … } }`"
            .to_owned(),
        "p.yaml:3:1: WM0307 `echo` has no parameter `y` | it is `echo(value: i64) -> i64`; to give an object as its only \
         parameter, write `with: { value: { … } }`"
            .to_owned(),
        "p.yaml:3:1: WM0307 `echo` also takes `value` | it is `echo(value: i64) -> i64`".to_owned(),
        "p.yaml:4:1: WM0307 the parameter `value` of `echo` is i64, and is given a value of type string (\"twelve\") | it is \
         `echo(value: i64) -> i64`"
            .to_owned(),
        format!("p.yaml:5:1: WM0307 `sum` takes 2 arguments, and is given 1 | {signature}"),
        format!(
            "p.yaml:6:1: WM0307 the parameter `b` of `sum` is i64, and is given a value of type number (1.5) | {signature}"
        ),
        "p.yaml:9:1: WM0307 the parameter `value` of `echo` is i64, and is given a value of type object | it is \
         `echo(value: i64) -> i64`"
            .to_owned(),
    ]);
}

#[test]
fn an_option_may_be_left_out_and_a_name_may_be_missing() {
    let only = |with| {
        let mut step = step("a", "scale", with);
        step.function = None;
        pipeline(vec![step], &[])
    };
    assert_eq!(problems_of(&only(named(&[("point", "1")])), Some(COMPONENT)), Vec::<String>::new());
    let found = problems_of(&only(named(&[("by", "1")])), Some(COMPONENT));
    assert_eq!(
        found,
        ["p.yaml:1:1: WM0307 `scale` also takes `point` | it is `scale(point: u32, by: option<u32>) -> u32`"]
    );
    let nameless = r#"(module (func (export "f") (param i32) unreachable))"#;
    let found = problems_of(&only(named(&[("x", "1")])), Some(nameless));
    assert_eq!(
        found,
        [
            "p.yaml:1:1: WM0307 the parameters of `f` have no names in the binary | give them by position: `with: [ … ]`; it is `f(i32)`"
        ]
    );
}

#[test]
fn what_is_inherited_by_name_must_fit() {
    let steps = vec![
        step("a", "echo", single("1")),
        step("x", "echo", single("1")),
        after(step("both", "sum", With::Inherited), &["a", "x"]),
    ];
    let found = problems(steps);
    assert!(found[0].starts_with("p.yaml:3:1: WM0307 `sum` has no parameter `x`"), "{found:?}");
    let two = input(input(pipeline(vec![step("s", "sum", With::Inherited)], &[]), "a"), "b");
    assert_eq!(problems_of(&two, None), Vec::<String>::new());
}

#[test]
fn imports_that_nobody_provides_are_told_once() {
    let glue = r#"(module
        (import "wbg" "__wbindgen_throw" (func (param i32 i32)))
        (import "wbg" "a" (func)) (import "wbg" "b" (func)) (import "wbg" "c" (func))
        (func (export "f")))"#;
    let mut steps = vec![step("a", "f", With::Inherited), step("b", "f", With::Inherited)];
    steps[1].function = None;
    let found = problems_of(&pipeline(steps, &[]), Some(glue));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with(
            "p.yaml:1:1: WM0308 the unit `unit` imports `wbg::__wbindgen_throw`, `wbg::a`, `wbg::b` and 1 more"
        ),
        "{found:?}"
    );
    assert!(found[0].contains("| wasm-bindgen made this module"), "{found:?}");
}

#[test]
fn limits_engines_formats_and_grants_are_checked() {
    let mut step = step("a", "echo", single("1"));
    step.limits = LimitOverrides { memory: Some(8 << 30), fuel: Some(u64::MAX), ..LimitOverrides::default() };
    step.engines = vec!["fakes".to_owned(), "fake".to_owned()];
    step.output = OutputFormat::Json;
    step.grants.args = vec!["x".to_owned()];
    assert_eq!(
        problems(vec![step]),
        [
            "p.yaml:1:1: WM0206 the step `a` asks for memory: 8 GiB; the host allows 4 GiB | ask for 4 GiB or less, or have the host's \
         policy raised",
            "p.yaml:1:1: WM0206 the step `a` asks for fuel: 18446744073709551615; the host allows 1000000000000000 | ask for \
         1000000000000000 or less, or have the host's policy raised",
            "p.yaml:1:1: WM0207 there is no engine `fakes` | did you mean `fake`?",
            "p.yaml:1:1: WM0105 `as:` is for the output of bytes units and commands, and `unit` is a core unit | take `as:` out: the \
         output of the function has a type of its own",
            "p.yaml:1:1: WM0105 `args` are for commands, and `unit` is a core unit | give the function its parameters in `with:`",
        ]
    );
    let command = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
    let mut step = crate::fake::step("a", "x", With::Inherited);
    step.function = None;
    let found = problems_of(&pipeline(vec![step], &[]), Some(command));
    assert_eq!(
        found,
        ["p.yaml:1:1: WM0611 no engine can run the unit `unit`: fake: it does not run command units | -"]
    );
}

#[test]
fn grants_that_are_missing_are_named() {
    for (interface, function, grant) in
        [("files", "read", "dirs: { ./folder: /folder }"), ("http", "fetch", "net: [\"host:port\"]")]
    {
        let text = format!(
            "(module (import \"wasmill:host/{interface}\" \"{function}\" (func (param i32 i32 i32) (result i32)))
               (func (export \"echo\") (param i64) (result i64) (local.get 0)))"
        );
        let mut step = step("a", "echo", single("1"));
        let found = problems_of(&pipeline(vec![step.clone()], &[]), Some(&text));
        let expected = format!(
            "p.yaml:1:1: WM0311 the unit `unit` imports `wasmill:host/{interface}`, which the step was not granted | write \
             `grants: {{ {grant} }}` in the step, if you trust the unit with it"
        );
        assert_eq!(found, [expected]);
        step.grants.net = vec!["a:1".parse().unwrap()];
        step.grants.dirs.insert("data".into(), DirGrant { at: "/data".to_owned(), mode: DirMode::Ro });
        assert_eq!(problems_of(&pipeline(vec![step], &[]), Some(&text)), Vec::<String>::new());
    }
}

#[test]
fn names_are_looked_up() {
    let mut steps = vec![
        after(step("first", "echo", single("1")), &["secnd"]),
        step("second", "echo", single("${{ steps.frist.output + inputs.y }}")),
        step("second", "echo", single("1")),
        step("other", "echo", single("1")),
    ];
    steps[3].unit = "unt".into();
    let pipeline = input(pipeline(steps, &[("x", "${{ steps.thrd.output }}")]), "x");
    let found = problems_of(&pipeline, None);
    let expected = [
        "p.yaml:1:1: WM0201 there is no step `secnd` | did you mean `second`?",
        "p.yaml:3:1: WM0108 there are two steps `second`",
        "p.yaml:4:1: WM0202 there is no unit `unt` in `units` | did you mean `unit`?",
        "WM0201 there is no step `frist` | did you mean `first`?",
        "WM0204 the pipeline declares no input `y`",
        "WM0201 there is no step `thrd`",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found} is not {expected}");
    }
}

#[test]
fn a_cycle_is_a_path() {
    let steps = vec![
        after(step("a", "echo", With::Inherited), &["b"]),
        step("b", "echo", single("${{ steps.c.output }}")),
        after(step("c", "echo", With::Inherited), &["a"]),
    ];
    assert_eq!(
        problems(steps),
        [
            "p.yaml:1:1: WM0203 steps wait for each other: a → b → c → a | each step named waits for the next one; take one of these \
         dependencies out"
        ]
    );
    let found = problems(vec![step("a", "echo", single("${{ steps.a.output }}"))]);
    assert!(found[0].starts_with("p.yaml:1:1: WM0203 the step `a` waits for itself"), "{found:?}");
}

#[test]
fn a_unit_that_could_not_be_loaded_is_left_to_whoever_loads() {
    let mut other = step("a", "echo", single("1"));
    other.unit = "elsewhere".into();
    let mut pipeline = pipeline(vec![other], &[]);
    let spec = UnitSpec { source: UnitSource::Path("x".into()), sha256: None, location: Location::default() };
    pipeline.units.insert("elsewhere".into(), spec);
    assert_eq!(problems_of(&pipeline, None), Vec::<String>::new());
    let _ = template("1");
}
