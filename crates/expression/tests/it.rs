//! Expressions from outside: what they read, what they give, and how they fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use wasmill_expression::{Program, Scope, StepField, locate, parse, parse_template};
use wasmill_model::{Location, Object, Reference, Template, Value};

#[derive(Default)]
struct Data {
    inputs: Object,
    steps: HashMap<String, Value>,
}

impl Scope for Data {
    fn input(&self, name: &str) -> Option<Value> {
        self.inputs.get(name).cloned()
    }
    fn inputs(&self) -> Value {
        Value::from(self.inputs.clone())
    }
    fn step(&self, id: &str, field: StepField) -> Option<Value> {
        match field {
            StepField::Output => self.steps.get(id).cloned(),
            StepField::Verdict => self.steps.contains_key(id).then(|| Value::from("ok")),
            StepField::Receipt => None,
            StepField::Metadata => self.steps.contains_key(id).then(|| json(r#"{"words":3}"#)),
        }
    }
    fn root(&self, name: &str) -> Option<Value> {
        (name == "index").then_some(Value::Int(7))
    }
}

fn json(text: &str) -> Value {
    Value::from_json(text.as_bytes()).unwrap()
}

fn data() -> Data {
    let mut data = Data::default();
    data.inputs.insert("n".into(), Value::Int(3));
    data.inputs.insert("f".into(), Value::Float(1.5));
    data.inputs.insert("text".into(), Value::from("hé"));
    data.inputs.insert("a-b".into(), Value::Int(4));
    data.inputs.insert("rows".into(), json(r#"[{"z":1,"a":9007199254740993},{"z":2}]"#));
    data.inputs.insert("raw".into(), Value::Bytes(vec![0, 255].into()));
    data.inputs.insert("many".into(), Value::from((0..100_000).map(Value::Int).collect::<Vec<_>>()));
    data.steps.insert("a".into(), json(r#"{"rows":[{"x":"one"}],"big":18446744073709551615,"text":"{\"a\":1}"}"#));
    data.steps.insert("b-c".into(), Value::Null);
    data
}

fn evaluate(text: &str) -> Result<Value, String> {
    let template = parse_template(text, &Location::default()).map_err(|error| error.message)?;
    let program = Program::compile(&template).map_err(|error| error.message)?;
    program.evaluate(&data()).map_err(|error| match error.help {
        Some(help) => format!("{} | {help}", error.message),
        None => error.message,
    })
}

fn gives(text: &str, expected: &str) {
    assert_eq!(evaluate(text).map(|value| value.to_json()), Ok(expected.to_owned()), "{text}");
}

fn fails(text: &str, expected: &str) {
    assert_eq!(evaluate(text).map(|value| value.to_json()), Err(expected.to_owned()), "{text}");
}

fn references(source: &str) -> Vec<String> {
    parse(source, Location::default())
        .unwrap_or_else(|error| panic!("{source}: {error}"))
        .references
        .iter()
        .map(|reference| match reference {
            Reference::Input(name) => format!("input {name}"),
            Reference::Step(name) => format!("step {name}"),
            Reference::Root(name) => format!("root {name}"),
        })
        .collect()
}

#[test]
fn paths() {
    gives("${{ inputs.n }}", "3");
    gives("${{ steps.a.output.rows[0].x }}", r#""one""#);
    gives("${{ steps.a.output[\"big\"] }}", "18446744073709551615");
    gives("${{inputs['a-b']}}", "4");
    gives("${{ steps[\"b-c\"].output }}", "null");
    gives("${{ steps.a.verdict }}", r#""ok""#);
    gives("${{ steps.a.metadata.words }}", "3");
    gives("${{ inputs.rows }}", r#"[{"z":1,"a":9007199254740993},{"z":2}]"#);
    gives("${{ inputs.raw }}", r#"{"$base64":"AP8="}"#);
    gives("${{ index }}", "7");
    fails(
        "${{ steps.a.output.row }}",
        "`steps.a.output` has no member `row` (it has: rows, big, text) | did you mean `rows`?",
    );
    fails("${{ steps.a.output.rows[3] }}", "`steps.a.output.rows` has 1 item, and no [3]");
    fails(
        "${{ steps.a.output.rows.x }}",
        "`steps.a.output.rows` is an array, and has no member `x` | take an item, `steps.a.output.rows[0]`, or all: `steps.a.output.rows.map(x, x.x)`",
    );
    fails(
        "${{ steps.a.output.text.a }}",
        "`steps.a.output.text` is a string, and has no member `a` | the text looks like JSON: `as: json` on its step makes it a value",
    );
    fails("${{ steps.z.output }}", "the step `z` has no output: it did not succeed, or did not run");
    fails("${{ steps.z.metadata }}", "the step `z` has no metadata: it did not succeed, or did not run");
    fails("${{ steps.a.metadata.lines }}", "`steps.a.metadata` has no member `lines` (it has: words)");
    gives("${{ inputs.none }}", "null");
    gives("${{ inputs.none == null }}", "true");
    fails("${{ item }}", "there is no `item` in this place");
}

#[test]
fn what_cel_works_out() {
    gives("${{ inputs.n + 1 }}", "4");
    gives("${{ inputs.n + index }}", "10");
    gives("${{ double(inputs.n) * inputs.f }}", "4.5");
    gives("${{ size(inputs.rows) > 1 && inputs.text.startsWith('h') }}", "true");
    gives("${{ inputs.rows.map(r, r.z) }}", "[1,2]");
    gives("${{ inputs.rows.filter(r, has(r.a)) }}", r#"[{"a":9007199254740993,"z":1}]"#);
    gives("${{ {'z': inputs.n, 'a': [inputs.f, null]} }}", r#"{"a":[1.5,null],"z":3}"#);
    gives("${{ {1: 'a', true: 'b'} }}", r#"{"1":"a","true":"b"}"#);
    gives("${{ has(inputs.n) && !has(inputs.none) && has(steps.a.output.rows) }}", "true");
    gives("${{ has(inputs.none) ? inputs.none : 'default' }}", r#""default""#);
    gives("${{ inputs.none == 1 || inputs.n == 3 }}", "true");
    gives("${{ steps.a.output.rows[inputs.n - 3].x }}", r#""one""#);
    gives("${{ inputs.rows[1].?a.orValue(0) }}", "0");
    gives("${{ inputs.?none.orValue(5) }}", "5");
    gives("${{ optional.of(1) }}", "1");
    gives("${{ math.greatest(inputs.n, 10) }}", "10");
    gives("${{ math.ceil(inputs.f) }}", "2.0");
    gives("${{ inputs.text.matches('^h') ? string(inputs.n) : '' }}", r#""3""#);
    gives("${{ 'Übung'.matches('^\\\\p{Lu}\\\\w+$') && !matches('ab', '^b') }}", "true");
    gives("${{ type(inputs.n) == int }}", "true");
    gives("${{ inputs.raw == b'\\x00\\xff' }}", "true");
    gives("${{ size(inputs) }}", "7");
    for path in ["text", "raw", "rows", "rows[0]", "many"] {
        let through_cel = evaluate(&format!("${{{{ size([inputs.{path}][0]) }}}}")).unwrap();
        assert_eq!(evaluate(&format!("${{{{ size(inputs.{path}) }}}}")), Ok(through_cel.clone()), "{path}");
        assert_eq!(evaluate(&format!("${{{{ inputs.{path}.size() }}}}")), Ok(through_cel), "{path}");
    }
    gives("${{ 'n' in inputs }}", "true");
    gives("${{ inputs.rows.exists_one(r, r.z == 2) && inputs.rows.all(r, r.z > 0) }}", "true");
    gives("${{ [1, 2].map(inputs, inputs * 2) }}", "[2,4]");
    gives("${{ size(inputs.many.map(x, x + 1).filter(x, x % 2 == 0)) }}", "50000");
}

#[test]
fn text() {
    gives("plain", r#""plain""#);
    gives(
        "${{ inputs.text }} has ${{ inputs.n }}, ${{ steps['b-c'].output }}${{ [1, 'a'] }}",
        r#""hé has 3, [1,\"a\"]""#,
    );
    gives("costs $${{ n }}", r#""costs ${{ n }}""#);
    gives("$${{ ${{ inputs.n }}", r#""${{ 3""#);
    gives("${{ {'a': {'b': '}}'}}['a']['b'] }}", r#""}}""#);
    gives("${{ inputs.n }}\n", "3");
    gives("${{\n  inputs.n\n  + 1\n}}", "4");
    gives("${{ inputs.n }}\nmore", r#""3\nmore""#);
    fails("${{ inputs.n", "`${{` is not closed");
    fails("${{ }}", "the expression is empty");
    assert!(matches!(parse_template("a", &Location::default()), Ok(Template::Literal(_))));
}

#[test]
fn errors_while_it_runs() {
    fails(
        "${{ inputs.n * inputs.f }}",
        "`*` does not take an int and a double | CEL does not mix integers and floats: write `double(x)` around the integer",
    );
    fails(
        "${{ inputs.text + inputs.n }}",
        "`+` does not take a string and an int | write `string(x)` around what is no text",
    );
    fails("${{ inputs.n / 0 }}", "division by zero");
    fails(
        "${{ inputs.rows.map(r, r.a) }}",
        "there is no member `a` | ask first with `has(x.a)`, or write `x.?a.orValue(…)`",
    );
    fails(
        "${{ 9223372036854775807 + inputs.n }}",
        "`+` leaves the range of 64-bit integers | compute with floats: `double(x)`",
    );
    fails(
        "${{ inputs.n > inputs.text }}",
        "`>` does not take an int and a string | a text is made a number with `int(x)` or `double(x)`",
    );
    fails("${{ inputs.n ? 1 : 2 }}", "an int stands where a bool is needed");
    for (path, kind) in [("n", "an int"), ("f", "a double"), ("rows[0].a", "an int")] {
        fails(&format!("${{{{ size(inputs.{path}) }}}}"), &format!("`size` does not take {kind}"));
        fails(&format!("${{{{ size(0 > 1 ? '' : inputs.{path}) }}}}"), &format!("`size` does not take {kind}"));
        fails(&format!("${{{{ inputs.{path}.size() }}}}"), &format!("`size` does not take {kind}"));
    }
    fails("${{ size(steps['b-c'].output) }}", "`size` does not take null");
    fails("${{ size([steps['b-c'].output][0]) }}", "`size` does not take null");
    fails(
        "${{ inputs.many.all(x, inputs.many.all(y, x + y >= 0)) }}",
        "the expression visits too many items | do this in a unit: expressions are glue",
    );
    fails(
        "${{ inputs.many.map(x, inputs.many.map(y, y)) == [] || true }}",
        "the expression visits too many items | do this in a unit: expressions are glue",
    );
}

#[test]
fn what_an_expression_reads() {
    assert_eq!(references("inputs.a.b"), ["input a"]);
    assert_eq!(references("inputs['a-b'] + steps[\"c-d\"].output"), ["input a-b", "step c-d"]);
    assert_eq!(references("inputs.a.map(x, x + inputs.b + item.c)"), ["input a", "input b", "root item"]);
    assert_eq!(references("[1].map(inputs, inputs.z)"), [] as [&str; 0]);
    assert_eq!(references("has(inputs.a) && has(steps.s.output.x)"), ["input a", "step s"]);
    assert_eq!(references("inputs"), ["root inputs"]);
    assert_eq!(references("size(inputs) + foo.bar"), ["root inputs", "root foo"]);
    assert_eq!(references("steps.b.output + steps.a.verdict + steps.b.output"), ["step b", "step a"]);
    assert_eq!(references("type(1) == int && optional.none() == math.abs(1)"), [] as [&str; 0]);
    let expression = parse("'é' + inputs.a + steps.s.output.x[0]", Location::default()).unwrap();
    let at = |reference| &expression.source[locate(&expression, &reference).unwrap()];
    assert_eq!(at(Reference::Input("a".into())), "inputs.a");
    assert_eq!(at(Reference::Step("s".into())), "steps.s.output.x[0]");
    assert_eq!(locate(&expression, &Reference::Input("b".into())), None);
}

#[test]
fn errors_before_it_runs() {
    let mut seen = String::new();
    for source in [
        "",
        "1 +",
        "(1",
        "inputs.a inputs.b",
        "'abc",
        "a and b",
        "a = b",
        "#",
        "'é' + #",
        "inputs.rows | size",
        "x if y",
        "steps",
        "steps.a",
        "steps.a.ouput",
        "steps.a.foo",
        "steps.a.meta",
        "steps.a.metdata.x",
        "steps[inputs.x].output",
        "steps[0].output",
        "inputs[0]",
        "lenght(inputs.a)",
        "inputs.a.size",
        "inputs.a.len()",
        "startsWith('a')",
        "now()",
        "timestamp('2020-01-01T00:00:00Z')",
        "Foo{a: 1}",
        "1 + steps.b",
        "inputs.a[",
        "{'a' 1}",
        "has(a)",
        "[1].map(1, 2)",
        "a ? b",
        "1.2.3",
        "'\\z'",
        "99999999999999999999",
    ] {
        match parse(source, Location::default()) {
            Ok(_) => seen += &format!("{source} -> fine\n"),
            Err(error) => {
                let offset = error.offset.map_or("?".to_owned(), |offset| offset.to_string());
                let help = error.help.map(|help| format!(" | {help}")).unwrap_or_default();
                seen += &format!("{source} -> {offset}: {}{help}\n", error.message);
            }
        }
    }
    let golden = &(std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/tests/parse-errors.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(golden, &seen).unwrap();
    }
    assert_eq!(seen, std::fs::read_to_string(golden).unwrap(), "run with UPDATE=1 to accept");
}

#[test]
fn positions() {
    let location = Location { file: Arc::from("f.yaml"), line: 3, column: 10, offset: 40, length: 0 };
    let error = parse_template("é ${{ inputs.a + }}", &location).unwrap_err();
    assert_eq!((error.location.line, error.location.column, error.offset), (3, 26, Some(17)));
    let Ok(Template::Text(parts)) = parse_template("é ${{ inputs.a }}", &location) else { panic!() };
    let wasmill_model::Part::Expression(expression) = &parts[1] else { panic!() };
    assert_eq!((expression.location.column, expression.location.length), (16, 8));
}

/// Whatever is written, on the stack of a thread like any other: an answer.
#[test]
fn hostile_text_is_answered() {
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(|| {
            for piece in [
                "(",
                "[",
                "{",
                "{1:",
                "!",
                "-",
                "inputs.",
                "1+",
                "1?1:",
                "1 in ",
                "[1].map(x,",
                "''+",
                "a[",
                "a(",
                "}",
                "'",
                "\"\"\"",
                "\\",
            ] {
                for count in [10, 39, 52, 79, 100, 150, 159, 100_000] {
                    let text = piece.repeat(count);
                    let _ = parse(&text, Location::default());
                    let whole = format!("{text}1{}", ")".repeat(count));
                    let _ = parse(&whole, Location::default());
                }
            }
            for (open, middle, close) in [
                ("(", "1", ")"),
                ("[", "1", "]"),
                ("!", "true", ""),
                ("1+", "1", ""),
                ("{'a':", "1", "}"),
                ("true ? 1 : ", "1", ""),
                ("[1].map(x, ", "1", ")"),
                ("size([", "1", "])"),
                ("- ", "1", ""),
                ("1 == 1 == ", "true", ""),
            ] {
                for count in 1..160 {
                    let text = format!("{}{middle}{}", open.repeat(count), close.repeat(count));
                    if let Ok(expression) = parse(&text, Location::default()) {
                        let program = Program::expression(&expression).unwrap();
                        let _ = program.evaluate(&data());
                        drop(program);
                    }
                }
            }
        })
        .unwrap()
        .join()
        .unwrap();
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300).prop_map(Value::Float),
        ".*".prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Value::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((".*", inner), 0..6).prop_map(|members| {
                Value::from(members.into_iter().map(|(name, value)| (Arc::from(name), value)).collect::<Object>())
            }),
        ]
    })
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::List(list) => Value::from(list.iter().map(sorted).collect::<Vec<_>>()),
        Value::Object(object) => {
            let mut object: Object = object.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            object.sort_keys();
            Value::from(object)
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn any_value_survives(value in values()) {
        let mut data = Data::default();
        data.inputs.insert("v".into(), value.clone());
        let run = |text: &str| {
            Program::compile(&parse_template(text, &Location::default()).unwrap()).unwrap().evaluate(&data).unwrap()
        };
        let same = run("${{ inputs.v }}");
        prop_assert_eq!(same.to_json(), value.to_json());
        let chosen = run("${{ true ? inputs.v : null }}");
        prop_assert_eq!(chosen.to_json(), value.to_json());
        let inside = run("${{ [inputs.v].map(x, {'x': x})[0].x }}");
        prop_assert_eq!(inside.to_json(), sorted(&value).to_json());
    }

    #[test]
    fn no_text_panics(text in "[ -~é]{0,40}") {
        let _ = parse(&text, Location::default());
        let _ = parse_template(&format!("${{{{ {text} }}}}"), &Location::default());
    }

    #[test]
    fn no_expression_panics(pieces in proptest::collection::vec(
        proptest::sample::select(vec![
            "inputs", "steps", ".", "a", "[", "]", "(", ")", "{", "}", "'x'", "1", "1.5", "2u", "+", "-", "*", "/", "%", "?", ":", "&&",
            "||", "!", "==", "<", " in ", ",", "map", "has", "size", "n", "rows", "x", "b'\\xff'", "null", "true", "optional", "math",
            "greatest", "type", "string", "int", "matches", "filter", "exists", "many", "r'\\d'", "`", "\"", "\\",
        ]), 0..14)) {
        let text = pieces.concat();
        if let Ok(expression) = parse(&text, Location::default()) {
            let _ = Program::expression(&expression).unwrap().evaluate(&data());
        }
    }
}

/// Every function that the documentation lists is one that CEL has.
#[test]
fn documented_functions_exist() {
    for source in [
        "size('a')",
        "'a'.contains('a')",
        "'a'.startsWith('a')",
        "'a'.endsWith('a')",
        "'a'.matches('a')",
        "string(1)",
        "bytes('a')",
        "int('1')",
        "uint(1)",
        "double(1)",
        "bool('true')",
        "type(1) == int",
        "dyn(1)",
        "optional.of(1).orValue(2)",
        "optional.none().or(optional.of(1)).value()",
        "optional.of(1).hasValue()",
        "math.greatest(1, 2)",
        "math.least(1, 2, 3)",
        "math.abs(-1)",
        "math.ceil(1.5)",
        "math.floor(1.5)",
        "math.round(1.5)",
        "math.trunc(1.5)",
        "math.sign(-1)",
        "math.sqrt(4.0)",
        "math.isNaN(1.0)",
        "math.isInf(1.0)",
        "math.isFinite(1.0)",
        "math.bitAnd(1, 2)",
        "math.bitShiftLeft(1, 2)",
        "{'a': 1}.?a.value()",
        "[1][?0].value()",
        "[1].exists(x, x == 1)",
        "matches('a', 'a')",
        "size([1])",
        "[1].size()",
    ] {
        let text = format!("${{{{ {source} }}}}");
        assert!(evaluate(&text).is_ok(), "{source}: {:?}", evaluate(&text));
    }
}

/// A choice between large values copies none of them, and keeps the order of members.
#[test]
fn what_is_chosen_is_handed_on() {
    let data = data();
    let evaluate = |text: &str| {
        Program::compile(&parse_template(text, &Location::default()).unwrap()).unwrap().evaluate(&data).unwrap()
    };
    let (Value::List(given), Value::List(chosen)) =
        (&data.inputs["many"], evaluate("${{ size(inputs.many) > 3 ? inputs.many : [] }}"))
    else {
        panic!("no lists")
    };
    assert!(Arc::ptr_eq(given, &chosen));
    let (Value::String(given), Value::String(chosen)) =
        (&data.inputs["text"], evaluate("${{ inputs.n > 3 ? '' : inputs.text }}"))
    else {
        panic!("no texts")
    };
    assert!(Arc::ptr_eq(given, &chosen));
    assert_eq!(
        evaluate("${{ true ? inputs.rows[0] : {'b': 1, 'a': 2} }}").to_json(),
        r#"{"z":1,"a":9007199254740993}"#
    );
    assert_eq!(evaluate("${{ false ? inputs.rows[0] : {'b': 1, 'a': 2} }}").to_json(), r#"{"a":2,"b":1}"#);
    assert_eq!(evaluate("${{ true ? steps['b-c'].output : null }}"), Value::Null);
}

#[test]
fn the_work_of_a_pattern_is_bounded_by_what_it_and_the_text_are() {
    gives(r"${{ 'ab'.matches('^(a|b){2}$') && 'é'.matches('^\\w{1,200}$') }}", "true");
    // However many items there are, it is compiled once.
    gives(r"${{ inputs.many.all(x, string(x).matches('^\\w+$')) }}", "true");
    let large = evaluate(r"${{ 'é'.matches('^\\w{100,400}$') }}").unwrap_err();
    assert!(large.contains("ranges of characters"), "{large}");
    let slow = evaluate("${{ inputs.many.exists(x, string(x).matches('(a{1,20}){1,20}!')) }}").unwrap_err();
    assert!(slow.contains("too long for the pattern"), "{slow}");
    assert!(evaluate("${{ 'a'.matches('(a') }}").unwrap_err().contains("unclosed group"));
}
