//! Guests as real toolchains build them: what C and Rust make of each interface, run like everything else.

use std::time::Duration;

use wasmill_model::{Grants, Input, Limits, OutputFormat, Source, Value, Verdict, VerdictKind};

use crate::units::{built, call, engine, nothing, prepare, prepare_with, text};

#[tokio::test]
async fn the_c_abi_of_a_c_library() {
    let upper = prepare(&engine(), &built("bytes", "upper"), None).await;
    for (input, output) in [("hello, Grüße", "HELLO, GRüßE"), ("", "")] {
        assert_eq!(call(&upper, text(input), &Limits::default()).await.output, Some(Value::from(output)));
    }
}

#[tokio::test]
async fn the_c_abi_of_a_rust_library() {
    let reverse = prepare(&engine(), &built("bytes", "reverse"), None).await;
    for (input, output) in [("abc ü", "ü cba"), ("", "")] {
        assert_eq!(call(&reverse, text(input), &Limits::default()).await.output, Some(Value::from(output)));
    }
    let no_text = Input::Single(Value::Bytes(vec![0xff].into()));
    assert!(matches!(call(&reverse, no_text, &Limits::default()).await.verdict, Verdict::GuestError { .. }));
}

#[tokio::test]
async fn the_processors_and_nodes_that_are_built_in() {
    let unit = built("builtin", "processors");
    let processors = prepare(&engine(), &unit, None).await;
    let nodes = prepare_with(&engine(), &unit, None, Grants::default(), OutputFormat::Json).await;
    let named = |members: &[(&str, Value)]| {
        Input::Named(members.iter().map(|(name, value)| ((*name).into(), value.clone())).collect())
    };
    for (name, input, output) in [
        ("change_text_case_upper", "straße", "STRASSE"),
        ("change_text_case_lower", "ΟΔΟΣ", "οδος"),
        ("change_text_case_proper", "hello WORLD", "Hello World"),
        ("change_text_case_title", "the lord OF the rings", "The Lord of the Rings"),
        ("reverse_text", "a🇩🇪b", "b🇩🇪a"),
        ("prefix_suffix_adder", "", ""),
    ] {
        let input = named(&[("call", name.into()), ("input", input.into())]);
        assert_eq!(call(&processors, input, &Limits::default()).await.output, Some(Value::from(output)), "{name}");
    }
    let affixed = named(&[
        ("call", "prefix_suffix_adder".into()),
        ("input", "x".into()),
        ("prefix", "[".into()),
        ("suffix", "]".into()),
    ]);
    assert_eq!(call(&processors, affixed, &Limits::default()).await.output, Some(Value::from("[x]")));
    let operation = ("operation", Value::from("divide"));
    for (name, input, parameter, output) in [
        ("token_counter", Value::from("one two"), ("count_type", "words".into()), r#"{"word_count":2}"#),
        (
            "word_frequency_analyzer",
            "a b A".into(),
            ("x", Value::Null),
            r#"{"total_words":3,"total_unique_words":2,"frequencies":{"a":2,"b":1}}"#,
        ),
        ("PassThrough", Value::from(u64::MAX), ("x", Value::Null), "18446744073709551615"),
        ("Echo", Value::Null, ("counter", Value::Int(3)), r#"{"input":null,"counter":3,"node":"Echo"}"#),
        ("CalculatorNode", Value::Int(7), ("operand", Value::Int(2)), "3.5"),
        ("MultiplyNode", Value::Int(5), ("factor", Value::Int(2)), "10"),
        ("AddNode", Value::Float(0.5), ("addend", Value::Float(0.5)), "1"),
    ] {
        let input = named(&[("call", name.into()), ("input", input), (parameter.0, parameter.1), operation.clone()]);
        let answer = call(&nodes, input, &Limits::default()).await;
        assert_eq!(
            answer.output.map(|output| output.to_json()).as_deref(),
            Some(output),
            "{name}: {:?}",
            answer.verdict
        );
    }
    for refused in ["nothing", "reverse_text"] {
        let input = named(&[("call", refused.into()), ("input", Value::Int(1))]);
        assert!(matches!(call(&processors, input, &Limits::default()).await.verdict, Verdict::GuestError { .. }));
    }
}

#[tokio::test]
async fn a_component_without_imports() {
    let upper = prepare(&engine(), &built("component", "upper"), None).await;
    for (input, output) in [("grüße", "GRÜSSE"), ("", "")] {
        assert_eq!(call(&upper, text(input), &Limits::default()).await.output, Some(Value::from(output)));
    }
}

#[tokio::test]
async fn the_output_of_a_program_is_json() {
    let unit = built("command", "wc-json");
    let count = prepare_with(&engine(), &unit, None, Grants::default(), OutputFormat::Json).await;
    let counts = call(&count, text("one twö\nthree"), &Limits::default()).await.output.unwrap();
    assert_eq!(counts.to_json(), r#"{"lines":1,"words":3,"bytes":14,"chars":13}"#);
}

#[tokio::test]
async fn a_memory_that_nobody_reads_is_counted() {
    let engine = engine();
    let add = prepare(&engine, &built("core", "add-one-page"), None).await;
    let outcome = call(&add, Input::Positional(vec![Value::Int(2), Value::Int(3)]), &Limits::default()).await;
    assert_eq!((outcome.output, outcome.usage.peak_memory), (Some(Value::Int(5)), 65_536));
    let noop = prepare(&engine, &built("core", "noop"), None).await;
    let outcome = call(&noop, nothing(), &Limits::default()).await;
    assert_eq!((outcome.verdict, outcome.usage.peak_memory), (Verdict::Ok, 0));
}

#[tokio::test]
async fn time_ends_a_guest_that_waits_in_the_host() {
    let mut grants = Grants::default();
    grants.clock = Source::Real;
    let sleeper = prepare_with(&engine(), &built("limits", "sleep-long"), None, grants, OutputFormat::Text).await;
    let limits = Limits { timeout: Duration::from_millis(100), ..Limits::default() };
    assert_eq!(call(&sleeper, text(""), &limits).await.verdict.kind(), VerdictKind::TimedOut);
}
