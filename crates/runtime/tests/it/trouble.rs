//! Failures, cancellations, panics: the run ends, and says how.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::FutureExt;
use wasmill_engine::{BoxFuture, Cancel};
use wasmill_model::{Code, ExitCode, RunVerdict, Schedule, SkipReason, Strategy, Verdict, VerdictKind, With};
use wasmill_runtime::{InlineSpawner, Observer, RunEvent, RunOptions, Spawner};

use crate::fake::{
    Fake, Tokio, after, block_on, host, linked, object, options, outputs, pipeline, run, single, step, threads,
    verdicts,
};

#[test]
fn a_failure_stops_the_others() {
    let steps = vec![
        step("bad", "fail", single("1")),
        step("slow", "wait", single("1")),
        after(step("next", "echo", With::Inherited), &["bad"]),
        after(step("other", "echo", With::Inherited), &["slow"]),
    ];
    let document = run(pipeline(steps, &[]));
    // As if they had run one at a time: what ran besides does not count.
    assert_eq!(verdicts(&document), "bad:guest-error slow:skipped next:skipped other:skipped");
    assert_eq!(document.discarded["slow"][0].verdict, Verdict::Cancelled);
    assert_eq!(document.steps["slow"].verdict, Verdict::Skipped { reason: SkipReason::FailFast });
    assert_eq!(document.steps["next"].verdict, Verdict::Skipped { reason: SkipReason::Upstream });
    assert_eq!(document.steps["other"].verdict, Verdict::Skipped { reason: SkipReason::FailFast });
    let error = document.error.clone().unwrap();
    assert_eq!((error.code, error.message.as_str()), (Code::GuestError, "step `bad` failed: no"));
    assert_eq!(document.exit_code(), ExitCode::Failed);
    assert!(document.outputs.is_empty());
}

#[test]
fn of_several_failures_the_first_of_the_file_is_told() {
    let steps = vec![
        step("ok", "echo", single("1")),
        // Both run before either is heard of.
        step("first", "trap", single("1")),
        step("second", "fail", single("1")),
    ];
    let document = run(pipeline(steps, &[]));
    assert_eq!(document.error.unwrap().step.as_deref(), Some("first"));
}

#[test]
fn a_panic_is_the_hosts_error_and_nobody_elses() {
    for function in ["panic", "panic_at_once"] {
        let document = run(pipeline(vec![step("a", function, single("1"))], &[]));
        let report = &document.steps["a"];
        assert_eq!(report.verdict.kind(), VerdictKind::HostError);
        assert!(report.verdict.message().contains("as asked"), "{}", report.verdict);
        assert_eq!(report.attempts.len(), 1, "every attempt leaves a receipt");
    }
    let document = run(pipeline(vec![step("a", "nothing", single("1"))], &[]));
    assert_eq!(document.error.unwrap().code, Code::HostError);
}

#[test]
fn a_cancel_reaches_running_guests() {
    let runtime = threads();
    let engine = Fake::new(0);
    let host = host(&engine, Tokio(runtime.handle().clone()));
    let steps = vec![
        step("a", "wait", single("1")),
        step("b", "wait", single("1")),
        after(step("c", "echo", With::Inherited), &["a"]),
    ];
    let cancel = Cancel::new();
    let state = engine.state.clone();
    let signal = cancel.clone();
    *engine.state.on_call.lock().unwrap() = Some(Box::new(move || {
        if state.calls.load(Ordering::SeqCst) == 2 {
            signal.cancel();
        }
    }));
    let document = block_on(linked(&host, pipeline(steps, &[])).run(object("{}"), options(&cancel)));
    assert_eq!(document.verdict, RunVerdict::Cancelled);
    assert_eq!(verdicts(&document), "a:cancelled b:cancelled c:skipped");
    assert_eq!(document.steps["c"].verdict, Verdict::Skipped { reason: SkipReason::Cancelled });
    assert_eq!(document.error.as_ref().unwrap().code, Code::Cancelled);
    assert_eq!(document.exit_code(), ExitCode::Cancelled);
}

#[test]
fn a_cancelled_run_starts_nothing() {
    let cancel = Cancel::new();
    cancel.cancel();
    let engine = Fake::new(0);
    let linked = linked(&host(&engine, InlineSpawner::new()), pipeline(vec![step("a", "echo", single("1"))], &[]));
    let document = block_on(linked.run(object("{}"), options(&cancel)));
    assert_eq!(verdicts(&document), "a:skipped");
    assert_eq!(document.verdict, RunVerdict::Cancelled);
    assert_eq!(engine.state.calls.load(Ordering::SeqCst), 0);
}

#[test]
fn dropping_the_run_stops_it() {
    let runtime = threads();
    let engine = Fake::new(0);
    let host = host(&engine, Tokio(runtime.handle().clone()));
    let steps = vec![step("a", "wait", single("1")), after(step("b", "echo", With::Inherited), &["a"])];
    let linked = linked(&host, pipeline(steps, &[]));
    let (ended, all_ended) = std::sync::mpsc::channel();
    let observer = Arc::new(Tell(ended));
    let (started, has_started) = std::sync::mpsc::channel();
    *engine.state.on_call.lock().unwrap() = Some(Box::new(move || started.send(()).unwrap()));
    let mut running = Box::pin(linked.run(object("{}"), RunOptions { observer, ..RunOptions::new("r1") }));
    assert!(running.as_mut().now_or_never().is_none());
    has_started.recv().unwrap();
    drop(running);
    // The waiting guest is told to stop, and what waits for it never starts.
    assert_eq!(all_ended.recv().unwrap(), ("a".to_owned(), VerdictKind::Cancelled));
    assert_eq!(all_ended.recv().unwrap(), ("b".to_owned(), VerdictKind::Skipped));
    assert_eq!(engine.state.calls.load(Ordering::SeqCst), 1);
}

#[test]
fn dropping_the_run_stops_it_without_threads_too() {
    let steps = vec![step("a", "wait", single("1")), after(step("b", "echo", With::Inherited), &["a"])];
    let linked = linked(&host(&Fake::new(0), InlineSpawner::new()), pipeline(steps, &[]));
    let (ended, all_ended) = std::sync::mpsc::channel();
    let options = RunOptions { observer: Arc::new(Tell(ended)), ..RunOptions::new("r1") };
    let mut running = Box::pin(linked.run(object("{}"), options));
    assert!(running.as_mut().now_or_never().is_none());
    drop(running);
    let ended: Vec<_> = all_ended.try_iter().collect();
    assert_eq!(ended, [("a".to_owned(), VerdictKind::Cancelled), ("b".to_owned(), VerdictKind::Skipped)]);
    // The last of the run is gone: nothing keeps its observer.
    assert_eq!(all_ended.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
}

/// Tells of every step that has ended.
struct Tell(std::sync::mpsc::Sender<(String, VerdictKind)>);

impl Observer for Tell {
    fn event(&self, event: &RunEvent<'_>) {
        if let RunEvent::StepFinished { step, report } = event {
            self.0.send((step.to_string(), report.verdict.kind())).unwrap();
        }
    }
}

/// Drops every task at once.
struct Forgetful;

impl Spawner for Forgetful {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(task);
    }
}

#[test]
fn a_task_that_is_dropped_fails_its_step() {
    let steps = vec![step("a", "echo", single("1")), after(step("b", "echo", With::Inherited), &["a"])];
    let linked = linked(&host(&Fake::new(0), Forgetful), pipeline(steps, &[]));
    let document = block_on(linked.run(object("{}"), RunOptions::new("r1")));
    assert_eq!(verdicts(&document), "a:host-error b:skipped");
    assert_eq!(document.exit_code(), ExitCode::Failed);
}

struct Clumsy;

impl Observer for Clumsy {
    fn event(&self, _: &RunEvent<'_>) {
        panic!("an observer that cannot look");
    }
}

#[test]
fn an_observer_that_panics_changes_nothing() {
    let linked =
        linked(&host(&Fake::new(0), InlineSpawner::new()), pipeline(vec![step("a", "increment", single("1"))], &[]));
    let options = RunOptions { observer: Arc::new(Clumsy), ..RunOptions::new("r1") };
    assert_eq!(outputs(&block_on(linked.run(object("{}"), options))), r#"{"a":2}"#);
}

#[test]
fn no_more_run_at_once_than_allowed() {
    for max_concurrency in [1, 2, 5] {
        let steps = (0..40).map(|place| step(&format!("s{place}"), "wander", single(&place.to_string()))).collect();
        let mut pipeline = pipeline(steps, &[]);
        pipeline.schedule = Schedule { strategy: Strategy::WorkQueue, max_concurrency };
        let runtime = threads();
        for threaded in [true, false] {
            let engine = Fake::new(7);
            let host = if threaded {
                host(&engine, Tokio(runtime.handle().clone()))
            } else {
                host(&engine, InlineSpawner::new())
            };
            block_on(linked(&host, pipeline.clone()).run(object("{}"), RunOptions::new("r1")));
            let most = engine.state.most_running.load(Ordering::SeqCst);
            assert!(most <= max_concurrency as usize, "{most} > {max_concurrency}");
            // In one thread, calls that wait for each other's turns overlap to the full.
            assert!(threaded || most == max_concurrency as usize, "{most} < {max_concurrency}");
        }
    }
}

/// Everything that is said, in order.
#[derive(Default)]
struct Words(std::sync::Mutex<Vec<String>>);

impl Observer for Words {
    fn event(&self, event: &RunEvent<'_>) {
        self.0.lock().unwrap().push(match event {
            RunEvent::RunStarted { run, pipeline, steps } => format!("run {run} of {pipeline}: {steps}"),
            RunEvent::StepStarted { step, attempt, .. } => format!("{step} starts {attempt}"),
            RunEvent::AttemptFinished { step, attempt, verdict, receipt, .. } => {
                format!("{step} ends {attempt}: {}, {}", verdict.kind(), receipt.is_some())
            }
            RunEvent::StepFinished { step, report } => format!("{step} {}", report.verdict.kind()),
            RunEvent::RunFinished { document } => format!("{:?}", document.verdict),
            _ => "?".to_owned(),
        });
    }
}

#[test]
fn an_observer_hears_all_in_order() {
    let steps = vec![
        step("a", "echo", single("1")),
        after(step("b", "fail", With::Inherited), &["a"]),
        after(step("c", "echo", With::Inherited), &["b"]),
    ];
    let linked = linked(&host(&Fake::new(0), InlineSpawner::new()), pipeline(steps, &[]));
    let words = Arc::new(Words::default());
    block_on(linked.run(object("{}"), RunOptions { observer: words.clone(), ..RunOptions::new("r1") }));
    let said = std::mem::take(&mut *words.0.lock().unwrap());
    assert_eq!(
        said,
        [
            "run r1 of test: 3",
            "a starts 1",
            "a ends 1: ok, true",
            "a ok",
            "b starts 1",
            "b ends 1: guest-error, true",
            "b guest-error",
            "c skipped",
            "Failed",
        ]
    );
}
