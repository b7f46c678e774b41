//! The engine on its own: profiles, backtraces, core dumps, blocking calls, and the examples.

use std::time::Duration;

use wasmill_engine_wasmtime::{Settings, WasmtimeEngine};
use wasmill_model::{Input, Limits, Profile, Value, Verdict};

use crate::units::{built, engine, unit};

#[path = "../../examples/call.rs"]
mod call;
#[path = "../../examples/host_function.rs"]
mod host_function;
#[path = "../../examples/limits.rs"]
mod limits;

#[test]
fn the_examples_run() {
    call::main().unwrap();
    host_function::main().unwrap();
    limits::main().unwrap();
}

#[tokio::test]
async fn the_fast_profile_keeps_time_and_counts_no_fuel() {
    let engine = engine();
    let add = engine.load(built("core", "arith").bytes().clone()).unwrap();
    let add = add.function("add").profile(Profile::Fast).prepare().await.unwrap();
    let attempt = add.call(Input::Positional(vec![Value::Int(2), Value::Int(3)])).await;
    assert_eq!((attempt.output, attempt.receipt.usage.fuel), (Some(Value::Int(5)), None));
    assert_eq!(attempt.receipt.profile, Profile::Fast);
    // The same unit on the same engine is other code by another profile.
    for profile in [Profile::Metered, Profile::Deterministic] {
        let add = engine.load(built("core", "arith").bytes().clone()).unwrap().function("add").profile(profile);
        let attempt = add.prepare().await.unwrap().call(Input::Positional(vec![Value::Int(2), Value::Int(3)])).await;
        assert!(attempt.receipt.usage.fuel.is_some_and(|fuel| fuel > 0), "{:?}", attempt.receipt);
    }

    let limits = Limits { timeout: Duration::from_millis(50), ..Limits::default() };
    for name in ["spin", "spin-start"] {
        let spin = engine.load(built("limits", name).bytes().clone()).unwrap();
        let spin = spin.profile(Profile::Fast).limits(limits.clone()).prepare().await.unwrap();
        let attempt = spin.call(Input::Positional(Vec::new())).await;
        assert!(matches!(attempt.receipt.verdict, Verdict::TimedOut { .. }), "{:?}", attempt.receipt);
    }
    let memory = Limits { memory: 1 << 20, ..limits };
    let grow = engine.load(built("limits", "grow-forever").bytes().clone()).unwrap();
    let grow = grow.profile(Profile::Fast).limits(memory).prepare().await.unwrap();
    let attempt = grow.call(Input::Positional(Vec::new())).await;
    assert!(matches!(attempt.receipt.verdict, Verdict::MemoryExceeded { .. }), "{:?}", attempt.receipt);
}

#[tokio::test]
async fn the_deterministic_profile_has_one_nan() {
    let wat = "(module (func (export \"nan\") (param f32 f32) (result i32)
        (i32.reinterpret_f32 (f32.add (local.get 0) (f32.add (local.get 1) (f32.reinterpret_i32 (i32.const 0xffa00001)))))))";
    let load = engine().load(unit(wat).bytes().clone()).unwrap();
    let nan = load.profile(Profile::Deterministic).prepare().await.unwrap();
    let attempt = nan.call(Input::Positional(vec![Value::Float(1.0), Value::Float(2.0)])).await;
    assert_eq!(attempt.output, Some(Value::Int(0x7fc0_0000)));
}

#[tokio::test]
async fn a_backtrace_names_functions_files_and_lines() {
    let unit = engine().load(built("limits", "trap-debug").bytes().clone()).unwrap().prepare().await.unwrap();
    let frames = unit.call("").await.receipt.backtrace;
    let [divide, average, ..] = frames.as_slice() else { panic!("{frames:?}") };
    assert_eq!((divide.function.as_str(), average.function.as_str()), ("divide", "average"));
    assert!(divide.source.as_ref().unwrap().ends_with("trap-debug.c:3"), "{divide:?}");
    assert!(average.source.as_ref().unwrap().ends_with("trap-debug.c:7"), "{average:?}");
}

#[tokio::test]
async fn a_trap_leaves_a_core_dump_where_one_is_asked_for() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let dumps = folder.path().join("dumps");
    let settings = Settings { slots: 2, coredumps: Some(dumps.clone()), ..Settings::default() };
    let engine = WasmtimeEngine::new(settings).unwrap();
    let unit = engine.load(built("limits", "trap-debug").bytes().clone()).unwrap().prepare().await.unwrap();
    let (first, second) = (unit.call("").await.receipt, unit.call("").await.receipt);
    let path = first.coredump.unwrap();
    assert_ne!(Some(&path), second.coredump.as_ref());
    assert!(path.starts_with(&dumps));
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.starts_with(b"\0asm"));
    // The sections that make a module a core dump.
    for section in ["core", "corestack"] {
        assert!(bytes.windows(section.len()).any(|window| window == section.as_bytes()), "{section}");
    }
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let fine = engine.load(built("core", "noop").bytes().clone()).unwrap().prepare().await.unwrap();
    assert_eq!(fine.call(Input::Positional(Vec::new())).await.receipt.coredump, None);
}

#[test]
fn blocking_calls_work_without_a_runtime_and_refuse_on_one() {
    let engine = engine();
    let load = || engine.load(built("bytes", "echo").bytes().clone()).unwrap();
    let echo = load().prepare_blocking().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(echo.call_blocking("hi").output, Some(Value::from("hi")));
                }
            });
        }
    });
    let program = engine.load(built("grants", "clock").bytes().clone()).unwrap().prepare_blocking().unwrap();
    assert!(program.call_blocking("").receipt.verdict.is_ok());
    let limits = Limits { timeout: Duration::from_millis(50), ..Limits::default() };
    let spin = engine.load(built("limits", "spin").bytes().clone()).unwrap().limits(limits);
    let spin = spin.prepare_blocking().unwrap().call_blocking(Input::Positional(Vec::new()));
    assert!(matches!(spin.receipt.verdict, Verdict::TimedOut { .. }), "{:?}", spin.receipt);

    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        assert!(matches!(echo.call_blocking("hi").receipt.verdict, Verdict::HostError { .. }));
        assert!(load().prepare_blocking().is_err());
    });
}
