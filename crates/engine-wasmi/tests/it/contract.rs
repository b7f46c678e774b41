//! What the kit cannot say in one call: cancellation, isolation, sharing, determinism, what is refused and why.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use wasmill_engine::{Binding, Call, Cancel, Engine as _, PrepareError, StdoutSink};
use wasmill_engine_wasmi::{Settings, WasmiEngine};
use wasmill_model::{
    DirGrant, DirMode, Grants, Input, LimitKind, Limits, OutputFormat, Profile, TrapKind, Value, Verdict, VerdictKind,
};
use wasmill_unit::Unit;

use crate::units::{block_on, built, call, engine, nothing, prepare, prepare_with, text, unit, wasmtime};

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
async fn what_nobody_provides_is_found_before_anything_runs() {
    let engine = engine();
    let needs = unit(r#"(module (import "wbg" "__wbindgen_throw" (func (param i32 i32))) (func (export "run")))"#);
    let Err(error) = engine.prepare(&needs, &wasmill_engine::Binding::default()).await else { panic!("prepared") };
    assert_eq!(error.to_string(), "the unit imports `wbg::__wbindgen_throw`, which Wasmill does not provide");
}

async fn refused(unit: &Unit, binding: &Binding) -> PrepareError {
    match engine().prepare(unit, binding).await {
        Ok(_) => panic!("it was prepared"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn components_are_for_other_engines() {
    for (suite, name) in [("component", "echo"), ("command", "echo-p2")] {
        let error = refused(&built(suite, name), &Binding::default()).await;
        assert!(matches!(error, PrepareError::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains("component"), "{error}");
    }
}

#[tokio::test]
async fn host_functions_are_for_other_engines() {
    for name in ["call-read", "call-sleep", "call-price"] {
        let error = refused(&built("grants", name), &Binding::default()).await;
        assert!(matches!(error, PrepareError::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains("host functions"), "{error}");
    }
}

#[tokio::test]
async fn an_import_of_another_type_is_an_invalid_unit() {
    for import in [
        r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32) (result i32)))"#,
        r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i64)))"#,
    ] {
        let error = refused(&unit(&format!(r#"(module {import} (func (export "run")))"#)), &Binding::default()).await;
        assert!(matches!(error, PrepareError::InvalidUnit { .. }), "{error:?}");
    }
    for import in [
        r#"(import "env" "abort" (func (param i32)))"#,
        r#"(import "wasi_snapshot_preview1" "fd_write" (memory 1))"#,
        r#"(import "wasi_snapshot_preview1" "sock_open" (func))"#,
        r#"(import "wasi_unstable" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#,
    ] {
        let error = refused(&unit(&format!(r#"(module {import} (func (export "run")))"#)), &Binding::default()).await;
        assert!(matches!(error, PrepareError::MissingImport { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn one_function_may_be_imported_twice() {
    let twice = unit(
        r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $one (result i32)))
        (import "wasi_snapshot_preview1" "sched_yield" (func $two (result i32))) (memory (export "memory") 1)
        (func (export "run") (result i32) (i32.add (call $one) (call $two))))"#,
    );
    let outcome = call(&prepare(&engine(), &twice, None).await, nothing(), &Limits::default()).await;
    assert_eq!(outcome.output, Some(Value::Int(0)), "{:?}", outcome.verdict);
}

/// What `wasmill-unit` says of a binary and what this engine says of it are one thing.
#[tokio::test]
async fn the_engine_takes_what_inspection_takes() {
    for (taken, params, output) in [
        (
            r#"(module (func (export "run") (param v128) (result v128) (i8x16.neg (local.get 0))))"#,
            vec![Value::from("000102030405060708090a0b0c0d0e0f")],
            Value::from("00fffefdfcfbfaf9f8f7f6f5f4f3f2f1"),
        ),
        (r#"(module (memory 1) (memory 3) (func (export "run") (result i32) (memory.size 1)))"#, vec![], Value::Int(3)),
        (
            r#"(module (func $f (export "run") (param i32) (result i32)
            (if (result i32) (local.get 0) (then (return_call $f (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 7)))))"#,
            vec![Value::Int(1_000_000)],
            Value::Int(7),
        ),
        (
            r#"(module (global $g i32 (i32.add (i32.const 1) (i32.const 2))) (func (export "run") (result i32) (global.get $g)))"#,
            vec![],
            Value::Int(3),
        ),
        (
            r#"(module (table 1 funcref) (func $f) (elem declare func $f)
            (func (export "run") (result i32) (table.set (i32.const 0) (ref.func $f)) (ref.is_null (table.get (i32.const 0)))))"#,
            vec![],
            Value::Int(0),
        ),
        (
            r#"(module (memory 1) (data $d "abcd") (func (export "run") (result i32)
            (memory.init $d (i32.const 0) (i32.const 0) (i32.const 4)) (data.drop $d) (i32.extend8_s (i32.load8_u (i32.const 3)))))"#,
            vec![],
            Value::Int(100),
        ),
    ] {
        for profile in Profile::ALL {
            let binding = Binding { profile, ..Binding::default() };
            let prepared = engine().prepare(&unit(taken), &binding).await.unwrap();
            let outcome = call(&prepared, Input::Positional(params.clone()), &Limits::default()).await;
            assert_eq!(outcome.output, Some(output.clone()), "{taken}: {:?}", outcome.verdict);
        }
    }
}

/// Valid, and a larger table of branches than wasmi reads: the router goes on to another engine.
#[tokio::test]
async fn what_wasmi_lacks_is_unsupported_and_not_invalid() {
    let branches = "0 ".repeat(140_000);
    let many = unit(&format!(r#"(module (func (export "run") (block (br_table {branches} (i32.const 0)))))"#));
    let error = refused(&many, &Binding::default()).await;
    assert!(matches!(error, PrepareError::Unsupported { .. }), "{error:?}");
}

/// A body that is not valid is found before anything runs. (`wasmill-unit` finds it first.)
#[test]
fn what_is_not_valid_is_no_unit() {
    let binary = wat::parse_str(r#"(module (func (export "run") (result i32) (i64.const 1)))"#).unwrap();
    assert!(Unit::from_binary(binary).is_err());
}

#[tokio::test]
async fn start_functions_run_before_anything_else_and_can_be_stopped() {
    let started = unit(
        r#"(module (memory (export "memory") 1) (data (i32.const 0) "\05") (global $g (mut i32) (i32.const 0))
        (table 1 funcref) (elem (i32.const 0) $run)
        (func $start (global.set $g (i32.add (i32.load (i32.const 0)) (table.size))))
        (func $initialize (export "_initialize") (global.set $g (i32.mul (global.get $g) (i32.const 10))))
        (func $run (export "run") (result i32) (global.get $g)) (start $start))"#,
    );
    let outcome = call(&prepare(&engine(), &started, None).await, nothing(), &Limits::default()).await;
    assert_eq!(outcome.output, Some(Value::Int(60)), "{:?}", outcome.verdict);
    // It is no function of the unit's.
    assert_eq!(started.info().functions.len(), 1);
    let binding = Binding { function: Some("wasmill:start".to_owned()), ..Binding::default() };
    assert!(matches!(refused(&started, &binding).await, PrepareError::Function(_)));

    // A segment that does not fit ends it before the start function does.
    for (segment, kind) in [
        (r#"(memory 1) (data (i32.const 65535) "ab")"#, TrapKind::MemoryOutOfBounds),
        (r#"(table 1 funcref) (elem (i32.const 1) func $start)"#, TrapKind::TableOutOfBounds),
        ("", TrapKind::Unreachable),
    ] {
        let fails =
            unit(&format!(r#"(module {segment} (func $start unreachable) (start $start) (func (export "run")))"#));
        for engine in [&engine() as &dyn wasmill_engine::Engine, &wasmtime()] {
            let outcome = call(&prepare(engine, &fails, None).await, nothing(), &Limits::default()).await;
            let Verdict::Trap { kind: found, .. } = outcome.verdict else { panic!("{:?}", outcome.verdict) };
            assert_eq!(found, kind, "{segment}");
        }
    }
    let spin = prepare(&engine(), &built("limits", "spin-start"), None).await;
    let (input, limits, cancel) = (nothing(), long(), Cancel::new());
    assert!(spin.call(Call::new(&input, &limits, &cancel)).now_or_never().is_none(), "it yields");
}

/// One operation that takes more fuel than a slice has.
#[tokio::test]
async fn a_large_operation_has_its_fuel_and_no_more_than_there_is() {
    let fill = unit(
        r#"(module (memory 1024) (func (export "run") (result i32)
        (memory.fill (i32.const 0) (i32.const 7) (i32.const 67108864)) (i32.load8_u (i32.const 67108863))))"#,
    );
    let fill = prepare(&engine(), &fill, None).await;
    let outcome = call(&fill, nothing(), &Limits::default()).await;
    assert_eq!(outcome.output, Some(Value::Int(7)), "{:?}", outcome.verdict);
    let used = outcome.usage.fuel.unwrap();
    assert!(used >= 67_108_864 / 64, "{used}");
    let enough = Limits { fuel: used, ..Limits::default() };
    assert_eq!(call(&fill, nothing(), &enough).await.usage.fuel, Some(used));
    for fuel in [used - 1, used - 1_000, 1, 0] {
        let outcome = call(&fill, nothing(), &Limits { fuel, ..Limits::default() }).await;
        assert_eq!(outcome.verdict, Verdict::FuelExhausted { limit: fuel });
        assert!(outcome.usage.fuel.unwrap() <= fuel);
    }
    // A growth that waits for fuel is counted once.
    let grow = unit(r#"(module (memory 1) (func (export "run") (result i32) (memory.grow (i32.const 1000))))"#);
    let grow = prepare(&engine(), &grow, None).await;
    let limits = Limits { memory: 1001 << 16, ..Limits::default() };
    let outcome = call(&grow, nothing(), &limits).await;
    assert_eq!((outcome.output, outcome.usage.peak_memory), (Some(Value::Int(1)), 1001 << 16));
    let table = unit(
        r#"(module (table 1 funcref) (func (export "run") (result i32) (table.grow (ref.null func) (i32.const 99999))))"#,
    );
    let outcome = call(&prepare(&engine(), &table, None).await, nothing(), &Limits::default()).await;
    assert_eq!((outcome.output, outcome.usage.peak_memory), (Some(Value::Int(1)), 800_000));
}

#[tokio::test]
async fn fuel_does_not_depend_on_slices() {
    // Several million units: many slices, and a call of the host in each round.
    let busy = unit(
        r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32))) (memory (export "memory") 1)
        (func (export "run") (param $n i32) (loop $again (drop (call $yield))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#,
    );
    let busy = prepare(&engine(), &busy, None).await;
    let mut fuel = Vec::new();
    for rounds in [1, 2, 1_000_001] {
        let outcome = call(&busy, Input::Positional(vec![Value::Int(rounds)]), &Limits::default()).await;
        fuel.push(outcome.usage.fuel.unwrap());
    }
    assert_eq!(fuel[2], fuel[0] + 1_000_000 * (fuel[1] - fuel[0]), "each round costs the same: {fuel:?}");
}

#[tokio::test]
async fn the_fast_profile_tells_no_fuel_and_is_held_by_time() {
    let binding = Binding { profile: Profile::Fast, ..Binding::default() };
    let engine = engine();
    let named = Binding { function: Some("add".to_owned()), ..binding.clone() };
    let add = engine.prepare(&built("core", "arith"), &named).await.unwrap();
    let limits = Limits { fuel: 0, timeout: Duration::from_millis(30), ..Limits::default() };
    let input = Input::Positional(vec![Value::Int(2), Value::Int(3)]);
    let outcome = call(&add, input, &limits).await;
    assert_eq!((outcome.output, outcome.usage.fuel), (Some(Value::Int(5)), None));
    let spin = engine.prepare(&built("limits", "spin"), &binding).await.unwrap();
    assert_eq!(call(&spin, nothing(), &limits).await.verdict.kind(), VerdictKind::TimedOut);
}

/// One bit pattern for every NaN that an operation gives, as wasmtime's deterministic profile has it.
#[tokio::test]
async fn every_nan_is_the_same() {
    let nans = unit(
        r#"(module (func (export "run") (param $a f64) (param $b f32) (param $c i64) (result i64 i64 i64 i64 i64)
        (i64.reinterpret_f64 (f64.sub (local.get $a) (local.get $a)))
        (i64.reinterpret_f64 (f64.add (f64.reinterpret_i64 (local.get $c)) (f64.const 1)))
        (i64.reinterpret_f64 (f64.promote_f32 (f32.sqrt (local.get $b))))
        (i64.extend_i32_u (i32.reinterpret_f32 (f32.demote_f64 (f64.reinterpret_i64 (local.get $c)))))
        (i64.extend_i32_u (i32.reinterpret_f32 (f32.min (local.get $b) (f32.const nan))))))"#,
    );
    let input = Input::Positional(vec!["Infinity".into(), Value::Float(-1.0), Value::Int(0x7ff4_dead_beef_0001)]);
    let mut outputs = Vec::new();
    for engine in [&engine() as &dyn wasmill_engine::Engine, &wasmtime()] {
        let binding = Binding { profile: Profile::Deterministic, ..Binding::default() };
        let prepared = engine.prepare(&nans, &binding).await.unwrap();
        outputs.push(call(&prepared, input.clone(), &Limits::default()).await.output);
    }
    let (double, single) = (Value::Int(0x7ff8_0000_0000_0000), Value::Int(0x7fc0_0000));
    assert_eq!(outputs[0], Some(Value::from(vec![double.clone(), double.clone(), double, single.clone(), single])));
    assert_eq!(outputs[0], outputs[1]);
}

/// Recursion that fits wasmtime's stack fits here.
#[tokio::test]
async fn what_recurses_deep_on_wasmtime_recurses_here() {
    for (name, body) in [
        ("small", "(i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1))))"),
        (
            "locals",
            "(local.set 1 (i32.mul (local.get 0) (i32.const 3))) (local.set 2 (i32.xor (local.get 0) (local.get 1)))
            (i32.add (i32.or (i32.and (local.get 1) (i32.const 0)) (i32.and (local.get 2) (i32.const 0)))
              (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))",
        ),
    ] {
        let unit = unit(&format!(
            r#"(module (func $f (export "run") (param i32) (result i32) (local i32 i32)
            (if (result i32) (local.get 0) (then {body}) (else (i32.const 0)))))"#
        ));
        let (ours, theirs) = (engine(), wasmtime());
        let (ours, theirs) = (prepare(&ours, &unit, None).await, prepare(&theirs, &unit, None).await);
        let depth = |number: i64| Input::Positional(vec![Value::Int(number)]);
        let mut deepest = 1_000;
        while call(&theirs, depth(deepest + 1_000), &Limits::default()).await.verdict.is_ok() {
            deepest += 1_000;
        }
        let outcome = call(&ours, depth(deepest), &Limits::default()).await;
        assert_eq!(outcome.output, Some(Value::Int(deepest)), "{name}: {:?}", outcome.verdict);
        let outcome = call(&ours, depth(10_000_000), &Limits::default()).await;
        assert!(
            matches!(outcome.verdict, Verdict::Trap { kind: TrapKind::StackOverflow, .. }),
            "{name}: {:?}",
            outcome.verdict
        );
    }
}

#[tokio::test]
async fn output_is_told_as_it_comes() {
    #[derive(Debug, Default)]
    struct Told(std::sync::Mutex<Vec<u8>>);
    impl StdoutSink for Told {
        fn written(&self, bytes: &[u8]) {
            self.0.lock().unwrap().extend_from_slice(bytes);
        }
    }
    let told = Arc::new(Told::default());
    let sink: Arc<dyn StdoutSink> = told.clone();
    let cat = prepare(&engine(), &built("command", "cat"), None).await;
    let (input, limits, cancel) = (text("told"), Limits::default(), Cancel::new());
    let outcome = cat.call(Call { stdout: Some(&sink), ..Call::new(&input, &limits, &cancel) }).await;
    assert_eq!(outcome.output, Some(Value::from("told")));
    assert_eq!(*told.0.lock().unwrap(), b"told");

    // A sink that panics is a defect of the host's side: it ends this attempt alone.
    #[derive(Debug)]
    struct Broken;
    impl StdoutSink for Broken {
        fn written(&self, _: &[u8]) {
            panic!("broken sink");
        }
    }
    let sink: Arc<dyn StdoutSink> = Arc::new(Broken);
    let outcome = cat.call(Call { stdout: Some(&sink), ..Call::new(&input, &limits, &cancel) }).await;
    let Verdict::HostError { message } = &outcome.verdict else { panic!("{:?}", outcome.verdict) };
    assert!(message.contains("broken sink"), "{message}");
    assert!(call(&cat, text("x"), &limits).await.verdict.is_ok());
}

#[test]
fn sleeps_need_no_runtime() {
    let mut grants = Grants::default();
    grants.clock = wasmill_model::Source::Real;
    let outcome = block_on(async {
        let sleeper = prepare_with(&engine(), &built("limits", "poll-sleep"), None, grants, OutputFormat::Text).await;
        let limits = Limits { timeout: Duration::from_millis(30), ..Limits::default() };
        call(&sleeper, text(""), &limits).await
    });
    assert_eq!(outcome.verdict.kind(), VerdictKind::TimedOut);
    assert!(outcome.usage.wall < Duration::from_secs(20) && outcome.usage.fuel.is_none(), "{:?}", outcome.usage);
}

/// Where it was when the clock stopped it depends on the machine.
#[tokio::test]
async fn who_is_stopped_by_the_clock_has_used_the_time_and_no_fuel() {
    let limits = Limits { timeout: Duration::from_millis(20), ..long() };
    let spin = prepare(&engine(), &built("limits", "spin"), None).await;
    let outcome = call(&spin, nothing(), &limits).await;
    assert!(matches!(outcome.verdict, Verdict::TimedOut { .. }), "{:?}", outcome.verdict);
    assert!(outcome.usage.wall >= limits.timeout && outcome.usage.fuel.is_none(), "{:?}", outcome.usage);
}

#[tokio::test]
async fn the_limit_that_refused_is_named() {
    let limits = Limits { table_elements: 10, ..Limits::default() };
    let grows = unit(
        "(module (table 5 funcref) (func (export \"run\") (drop (table.grow (ref.null func) (i32.const 20))) (unreachable)))",
    );
    let verdict = call(&prepare(&engine(), &grows, None).await, nothing(), &limits).await.verdict;
    assert_eq!(verdict, Verdict::MemoryExceeded { of: LimitKind::TableElements, limit: 10, wanted: 25 });
    let limits = Limits { instances: 3, ..Limits::default() };
    let verdict =
        call(&prepare(&engine(), &built("limits", "five-memories"), None).await, nothing(), &limits).await.verdict;
    assert_eq!(verdict, Verdict::MemoryExceeded { of: LimitKind::Instances, limit: 3, wanted: 4 });
}

#[tokio::test]
async fn a_function_that_exits_has_not_answered() {
    let exit = prepare(&engine(), &built("limits", "exit-zero"), None).await;
    let outcome = call(&exit, nothing(), &Limits::default()).await;
    assert_eq!(outcome.verdict, Verdict::GuestError { message: "exited before it answered".to_owned() });
}

/// A crowd: many that compute for ever, on one thread, all told in time; and a healthy one among them.
#[tokio::test(flavor = "current_thread")]
async fn many_spinning_guests_end_in_time() {
    let engine = engine();
    let spin = prepare(&engine, &built("limits", "spin"), None).await;
    let add = prepare(&engine, &built("core", "arith"), Some("add")).await;
    let limits = Limits { timeout: Duration::from_millis(300), ..long() };
    let spinning: Vec<_> = (0..200)
        .map(|_| {
            let (spin, limits) = (spin.clone(), limits.clone());
            tokio::spawn(async move { call(&spin, nothing(), &limits).await })
        })
        .collect();
    let input = Input::Positional(vec![Value::Int(1), Value::Int(1)]);
    assert_eq!(call(&add, input, &Limits::default()).await.output, Some(Value::Int(2)));
    for guest in spinning {
        let outcome = guest.await.unwrap();
        assert_eq!(outcome.verdict.kind(), VerdictKind::TimedOut);
        assert!(outcome.usage.wall < Duration::from_secs(10), "{:?}", outcome.usage.wall);
    }
}

#[test]
fn an_engine_says_what_it_is() {
    let (described, info) = (WasmiEngine::description(), WasmiEngine::new(Settings::default()).info().clone());
    assert_eq!(described, info);
    assert_eq!((&*info.name.name, info.sandboxed), ("wasmi", true));
    assert_eq!(info.limits.len(), 7);
    assert!(info.limits.iter().all(|(_, held)| *held == wasmill_engine::Enforced::Yes));
}

#[tokio::test]
async fn folders_need_no_wasi_where_none_is_imported() {
    let mut grants = Grants::default();
    grants.dirs.insert("/nowhere/at/all".into(), DirGrant { at: "/data".to_owned(), mode: DirMode::Ro });
    let add = prepare_with(&engine(), &built("core", "arith"), Some("add"), grants, OutputFormat::Text).await;
    let input = Input::Positional(vec![Value::Int(1), Value::Int(1)]);
    assert_eq!(call(&add, input, &Limits::default()).await.output, Some(Value::Int(2)));
}
