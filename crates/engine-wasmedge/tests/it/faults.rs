//! Programs that are no good WasmEdge: a clear verdict each time, no stray process, no file left.

use std::fs;
use std::time::Duration;

use wasmill_engine::{Call, Cancel, Engine as _};
use wasmill_engine_wasmedge::{Settings, WasmEdgeEngine};
use wasmill_model::{Grants, Input, Limits, Verdict, VerdictKind};
use wasmill_testkit::guest;

use crate::program::{Fake, echo, find, is_there, prepared, settings};

/// A record, as a shell prints it: its kind, and numbers that are nought.
fn record(kind: &str) -> String {
    format!("printf '\\{kind}{}' >&2", "\\0".repeat(16))
}

fn limits() -> Limits {
    Limits { timeout: Duration::from_secs(60), ..Limits::default() }
}

async fn verdict(does: &str, limits: &Limits) -> Verdict {
    let fake = Fake::new(does);
    let outcome = echo(&fake.engine(), limits).await;
    assert_eq!(outcome.output.is_some(), outcome.verdict.is_ok());
    outcome.verdict
}

fn message(verdict: Verdict, kind: VerdictKind) -> String {
    assert_eq!(verdict.kind(), kind, "{verdict:?}");
    match verdict {
        Verdict::HostError { message } | Verdict::EngineUnavailable { message } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_start_is_unavailable() {
    let crashed = verdict("echo 'libLLVM.so: cannot open shared object file' >&2; exit 127", &limits()).await;
    assert_eq!(
        message(crashed, VerdictKind::EngineUnavailable),
        "WasmEdge did not start the unit (exit code 127): libLLVM.so: cannot open shared object file"
    );
    let killed = verdict("kill -11 $$", &limits()).await;
    assert_eq!(message(killed, VerdictKind::EngineUnavailable), "WasmEdge did not start the unit (signal 11)");
    let refused = verdict(
        "echo '[2026-11-21 19:23:26.451] [error] loading failed: magic header not detected, Code: 0x103'; exit 1",
        &limits(),
    )
    .await;
    assert!(message(refused, VerdictKind::EngineUnavailable).contains("magic header not detected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_goes_away_is_unavailable() {
    let fake = Fake::new("");
    let engine = fake.engine();
    fs::remove_file(&fake.program).unwrap();
    let gone = echo(&engine, &limits()).await.verdict;
    assert!(message(gone, VerdictKind::EngineUnavailable).contains("cannot be started: No such file or directory"));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_a_failure_of_the_host() {
    for does in ["cat; echo garbage", "echo garbage >&2", "", "printf '\\001\\002' >&2; echo hello"] {
        let said = message(verdict(does, &limits()).await, VerdictKind::HostError);
        assert!(said.contains("did not answer as WasmEdge 0.17.1 does"), "{does}: {said}");
    }
    // One that starts, and then ends without saying how.
    let started = verdict(&format!("{}; echo hello", record("001")), &limits()).await;
    assert!(message(started, VerdictKind::HostError).contains("did not answer"));
    let failed = verdict(&format!("{}; echo hello; exit 3", record("001")), &limits()).await;
    assert_eq!(message(failed, VerdictKind::HostError), "WasmEdge ended with exit code 3: hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_are_stopped_while_they_are_read() {
    let little = Limits { output: 1_000, log: 1_000, ..limits() };
    for does in ["exec yes", "exec yes >&2", "yes & exec yes >&2"] {
        message(verdict(does, &little).await, VerdictKind::HostError);
    }
    let started = verdict(&format!("{}; exec yes", record("001")), &little).await;
    assert_eq!(started.kind(), VerdictKind::OutputExceeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_ends_is_ended() {
    let fake = Fake::new("echo $$ > process; exec sleep 1000");
    let outcome = echo(&fake.engine(), &Limits { timeout: Duration::from_millis(200), ..limits() }).await;
    assert_eq!(outcome.verdict.kind(), VerdictKind::TimedOut);
    assert!(!is_there(&fake.said("process")));
}

#[tokio::test(flavor = "multi_thread")]
async fn children_that_outlive_it_are_gone() {
    // They hold its pipes; so without their end the call would last as long as they do.
    let fake = Fake::new(&format!("sleep 1000 & echo $! > child; {}; {}", record("001"), record("004")));
    let outcome = echo(&fake.engine(), &limits()).await;
    assert_eq!(outcome.verdict, Verdict::Ok);
    // It was killed; that it is gone is the system's work.
    let child = fake.said("child");
    while is_there(&child) {
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn children_that_left_its_group_are_not_waited_for() {
    let fake = Fake::new(&format!("setsid sleep 1000 & echo $! > child; {}; {}", record("001"), record("004")));
    let outcome = echo(&fake.engine(), &limits()).await;
    assert_eq!(outcome.verdict, Verdict::Ok);
    let child = fake.said("child").parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
    let _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_killed_in_mid_call_is_a_failure_of_the_host() {
    let fake = Fake::new(&format!("{}; echo $$ > process; exec sleep 1000", record("001")));
    let engine = fake.engine();
    let kill = std::thread::scope(|scope| {
        scope.spawn(|| {
            let process = fake.said("process").parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
            rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
        });
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(echo(&engine, &limits())))
    });
    let said = message(kill.verdict, VerdictKind::HostError);
    assert_eq!(said, "WasmEdge was ended in mid-call by signal 9");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_cancelled_or_dropped_leaves_no_process() {
    let fake = Fake::new("echo $$ > process; exec sleep 1000");
    let engine = fake.engine();
    let unit = prepared(&engine, &guest("command", "echo"), Grants::default()).await;
    let (input, limits, cancel) = (Input::from(""), limits(), Cancel::new());
    for dropped in [false, true] {
        let call = unit.call(Call::new(&input, &limits, &cancel));
        let started = async {
            let process = tokio::task::spawn_blocking({
                let path = fake.folder.path().join("process");
                move || loop {
                    if let Ok(text) = fs::read_to_string(&path)
                        && text.ends_with('\n')
                    {
                        fs::remove_file(&path).unwrap();
                        return text.trim().to_owned();
                    }
                    std::thread::yield_now();
                }
            });
            let process = process.await.unwrap();
            if !dropped {
                cancel.cancel();
            }
            process
        };
        let process = if dropped {
            let cancel = Cancel::new();
            let call = unit.call(Call::new(&input, &limits, &cancel));
            tokio::select! {
                outcome = call => panic!("{:?}", outcome.verdict),
                process = started => process,
            }
        } else {
            let (outcome, process) = tokio::join!(call, started);
            assert_eq!(outcome.verdict, Verdict::Cancelled);
            process
        };
        while is_there(&process) {
            assert!(dropped, "a cancelled call is over when its process is");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_in_the_folder_for_temporary_files() {
    // The folder of this engine is the only one that this unit's file stands in: found by its process.
    let fake = Fake::new("echo $PLACE > place; exit 1");
    let engine = fake.engine();
    let unit = prepared(&engine, &guest("command", "echo"), Grants::default()).await;
    let (input, limits, cancel) = (Input::from(""), limits(), Cancel::new());
    unit.call(Call::new(&input, &limits, &cancel)).await;
    let place = std::path::PathBuf::from(fake.said("place"));
    assert!(place.join("unit.wasm").is_file(), "{}", place.display());
    drop((unit, engine));
    assert!(!place.exists() && !place.parent().unwrap().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_kept_in() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "secret").unwrap();
    let path = secret.path().display();
    let fake = Fake::new(&format!("cat {path} >&2; exit 7"));
    let outside = find(Settings { launcher: None, ..fake.settings() });
    assert!(message(echo(&outside, &limits()).await.verdict, VerdictKind::EngineUnavailable).ends_with(": secret"));
    let inside = find(Settings { program: Some(fake.program.clone()), ..settings() });
    let said = message(echo(&inside, &limits()).await.verdict, VerdictKind::EngineUnavailable);
    assert!(said.contains("Permission denied") && !said.contains(": secret"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engines_own_limits_lower_those_of_a_call() {
    let engine = find(Settings { timeout: Some(Duration::from_millis(100)), ..settings() });
    let (input, limits, cancel) = (Input::from(""), limits(), Cancel::new());
    let spin = prepared(&engine, &guest("limits", "spin-program"), Grants::default()).await;
    let outcome = spin.call(Call::new(&input, &limits, &cancel)).await;
    assert!(
        matches!(outcome.verdict, Verdict::TimedOut { limit, .. } if limit == Duration::from_millis(100)),
        "{:?}",
        outcome.verdict
    );
    let engine = find(Settings { memory: Some(2 << 16), ..settings() });
    let grow = prepared(&engine, &guest("limits", "grow-or-fail"), Grants::default()).await;
    let call = |pages: i64| {
        let (grow, limits, cancel) = (grow.clone(), limits.clone(), cancel.clone());
        async move {
            let input = Input::Positional(vec![wasmill_model::Value::Int(pages)]);
            grow.call(Call::new(&input, &limits, &cancel)).await.verdict.kind()
        }
    };
    assert_eq!((call(1).await, call(2).await), (VerdictKind::Ok, VerdictKind::MemoryExceeded));
    // They never raise one.
    let generous: WasmEdgeEngine =
        find(Settings { timeout: Some(Duration::MAX), memory: Some(u64::MAX), ..settings() });
    let grow = prepared(&generous, &guest("limits", "grow-or-fail"), Grants::default()).await;
    let input = Input::Positional(vec![wasmill_model::Value::Int(1)]);
    let little = Limits { memory: 1 << 16, ..limits };
    let outcome = grow.call(Call::new(&input, &little, &cancel)).await;
    assert_eq!(outcome.verdict.kind(), VerdictKind::MemoryExceeded);
    assert!(generous.info().sandboxed);
}
