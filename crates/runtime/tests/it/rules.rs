//! Conditions, items, retries, fallbacks, and what a failure means for others.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use wasmill_engine::BoxFuture;
use wasmill_model::{
    Concurrency, Emits, Fallback, FallbackTo, Foreach, Jitter, OnFailure, Pipeline, Retry, RunDocument, RunVerdict,
    Schedule, Step, Strategy as Order, Template, Verdict, VerdictKind, VerdictSet, With,
};
use wasmill_runtime::{Bundle, Clock, Host, InlineSpawner, Overrides, RunOptions, link};

use crate::fake::{
    Fake, Tokio, after, block_on, host, linked, object, options, outputs, pipeline, run, single, step, template,
    threads, units, verdicts,
};

fn each(step: Step, items: &str) -> Step {
    Step { foreach: Some(Foreach { items: template(items), max_parallel: None }), ..step }
}

fn when(step: Step, condition: &str) -> Step {
    Step { when: Some(template(condition)), ..step }
}

fn retry(step: Step, attempts: u32) -> Step {
    Step { retry: Retry { attempts, ..Retry::default() }, ..step }
}

fn fallback(mut step: Step, on: VerdictSet, to: FallbackTo) -> Step {
    step.fallback.push(Fallback { on, to });
    step
}

fn value(text: &str) -> FallbackTo {
    FallbackTo::Value(template(text))
}

fn spare(function: &str) -> FallbackTo {
    FallbackTo::Unit { unit: "unit".into(), function: Some(function.to_owned()) }
}

#[test]
fn a_condition_decides_and_who_looks_at_it_goes_on() {
    let steps = vec![
        when(step("yes", "increment", single("1")), "${{ 1 < 2 }}"),
        when(step("no", "increment", single("1")), "${{ steps.yes.output > 2 }}"),
        step("reader", "echo", single("${{ steps.no.output }}")),
        when(step("judge", "echo", single("${{ steps.no.verdict }}")), "${{ steps.no.verdict == 'skipped' }}"),
        when(step("wrong", "echo", single("1")), "${{ 1 }}"),
    ];
    let document = run(Pipeline { on_failure: OnFailure::Continue, ..pipeline(steps, &[]) });
    assert_eq!(verdicts(&document), "yes:ok no:skipped reader:skipped judge:ok wrong:invalid-input");
    let message = document.steps["wrong"].verdict.message();
    assert!(message.contains("`when` must be true or false, and is integer"), "{message}");
    assert_eq!(document.steps["no"].verdict.message(), "its `when` said no");
}

#[test]
fn items_keep_their_order() {
    let steps = vec![
        step("list", "echo", single("${{ [3, 1, 2] }}")),
        each(step("all", "wander", single("${{ item + index }}")), "${{ steps.list.output }}"),
        each(step("inherit", "increment", With::Inherited), "${{ steps.list.output }}"),
        each(step("none", "trap", single("${{ item }}")), "[]"),
        step("sum", "sum", single("${{ steps.all.output }}")),
    ];
    let document = run(pipeline(steps, &[]));
    assert_eq!(document.steps["all"].output.as_ref().unwrap().to_json(), "[10,7,13]");
    assert_eq!(document.steps["inherit"].output.as_ref().unwrap().to_json(), "[4,2,3]");
    assert_eq!(document.steps["none"].output.as_ref().unwrap().to_json(), "[]");
    assert_eq!(document.steps["sum"].output.as_ref().unwrap().to_json(), "30");
    let items: Vec<_> = document.steps["all"].attempts.iter().map(|receipt| receipt.item).collect();
    assert_eq!(items, [Some(0), Some(1), Some(2)]);
}

#[test]
fn the_first_item_that_fails_is_the_steps_failure() {
    let bad = || each(step("bad", "even", single("${{ item }}")), "[2, 4, 5, 6, 7]");
    let document = run(pipeline(vec![bad()], &[]));
    assert_eq!(document.steps["bad"].verdict, Verdict::GuestError { message: "odd".to_owned() });
    assert_eq!(document.steps["bad"].attempts.len(), 3, "what comes after it does not count");
    assert_eq!(document.steps["bad"].output, None);

    let document = run(Pipeline { on_failure: OnFailure::BestEffort, ..pipeline(vec![bad()], &[]) });
    assert_eq!(document.verdict, RunVerdict::Ok);
    assert_eq!(document.steps["bad"].output.as_ref().unwrap().to_json(), "[2,4,null,6,null]");
    assert_eq!(document.steps["bad"].attempts.len(), 5);

    let not_a_list = each(step("a", "echo", single("1")), "${{ 'text' }}");
    let message = run(pipeline(vec![not_a_list], &[])).error.unwrap().message;
    assert!(message.contains("`foreach` must be an array, and is string"), "{message}");
}

#[test]
fn what_fails_is_tried_again() {
    let document = run(pipeline(vec![retry(step("a", "flaky", single("2")), 3)], &[]));
    assert_eq!(outputs(&document), r#"{"a":2}"#);
    let attempts: Vec<_> =
        document.steps["a"].attempts.iter().map(|receipt| (receipt.attempt, receipt.verdict.kind())).collect();
    assert_eq!(attempts, [(1, VerdictKind::GuestError), (2, VerdictKind::GuestError), (3, VerdictKind::Ok)]);

    let document = run(pipeline(vec![retry(step("a", "flaky", single("3")), 3)], &[]));
    assert_eq!(document.error.unwrap().message, "step `a` failed: try 3");
    let document = run(pipeline(vec![retry(step("a", "refuse", single("3")), 3)], &[]));
    assert_eq!(document.steps["a"].attempts.len(), 1, "the unit says that it is in vain");
    let only = |kind| Retry { attempts: 5, on: VerdictSet::of(&[kind]), ..Retry::default() };
    let steps = vec![Step { retry: only(VerdictKind::Trap), ..step("a", "flaky", single("1")) }];
    assert_eq!(run(pipeline(steps, &[])).steps["a"].attempts.len(), 1, "another verdict");
    let items = retry(each(step("a", "flaky", single("${{ item }}")), "[2, 0, 1]"), 3);
    assert_eq!(outputs(&run(pipeline(vec![items], &[]))), r#"{"a":[2,0,1]}"#);
}

/// Remembers for how long it was asked to sleep.
#[derive(Clone, Default)]
struct Alarm(Arc<Mutex<Vec<Duration>>>);

impl Clock for Alarm {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.lock().unwrap().push(duration);
        Box::pin(std::future::ready(()))
    }
}

#[test]
fn delays_follow_the_seed() {
    let delays = |seed: u64, jitter: Jitter| {
        let alarm = Alarm::default();
        let host = Host { clock: Arc::new(alarm.clone()), ..host(&Fake::new(0), InlineSpawner::new()) };
        let mut again = retry(step("a", "flaky", single("3")), 5);
        again.retry.jitter = jitter;
        let options = RunOptions { seed, ..RunOptions::new("r") };
        block_on(linked(&host, pipeline(vec![again], &[])).run(object("{}"), options));
        std::mem::take(&mut *alarm.0.lock().unwrap())
    };
    assert_eq!(delays(1, Jitter::None), [200, 400, 800].map(Duration::from_millis));
    assert_eq!(delays(1, Jitter::Full), delays(1, Jitter::Full));
    assert_ne!(delays(1, Jitter::Full), delays(2, Jitter::Full));
    assert!(delays(1, Jitter::Full).iter().zip([200, 400, 800]).all(|(delay, most)| delay.as_millis() < most));
}

#[test]
fn fallbacks_answer_their_verdicts() {
    let guest_error = VerdictSet::of(&[VerdictKind::GuestError]);
    let trap = VerdictSet::of(&[VerdictKind::Trap]);
    let steps = vec![
        fallback(fallback(step("a", "fail", single("1")), trap, value("1")), guest_error, value("${{ 40 + 2 }}")),
        fallback(step("b", "trap", single("7")), trap, spare("increment")),
        fallback(retry(step("c", "flaky", single("9")), 2), VerdictSet::FAILURES, spare("echo")),
        fallback(
            each(step("d", "even", single("${{ item }}")), "[1, 2]"),
            VerdictSet::FAILURES,
            value("${{ item * 10 }}"),
        ),
    ];
    let document = run(pipeline(steps, &[]));
    assert_eq!(outputs(&document), r#"{"a":42,"b":8,"c":9,"d":[10,2]}"#);
    assert_eq!(document.steps["a"].fallback.as_deref(), Some("value"));
    assert_eq!(document.steps["b"].fallback.as_deref(), Some("unit unit"));
    let kinds = |id: &str| -> Vec<_> { document.steps[id].attempts.iter().map(|one| one.verdict.kind()).collect() };
    assert_eq!(kinds("b"), [VerdictKind::Trap, VerdictKind::Ok]);
    assert_eq!(kinds("c"), [VerdictKind::GuestError, VerdictKind::GuestError, VerdictKind::Ok]);

    let steps = vec![fallback(step("a", "fail", single("1")), trap, value("1"))];
    assert_eq!(run(pipeline(steps, &[])).error.unwrap().message, "step `a` failed: no");
    let steps = vec![fallback(step("a", "fail", single("1")), guest_error, spare("trap"))];
    assert_eq!(run(pipeline(steps, &[])).steps["a"].verdict.kind(), VerdictKind::Trap, "it fails as its fallback does");
}

#[test]
fn a_step_stands_in_for_another() {
    let steps = |function: &str, other: &str| {
        vec![
            fallback(step("a", function, single("1")), VerdictSet::FAILURES, FallbackTo::Step("b".into())),
            step("b", other, single("10")),
            step("c", "increment", single("${{ steps.a.output }}")),
        ]
    };
    let document = run(pipeline(steps("trap", "echo"), &[("c", "${{ steps.c.output }}")]));
    assert_eq!((verdicts(&document).as_str(), outputs(&document).as_str()), ("a:trap b:ok c:ok", r#"{"c":11}"#));
    assert_eq!(document.steps["a"].fallback.as_deref(), Some("step b"));

    let document = run(pipeline(steps("echo", "echo"), &[]));
    assert_eq!((verdicts(&document).as_str(), outputs(&document).as_str()), ("a:ok b:skipped c:ok", r#"{"c":2}"#));
    assert_eq!(document.steps["b"].verdict.message(), "the step that it stands in for did not fail");

    let document = run(pipeline(steps("trap", "fail"), &[]));
    assert_eq!(verdicts(&document), "a:trap b:guest-error c:skipped");
    assert_eq!(document.error.unwrap().step.as_deref(), Some("b"));
}

#[test]
fn what_a_failure_means() {
    let steps = || {
        vec![
            step("bad", "fail", single("1")),
            step("next", "echo", single("${{ steps.bad.output }}")),
            step("other", "increment", single("1")),
        ]
    };
    let run_as = |on_failure, outputs: &[(&str, &str)]| run(Pipeline { on_failure, ..pipeline(steps(), outputs) });
    let outputs = [("next", "${{ steps.next.output }}"), ("other", "${{ steps.other.output }}")];
    let fast = run_as(OnFailure::FailFast, &outputs);
    assert_eq!(verdicts(&fast), "bad:guest-error next:skipped other:skipped");
    assert!(fast.outputs.is_empty() && fast.verdict == RunVerdict::Failed);

    let go_on = run_as(OnFailure::Continue, &outputs);
    assert_eq!(verdicts(&go_on), "bad:guest-error next:skipped other:ok");
    assert_eq!(serde_json::to_string(&go_on.outputs).unwrap(), r#"{"other":2}"#);
    assert_eq!((go_on.verdict, go_on.error.unwrap().step.as_deref()), (RunVerdict::Failed, Some("bad")));

    let best = run_as(OnFailure::BestEffort, &outputs);
    assert_eq!(verdicts(&best), "bad:guest-error next:ok other:ok");
    assert_eq!(serde_json::to_string(&best.outputs).unwrap(), r#"{"next":null,"other":2}"#);
    assert_eq!((best.verdict, best.error), (RunVerdict::Ok, None));
}

/// Time that passes only when nothing is left to do: as fast as the test runs, and the same in every run.
struct Simulated(tokio::time::Instant);

impl Clock for Simulated {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move { tokio::time::sleep(duration).await })
    }
}

fn in_time(pipeline: Pipeline) -> RunDocument {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let _here = runtime.enter();
    let clock = Arc::new(Simulated(tokio::time::Instant::now()));
    let host = Host { clock, ..host(&Fake::new(0), Tokio(runtime.handle().clone())) };
    let linked = runtime.block_on(link(&host, &Bundle::new(pipeline, units()), &Overrides::default())).unwrap();
    runtime.block_on(linked.run(object("{}"), options(&wasmill_engine::Cancel::new())))
}

#[test]
fn a_step_and_a_run_have_their_time() {
    let slow = |step: Step| Step { timeout: Some(Duration::from_millis(30)), ..step };
    let steps = vec![slow(step("a", "wait", single("1"))), step("b", "echo", single("1"))];
    let document = in_time(Pipeline { on_failure: OnFailure::Continue, ..pipeline(steps, &[]) });
    assert_eq!(verdicts(&document), "a:timed-out b:ok");
    assert_eq!(document.steps["a"].attempts[0].verdict, Verdict::Cancelled);

    let steps = vec![fallback(slow(step("a", "wait", single("1"))), VerdictSet::FAILURES, value("5"))];
    assert_eq!(outputs(&in_time(pipeline(steps, &[]))), r#"{"a":5}"#);
    let items = slow(each(step("a", "wait", single("1")), "[1, 2, 3]"));
    assert_eq!(verdicts(&in_time(pipeline(vec![items], &[]))), "a:timed-out");

    let steps = vec![step("a", "wait", single("1")), after(step("b", "echo", With::Inherited), &["a"])];
    let document = in_time(Pipeline { timeout: Some(Duration::from_millis(30)), ..pipeline(steps, &[]) });
    assert_eq!(verdicts(&document), "a:cancelled b:skipped");
    let error = document.error.clone().unwrap();
    assert_eq!(
        (error.message.as_str(), document.exit_code()),
        ("the run was stopped: it may take 30.00 ms in all", wasmill_model::ExitCode::Limit)
    );
}

#[test]
fn a_key_is_shared() {
    let runtime = threads();
    let engine = Fake::new(3);
    let host = host(&engine, Tokio(runtime.handle().clone()));
    let shared = |id: &str| Step {
        concurrency: Some(Concurrency { key: "account".into(), max: 1 }),
        ..each(step(id, "wander", single("${{ item }}")), "[1, 2, 3, 4, 5]")
    };
    let document = block_on(
        linked(&host, pipeline(vec![shared("a"), shared("b"), shared("c")], &[]))
            .run(object("{}"), RunOptions::new("r")),
    );
    assert_eq!(document.verdict, RunVerdict::Ok);
    assert_eq!(engine.state.most_running.load(Ordering::SeqCst), 1);
}

#[test]
fn an_analyzer_hands_on_what_it_was_given() {
    let steps = vec![
        step("text", "echo", single("${{ [1, 2] }}")),
        Step { emits: Emits::Metadata, ..step("count", "sum", single("${{ steps.text.output }}")) },
        step("next", "echo", single("${{ steps.count.output }}")),
    ];
    let document = run(pipeline(steps, &[]));
    assert_eq!(outputs(&document), r#"{"next":[1,2]}"#);
    assert_eq!(document.steps["count"].metadata.as_ref().unwrap().to_json(), "3");
    assert_eq!(document.steps["count"].output.as_ref().unwrap().to_json(), "[1,2]");
}

/// Times, and what does not count, aside.
fn said(document: &RunDocument) -> String {
    let document = RunDocument { discarded: Default::default(), ..document.clone() };
    let text = serde_json::to_string(&document).unwrap();
    assert!(!text.contains("wall_us\":1"), "the clock of these tests stands");
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Real workers, random graphs, all three strategies: one answer.
    #[test]
    fn every_strategy_says_the_same(
        functions in prop::collection::vec(prop::sample::select(&["wander", "wander", "wander", "increment", "even", "trap", "fail"][..]), 1..14),
        edges in prop::collection::vec((0_usize..14, 0_usize..14), 0..20),
        traits in prop::collection::vec(0_u8..32, 14),
        on_failure in prop::sample::select(&[OnFailure::FailFast, OnFailure::Continue, OnFailure::BestEffort][..]),
        seed: u64,
    ) {
        let count = functions.len();
        let steps: Vec<Step> = functions.iter().enumerate().map(|(place, function)| {
            let from: Vec<usize> = edges.iter().filter(|(one, other)| one < other && *other == place).map(|(one, _)| *one).collect();
            let reads: Vec<String> = from.iter().map(|one| format!("steps.s{one}.output")).collect();
            let mut step = step(&format!("s{place}"), function, single("1"));
            if !reads.is_empty() {
                step.with = single(&format!("${{{{ [{}] }}}}", reads.join(", ")));
            }
            let bits = traits[place];
            if bits & 3 == 1 {
                step = each(step, "[1, 2, 3]");
                step.with = single("${{ item }}");
            }
            if bits & 4 != 0 {
                step = retry(step, 2);
            }
            if bits & 24 == 8 {
                step = fallback(step, VerdictSet::of(&[VerdictKind::Trap]), value("9"));
            }
            if bits & 24 == 16 && place > 0 {
                step = when(step, &format!("${{{{ steps.s{}.verdict == 'ok' }}}}", place - 1));
            }
            step
        }).collect();
        let plain = Pipeline { on_failure, ..pipeline(steps, &[]) };
        let runtime = threads();
        let mut answers = Vec::new();
        for (strategy, max_concurrency) in [(Order::WorkQueue, 1), (Order::WorkQueue, 5), (Order::Level, 3), (Order::Reactive, 8), (Order::Reactive, 2)] {
            let pipeline = Pipeline { schedule: Schedule { strategy, max_concurrency }, ..plain.clone() };
            let host = host(&Fake::new(seed ^ u64::from(max_concurrency)), Tokio(runtime.handle().clone()));
            answers.push(said(&block_on(linked(&host, pipeline).run(object("{}"), RunOptions::new("r1")))));
        }
        prop_assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{count} steps: {answers:#?}");
    }
}

#[test]
fn what_stands_in_gives_its_own_digest() {
    let mut first = step("first", "trap", single("1"));
    first.fallback.push(Fallback { on: VerdictSet::FAILURES, to: FallbackTo::Step("items".into()) });
    let items = each(step("items", "echo", single("${{ item }}")), "[1, 2]");
    let steps = vec![first, items, step("reader", "echo", single("${{ steps.first.output }}"))];
    let document = run(pipeline(steps, &[]));
    let reader = &document.steps["reader"];
    assert_eq!(reader.output.as_ref().unwrap().to_json(), "[1,2]");
    assert_eq!(reader.attempts[0].input, reader.output.as_ref().unwrap().digest());
}

#[test]
fn values_that_expressions_put_together_are_bounded() {
    let mut steps = vec![step("s0", "echo", single("${{ [1] }}"))];
    for place in 1..300 {
        let mut next = step(&format!("s{place}"), "trap", single("1"));
        let nested = Template::List(vec![template(&format!("${{{{ steps.s{}.output }}}}", place - 1))]);
        next.fallback.push(Fallback { on: VerdictSet::FAILURES, to: FallbackTo::Value(nested) });
        steps.push(next);
    }
    let document = run(pipeline(steps, &[]));
    assert_eq!(document.verdict, RunVerdict::Failed);
    let message = document.error.as_ref().unwrap().message.clone();
    assert!(message.contains("nests deeper than 200"), "{message}");
    assert!(serde_json::to_string(&document).is_ok());
}
