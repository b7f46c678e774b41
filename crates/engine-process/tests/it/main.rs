//! Native programs, here the shell: each limit, and every way in which they end.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use wasmill_engine::{Call, Cancel, Outcome};
use wasmill_engine_process::{NativeProgram, run_program};
use wasmill_model::{Input, Limits, OutputFormat, Value, Verdict, VerdictKind};

fn shell(script: &str) -> NativeProgram {
    NativeProgram {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        folder: std::env::temp_dir(),
        launcher: None,
        output: OutputFormat::Text,
    }
}

fn limits() -> Limits {
    Limits { timeout: Duration::from_secs(60), ..Limits::default() }
}

async fn run(program: &NativeProgram, limits: &Limits) -> Outcome {
    let (input, cancel) = (Input::from("input"), Cancel::new());
    let outcome = run_program(program, Call::new(&input, limits, &cancel)).await;
    assert_eq!(outcome.output.is_some(), outcome.verdict.is_ok());
    outcome
}

/// This test program as a launcher.
fn launcher() -> (PathBuf, Vec<OsString>) {
    let script = "exec 3>&1 1>/dev/null; exec \"$0\" --exact launch --ignored --nocapture --test-threads=1 -- \"$@\"";
    ("/bin/sh".into(), vec!["-c".into(), script.into(), std::env::current_exe().unwrap().into()])
}

#[test]
#[ignore = "it is a program that other tests start"]
fn launch() {
    let mut args: Vec<OsString> = std::env::args_os().skip_while(|arg| arg != "--").skip(1).collect();
    let program = (0..args.len()).step_by(2).find(|at| args.get(*at).is_some_and(|key| key == "program")).unwrap() + 1;
    let name = args.get(program).cloned().unwrap();
    let back: [OsString; 4] = ["/bin/sh".into(), "-c".into(), "exec \"$0\" \"$@\" 1>&3 3>&-".into(), name];
    args.splice(program..=program, back);
    let (_, message) = wasmill_artifact::launch(args);
    panic!("{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stdin_becomes_stdout() {
    let outcome = run(
        &shell("cat; echo \" and $(env | grep -v ^LD_ | cut -d= -f1 | sort | tr '\\n' ' ')\"; echo said >&2"),
        &limits(),
    )
    .await;
    assert_eq!(outcome.output, Some(Value::from("input and PATH PWD \n")));
    assert_eq!((outcome.log.as_str(), outcome.usage.bytes_in, outcome.usage.bytes_out), ("said\n", 5, 20));
    // It need not read.
    assert_eq!(run(&shell("exec true"), &limits()).await.output, Some(Value::from("")));
}

#[tokio::test(flavor = "multi_thread")]
async fn its_own_failures_are_its_own() {
    let failed = run(&shell("echo why >&2; exit 3"), &limits()).await.verdict;
    assert_eq!(failed, Verdict::GuestError { message: "exited with code 3: why".to_owned() });
    let crashed = run(&shell("kill -11 $$"), &limits()).await.verdict;
    assert_eq!(crashed, Verdict::GuestError { message: "ended by signal 11".to_owned() });
    let text = run(&shell("printf 'a\\377'"), &limits()).await.verdict;
    assert_eq!(text.kind(), VerdictKind::GuestError);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_the_hosts_is_the_hosts() {
    let missing = NativeProgram { program: "/no/such/program".into(), ..shell("") };
    assert_eq!(run(&missing, &limits()).await.verdict.kind(), VerdictKind::EngineUnavailable);
    assert_eq!(run(&shell("kill -9 $$"), &limits()).await.verdict.kind(), VerdictKind::HostError);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_limit_holds() {
    let little = Limits { output: 1_000, log: 1_000, ..limits() };
    assert_eq!(run(&shell("exec yes"), &little).await.verdict.kind(), VerdictKind::OutputExceeded);
    assert_eq!(run(&shell("exec yes >&2"), &little).await.verdict.kind(), VerdictKind::LogExceeded);
    let exact = shell("head -c 1000 /dev/zero; head -c 1000 /dev/zero >&2");
    assert!(run(&NativeProgram { output: OutputFormat::Bytes, ..exact }, &little).await.verdict.is_ok());
    let short = Limits { timeout: Duration::from_millis(100), ..limits() };
    assert_eq!(run(&shell("exec sleep 1000"), &short).await.verdict.kind(), VerdictKind::TimedOut);
    // A shell that doubles a text for ever, in 64 MiB.
    let grow = NativeProgram { launcher: Some(launcher()), ..shell("a=0123456789; while :; do a=$a$a; done") };
    let verdict = run(&grow, &Limits { memory: 64 << 20, ..limits() }).await.verdict;
    assert!(matches!(verdict.kind(), VerdictKind::GuestError), "{verdict:?}");
    let within = NativeProgram { launcher: Some(launcher()), ..shell("cat") };
    assert_eq!(run(&within, &limits()).await.output, Some(Value::from("input")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_call_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("child");
    let script = format!("sleep 1000 & echo $! > {}; exit 0", file.display());
    assert!(run(&shell(&script), &limits()).await.verdict.is_ok());
    let child = fs::read_to_string(&file).unwrap();
    let is_there = || {
        let status = fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        status.is_ok_and(|status| !status.rsplit(')').next().unwrap().trim().starts_with('Z'))
    };
    while is_there() {
        tokio::task::yield_now().await;
    }
    let (input, limits, cancel) = (Input::from(""), limits(), Cancel::new());
    let program = shell("exec sleep 1000");
    let call = run_program(&program, Call::new(&input, &limits, &cancel));
    let (outcome, ()) = tokio::join!(call, async { cancel.cancel() });
    assert_eq!(outcome.verdict, Verdict::Cancelled);
    let before = run_program(&program, Call::new(&input, &limits, &cancel)).await;
    assert_eq!(before.verdict, Verdict::Cancelled);
}
