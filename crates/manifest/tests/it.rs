//! Manifests from outside: what each becomes, and what each that is wrong is told.
//!
//! `tests/invalid/NAME.{yaml,json,toml}` has its diagnostics in `NAME.EXTENSION.err`, `tests/valid/…` its model in `….model`;
//! `tests/dialects` has the same for other files, where what is valid has the native manifest that it becomes in `….native`;
//! `tests/policy` and `tests/component` have either, for a host's `wasmill.toml` and for a `Component.toml`.
//! `UPDATE=1 cargo test -p wasmill-manifest` writes them anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod dialects;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use wasmill_manifest::{Format, parse, parse_component, parse_policy};
use wasmill_model::{Code, Diagnostics, Policy};

/// Every code that this crate gives.
const CODES: [Code; 15] = [
    Code::Syntax,
    Code::UnknownKey,
    Code::MissingKey,
    Code::WrongType,
    Code::InvalidValue,
    Code::Unsupported,
    Code::UnknownFile,
    Code::Duplicate,
    Code::UnknownStep,
    Code::UnknownUnit,
    Code::Cycle,
    Code::UnknownInput,
    Code::Expression,
    Code::Base64,
    Code::ProfileConflict,
];

fn folder(name: &str) -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("tests").join(name)
}

/// The cases of a folder, and its golden files with this extension, by name.
fn cases(name: &str, golden: &str) -> (BTreeMap<String, PathBuf>, BTreeSet<String>) {
    let mut found = BTreeMap::new();
    let mut goldens = BTreeSet::new();
    for entry in std::fs::read_dir(folder(name)).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        match file.strip_suffix(golden) {
            Some(case) => drop(goldens.insert(case.to_owned())),
            None => drop(found.insert(file, path)),
        }
    }
    (found, goldens)
}

fn check(name: &str, extension: &str, show: impl Fn(&str, &Path, &str) -> String) -> Vec<String> {
    let (found, goldens) = cases(name, extension);
    assert!(found.len() > 3);
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    for (file, path) in &found {
        let text = std::fs::read_to_string(path).unwrap();
        let shown = show(file, path, &text);
        let golden = folder(name).join(format!("{file}{extension}"));
        if update {
            std::fs::write(&golden, &shown).unwrap();
        } else if std::fs::read_to_string(&golden).ok().as_deref() != Some(&shown) {
            wrong.push(format!("--- {file}\n{shown}"));
        }
        all.push(shown);
    }
    let orphans: Vec<&String> = goldens.iter().filter(|case| !found.contains_key(*case)).collect();
    assert!(orphans.is_empty(), "golden files without a case: {orphans:?}");
    assert!(wrong.is_empty(), "these differ from their golden files (UPDATE=1 accepts):\n{}", wrong.join("\n"));
    all
}

#[test]
fn invalid_manifests() {
    let all = check("invalid", ".err", |file, path, text| {
        let result = parse(file, text, Format::of(path));
        errors(file, &result.err().unwrap_or_else(|| panic!("{file} is valid")))
    });
    for code in CODES {
        assert!(all.iter().any(|shown| shown.contains(code.as_str())), "no case gives {code}");
    }
    for code in Code::ALL {
        let is_given = all.iter().any(|shown| shown.contains(code.as_str()));
        assert!(!is_given || CODES.contains(code), "{code} is not in the list of codes");
    }
}

#[test]
fn valid_manifests() {
    check("valid", ".model", |file, path, text| match parse(file, text, Format::of(path)) {
        Ok(pipeline) => serde_json::to_string_pretty(&pipeline).unwrap() + "\n",
        Err(diagnostics) => panic!("{file}: {diagnostics}"),
    });
}

/// One line an error, each with its position and its help.
fn errors(file: &str, diagnostics: &Diagnostics) -> String {
    let mut shown = String::new();
    for diagnostic in &diagnostics.0 {
        let location = diagnostic.location.as_ref().unwrap_or_else(|| panic!("{file}: no position"));
        assert!(location.line > 0 && location.column > 0, "{file}: {diagnostic}");
        let help = diagnostic.help.as_ref().unwrap_or_else(|| panic!("{file}: no help: {diagnostic}"));
        shown += &format!("{diagnostic} | help: {help}\n");
    }
    shown
}

/// What an error names is what `good` files have; a file of either kind says by its name which it is.
fn is_expected(file: &str, is_good: bool) {
    assert_eq!(file.starts_with("good"), is_good, "{file}");
}

#[test]
fn policies() {
    check("policy", ".golden", |file, _, text| {
        let result = parse_policy(file, text, &["wasmtime", "wasmi", "process"]);
        is_expected(file, result.is_ok());
        match result {
            Ok(policy) => serde_json::to_string_pretty(&policy).unwrap() + "\n",
            Err(diagnostics) => errors(file, &diagnostics),
        }
    });
}

#[test]
fn components() {
    // One file is held against a host that allows more, and against one that allows less.
    let mut generous = Policy { component_memory: 16 << 20, ..Policy::default() };
    generous.ceilings.fuel = 2_000_000;
    let mut strict = Policy::default();
    strict.ceilings.memory = 1 << 20;
    strict.ceilings.timeout = std::time::Duration::from_secs(1);
    check("component", ".golden", |file, _, text| {
        let policy = match file {
            _ if file.contains("generous-host") => &generous,
            _ if file.contains("strict-host") => &strict,
            _ => &Policy::default(),
        };
        let result = parse_component(file, text, policy);
        is_expected(file, result.is_ok());
        match result {
            Ok(component) => format!("{component:#?}\n"),
            Err(diagnostics) => errors(file, &diagnostics),
        }
    });
}

/// The same pipeline in three formats is the same pipeline.
#[test]
fn formats_agree() {
    let model = |file: &str| {
        let path = folder("valid").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        serde_json::to_value(parse("same", &text, Format::of(&path)).unwrap()).unwrap()
    };
    assert_eq!(model("same.yaml"), model("same.json"));
    assert_eq!(model("same.yaml"), model("same.toml"));
}

#[test]
fn the_base_is_the_folder_of_the_file() {
    let text = "wasmill: 1\nsteps: {a: {unit: {wat: (module)}}}";
    let pipeline = parse("some/folder/pipeline.yaml", text, Format::Yaml).unwrap();
    assert_eq!(pipeline.base, Path::new("some/folder"));
    assert_eq!(pipeline.name.as_ref(), "folder");
    assert_eq!(parse("x.yaml", text, Format::Yaml).unwrap().base, Path::new(""));
}

/// Aliases that multiply, and brackets without end, are refused; in little time, or this test would never end.
#[test]
fn bombs() {
    let mut laughs = "wasmill: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    for (text, format) in [
        (laughs, Format::Yaml),
        ("[".repeat(100_000), Format::Yaml),
        ("{a: ".repeat(100_000), Format::Yaml),
        ("- ".repeat(100_000), Format::Yaml),
        ("[".repeat(100_000), Format::Json),
        (format!("a = {}", "[".repeat(100_000)), Format::Toml),
        (format!("a = {}", "{a = ".repeat(100_000)), Format::Toml),
        (format!("{}a = 1", "a.".repeat(10_000)), Format::Toml),
        (format!("[{}a]", "a.".repeat(10_000)), Format::Toml),
        ("a: &a [*a]".to_owned(), Format::Yaml),
        ("? ".repeat(10_000), Format::Yaml),
        ("\"".repeat(10_001), Format::Yaml),
    ] {
        let start = text.chars().take(20).collect::<String>();
        let error = parse("bomb", &text, format).expect_err(&start);
        assert!(!error.0.is_empty(), "{start}");
    }
}

/// 10,000 steps, on one line and on many.
#[test]
fn large_manifests() {
    let step = |number: usize| match number {
        0 => r#""s0": {"unit": "u", "with": {"x": "é ${{ inputs.text }}"}}"#.to_owned(),
        _ => format!(
            r#""s{number}": {{"unit": "u", "with": {{"x": "${{{{ steps.s{}.output.rows[0] }}}}"}}}}"#,
            number - 1
        ),
    };
    for separator in [", ", ",\n"] {
        let steps = (0..10_000).map(step).collect::<Vec<_>>().join(separator);
        let text = format!(
            r#"{{"wasmill": 1, "inputs": {{"text": "string"}}, "units": {{"u": "u.wasm"}}, "steps": {{{steps}}}}}"#
        );
        let pipeline = parse("large.json", &text, Format::Json).unwrap();
        assert_eq!(pipeline.steps.len(), 10_000);
        assert_eq!(pipeline.steps[9_999].expressions().len(), 1);
    }
}

/// 5,000 steps that stand behind one another, and as many that read the first: in order, and in a circle.
#[test]
fn long_chains_of_fallbacks() {
    let of = |last: &str| {
        let chain = (0..4_999)
            .map(|number| format!(r#""s{number}": {{"unit": "u", "fallback": {{"step": "s{}"}}}}"#, number + 1));
        let readers =
            (0..5_000).map(|number| format!(r#""r{number}": {{"unit": "u", "with": "${{{{ steps.s0.output }}}}"}}"#));
        let steps = chain.chain([format!(r#""s4999": {{"unit": "u"{last}}}"#)]).chain(readers).collect::<Vec<_>>();
        let text = format!(r#"{{"wasmill": 1, "units": {{"u": "u.wasm"}}, "steps": {{{}}}}}"#, steps.join(","));
        parse("chain.json", &text, Format::Json)
    };
    assert_eq!(of("").unwrap().steps.len(), 10_000);
    for last in [r#", "fallback": {"step": "s0"}"#, r#", "with": "${{ steps.r7.output }}""#] {
        let error = of(last).unwrap_err();
        assert_eq!(error.0.iter().map(|one| one.code).collect::<Vec<_>>(), [Code::Cycle], "{last}");
    }
}

fn mutated() -> impl Strategy<Value = (String, Format)> {
    let seeds: Vec<(String, Format)> = ["valid", "invalid", "dialects/valid", "dialects/invalid"]
        .into_iter()
        .flat_map(|name| std::fs::read_dir(folder(name)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            !path
                .extension()
                .is_some_and(|extension| ["err", "model", "native"].iter().any(|golden| extension == *golden))
        })
        .map(|path| (std::fs::read_to_string(&path).unwrap(), Format::of(&path)))
        .collect();
    let pieces = vec![
        "",
        "\n",
        " ",
        "  ",
        "\t",
        ":",
        "-",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "${{",
        "}}",
        "$${{",
        "&a",
        "*a",
        "<<: *a",
        "!!str",
        "|",
        ">",
        "#",
        "\\",
        "é",
        "\u{feff}",
        "\0",
        "---",
        "...",
        "0",
        "1e999",
        "99999999999999999999",
        "null",
        "steps",
        "inputs.x",
        "=",
        "[[a]]",
        "\r\n",
    ];
    let edit = (any::<prop::sample::Index>(), 0..6usize, prop::sample::select(pieces));
    (prop::sample::select(seeds), prop::collection::vec(edit, 1..6)).prop_map(|((text, format), edits)| {
        let mut characters: Vec<char> = text.chars().collect();
        for (index, length, piece) in edits {
            let start = if characters.is_empty() { 0 } else { index.index(characters.len()) };
            let end = (start + length).min(characters.len());
            characters.splice(start..end, piece.chars());
        }
        (characters.into_iter().collect(), format)
    })
}

fn is_sound(text: &str, format: Format) {
    let result = parse("fuzz/file", text, format);
    if let Ok(pipeline) = &result {
        dialects::is_read_again("fuzz/file", pipeline);
    }
    if let Err(diagnostics) = result {
        assert!(!diagnostics.0.is_empty());
        for diagnostic in &diagnostics.0 {
            let location = diagnostic.location.as_ref().unwrap();
            assert!(location.offset <= text.len() && text.is_char_boundary(location.offset), "{diagnostic}");
            assert!(location.line >= 1 && location.column >= 1, "{diagnostic}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,200}") {
        for format in [Format::Yaml, Format::Json, Format::Toml] {
            is_sound(&text, format);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        for format in [Format::Yaml, Format::Json, Format::Toml] {
            is_sound(&text, format);
        }
    }

    #[test]
    fn no_mutation_panics((text, format) in mutated()) {
        is_sound(&text, format);
    }
}
