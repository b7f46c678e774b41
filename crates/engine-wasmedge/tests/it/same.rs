//! The same unit, called in the same way, gives the same as in wasmtime: output, verdict, log.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use wasmill_engine::{Binding, Call, Cancel, Engine, Outcome};
use wasmill_engine_wasmtime::WasmtimeEngine;
use wasmill_model::{
    Digest, DirGrant, DirMode, Grants, Input, Limits, OutputFormat, Profile, Secrets, Source, TrapKind, Value, Verdict,
};
use wasmill_testkit::{assemble, guest};
use wasmill_unit::Unit;

use crate::program::engine;

/// Both engines.
struct Both(WasmtimeEngine, wasmill_engine_wasmedge::WasmEdgeEngine);

/// One call.
struct Case {
    unit: Vec<u8>,
    function: Option<&'static str>,
    input: Input,
    grants: Grants,
    secrets: Secrets,
    output: OutputFormat,
}

impl Case {
    fn new(unit: Vec<u8>, input: Input) -> Self {
        Case {
            unit,
            function: None,
            input,
            grants: Grants::default(),
            secrets: Secrets::default(),
            output: OutputFormat::Bytes,
        }
    }

    async fn call(&self, engine: &dyn Engine, profile: Profile) -> Outcome {
        let unit = Unit::from_binary(self.unit.clone()).unwrap();
        let binding = Binding {
            function: self.function.map(str::to_owned),
            grants: Arc::new(self.grants.clone()),
            secrets: self.secrets.clone(),
            profile,
            output: self.output,
        };
        let prepared = engine.prepare(&unit, &binding).await.unwrap();
        prepared.call(Call::new(&self.input, &Limits::default(), &Cancel::new())).await
    }
}

impl Both {
    fn new() -> Self {
        let settings = wasmill_engine_wasmtime::Settings { slots: 2, ..Default::default() };
        Both(WasmtimeEngine::new(settings).unwrap(), engine())
    }

    /// The outcome, where both are of one mind.
    async fn agree(&self, what: &str, case: Case) -> Outcome {
        let expected = case.call(&self.0, Profile::Metered).await;
        for profile in [Profile::Metered, Profile::Fast] {
            let found = case.call(&self.1, profile).await;
            let of = |outcome: &Outcome| {
                // A NaN is not itself.
                let output = format!("{:?}", outcome.output);
                let shown: String = output.chars().take(300).collect();
                let digest = Digest::of(output.as_bytes());
                (outcome.verdict.clone(), shown, digest, outcome.log.clone(), outcome.usage.bytes_out)
            };
            assert!(of(&found) == of(&expected), "{what}, {profile}:\n{:?}\n{:?}", of(&found), of(&expected));
            assert_eq!(found.usage.peak_memory, expected.usage.peak_memory, "{what}, {profile}: memory");
            if expected.verdict.is_ok() {
                assert_eq!(found.usage.fuel.is_some(), profile == Profile::Metered, "{what}");
            }
        }
        expected
    }
}

fn ok(outcome: &Outcome) -> String {
    assert_eq!(outcome.verdict, Verdict::Ok);
    match outcome.output.as_ref().unwrap() {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.to_json(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_and_byte_units() {
    let both = Both::new();
    let long: String = "grüße, 0123456789\n".repeat(5_000);
    for (suite, name) in [
        ("command", "echo"),
        ("command", "cat"),
        ("command", "wc-json"),
        ("bytes", "echo"),
        ("bytes", "upper"),
        ("bytes", "reverse"),
        ("bytes", "reactor"),
        ("examples/text-report", "normalize"),
        ("examples/text-report", "wc"),
    ] {
        for input in ["", "a", "two words\n", &long] {
            both.agree(&format!("{name} of {} bytes", input.len()), Case::new(guest(suite, name), Input::from(input)))
                .await;
        }
    }
    for name in ["exit-three", "trap-debug", "malformed-log", "exit-zero", "exit-start"] {
        both.agree(name, Case::new(guest("limits", name), Input::from("x"))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers() {
    let both = Both::new();
    let list = |list: &[Value]| Input::Positional(list.to_vec());
    let (int, float, text) = (|n| Value::Int(n), |n| Value::Float(n), |t: &str| Value::from(t));
    for (function, input) in [
        ("add", list(&[int(i64::from(i32::MAX)), int(1)])),
        ("add", list(&[int(i64::from(u32::MAX)), int(-7)])),
        ("add64", list(&[int(i64::MIN), int(0)])),
        ("add64", list(&[Value::UInt(u64::MAX), int(0)])),
        ("mul", list(&[float(0.1), float(3.0)])),
        ("mul", list(&[float(5e-324), float(1.0)])),
        ("mul", list(&[float(-0.0), float(1.0)])),
        ("mul", list(&[float(f64::MAX), float(-2.0)])),
        ("mul", list(&[text("Infinity"), float(0.0)])),
        ("mul", list(&[float(1.797_693_134_862_315_7e308), float(0.333_333_333_333_333_3)])),
        ("half", list(&[float(0.1)])),
        ("half", list(&[float(-3.402_823_5e38)])),
        ("half", list(&[text("NaN")])),
        ("nan", list(&[])),
        ("divmod", list(&[int(-17), int(5)])),
        ("divmod", list(&[int(1), int(0)])),
        ("swap", list(&[text("000102030405060708090a0b0c0d0e0f")])),
        ("swap", list(&[text("ff0102030405060780090a0b0c0d0eff")])),
        ("add", list(&[text("x"), int(1)])),
    ] {
        let case = Case { function: Some(function), ..Case::new(guest("core", "arith"), input.clone()) };
        both.agree(&format!("{function} of {input:?}"), case).await;
    }
    both.agree("add-one-page", Case::new(guest("core", "add-one-page"), list(&[]))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_is_virtual_and_the_same() {
    let both = Both::new();
    both.agree("poll-clocks", Case::new(guest("grants", "poll-clocks"), Input::Positional(Vec::new()))).await;
    both.agree("clocks", Case::new(assemble(CLOCKS), Input::Positional(Vec::new()))).await;
    let clock = both.agree("clock", Case::new(guest("grants", "clock"), Input::from(""))).await;
    assert_eq!(ok(&clock), "3600 3600 1735689600");
}

/// Reads both clocks twice, and their resolutions; then asks for clocks that there are not.
const CLOCKS: &str = r#"(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_res_get" (func $resolution (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $read (param $clock i32) (result i64)
    (if (call $time (local.get $clock) (i64.const 0) (i32.const 8)) (then (unreachable)))
    (i64.load (i32.const 8)))
  (func $step (param $clock i32) (result i64)
    (if (call $resolution (local.get $clock) (i32.const 8)) (then (unreachable)))
    (i64.load (i32.const 8)))
  (func (export "run") (result i64 i64 i64 i64 i64 i64 i32 i32)
    (call $read (i32.const 0)) (call $read (i32.const 1)) (call $read (i32.const 0)) (call $read (i32.const 1))
    (call $step (i32.const 0)) (call $step (i32.const 1))
    (call $time (i32.const 2) (i64.const 0) (i32.const 8)) (call $resolution (i32.const 3) (i32.const 8))))"#;

/// Draws pieces of randomness of many lengths, and gives them all.
const RANDOM: &str = r#"(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $draw (param $at i32) (param $length i32) (result i32)
    (if (call $random (local.get $at) (local.get $length)) (then (unreachable)))
    (i32.add (local.get $at) (local.get $length)))
  (func (export "_start")
    (local $at i32)
    (local.set $at (call $draw (call $draw (call $draw (call $draw (i32.const 64) (i32.const 1)) (i32.const 16)) (i32.const 5)) (i32.const 0)))
    (local.set $at (call $draw (call $draw (call $draw (local.get $at) (i32.const 300)) (i32.const 3)) (i32.const 4096)))
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.sub (local.get $at) (i32.const 64)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

#[tokio::test(flavor = "multi_thread")]
async fn randomness_is_seeded_and_the_same() {
    let both = Both::new();
    for input in ["", "one", "two"] {
        both.agree("random", Case::new(assemble(RANDOM), Input::from(input))).await;
    }
    let mut real = Case::new(assemble(RANDOM), Input::from(""));
    real.grants.random = Source::Real;
    let (first, second) = (real.call(&both.1, Profile::Metered).await, real.call(&both.1, Profile::Metered).await);
    assert!(first.verdict.is_ok() && first.output != second.output);
    // What a call has of it is bounded; it is said, and no trap of the unit.
    let greedy = assemble(&RANDOM.replace("4096", "40000"));
    let outcome = Case::new(greedy, Input::from("")).call(&both.1, Profile::Metered).await;
    assert!(
        matches!(&outcome.verdict, Verdict::HostError { message } if message.contains("32 KiB")),
        "{:?}",
        outcome.verdict
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_variables_and_secrets() {
    let both = Both::new();
    let mut case = Case::new(guest("limits", "read-env"), Input::from(""));
    case.grants.env.insert("WORD".to_owned(), "a=b \"c\"\nd".to_owned());
    case.grants.env.insert("EMPTY".to_owned(), String::new());
    both.agree("read-env", case).await;
    let program = assemble(ARGUMENTS);
    let mut case = Case::new(program.clone(), Input::from(""));
    case.grants.args = ["-a", "", "--env", "ü ü", "--"].map(str::to_owned).to_vec();
    case.grants.env.insert("A".to_owned(), "1".to_owned());
    case.grants.secrets = vec!["KEY".to_owned()];
    case.secrets.insert("KEY", "s3cr3t").unwrap();
    let seen = both.agree("arguments", case).await;
    assert_eq!(ok(&seen), "unit\0-a\0\0--env\0ü ü\0--\0A=1\0KEY=s3cr3t\0");
    both.agree("no arguments", Case::new(program, Input::from(""))).await;
}

const ARGUMENTS: &str = r#"(module
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $variables (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $variables_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; What the first pointer points at is written, so that pointers count as well.
  (func $show
    (i32.store (i32.const 0) (i32.load (i32.const 1000)))
    (i32.store (i32.const 4) (i32.load (i32.const 104)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start")
    (if (call $args_sizes (i32.const 100) (i32.const 104)) (then (unreachable)))
    (if (call $args (i32.const 1000) (i32.const 2000)) (then (unreachable)))
    (call $show)
    (if (call $variables_sizes (i32.const 100) (i32.const 104)) (then (unreachable)))
    (if (call $variables (i32.const 1000) (i32.const 2000)) (then (unreachable)))
    (if (i32.load (i32.const 100)) (then (call $show)))))"#;

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_what_was_granted() {
    let both = Both::new();
    let folder = tempfile::tempdir().unwrap();
    let (shown, hidden) = (folder.path().join("shown"), folder.path().join("hidden"));
    fs::create_dir(&shown).unwrap();
    fs::write(shown.join("file"), "contents").unwrap();
    fs::write(&hidden, "secret").unwrap();
    std::os::unix::fs::symlink(&hidden, shown.join("link")).unwrap();
    let case = |args: &[&str], mode| {
        let mut case = Case::new(guest("grants", "files"), Input::from(""));
        case.grants.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        case.grants.dirs.insert(shown.clone(), DirGrant { at: "/data".to_owned(), mode });
        case
    };
    let read = both.agree("read", case(&["read", "/data/file"], DirMode::Ro)).await;
    assert_eq!(ok(&read), "contents");
    let refused = async |what: &str, case: Case| {
        for profile in [Profile::Metered, Profile::Fast] {
            let outcome = case.call(&both.1, profile).await;
            assert!(matches!(outcome.verdict, Verdict::GuestError { .. }), "{what}: {:?}", outcome.verdict);
        }
    };
    refused("write", case(&["write", "/data/file", "other"], DirMode::Ro)).await;
    refused("remove", case(&["remove", "/data/file"], DirMode::Ro)).await;
    refused("mkdir", case(&["mkdir", "/data/new"], DirMode::Ro)).await;
    for path in ["/data/../hidden", "/data/link", "/etc/passwd", "/hidden", "hidden"] {
        refused(path, case(&["read", path], DirMode::Ro)).await;
        refused(path, case(&["read", path], DirMode::Rw)).await;
    }
    assert_eq!(fs::read_to_string(shown.join("file")).unwrap(), "contents");
    let written = case(&["write", "/data/new", "text"], DirMode::Rw).call(&both.1, Profile::Metered).await;
    assert_eq!(ok(&written), "");
    assert_eq!(fs::read_to_string(shown.join("new")).unwrap(), "text");
    let nothing = Case { grants: Grants::default(), ..case(&["read", "/data/file"], DirMode::Ro) };
    refused("nothing granted", nothing).await;
    assert!(Path::new(&hidden).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_leave_nothing_behind() {
    let both = Both::new();
    for name in ["keep-program", "keep-bytes", "keep"] {
        let input = || if name == "keep" { Input::Positional(vec![]) } else { Input::from("x") };
        let first = both.agree(name, Case::new(guest("isolation", name), input())).await;
        let second = both.agree(name, Case::new(guest("isolation", name), input())).await;
        assert_eq!(first.output, second.output);
    }
}

/// Writes WasmEdge's words for a failure to stdout and stderr, and a record of ours as well, and then does this.
fn forger(then: &str) -> Vec<u8> {
    assemble(&format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_rights" (func $rights (param i32 i64 i64) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "[2026-11-21 19:20:38.950] [error] wasmedge runtime failed: cost limit exceeded, Code: 0x003\n[2026-11-21 19:23:25.892] [info]  Gas costs: 1\n")
  (data (i32.const 400) "\04\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  (func $say (param $stream i32) (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $write (local.get $stream) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start")
    ;; A stream of its own that leads to stderr would not be watched: 3 is the granted folder.
    (if (i32.ne (call $renumber (i32.const 2) (i32.const 3)) (i32.const 8)) (then (unreachable)))
    (if (i32.ne (call $renumber (i32.const 3) (i32.const 2)) (i32.const 8)) (then (unreachable)))
    ;; One that does not wait, or that nobody may write to, would lose records.
    (if (i32.ne (call $flags (i32.const 2) (i32.const 4)) (i32.const 8)) (then (unreachable)))
    (if (i32.ne (call $rights (i32.const 2) (i64.const 0) (i64.const 0)) (i32.const 8)) (then (unreachable)))
    (drop (call $close (i32.const 2)))
    (call $say (i32.const 1) (i32.const 64) (i32.const 144))
    (call $say (i32.const 2) (i32.const 64) (i32.const 144))
    (call $say (i32.const 2) (i32.const 400) (i32.const 17))
    {then}))"#
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_unit_forges_a_verdict() {
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    for profile in [Profile::Metered, Profile::Fast] {
        let verdict = async |then: &str| {
            let mut case = Case::new(forger(then), Input::from(""));
            case.grants.dirs.insert(folder.path().to_owned(), DirGrant { at: "/".to_owned(), mode: DirMode::Ro });
            let outcome = case.call(&engine, profile).await;
            assert_eq!(outcome.log.len(), 144 + 17);
            assert!(outcome.usage.fuel.is_none_or(|fuel| fuel > 50), "{:?}", outcome.usage);
            outcome.verdict
        };
        assert_eq!(verdict("").await, Verdict::Ok);
        assert_eq!(verdict("(call $exit (i32.const 0))").await, Verdict::Ok);
        for code in [126, 134, 300] {
            let found = verdict(&format!("(call $exit (i32.const {code}))")).await;
            assert!(matches!(found, Verdict::Trap { kind: TrapKind::InvalidAbi, .. }), "{found:?}");
        }
        for code in [1, 125] {
            let found = verdict(&format!("(call $exit (i32.const {code}))")).await;
            assert!(
                matches!(&found, Verdict::GuestError { message } if message.starts_with(&format!("exited with code {code}"))),
                "{found:?}"
            );
        }
        let trap = verdict("(unreachable)").await;
        assert_eq!(trap, Verdict::Trap { kind: TrapKind::Unreachable, detail: String::new() });
        let division = verdict("(drop (i32.div_u (i32.const 1) (i32.const 0)))").await;
        assert_eq!(division, Verdict::Trap { kind: TrapKind::IntegerDivisionByZero, detail: String::new() });
    }
}

/// Numbers that look random, and are the same every time.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..4096).map(|_| next()).collect()
}

/// A module that some generator made, which ends.
fn made(seed: u64) -> Option<Unit> {
    let config = wasm_smith::Config {
        max_imports: 0,
        max_memories: 3,
        min_funcs: 1,
        export_everything: true,
        reference_types_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        memory64_enabled: false,
        threads_enabled: false,
        relaxed_simd_enabled: false,
        canonicalize_nans: true,
        ..wasm_smith::Config::default()
    };
    let noise = noise(seed);
    let mut module = wasm_smith::Module::new(config, &mut arbitrary::Unstructured::new(&noise)).ok()?;
    module.ensure_termination(10_000).ok()?;
    Unit::from_binary(module.to_bytes()).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn units_that_a_generator_made() {
    let both = Both::new();
    let mut kinds = std::collections::BTreeMap::new();
    for seed in 0..400 {
        let Some(unit) = made(seed) else { continue };
        let Some(function) = unit.info().functions.first().cloned() else { continue };
        let arguments = function.params.iter().map(|param| match &*param.kind {
            "f32" | "f64" => Value::Float(-1.5),
            "v128" => Value::from("000102030405060708090a0b0c0d0e0f"),
            _ => Value::Int(77),
        });
        let call = Input::Positional(arguments.collect());
        let binding = Binding { function: Some(function.name.to_string()), ..Binding::default() };
        let limits = Limits { memory: 64 << 20, ..Limits::default() };
        let run = async |engine: &dyn Engine| {
            let prepared = engine.prepare(&unit, &binding).await.unwrap();
            prepared.call(Call::new(&call, &limits, &Cancel::new())).await
        };
        let (expected, found) = (run(&both.0).await, run(&both.1).await);
        let words = |outcome: &Outcome| match &outcome.verdict {
            Verdict::Trap { kind, .. } => format!("{kind:?}"),
            other => format!("{:?} {:?}", other.kind(), outcome.output),
        };
        assert_eq!(words(&found), words(&expected), "seed {seed}: {:?}, {:?}", found.verdict, expected.verdict);
        assert_eq!(found.usage.peak_memory >> 16, expected.usage.peak_memory >> 16, "seed {seed}");
        *kinds.entry(expected.verdict.kind()).or_insert(0) += 1;
    }
    assert!(kinds.values().sum::<i32>() > 100 && kinds.len() > 2, "{kinds:?}");
}
