//! What the kit cannot say in one call: cancellation, isolation, sharing, determinism, programs and components.

use std::time::Duration;

use wasmill_engine::{Call, Cancel, Engine as _};
use wasmill_engine_wasmtime::{Allocator, Settings, WasmtimeEngine};
use wasmill_model::{Grants, Input, Limits, OutputFormat, Source, TrapKind, Value, Verdict, VerdictKind};
use wasmill_unit::Unit;

use crate::units::{built, call, engine, nothing, prepare, prepare_with, text, unit};

fn long() -> Limits {
    Limits { fuel: u64::MAX / 4, timeout: Duration::from_secs(600), ..Limits::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_guest_stops() {
    let engine = engine();
    let spin = prepare(&engine, &built("limits", "spin"), None).await;
    let cancel = Cancel::new();
    let running = {
        let cancel = cancel.clone();
        tokio::spawn(async move { spin.call(Call::new(&nothing(), &long(), &cancel)).await })
    };
    cancel.cancel();
    assert_eq!(running.await.unwrap().verdict, Verdict::Cancelled);
}

#[tokio::test(flavor = "current_thread")]
async fn a_spinning_guest_shares_its_thread_and_times_out_alone() {
    let engine = engine();
    let spin = prepare(&engine, &built("limits", "spin"), None).await;
    let add = prepare(&engine, &built("core", "arith"), Some("add")).await;
    let limits = Limits { timeout: Duration::from_millis(100), ..long() };
    let spinning = tokio::spawn(async move { call(&spin, nothing(), &limits).await });
    // On one thread: these finish only because the spinning guest yields, and none is hurt by its timeout.
    for round in 0..20 {
        let input = Input::Positional(vec![Value::Int(round), Value::Int(1)]);
        let outcome = call(&add, input, &Limits::default()).await;
        assert_eq!(outcome.output, Some(Value::Int(round + 1)));
        tokio::task::yield_now().await;
    }
    assert_eq!(spinning.await.unwrap().verdict.kind(), VerdictKind::TimedOut);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_calls_than_slots_wait_for_their_turn() {
    let engine = engine();
    let upper = prepare(&engine, &built("bytes", "echo"), None).await;
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let upper = upper.clone();
            tokio::spawn(async move { call(&upper, text(&number.to_string()), &Limits::default()).await })
        })
        .collect();
    for (number, handle) in calls.into_iter().enumerate() {
        assert_eq!(handle.await.unwrap().output, Some(Value::from(number.to_string())));
    }
}

#[tokio::test]
async fn a_call_that_waits_for_its_turn_can_be_cancelled() {
    let engine = WasmtimeEngine::new(Settings { slots: 1, ..Settings::default() }).unwrap();
    let spin = prepare(&engine, &built("limits", "spin"), None).await;
    let (input, limits, first, second) = (nothing(), long(), Cancel::new(), Cancel::new());
    let spinning = spin.call(Call::new(&input, &limits, &first));
    let waiting = async {
        second.cancel();
        let outcome = spin.call(Call::new(&input, &limits, &second)).await;
        first.cancel();
        outcome
    };
    let (_, waited) = tokio::join!(spinning, waiting);
    assert_eq!((waited.verdict, waited.usage.wall), (Verdict::Cancelled, Duration::ZERO), "it never had its turn");
}

#[tokio::test]
async fn what_a_function_prints_is_log() {
    let prints = unit(
        r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "\08\00\00\00\06\00\00\00said: ")
        (func (export "run") (param i32) (drop (call $write (local.get 0) (i32.const 0) (i32.const 1) (i32.const 16)))))"#,
    );
    let prepared = prepare(&engine(), &prints, Some("run")).await;
    for stream in [1, 2] {
        let outcome = call(&prepared, Input::Single(Value::Int(stream)), &Limits::default()).await;
        assert_eq!((outcome.log.as_str(), outcome.usage.log_bytes), ("said: ", 6), "{:?}", outcome.verdict);
    }
}

#[tokio::test]
async fn every_call_is_a_fresh_instance() {
    let engine = engine();
    let count = unit(
        r#"(module (global $n (mut i32) (i32.const 0)) (memory 1)
        (func (export "next") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
            (i32.add (global.get $n) (i32.mul (i32.load (i32.const 0)) (i32.const 100)))))"#,
    );
    let next = prepare(&engine, &count, None).await;
    for _ in 0..20 {
        assert_eq!(call(&next, nothing(), &Limits::default()).await.output, Some(Value::Int(101)));
    }
}

#[tokio::test]
async fn fuel_and_memory_are_the_same_every_time() {
    let (one, two) = (engine(), engine());
    let unit = built("bytes", "echo");
    let (one, two) = (prepare(&one, &unit, None).await, prepare(&two, &unit, None).await);
    let first = call(&one, text("hello"), &Limits::default()).await;
    assert!(first.usage.fuel.unwrap() > 0);
    assert!(first.usage.peak_memory >= 65_536);
    assert_eq!((first.usage.bytes_in, first.usage.bytes_out), (5, 5));
    for prepared in [&one, &two] {
        let again = call(prepared, text("hello"), &Limits::default()).await;
        assert_eq!((again.usage.fuel, again.usage.peak_memory), (first.usage.fuel, first.usage.peak_memory));
    }
}

#[tokio::test]
async fn a_backtrace_names_the_functions() {
    let engine = engine();
    let fails = unit(r#"(module $shop (func $inner unreachable) (func $outer (export "run") call $inner))"#);
    let outcome = call(&prepare(&engine, &fails, None).await, nothing(), &Limits::default()).await;
    let names: Vec<&str> = outcome.backtrace.iter().map(|frame| frame.function.as_str()).collect();
    assert_eq!(names, ["inner", "outer"]);
    assert!(outcome.backtrace.iter().all(|frame| frame.module.as_deref() == Some("shop") && frame.offset.is_some()));
    let deep = call(&prepare(&engine, &built("limits", "recurse"), None).await, nothing(), &Limits::default()).await;
    assert_eq!(deep.backtrace.len(), 32, "the innermost");
}

#[tokio::test]
async fn assemblyscript_abort_says_what_and_where() {
    let engine = engine();
    let aborts = unit(
        r#"(module (import "env" "abort" (func $abort (param i32 i32 i32 i32))) (memory (export "memory") 1)
        (data (i32.const 16) "\06\00\00\00b\00a\00d\00") (data (i32.const 32) "\08\00\00\00a\00.\00t\00s\00")
        (func (export "run") (call $abort (i32.const 20) (i32.const 36) (i32.const 3) (i32.const 7))))"#,
    );
    let outcome = call(&prepare(&engine, &aborts, None).await, nothing(), &Limits::default()).await;
    let Verdict::Trap { kind: TrapKind::Unreachable, detail } = outcome.verdict else {
        panic!("{:?}", outcome.verdict)
    };
    assert_eq!(detail, "abort: bad at a.ts:3:7");
    let aborts = unit(
        r#"(module (import "env" "abort" (func $abort (param i32 i32 i32 i32))) (memory (export "memory") 1)
        (data (i32.const 16) "\00\f0\00\00")
        (func (export "run") (call $abort (i32.const 20) (i32.const -1) (i32.const 3) (i32.const 7))))"#,
    );
    let outcome = call(&prepare(&engine, &aborts, None).await, nothing(), &Limits::default()).await;
    let Verdict::Trap { detail, .. } = outcome.verdict else { panic!("{:?}", outcome.verdict) };
    assert_eq!(detail.len(), "abort: ".len() + 1_000, "a beginning of it");
}

#[tokio::test]
async fn a_program_reads_stdin_and_writes_stdout() {
    let engine = engine();
    let cat = prepare(&engine, &built("command", "cat"), None).await;
    for input in ["", "hello\n", "grüße"] {
        let outcome = call(&cat, text(input), &Limits::default()).await;
        assert_eq!(outcome.output, Some(Value::from(input)), "{:?}", outcome.verdict);
    }
    let big = "x".repeat(3 << 20);
    assert_eq!(call(&cat, text(&big), &Limits::default()).await.output, Some(Value::from(big)));
}

#[tokio::test]
async fn a_program_of_wasi_0_2_does_too_and_its_stderr_is_the_log() {
    let engine = engine();
    let echo = prepare(&engine, &built("command", "echo-p2"), None).await;
    let outcome = call(&echo, text("hello"), &Limits::default()).await;
    assert_eq!(outcome.output, Some(Value::from("HELLO")), "{:?}", outcome.verdict);
    assert!(outcome.usage.log_bytes > 0 && !outcome.log.is_empty());
}

#[tokio::test]
async fn a_program_that_fails_says_why() {
    let engine = engine();
    let outcome =
        call(&prepare(&engine, &built("limits", "exit-three"), None).await, text(""), &Limits::default()).await;
    let Verdict::GuestError { message } = outcome.verdict else { panic!("{:?}", outcome.verdict) };
    assert!(message.starts_with("exited with code 3: "), "{message}");
    assert_eq!(outcome.output, None);
}

#[tokio::test]
async fn floods_are_verdicts_and_not_cuts() {
    let engine = engine();
    let limits = Limits { log: 10_000, output: 10_000, ..Limits::default() };
    let outcome = call(&prepare(&engine, &built("limits", "log-flood"), None).await, text(""), &limits).await;
    assert_eq!(outcome.verdict, Verdict::LogExceeded { limit: 10_000 });
    assert_eq!(outcome.usage.log_bytes, 10_000);
    let outcome =
        call(&prepare(&engine, &built("limits", "output-flood-command"), None).await, text(""), &limits).await;
    assert_eq!(outcome.verdict.kind(), VerdictKind::OutputExceeded, "{:?}", outcome.verdict);
    assert_eq!(outcome.output, None);
}

#[tokio::test]
async fn a_program_sees_what_it_was_granted_and_nothing_else() {
    let engine = engine();
    let unit = built("limits", "read-env");
    let plain = prepare_with(&engine, &unit, None, Grants::default(), OutputFormat::Json).await;
    let seen = call(&plain, text(""), &Limits::default()).await.output.unwrap();
    assert_eq!(seen.get("env").unwrap().to_json(), "{}");
    let mut grants = Grants::default();
    grants.env.insert("LANG".to_owned(), "en".to_owned());
    grants.args.push("--fast".to_owned());
    let granted = prepare_with(&engine, &unit, None, grants, OutputFormat::Json).await;
    let seen = call(&granted, text(""), &Limits::default()).await.output.unwrap();
    assert_eq!(seen.get("env").unwrap().to_json(), r#"{"LANG":"en"}"#);
    assert_eq!(seen.get("args").unwrap().to_json(), r#"["unit","--fast"]"#);
}

/// Reads the clock once and 8 random bytes, and gives both as 16 bytes.
const CLOCK_AND_RANDOM: &str = r#"(module
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64)))
        (drop (call $random (i32.const 72) (i32.const 8)))
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 16))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))"#;

#[tokio::test]
async fn time_and_randomness_are_virtual_unless_granted() {
    let engine = engine();
    let unit = unit(CLOCK_AND_RANDOM);
    let pure = prepare_with(&engine, &unit, None, Grants::default(), OutputFormat::Bytes).await;
    let one = call(&pure, text("a"), &Limits::default()).await.output;
    assert_eq!(call(&pure, text("a"), &Limits::default()).await.output, one);
    let other = call(&pure, text("b"), &Limits::default()).await.output;
    assert_ne!(other, one, "the random stream is seeded by the input too");
    let mut grants = Grants::default();
    (grants.clock, grants.random) = (Source::Real, Source::Real);
    let real = prepare_with(&engine, &unit, None, grants, OutputFormat::Bytes).await;
    assert_ne!(call(&real, text("a"), &Limits::default()).await.output, one);
}

#[tokio::test]
async fn components_take_and_give_typed_values() {
    let engine = engine();
    let kinds = built("component", "kinds");
    let upper = prepare(&engine, &kinds, Some("upper")).await;
    assert_eq!(call(&upper, text("grüße"), &Limits::default()).await.output, Some(Value::from("GRÜSSE")));
    let join = prepare(&engine, &kinds, Some("join")).await;
    let input = Value::from_json(br#"{"separator":"-","parts":["a","b"]}"#).unwrap();
    let Value::Object(named) = input else { panic!() };
    let outcome = call(&join, Input::Named((*named).clone()), &Limits::default()).await;
    assert_eq!(outcome.output, Some(Value::from("a-b")), "{:?}", outcome.verdict);
    let fail = prepare(&engine, &kinds, Some("fail")).await;
    let outcome = call(&fail, text("no such row"), &Limits::default()).await;
    assert_eq!(outcome.verdict, Verdict::GuestError { message: "no such row".to_owned() });
    let wrong = call(&join, Input::Positional(vec![Value::Int(1), Value::Int(2)]), &Limits::default()).await;
    assert_eq!(wrong.verdict.kind(), VerdictKind::InvalidInput);
    let trap = prepare(&engine, &kinds, Some("trap")).await;
    assert_eq!(call(&trap, nothing(), &Limits::default()).await.verdict.kind(), VerdictKind::Trap);
}

/// A component whose `run` returns a list of `count` numbers or bytes from zeroed memory.
fn huge_list(element: &str, bytes: u32, count: u32) -> Unit {
    let pages = u64::from(bytes) * u64::from(count) / 65_536 + 1;
    unit(&format!(
        r#"(component
        (core module $m (memory (export "memory") {pages})
            (func (export "run") (result i32)
                (i32.store (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const {count})) (i32.const 0)))
        (core instance $i (instantiate $m))
        (func (export "run") (result (list {element}))
            (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#
    ))
}

#[tokio::test]
async fn a_huge_list_is_output_exceeded_in_bulk_and_value_by_value() {
    let engine = engine();
    let limits = Limits { output: 100_000, ..Limits::default() };
    for unit in [huge_list("u8", 1, 100_000_000), huge_list("u32", 4, 25_000_000)] {
        let outcome = call(&prepare(&engine, &unit, None).await, nothing(), &limits).await;
        assert_eq!(outcome.verdict.kind(), VerdictKind::OutputExceeded, "{:?}", outcome.verdict);
    }
}

#[tokio::test]
async fn what_nobody_provides_is_found_before_anything_runs() {
    let engine = engine();
    let needs = unit(r#"(module (import "wbg" "__wbindgen_throw" (func (param i32 i32))) (func (export "run")))"#);
    let Err(error) = engine.prepare(&needs, &wasmill_engine::Binding::default()).await else { panic!("prepared") };
    assert_eq!(error.to_string(), "the unit imports `wbg::__wbindgen_throw`, which Wasmill does not provide");
}

#[tokio::test]
async fn a_unit_that_is_too_large_for_the_pool_runs_on_demand() {
    let engine = engine();
    assert_eq!(engine.allocator(), Allocator::Pooling, "these tests need the address space for a pool");
    let memories = "(memory 1)".repeat(20);
    let unit = unit(&format!(r#"(module {memories} (func (export "run") (result i32) (memory.size 19)))"#));
    let run = prepare(&engine, &unit, None).await;
    assert_eq!(call(&run, nothing(), &Limits::default()).await.output, Some(Value::Int(1)));
}

/// What `wasmill-unit` says of a binary and what this engine says of it are one thing.
#[tokio::test]
async fn the_engine_takes_what_inspection_takes() {
    let engine = engine();
    for taken in [
        r#"(module (func (export "run") (param v128) (result v128) (i8x16.neg (local.get 0))))"#,
        r#"(module (memory 1) (memory 1) (func (export "run") (result i32) (memory.size 1)))"#,
        r#"(module (func $f (export "run") (result i32) (return_call $f)))"#,
        r#"(module (global i32 (i32.add (i32.const 1) (i32.const 2))) (func (export "run")))"#,
    ] {
        prepare(&engine, &unit(taken), None).await;
    }
    for refused in [
        r#"(module (memory 1 1 shared) (func (export "run")))"#,
        r#"(module (memory i64 1) (func (export "run")))"#,
        r#"(module (tag) (func (export "run")))"#,
        r#"(module (type (struct (field i32))) (func (export "run")))"#,
        r#"(module (func (export "run") (param v128) (result v128)
            (i32x4.relaxed_trunc_f32x4_s (local.get 0))))"#,
    ] {
        let error = Unit::from_binary(wat::parse_str(refused).unwrap()).unwrap_err();
        assert_eq!(error.code(), wasmill_model::Code::UnsupportedUnit, "{refused}: {error}");
    }
}
