//! Units that were made to get more than they may, or to have something said of them that is not so.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use wasmill_engine::{Binding, Call, Cancel, Engine, Outcome, PrepareError};
use wasmill_engine_wasmedge::WasmEdgeEngine;
use wasmill_engine_wasmtime::WasmtimeEngine;
use wasmill_model::{DirGrant, DirMode, Grants, Input, Limits, Profile, TrapKind, Value, Verdict, VerdictKind};
use wasmill_testkit::{assemble, guest};
use wasmill_unit::Unit;

use crate::program::{Fake, engine, find, is_there};

/// How a unit is called.
struct Way<'a> {
    function: Option<&'a str>,
    profile: Profile,
    limits: Limits,
    grants: Grants,
}

impl Default for Way<'_> {
    fn default() -> Self {
        Way { function: None, profile: Profile::Metered, limits: Limits::default(), grants: Grants::default() }
    }
}

async fn call(engine: &dyn Engine, text: &str, input: Input, way: Way<'_>) -> Outcome {
    let unit = Unit::from_binary(assemble(text)).unwrap();
    let binding = Binding {
        function: way.function.map(str::to_owned),
        profile: way.profile,
        grants: Arc::new(way.grants),
        ..Binding::default()
    };
    let prepared = engine.prepare(&unit, &binding).await.unwrap();
    prepared.call(Call::new(&input, &way.limits, &Cancel::new())).await
}

fn wasmtime() -> WasmtimeEngine {
    let settings = wasmill_engine_wasmtime::Settings { slots: 2, ..Default::default() };
    WasmtimeEngine::new(settings).unwrap()
}

const PROFILES: [Profile; 2] = [Profile::Metered, Profile::Fast];
const STATISTICS: &str = "hello[2026-11-21 19:23:25.892] [info] ====================  Statistics  ====================\\n\
    [2026-11-21 19:23:25.892] [info]  Gas costs: 5\\n\
    [2026-11-21 19:23:25.892] [info] =======================   End   ======================\\n";

/// A program that writes these words to stdout, and then does this.
fn speaker(words: &str, then: &str) -> (String, usize) {
    let length = words.replace("\\n", "n").len();
    let text = format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 200)
  (data (i32.const 64) "{words}")
  (func $say (param $stream i32) (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $write (local.get $stream) (i32.const 0) (i32.const 1) (i32.const 1004))))
  (func (export "_start") (local $left i32)
    (call $say (i32.const 1) (i32.const 64) (i32.const {length}))
    {then}))"#
    );
    (text, length)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_unit_prints_is_its_output_whatever_it_looks_like() {
    let engine = engine();
    let (text, length) = speaker(STATISTICS, "");
    for profile in PROFILES {
        let outcome = call(&engine, &text, Input::from(""), Way { profile, ..Way::default() }).await;
        assert_eq!((outcome.verdict.clone(), outcome.usage.bytes_out), (Verdict::Ok, length as u64), "{profile}");
        assert!(outcome.usage.fuel.is_none_or(|fuel| fuel > 50), "{profile}");
        assert_eq!(outcome.usage.fuel.is_some(), profile == Profile::Metered);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_is_stopped_has_said_nothing_of_its_fuel() {
    let engine = engine();
    // Long enough that the words have been read when the log is too long.
    let flood = "(local.set $left (i32.const 300000))
        (loop $wait (br_if $wait (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (call $say (i32.const 2) (i32.const 2000) (i32.const 2000000))";
    let line = "[2026-11-21 19:23:25.892] [info]  Gas costs: ";
    for words in [
        "x\\n[info]  Gas costs: 5\\n".to_owned(),
        "\\n[info]  Gas costs: 99999999999999\\n".to_owned(),
        STATISTICS.to_owned(),
        STATISTICS.replace(&format!("{line}5"), &format!("{line}99999999999999")),
        "[2026-11-21 19:23:25.892] [error] Cost exceeded limit. Force terminate the execution.\\n".to_owned(),
    ] {
        let (text, _) = speaker(&words, flood);
        let outcome = call(&engine, &text, Input::from(""), Way::default()).await;
        assert_eq!((outcome.verdict.kind(), outcome.usage.fuel), (VerdictKind::LogExceeded, None), "{words}");
        let (text, _) = speaker(&words, "unreachable");
        let outcome = call(&engine, &text, Input::from(""), Way::default()).await;
        assert_eq!(outcome.verdict, Verdict::Trap { kind: TrapKind::Unreachable, detail: String::new() }, "{words}");
        assert!(outcome.usage.fuel.is_some_and(|fuel| (50..100_000).contains(&fuel)), "{:?}", outcome.usage);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_crashes_while_a_unit_runs_was_brought_to_it() {
    let record = |kind: &str| format!("printf '\\{kind}{}' >&2", "\\0".repeat(16));
    for signal in [6, 11] {
        let fake = Fake::new(&format!("{}; echo '[info]  Gas costs: 5'; kill -{signal} $$", record("001")));
        let outcome = crate::program::echo(&fake.engine(), &Limits::default()).await;
        assert!(
            matches!(&outcome.verdict, Verdict::Trap { kind: TrapKind::Other, detail } if detail.contains(&format!("signal {signal}"))),
            "{:?}",
            outcome.verdict
        );
        assert_eq!(outcome.usage.fuel, None);
    }
}

/// Each goes over 100,000,000 bytes, or as many elements as there may be, ten times.
const BULK: &str = r#"(module
  (memory 1600) (table $one 90000 funcref) (table $two 10 funcref) (elem $all func $nothing) (data $bytes "0123456789")
  (func $nothing)
  (func (export "memory.fill") (local $left i32) (local.set $left (i32.const 10))
    (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 100000000))
      (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
  (func (export "memory.copy") (local $left i32) (local.set $left (i32.const 10))
    (loop (memory.copy (i32.const 0) (i32.const 1000) (i32.const 100000000))
      (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
  (func (export "table.fill") (local $left i32) (local.set $left (i32.const 1000))
    (loop (table.fill $one (i32.const 0) (ref.func $nothing) (i32.const 90000))
      (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
  (func (export "table.copy") (local $left i32) (local.set $left (i32.const 1000))
    (loop (table.copy $one $one (i32.const 0) (i32.const 1) (i32.const 89999))
      (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
  (func (export "little") (result i32)
    (memory.init $bytes (i32.const 100) (i32.const 0) (i32.const 10))
    (memory.fill (i32.const 102) (i32.const 65) (i32.const 3))
    (memory.copy (i32.const 200) (i32.const 101) (i32.const 8))
    (table.init $one $all (i32.const 3) (i32.const 0) (i32.const 1))
    (table.copy $two $one (i32.const 0) (i32.const 3) (i32.const 2))
    (table.fill $two (i32.const 5) (ref.func $nothing) (i32.const 2))
    (drop (table.grow $two (ref.null func) (i32.const 3)))
    (i32.add (i32.load (i32.const 200)) (table.size $two)))
  (func (export "table.grow") (result i32) (table.grow $two (ref.func $nothing) (i32.const 9000)))
  (func (export "outside") (memory.fill (i32.const 1) (i32.const 0) (i32.const -1)))
  (func (export "outside table") (table.fill $one (i32.const 1) (ref.null func) (i32.const -1))))"#;

#[tokio::test(flavor = "multi_thread")]
async fn bulk_instructions_cost_what_they_go_over() {
    let (engine, other) = (engine(), wasmtime());
    let with = |function, fuel, profile| Way {
        function: Some(function),
        profile,
        limits: Limits { fuel, timeout: Duration::from_secs(120), ..Limits::default() },
        ..Way::default()
    };
    let none = || Input::Positional(Vec::new());
    for (function, fuel) in [
        ("memory.fill", 5_000_000),
        ("memory.copy", 5_000_000),
        ("table.fill", 5_000_000),
        ("table.copy", 5_000_000),
        ("table.grow", 1_500),
    ] {
        let outcome = call(&engine, BULK, none(), with(function, fuel, Profile::Metered)).await;
        assert_eq!(outcome.verdict, Verdict::FuelExhausted { limit: fuel }, "{function}: {:?}", outcome.usage);
        let outcome = call(&engine, BULK, none(), with(function, 1 << 30, Profile::Metered)).await;
        assert_eq!(outcome.verdict, Verdict::Ok, "{function}");
        let used = outcome.usage.fuel.unwrap();
        let most = if function == "table.grow" { 5_000 } else { 30_000_000 };
        assert!(used > fuel && used < most, "{function}: {used}");
    }
    // Nothing else is another: results and traps; and little ones are cheap.
    for function in ["little", "outside", "outside table"] {
        let expected = call(&other, BULK, none(), with(function, 1 << 40, Profile::Metered)).await;
        for profile in PROFILES {
            let found = call(&engine, BULK, none(), with(function, 5_000, profile)).await;
            assert_eq!(
                (found.verdict.kind(), found.output),
                (expected.verdict.kind(), expected.output.clone()),
                "{function}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_calls_with_many_operands_are_too_deep() {
    let loads: String = (0..5_000).map(|at| format!("(i64.load offset={at} (local.get 0))")).collect();
    let text = format!(
        r#"(module (memory (export "memory") 1)
  (func $f (export "f") (param i32) (result i64)
    {loads} (call $f (i32.add (local.get 0) (i32.const 1))) {}))"#,
        "i64.add ".repeat(5_000)
    );
    let engine = engine();
    for profile in PROFILES {
        let way = Way { function: Some("f"), profile, ..Way::default() };
        let outcome = call(&engine, &text, Input::Positional(vec![Value::Int(0)]), way).await;
        assert!(
            matches!(outcome.verdict, Verdict::Trap { kind: TrapKind::StackOverflow, .. }),
            "{profile}: {:?}",
            outcome.verdict
        );
    }
}

const TWO_MEMORIES: &str = r#"(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
  (memory $a 1) (memory $b 2) (memory $c 3) (export "memory" (memory $b))
  (data (memory $a) (i32.const 64) "aaaaaaaa") (data (memory $b) (i32.const 72) "bbbbbbbb") (data (memory $c) (i32.const 64) "cccccccc")
  (func (export "read") (result i64 i64 i64 i64 i32 i32 i32)
    (drop (call $now (i32.const 0) (i64.const 0) (i32.const 64)))
    (memory.copy $c $b (i32.const 80) (i32.const 64) (i32.const 8))
    (i64.load $a (i32.const 64)) (i64.load $b (i32.const 64)) (i64.load $b (i32.const 72)) (i64.load $c (i32.const 80))
    (drop (memory.grow $a (i32.const 4)))
    (memory.size $a) (memory.size $b) (memory.size $c)))"#;

#[tokio::test(flavor = "multi_thread")]
async fn wasi_works_on_the_memory_that_is_exported() {
    let (engine, other) = (engine(), wasmtime());
    let none = || Input::Positional(Vec::new());
    let expected = call(&other, TWO_MEMORIES, none(), Way::default()).await;
    assert_eq!(expected.verdict, Verdict::Ok);
    for profile in PROFILES {
        let found = call(&engine, TWO_MEMORIES, none(), Way { profile, ..Way::default() }).await;
        assert_eq!((found.verdict, found.output), (Verdict::Ok, expected.output.clone()));
    }
    let none = TWO_MEMORIES.replace("(export \"memory\" (memory $b))", "");
    let unit = Unit::from_binary(assemble(&none)).unwrap();
    match engine.prepare(&unit, &Binding::default()).await {
        Err(PrepareError::Unsupported { message }) => assert!(message.contains("export no `memory`"), "{message}"),
        other => panic!("{:?}", other.err()),
    }
}

const WRONG: &str = r#"(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "computing time") (result i32) (call $now (i32.const 2) (i64.const 0) (i32.const 2000)))
  (func (export "no clock") (result i32) (call $now (i32.const 9) (i64.const 0) (i32.const 2000)))
  (func (export "unaligned") (result i32) (call $now (i32.const 0) (i64.const 0) (i32.const 2001)))
  (func (export "outside") (result i32) (call $now (i32.const 0) (i64.const 0) (i32.const 65535)))
  (func (export "random outside") (result i32) (call $random (i32.const 65535) (i32.const 2)))
  (func (export "sizes unaligned") (result i32) (call $sizes (i32.const 2) (i32.const 8)))
  (func (export "log unaligned") (result i32) (call $write (i32.const 2) (i32.const 2) (i32.const 1) (i32.const 8)))
  (func (export "log outside") (result i32)
    (i32.store (i32.const 0) (i32.const 65535)) (i32.store (i32.const 4) (i32.const 2))
    (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))))"#;

#[tokio::test(flavor = "multi_thread")]
async fn wasi_is_broken_as_elsewhere() {
    let (engine, other) = (engine(), wasmtime());
    for function in [
        "computing time",
        "no clock",
        "unaligned",
        "outside",
        "random outside",
        "sizes unaligned",
        "log unaligned",
        "log outside",
    ] {
        let way = || Way { function: Some(function), ..Way::default() };
        let expected = call(&other, WRONG, Input::Positional(Vec::new()), way()).await;
        let found = call(&engine, WRONG, Input::Positional(Vec::new()), way()).await;
        let kind = |outcome: &Outcome| match &outcome.verdict {
            Verdict::Trap { kind, .. } => format!("{kind:?}"),
            other => format!("{other:?}"),
        };
        assert_eq!((kind(&found), found.output), (kind(&expected), expected.output), "{function}");
    }
}

const READ_ONLY: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_create_directory" (func $make (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $remove (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "file") (data (i32.const 120) "new") (data (i32.const 140) "../hidden")
  (func (export "run") (result i32 i32 i32 i32)
    (call $make (i32.const 3) (i32.const 120) (i32.const 3))
    (call $remove (i32.const 3) (i32.const 100) (i32.const 4))
    (call $open (i32.const 3) (i32.const 1) (i32.const 140) (i32.const 9) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 1000))
    (call $open (i32.const 3) (i32.const 1) (i32.const 100) (i32.const 4) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 1000))))"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_granted_of_a_folder_is_said_as_elsewhere() {
    let (engine, other) = (engine(), wasmtime());
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().join("shown");
    fs::create_dir(&shown).unwrap();
    fs::write(shown.join("file"), "contents").unwrap();
    fs::write(folder.path().join("hidden"), "secret").unwrap();
    let way = |profile| {
        let mut grants = Grants::default();
        grants.dirs.insert(shown.clone(), DirGrant { at: "/data".to_owned(), mode: DirMode::Ro });
        Way { profile, grants, ..Way::default() }
    };
    let expected = call(&other, READ_ONLY, Input::Positional(Vec::new()), way(Profile::Metered)).await;
    assert_eq!(expected.verdict, Verdict::Ok);
    for profile in PROFILES {
        let found = call(&engine, READ_ONLY, Input::Positional(Vec::new()), way(profile)).await;
        assert_eq!((found.verdict, found.output), (Verdict::Ok, expected.output.clone()), "{profile}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiler_that_nobody_waits_for_is_gone() {
    let fake = Fake::new("echo $PLACE > place; echo $$ > process; exec sleep 1000");
    let engine: WasmEdgeEngine = find(fake.settings());
    let unit = Unit::from_binary(guest("command", "echo")).unwrap();
    let binding = Binding { profile: Profile::Fast, ..Binding::default() };
    let process = {
        let path = fake.folder.path().join("process");
        tokio::task::spawn_blocking(move || {
            loop {
                match fs::read_to_string(&path) {
                    Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                    _ => std::thread::yield_now(),
                }
            }
        })
    };
    let process = tokio::select! {
        prepared = engine.prepare(&unit, &binding) => panic!("{:?}", prepared.err()),
        process = process => process.unwrap(),
    };
    while is_there(&process) {
        tokio::task::yield_now().await;
    }
    let place = std::path::PathBuf::from(fake.said("place"));
    drop(engine);
    while place.parent().unwrap().exists() {
        tokio::task::yield_now().await;
    }
}
