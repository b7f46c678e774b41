//! Edges at which limits and verdicts are easily wrong.

use std::time::Duration;

use wasmill_engine_wasmtime::{Settings, WasmtimeEngine};
use wasmill_model::{Input, LimitKind, Limits, TrapKind, Value, Verdict};

use crate::units::{built, engine, nothing, unit};

async fn run(guest: &str, function: &str, input: Input, limits: Limits) -> (Option<Value>, Verdict) {
    let (suite, name) = guest.split_once('/').unwrap();
    let load = engine().load(built(suite, name).bytes().clone()).unwrap();
    let attempt = load.function(function).limits(limits).prepare().await.unwrap().call(input).await;
    (attempt.output, attempt.receipt.verdict)
}

#[tokio::test]
async fn a_result_is_copied_before_post_return_runs() {
    for (function, output) in [("text", Value::from("hello world")), ("bytes", Value::Bytes("hello world".into()))] {
        let (found, verdict) = run("limits/scribbling-post-return", function, "x".into(), Limits::default()).await;
        assert_eq!((found, verdict), (Some(output), Verdict::Ok));
    }
    let (_, verdict) = run("limits/scribbling-post-return", "failure", "x".into(), Limits::default()).await;
    assert_eq!(verdict, Verdict::GuestError { message: "hello world".to_owned() });
}

#[tokio::test]
async fn a_unit_that_needs_more_slots_than_there_are_runs() {
    let engine = WasmtimeEngine::new(Settings { slots: 1, ..Settings::default() }).unwrap();
    let unit = engine.load(built("limits", "five-memories").bytes().clone()).unwrap().prepare().await.unwrap();
    for _ in 0..3 {
        assert_eq!(unit.call(nothing()).await.output, Some(Value::Int(5)));
    }
}

#[tokio::test]
async fn instances_are_limited_before_any_runs() {
    let wat = format!(
        "(component (core module $m (func (export \"run\") (result i32) (i32.const 1)))
           (core instance $i (instantiate $m)) {}
           (func (export \"run\") (result u32) (canon lift (core func $i \"run\"))))",
        "(core instance (instantiate $m))".repeat(120)
    );
    let engine = WasmtimeEngine::new(Settings { slots: 1, ..Settings::default() }).unwrap();
    let load = |instances| {
        let limits = Limits { instances, ..Limits::default() };
        engine.load(unit(&wat).bytes().clone()).unwrap().limits(limits)
    };
    let attempt = load(100).prepare().await.unwrap().call(nothing()).await;
    let verdict = Verdict::MemoryExceeded { of: LimitKind::Instances, limit: 100, wanted: 101 };
    assert_eq!(attempt.receipt.verdict, verdict);
    assert_eq!(load(200).prepare().await.unwrap().call(nothing()).await.output, Some(Value::Int(1)));
}

#[tokio::test]
async fn the_limit_that_refused_is_named() {
    let limits = Limits { table_elements: 10, ..Limits::default() };
    let wat = "(module (table 5 funcref) (func (export \"run\")
        (drop (table.grow (ref.null func) (i32.const 20))) (unreachable)))";
    let load = engine().load(unit(wat).bytes().clone()).unwrap();
    let verdict = load.limits(limits).prepare().await.unwrap().call(nothing()).await.receipt.verdict;
    assert_eq!(verdict, Verdict::MemoryExceeded { of: LimitKind::TableElements, limit: 10, wanted: 25 });
    assert!(verdict.help().unwrap().contains("table_elements"), "{:?}", verdict.help());
}

/// What one component hands to another within a unit is held to the same rules as what it hands to the host.
#[tokio::test]
async fn a_component_that_lies_to_another_breaks_the_abi() {
    let lie = |pointer, length| {
        format!(
            r#"(component
              (component $inner
                (core module $m (memory (export "memory") 1)
                  (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
                  (func (export "take") (param i32 i32)))
                (core instance $i (instantiate $m))
                (func (export "take") (param "text" string) (canon lift (core func $i "take")
                  (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
              (component $outer
                (import "inner" (instance $inner (export "take" (func (param "text" string)))))
                (core module $libc (memory (export "memory") 1))
                (core instance $libc (instantiate $libc))
                (core func $take (canon lower (func $inner "take") (memory (core memory $libc "memory"))))
                (core module $m (import "inner" "take" (func $take (param i32 i32)))
                  (func (export "run") (call $take (i32.const {pointer}) (i32.const {length}))))
                (core instance $i (instantiate $m (with "inner" (instance (export "take" (func $take))))))
                (func (export "run") (canon lift (core func $i "run"))))
              (instance $inner (instantiate $inner))
              (instance $outer (instantiate $outer (with "inner" (instance $inner))))
              (export "run" (func $outer "run")))"#
        )
    };
    let engine = engine();
    for (pointer, length, ok) in [(0, 100, true), (65_530, 100, false), (-1, 1, false), (0, -1, false)] {
        let load = engine.load(unit(&lie(pointer, length)).bytes().clone()).unwrap();
        let verdict = load.prepare().await.unwrap().call(nothing()).await.receipt.verdict;
        let broken = matches!(verdict, Verdict::Trap { kind: TrapKind::InvalidAbi, .. });
        assert!(if ok { verdict.is_ok() } else { broken }, "{length} bytes at {pointer}: {verdict:?}");
    }
}

#[tokio::test]
async fn a_modules_own_maximum_is_no_limit_of_ours() {
    let (_, verdict) = run("limits/own-maximum", "run", nothing(), Limits::default()).await;
    assert!(matches!(verdict, Verdict::Trap { kind: TrapKind::Unreachable, .. }), "{verdict:?}");
}

#[tokio::test]
async fn a_function_that_exits_has_not_answered() {
    let (_, verdict) = run("limits/exit-zero", "run", nothing(), Limits::default()).await;
    assert_eq!(verdict, Verdict::GuestError { message: "exited before it answered".to_owned() });
}

/// Where it was when the clock stopped it depends on the machine.
#[tokio::test]
async fn who_is_stopped_by_the_clock_has_used_the_time_and_no_fuel() {
    let limits = Limits { timeout: Duration::from_millis(20), ..Limits::default() };
    let load = engine().load(built("limits", "spin").bytes().clone()).unwrap();
    let receipt = load.limits(limits.clone()).prepare().await.unwrap().call(nothing()).await.receipt;
    assert!(matches!(receipt.verdict, Verdict::TimedOut { .. }), "{receipt:?}");
    assert!(receipt.usage.wall >= limits.timeout && receipt.usage.fuel.is_none(), "{:?}", receipt.usage);
}

#[tokio::test]
async fn who_ends_after_the_deadline_has_not_made_it() {
    // Longer than any machine takes for one, and ended by no epoch.
    let limits = Limits { timeout: Duration::from_micros(1), ..Limits::default() };
    let (output, verdict) = run("limits/long-fill", "run", Input::from(Value::Int(1)), limits).await;
    assert_eq!(output, None);
    assert!(matches!(verdict, Verdict::TimedOut { .. }), "{verdict:?}");
}
