//! Guests as real toolchains build them: the same output, log and verdict as on wasmtime.
#![allow(clippy::print_stdout, reason = "the figures are for whoever asks: `--no-capture`")]

use std::collections::BTreeMap;

use wasmill_engine::{Engine, Outcome};
use wasmill_model::{Grants, Input, Interface, Limits, OutputFormat, Value};
use wasmill_unit::{Preview, Unit};

use crate::host_work::SPINNING;
use crate::units::{built, call, engine, nothing, prepare, prepare_with, text, wasmtime};

/// What has to be the same.
fn seen(outcome: &Outcome) -> (&wasmill_model::Verdict, &Option<Value>, &str, u64, u64) {
    let usage = &outcome.usage;
    (&outcome.verdict, &outcome.output, &outcome.log, usage.bytes_in, usage.bytes_out)
}

async fn same(unit: &Unit, function: Option<&str>, input: &Input, format: OutputFormat) -> Outcome {
    let engines: [Box<dyn Engine>; 2] = [Box::new(engine()), Box::new(wasmtime())];
    let mut outcomes = Vec::new();
    for engine in engines {
        let prepared = prepare_with(&*engine, unit, function, Grants::default(), format).await;
        outcomes.push(call(&prepared, input.clone(), &Limits::default()).await);
    }
    assert_eq!(seen(&outcomes[0]), seen(&outcomes[1]));
    if let [Some(ours), Some(theirs)] = [0, 1].map(|engine| outcomes[engine].usage.fuel) {
        println!("fuel {ours} here, {theirs} on wasmtime: {:.2} times", ours as f64 / theirs as f64);
    }
    outcomes.remove(0)
}

#[tokio::test]
async fn libraries_with_the_c_abi() {
    for (name, input, output) in [
        ("upper", "hello, Grüße", "HELLO, GRüßE"),
        ("upper", "", ""),
        ("reverse", "abc ü", "ü cba"),
        ("reverse", "", ""),
    ] {
        let outcome = same(&built("bytes", name), None, &text(input), OutputFormat::Text).await;
        assert_eq!(outcome.output, Some(Value::from(output)), "{name}");
    }
    let no_text = Input::Single(Value::Bytes(vec![0xff].into()));
    same(&built("bytes", "reverse"), None, &no_text, OutputFormat::Text).await;
}

#[tokio::test]
async fn the_processors_and_nodes_that_are_built_in() {
    let unit = built("builtin", "processors");
    let named = |members: &[(&str, Value)]| {
        Input::Named(members.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    };
    for (name, input) in [
        ("change_text_case_upper", Value::from("straße")),
        ("change_text_case_title", "the lord OF the rings".into()),
        ("reverse_text", "a🇩🇪b".into()),
        ("nothing", Value::Int(1)),
        ("word_frequency_analyzer", "a b A".into()),
        ("CalculatorNode", Value::Int(7)),
    ] {
        let input = named(&[
            ("call", name.into()),
            ("input", input),
            ("operation", "divide".into()),
            ("operand", Value::Int(2)),
        ]);
        same(&unit, None, &input, OutputFormat::Text).await;
    }
}

#[tokio::test]
async fn programs() {
    let big = "x".repeat(3 << 20);
    for (suite, name, inputs) in [
        ("command", "cat", &["", "hello\n", "grüße", &big][..]),
        ("command", "wc-json", &["one twö\nthree", ""]),
        ("limits", "exit-three", &[""]),
        ("limits", "log-flood", &[""]),
        ("limits", "output-flood-command", &[""]),
        ("limits", "read-env", &["x"]),
        ("limits", "trap-debug", &[""]),
        ("grants", "log-secret", &[""]),
        ("grants", "files", &[""]),
        ("grants", "clock", &[""]),
    ] {
        for input in inputs {
            same(&built(suite, name), None, &text(input), OutputFormat::Text).await;
        }
    }
}

/// Every guest that is text and that this engine runs, called with something and under the default limits but little fuel: the same end, but
/// for where the fuel is used up, which is no unit's promise.
#[tokio::test]
async fn guests_in_text() {
    let mut ends = BTreeMap::new();
    for suite in ["bytes", "command", "core", "isolation", "limits", "grants"] {
        let folder = wasmill_testkit::workspace().join("guests").join(suite);
        let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        for path in names.iter().filter(|path| path.extension().is_some_and(|extension| extension == "wat")) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let unit = built(suite, name);
            let info = unit.info();
            let foreign = info.imports.iter().any(|import| import.module.contains(':'));
            // Other engines charge the host's work with nothing but time.
            if SPINNING.contains(&name) {
                continue;
            }
            if info.is_component || info.preview == Some(Preview::Preview2) || foreign {
                continue;
            }
            let function = info.functions.first().map(|function| function.name.to_string());
            let input = match info.interface {
                Interface::Core => Input::Positional(info.functions[0].params.iter().map(|_| Value::Int(3)).collect()),
                _ => text("1 some input"),
            };
            // A second is enough for what does not go on for ever.
            let limits = Limits { fuel: 20_000_000, memory: 300 << 16, ..Limits::default() };
            let mut outcomes = Vec::new();
            let engines: [Box<dyn Engine>; 2] = [Box::new(engine()), Box::new(wasmtime())];
            for engine in engines {
                let prepared =
                    prepare_with(&*engine, &unit, function.as_deref(), Grants::default(), OutputFormat::Bytes).await;
                outcomes.push(call(&prepared, input.clone(), &limits).await);
            }
            let [ours, theirs] = &outcomes[..] else { unreachable!() };
            let kinds = [ours.verdict.kind(), theirs.verdict.kind()];
            if kinds.contains(&wasmill_model::VerdictKind::FuelExhausted) {
                *ends.entry("fuel").or_insert(0) += 1;
                continue;
            }
            assert_eq!(kinds[0], kinds[1], "{suite}/{name}: {:?} and {:?}", ours.verdict, theirs.verdict);
            assert_eq!((&ours.output, &ours.log), (&theirs.output, &theirs.log), "{suite}/{name}");
            assert_eq!(ours.usage.peak_memory, theirs.usage.peak_memory, "{suite}/{name}");
            *ends.entry("same").or_insert(0) += 1;
        }
    }
    assert!(ends["same"] > 50, "{ends:?}");
}

#[tokio::test]
async fn a_memory_that_nobody_reads_is_counted() {
    let add = prepare(&engine(), &built("core", "add-one-page"), None).await;
    let outcome = call(&add, Input::Positional(vec![Value::Int(2), Value::Int(3)]), &Limits::default()).await;
    assert_eq!((outcome.output, outcome.usage.peak_memory), (Some(Value::Int(5)), 65_536));
    let noop = prepare(&engine(), &built("core", "noop"), None).await;
    let outcome = call(&noop, nothing(), &Limits::default()).await;
    assert_eq!((outcome.verdict, outcome.usage.peak_memory), (wasmill_model::Verdict::Ok, 0));
}
