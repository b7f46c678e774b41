//! Rust.

use std::path::Path;

use wasmill_model::{Language, Limits, SourceText, SourceUnit, Verdict};
use wasmill_toolchain::{BuildError, Mode};

use crate::workshop::{Unit, build, build_in, code, folder, refused, toolchain};

fn rust(text: &str) -> SourceUnit {
    code(Language::Rust, text)
}

fn built(text: &str) -> Unit {
    build(&rust(text)).unwrap()
}

fn in_folder(files: &[(&str, &str)]) -> Result<Unit, BuildError> {
    let folder = folder(files);
    let text = SourceText::Path(folder.path().to_owned());
    build_in(&SourceUnit { language: Language::Rust, text, function: None, trusted: false }, Path::new("."))
}

const ROWS: &str = r#"//! A step.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

use std::collections::{BTreeMap, HashMap, HashSet};
use wasmill::Json;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

struct Row<'a> {
    name: &'a str,
    price: f64,
    tags: Option<Vec<String>>,
    r#type: Kind,
}

#[derive(Clone)]
enum Kind {
    Plain,
    Sized(u32),
    Pair(i8, i8),
    Boxed { width: f64, inner: Option<Box<Kind>> },
}

struct Numbers {
    i: i64,
    u: u64,
    f: f64,
    s: f32,
    small: i8,
}

struct Page<T> {
    items: Vec<T>,
    by_name: HashMap<String, T>,
}

struct Id(u32);
struct Point(f64, f64);

struct Out {
    total: f64,
    names: Vec<String>,
    numbers: Numbers,
    kinds: Vec<Kind>,
    page: Page<(Id, Point)>,
    free: Json,
    letters: HashSet<char>,
    counts: BTreeMap<u32, bool>,
    nothing: (),
}

fn main(
    rows: &[Row<'_>],
    numbers: Numbers,
    mode: Option<&str>,
    mut page: Page<(Id, Point)>,
    free: Json,
    [first, second]: [u8; 2],
) -> Result<Out> {
    /* the step's own */
}
"#;

const STEP: &str = r#"
    println!("printed");
    print!("and not ended");
    match mode {
        Some("fail") => Err("the \"user\" says no")?,
        Some("panic") => panic!("boom {}", rows.len()),
        Some("index") => drop(rows[rows.len()].name),
        Some("loop") => loop {},
        Some("hog") => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1_u8; 1 << 20]);
            }
        }
        Some("nan") => page.items.push((Id(0), Point(1.0, f64::NAN))),
        _ => {}
    }
    Ok(Out {
        total: rows.iter().map(|row| row.price).sum(),
        names: rows.iter().flat_map(|row| row.tags.iter().flatten().map(|tag| format!("{}/{tag}", row.name))).collect(),
        numbers,
        kinds: rows.iter().map(|row| row.r#type.clone()).collect(),
        page,
        free,
        letters: "cab".chars().collect(),
        counts: pair.into_iter().map(|one| (one.into(), one > 1)).collect(),
        nothing: (),
    })
}
"#;

fn rows() -> String {
    ROWS.replace("    [first, second]: [u8; 2],", "    pair: [u8; 2],").replace("    /* the step's own */\n}\n", STEP)
}

const INPUT: &str = r#"{
    "rows": [
        { "name": "a\ud83d\ude00\u0000\"\\ü", "price": 0.1, "tags": ["x", "\u001f\n"], "type": "Plain", "unknown": [1, {"a": null}] },
        { "name": "b", "price": 0.2, "type": {"Boxed": {"width": 5e-324, "inner": {"Sized": 7}}} },
        { "name": "c", "price": -0.0, "type": {"Pair": [-1, 1]}, "tags": null }
    ],
    "numbers": { "i": -9223372036854775808, "u": 18446744073709551615, "f": 1.7976931348623157e308, "s": 0.1, "small": 3.0 },
    "page": { "items": [[1, [1.5, -0.0]]], "by_name": { "z": [2, [0, 1e21]], "a": [3, [0, 0]] } },
    "free": { "n": [1, 2.5, null, true, "x", 9007199254740993] },
    "pair": [1, 2] MODE
}"#;

fn input(mode: &str) -> String {
    INPUT.replace("MODE", &if mode.is_empty() { String::new() } else { format!(", \"mode\": \"{mode}\"") })
}

#[test]
fn records_go_in_and_out_to_the_last_digit() {
    let unit = built(&rows());
    let result = unit.call(&input("")).unwrap();
    let expected = concat!(
        r#"{"total":0.30000000000000004,"names":["a😀\u0000\"\\ü/x","a😀\u0000\"\\ü/\u001f\n"],"#,
        r#""numbers":{"i":-9223372036854775808,"u":18446744073709551615,"f":1.7976931348623157e308,"s":0.1,"small":3},"#,
        r#""kinds":["Plain",{"Boxed":{"width":5e-324,"inner":{"Sized":7}}},{"Pair":[-1,1]}],"#,
        r#""page":{"items":[[1,[1.5,-0.0]]],"by_name":{"a":[3,[0.0,0.0]],"z":[2,[0.0,1e21]]}},"#,
        r#""free":{"n":[1,2.5,null,true,"x",9007199254740993]},"letters":["a","b","c"],"counts":{"1":false,"2":true},"nothing":null}"#,
    );
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(json(&result), json(expected), "{result}");
    assert!(unit.log(&input("")).contains("printed\nand not ended"));

    // What the user says, and where.
    let said = |mode: &str| unit.call(&input(mode)).unwrap_err();
    let line = |words: &str| rows().lines().position(|line| line.contains(words)).unwrap() + 1;
    assert!(
        said("fail").contains("the \"user\" says no") || said("fail").contains(r#"the \"user\" says no"#),
        "{}",
        said("fail")
    );
    for (mode, message) in [("panic", "boom 3"), ("index", "index out of bounds: the len is 3 but the index is 3")] {
        let (said, line) = (said(mode), line(&format!("Some(\"{mode}\")")));
        assert!(
            said.contains(message) && said.contains("main.rs") && said.contains(&line.to_string()),
            "{said}, line {line}"
        );
    }
    assert!(said("nan").contains("page.items[1][1][1]: NaN is no number in JSON"), "{}", said("nan"));
    assert!(matches!(unit.limited(&input("loop")), Verdict::TimedOut { .. } | Verdict::FuelExhausted { .. }));
    let hog = unit.attempt(&input("hog"), Limits { memory: 32 << 20, ..Limits::default() }).receipt.verdict;
    assert!(matches!(hog, Verdict::MemoryExceeded { .. }), "{hog:?}");

    // What does not fit, by its path.
    for (from, to, message) in [
        ("\"price\": 0.2", "\"price\": \"x\"", r#"rows[1].price: expected a number, found "x""#),
        ("\"price\": 0.2,", "", "rows[1]: `price` is missing"),
        ("\"small\": 3.0", "\"small\": 128", "numbers.small: 128 is out of the range of i8"),
        ("\"small\": 3.0", "\"small\": 1.5", "numbers.small: expected an integer, found 1.5"),
        (
            "{\"Sized\": 7}",
            "{\"Size\": 7}",
            r#"rows[1].type.Boxed.inner: expected one of Plain, Sized, Pair, Boxed, found "Size""#,
        ),
        ("\"pair\": [1, 2]", "\"pair\": [1]", "pair: expected 2 items, found 1"),
        ("\"pair\": [1, 2]", "\"mode\": null", "`pair`"),
    ] {
        let input = input("");
        assert!(input.contains(from));
        let said = unit.call(&input.replace(from, to)).unwrap_err();
        assert!(said.replace("\\\"", "\"").contains(message), "{said}");
    }
    let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
    let said = unit.call(&input("").replace("\"free\": {", &format!("\"free\": {{ \"deep\": {deep}, ")));
    assert!(said.is_ok(), "{said:?}");
}

#[test]
fn the_same_source_is_the_same_unit() {
    let source = "fn main(a: i64, b: i64) -> i64 { a.checked_add(b).expect(\"too large\") }";
    let (one, other) = (built(source), built(source));
    assert!(one.bytes == other.bytes);
    assert!(one.bytes.len() < 130_000, "{}", one.bytes.len());
    assert!(!one.bytes.windows(14).any(|part| part == b"wasmill-build-"));
    assert_eq!(one.call(r#"{"a": 40, "b": 2}"#).unwrap(), "42");
    let said = one.call(r#"{"a": 9223372036854775807, "b": 1}"#).unwrap_err();
    assert!(said.contains("too large") && !said.contains("panicked"), "{said}");
}

#[test]
fn a_mebibyte_goes_in_and_out() {
    let unit = built("fn double(text: String, numbers: Vec<f64>) -> (String, Vec<f64>) { (text, numbers) }");
    let text = "a😀\\n".repeat(150_000);
    let numbers: Vec<String> = (0..50_000).map(|number| format!("{}", f64::from(number) / 7.0)).collect();
    let result = unit.call(&format!(r#"{{"text": "{text}", "numbers": [{}]}}"#, numbers.join(","))).unwrap();
    assert!(result.len() > 1 << 20 && result.contains("😀") && result.contains(&numbers[49_999]));
}

#[test]
fn programs_and_folders() {
    let program = built(
        "fn main() { let all = std::io::read_to_string(std::io::stdin()).unwrap(); print!(\"[{}]\", all.len()) }",
    );
    assert_eq!(program.unit.interface().as_str(), "command");

    let unit = in_folder(&[
        ("src/lib.rs", "mod model;\npub mod inner {\n    pub struct Pair { pub a: u8, b: u8 } }\n\nuse model::Row;\n\npub fn main(row: Row, pair: inner::Pair) -> Row {\n    model::next(row, pair.a)\n} // no end of line"),
        ("src/model.rs", "mod deep;\npub struct Row { count: u64, kind: deep::Kind, more: Option<Box<Row>> }\npub fn next(row: Row, by: u8) -> Row {\n    assert!(row.count < 10, \"too many\");\n    Row { count: row.count + u64::from(by), ..row }\n}\n"),
        ("src/model/deep.rs", "pub enum Kind { A, B(i32) }"),
        ("Cargo.toml", "[package]\nname = \"step\"\nversion = \"1.0.0\"\nedition = \"2021\"\n"),
    ])
    .unwrap();
    let row = |count: u32| {
        format!(
            r#"{{"row": {{"count": {count}, "kind": {{"B": 1}}, "more": {{"count": 1, "kind": "A"}}}}, "pair": {{"a": 2, "b": 3}}}}"#
        )
    };
    let result: serde_json::Value = serde_json::from_str(&unit.call(&row(1)).unwrap()).unwrap();
    assert_eq!(result["count"], 3);
    assert_eq!(result["more"]["kind"], "A");
    let said = unit.call(&row(10)).unwrap_err();
    assert!(said.contains("too many") && said.contains("src/model.rs") && said.contains('4'), "{said}");
}

#[test]
fn what_is_wrong_is_said_in_the_users_words() {
    let asked = SourceUnit { function: Some("mian".into()), ..rust("fn main(a: u8) {}\nfn other() {}") };
    assert!(refused(&asked).contains("did you mean `main`?"));
    for (source, message) in [
        ("pub fn one(a: u8) {}\npub fn two() {}", "none is called `main`"),
        (
            "fn main(a: u8) {\n    let x: String = 5;\n}",
            "main.rs:2:21: mismatched types: expected `String`, found integer",
        ),
        ("fn main(a: u8) -> u8 {\n    a +\n}", "main.rs:3:1: expected expression, found `}`"),
        ("async fn main(a: u8) {}", "main.rs:1:1: `main` is async"),
        ("fn main<T>(a: T) {}", "main.rs:1:9: `main` is generic"),
        ("fn main(a: impl Copy) {}", "main.rs:1:12: `impl` says no type"),
        ("fn main((a, b): (u8, u8)) {}", "main.rs:1:9: a parameter without a name"),
        (
            "fn main(a: u8,\n    at: Vec<std::time::Instant>) {}",
            "main.rs:2:9: the parameter `at`: `Instant` cannot be read from JSON",
        ),
        (
            "struct A { b: fn() }\nfn main() -> A { A { b: || {} } }",
            "main.rs:1:15: `A.b`: `fn()` cannot be written as JSON",
        ),
        (
            "fn main() -> std::time::Duration { Default::default() }",
            "main.rs:1:14: the result: `Duration` cannot be written as JSON",
        ),
        ("fn main(a: Missing) {}", "main.rs:1:12: cannot find type `Missing` in this scope"),
        ("fn main(a: u8) { println!(\"{}\", nothing) }", "main.rs:1:33: cannot find value `nothing`"),
        (
            "fn main(a: u8) -> &'static str { include_str!(\"/etc/passwd\") }",
            "main.rs:1:34: couldn't read `/etc/passwd`",
        ),
    ] {
        let said = refused(&rust(source));
        assert!(said.contains(message), "{source}\n{said}");
        assert!(!said.contains(".wasmill/"), "{said}");
    }
    // What would make the host's own parser overflow its stack.
    for long in [
        format!("const A: bool = {}true;", "!".repeat(1_000_000)),
        format!("type A = {}u8{};", "Vec<".repeat(200_000), ">".repeat(200_000)),
    ] {
        refused(&rust(&format!("{long}\nfn main(a: u8) {{}}")));
    }
}

#[test]
fn packages_with_dependencies_are_not_built_without_trust() {
    let refused = |manifest: &str, more: &[(&str, &str)]| {
        let files: Vec<_> = [("src/lib.rs", "pub fn main(a: u8) -> u8 { a }"), ("Cargo.toml", manifest)]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        match in_folder(&files) {
            Err(BuildError::NotTrusted { message }) => message,
            other => panic!("{:?}", other.err()),
        }
    };
    let package = "[package]\nname = \"step\"\nversion = \"1.0.0\"\nedition = \"2024\"\n";
    assert!(refused(&format!("{package}[dependencies]\nitoa = \"1\"\n"), &[]).contains("`itoa`"));
    assert!(refused(package, &[("build.rs", "fn main() {}")]).contains("build script"));
}

#[test]
fn a_trusted_package_is_built_by_cargo() {
    let folder = folder(&[
        (
            "src/lib.rs",
            "mod row;\npub fn main(row: row::Row) -> row::Row { row::Row { count: row.count + env!(\"ONE\").len(), ..row } }",
        ),
        ("src/row.rs", "pub struct Row { pub count: usize, pub name: String }"),
        ("build.rs", "fn main() { println!(\"cargo::rustc-env=ONE=1\") }"),
        ("Cargo.toml", "[package]\nname = \"step\"\nversion = \"1.0.0\"\nedition = \"2024\"\n"),
    ]);
    let text = SourceText::Path(folder.path().to_owned());
    let source = SourceUnit { language: Language::Rust, text, function: None, trusted: true };
    let unit = build_in(&source, Path::new(".")).unwrap();
    assert_eq!(unit.call(r#"{"row": {"count": 1, "name": "x"}}"#).unwrap(), r#"{"count":2,"name":"x"}"#);

    // What is wrong is said as it is without cargo.
    for (text, message) in [
        ("pub fn main(a: u8) -> u8 {\n    nothing }", "src/lib.rs:2:5: cannot find value `nothing`"),
        ("pub fn main(a: fn()) {}", "src/lib.rs:1:16: a pointer is not JSON"),
        ("pub struct A(fn());\npub fn main(a: A) {}", "src/lib.rs:1:14: `A.0`: `fn()` cannot be read from JSON"),
    ] {
        std::fs::write(folder.path().join("src/lib.rs"), text).unwrap();
        let said = match build_in(&source, Path::new(".")) {
            Err(BuildError::Compile { problems, .. }) => problems[0].to_string(),
            Err(BuildError::Function { problem, .. }) => problem.to_string(),
            other => panic!("{:?}", other.err()),
        };
        assert!(said.contains(message), "{said}");
    }
}

#[test]
fn lines_are_there_for_finding_faults_alone() {
    let source = rust("fn main(a: u8, b: u8) -> u8 { a + b }");
    let debug = toolchain(Mode::Debug).build(&source, Path::new(".")).unwrap().unit;
    let debug = Unit { bytes: debug.bytes().to_vec(), unit: debug };
    let has = |unit: &Unit, words: &str| unit.bytes.windows(words.len()).any(|part| part == words.as_bytes());
    let release = build(&source).unwrap();
    assert!(has(&debug, ".debug_line") && !has(&release, ".debug_line"));
    assert!(!has(&debug, "wasmill-build-"));
    assert_eq!(release.call(r#"{"a": 255, "b": 2}"#).unwrap(), "1");
    let said = debug.call(r#"{"a": 255, "b": 2}"#).unwrap_err();
    assert!(said.contains("attempt to add with overflow") && said.contains("main.rs"), "{said}");
}
