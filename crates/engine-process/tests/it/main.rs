//! Native programs as units: what they give, what bounds them, and that nothing of them is left.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::Notify;
use wasmill_engine::{Binding, Call, Cancel, Engine as _, Outcome, PrepareError, PreparedUnit, StdoutSink};
use wasmill_engine_process::{ProcessEngine, Settings};
use wasmill_model::{Grants, Input, Limits, OutputFormat, Secrets, TrapKind, Value, Verdict, VerdictKind};
use wasmill_unit::Unit;

struct Script {
    folder: TempDir,
}

impl Script {
    fn new(text: &str) -> Self {
        let script = Script { folder: tempfile::tempdir().unwrap() };
        script.write(text);
        script
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("program")
    }

    fn write(&self, text: &str) {
        // Whole at once: a file that somebody has open for writing cannot be run.
        let next = self.folder.path().join("next");
        std::fs::write(&next, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&next, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(&next, self.path()).unwrap();
    }

    fn unit(&self) -> Unit {
        Unit::native(&self.path(), &std::fs::read(self.path()).unwrap())
    }

    async fn prepare(&self, grants: Grants, secrets: Secrets) -> Result<Arc<dyn PreparedUnit>, PrepareError> {
        let output = OutputFormat::Text;
        let binding = Binding { grants: Arc::new(grants), secrets, output, ..Binding::default() };
        ProcessEngine::new(Settings::default()).prepare(&self.unit(), &binding).await
    }

    async fn call(&self, input: &str, limits: Limits) -> Outcome {
        let prepared = self.prepare(Grants::default(), Secrets::default()).await.unwrap();
        let (input, cancel) = (Input::from(input), Cancel::new());
        prepared.call(Call::new(&input, &limits, &cancel)).await
    }
}

fn limits() -> Limits {
    Limits { timeout: Duration::from_secs(20), ..Limits::default() }
}

/// Whether a process with this argument is still there.
fn runs(mark: &str) -> bool {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .any(|line| String::from_utf8_lossy(&line).split('\0').any(|argument| argument == mark))
}

/// A process of the group that was killed is gone as soon as the kernel comes to it: that is waited for, and not for ever.
async fn is_gone(mark: &str) {
    let start = Instant::now();
    while runs(mark) {
        assert!(start.elapsed() < Duration::from_secs(10), "{mark} is still there");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn stdin_is_its_input_and_stdout_its_output() {
    let outcome = Script::new("tr a-z A-Z; echo said >&2").call("grün", limits()).await;
    assert_eq!(outcome.verdict, Verdict::Ok);
    assert_eq!(outcome.output, Some(Value::from("GRüN")));
    assert_eq!(outcome.log, "said\n");
    assert_eq!((outcome.usage.bytes_in, outcome.usage.bytes_out, outcome.usage.log_bytes), (5, 5, 5));
    assert_eq!(outcome.usage.fuel, None);
}

#[tokio::test]
async fn its_environment_is_what_it_was_granted() {
    let script = Script::new("echo \"$NAME/$KEY/$1/$2/${HOME:-none}/${CARGO:-none}\"; pwd");
    let mut grants = Grants::default();
    grants.env.insert("NAME".into(), "value".into());
    grants.args = vec!["one".to_owned(), "two words".to_owned()];
    grants.secrets = vec!["KEY".to_owned()];
    let mut secrets = Secrets::default();
    secrets.insert("KEY", "secret-value").unwrap();
    let prepared = script.prepare(grants, secrets).await.unwrap();
    let (input, cancel, limits) = (Input::from(""), Cancel::new(), limits());
    let outcome = prepared.call(Call::new(&input, &limits, &cancel)).await;
    let output = outcome.output.unwrap();
    let mut lines = output.as_str().unwrap().lines();
    assert_eq!(lines.next(), Some("value/secret-value/one/two words/none/none"));
    // The folder that it works in was its own, and is gone.
    let folder = PathBuf::from(lines.next().unwrap());
    assert!(folder.is_absolute() && !folder.exists(), "{folder:?}");
}

#[tokio::test]
async fn a_program_that_fails_says_so_by_its_exit_code() {
    let outcome = Script::new("echo no such thing >&2; exit 3").call("", limits()).await;
    let message = "exited with code 3: no such thing".to_owned();
    assert_eq!(outcome.verdict, Verdict::GuestError { message });
    let crashed = Script::new("kill -SEGV $$").call("", limits()).await.verdict;
    assert!(matches!(crashed, Verdict::Trap { kind: TrapKind::Other, .. }), "{crashed:?}");
    // Somebody else's doing is not the program's failure.
    assert_eq!(Script::new("kill -KILL $$").call("", limits()).await.verdict.kind(), VerdictKind::HostError);
}

#[tokio::test]
async fn output_and_log_are_limited_while_they_are_read() {
    let limits = Limits { output: 1_000, log: 2_000, ..limits() };
    let outcome = Script::new("yes").call("", limits.clone()).await;
    assert_eq!(outcome.verdict.kind(), VerdictKind::OutputExceeded);
    assert_eq!(outcome.output, None);
    let outcome = Script::new("yes >&2").call("", limits.clone()).await;
    assert_eq!(outcome.verdict, Verdict::LogExceeded { limit: 2_000 });
    assert_eq!(outcome.log.len(), 2_000);
    let outcome = Script::new("head -c 1000 /dev/zero | tr '\\0' x").call("", limits).await;
    assert_eq!(outcome.verdict, Verdict::Ok);
}

#[tokio::test]
async fn time_ends_it_with_all_that_it_started() {
    let start = Instant::now();
    let limits = Limits { timeout: Duration::from_millis(200), ..limits() };
    let outcome = Script::new("sleep 711001 & sleep 711002").call("", limits).await;
    assert_eq!(outcome.verdict.kind(), VerdictKind::TimedOut);
    assert!(start.elapsed() < Duration::from_secs(10));
    is_gone("711001").await;
    is_gone("711002").await;
}

#[tokio::test]
async fn a_child_does_not_outlive_it() {
    let outcome = Script::new("sleep 711003 >/dev/null 2>&1 & echo done").call("", limits()).await;
    assert_eq!(outcome.output, Some(Value::from("done\n")));
    is_gone("711003").await;
}

/// Is told when a program has said something: then it runs.
#[derive(Debug, Default)]
struct Started(Notify);

impl StdoutSink for Started {
    fn written(&self, _: &[u8]) {
        self.0.notify_one();
    }
}

/// A program that says that it runs, and then has this argument for days; what is told of it comes first.
async fn waiting(mark: &str) -> (Arc<Started>, Arc<dyn StdoutSink>, Arc<dyn PreparedUnit>, Script) {
    let script = Script::new("echo started; exec sleep $1");
    let mut grants = Grants::default();
    grants.args = vec![mark.to_owned()];
    let prepared = script.prepare(grants, Secrets::default()).await.unwrap();
    let started = Arc::new(Started::default());
    (started.clone(), started, prepared, script)
}

#[tokio::test]
async fn it_is_cancelled_before_and_in_mid_call() {
    let (started, sink, prepared, _script) = waiting("711004").await;
    let (input, limits) = (Input::from(""), limits());
    let before = Cancel::new();
    before.cancel();
    assert_eq!(prepared.call(Call::new(&input, &limits, &before)).await.verdict, Verdict::Cancelled);
    let during = Cancel::new();
    let call = prepared.call(Call { stdout: Some(&sink), ..Call::new(&input, &limits, &during) });
    let cancel = async {
        started.0.notified().await;
        assert!(runs("711004"));
        during.cancel();
    };
    assert_eq!(tokio::join!(call, cancel).0.verdict, Verdict::Cancelled);
    assert!(!runs("711004"), "it is gone when the call is over");
}

#[tokio::test]
async fn dropping_the_call_ends_it() {
    let (started, sink, prepared, _script) = waiting("711005").await;
    let (input, limits, cancel) = (Input::from(""), limits(), Cancel::new());
    let call = prepared.call(Call { stdout: Some(&sink), ..Call::new(&input, &limits, &cancel) });
    tokio::select! {
        outcome = call => panic!("{outcome:?}"),
        () = started.0.notified() => {}
    }
    // Its own thread sees it to its end.
    is_gone("711005").await;
}

#[tokio::test]
async fn another_program_in_its_place_is_not_run() {
    let script = Script::new("echo one");
    let prepared = script.prepare(Grants::default(), Secrets::default()).await.unwrap();
    script.write("echo other");
    let (input, limits, cancel) = (Input::from(""), limits(), Cancel::new());
    let outcome = prepared.call(Call::new(&input, &limits, &cancel)).await;
    assert_eq!(outcome.verdict.kind(), VerdictKind::InvalidUnit, "{outcome:?}");
}

#[tokio::test]
async fn what_is_no_program_is_refused() {
    let script = Script::new("echo one");
    std::fs::set_permissions(script.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = script.prepare(Grants::default(), Secrets::default()).await.err().unwrap();
    assert!(error.to_string().contains("chmod +x"), "{error}");
    std::fs::remove_file(script.path()).unwrap();
    let unit = Unit::native(&script.path(), b"");
    let error = ProcessEngine::new(Settings::default()).prepare(&unit, &Binding::default()).await.err().unwrap();
    assert!(matches!(error, PrepareError::InvalidUnit { .. }), "{error}");
}

#[test]
fn it_says_that_it_has_no_sandbox() {
    use wasmill_engine::weaker;
    use wasmill_model::Profile;

    let info = ProcessEngine::description();
    assert!(!info.sandboxed);
    assert_eq!(weaker(&info, Profile::Metered), ["sandbox".into(), "memory".into(), "fuel".into()]);
}
