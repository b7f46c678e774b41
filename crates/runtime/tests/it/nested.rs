//! Steps that call another pipeline.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use indexmap::IndexMap;
use wasmill_engine::Cancel;
use wasmill_model::{
    Emits, Fallback, FallbackTo, Foreach, InputSpec, InputType, OnFailure, Pipeline, Retry, RunDocument, RunVerdict,
    Step, Strategy, UnitSource, UnitSpec, VerdictSet, With,
};
use wasmill_runtime::{Bundle, Host, InlineSpawner, Observer, Overrides, RunEvent, RunOptions, link};

use crate::fake::{
    Fake, Tokio, after, block_on, host, input, location, named, object, options, outputs, pipeline, positional, single,
    step, template, threads, units, verdicts,
};

/// `inner`: doubles and adds one, or fails as its function says.
fn inner(function: &str) -> Pipeline {
    let steps = vec![
        step("first", "sum", named(&[("a", "${{ inputs.n }}"), ("b", "${{ inputs.n }}")])),
        step("last", function, single("${{ steps.first.output }}")),
    ];
    let mut pipeline = Pipeline { name: "inner".into(), ..pipeline(steps, &[("result", "${{ steps.last.output }}")]) };
    pipeline.inputs.insert("n".into(), InputSpec { kind: InputType::Integer, required: true, ..any() });
    pipeline.inputs.insert("by".into(), InputSpec { default: Some(wasmill_model::Value::Int(7)), ..any() });
    pipeline
}

fn any() -> InputSpec {
    let with_input = input(pipeline(Vec::new(), &[]), "any");
    let spec = with_input.inputs["any"].clone();
    InputSpec { required: false, ..spec }
}

fn calls(id: &str, with: With) -> Step {
    Step { with, ..Step::new(id, "inner") }.at(&location(9))
}

fn bundle(mut outer: Pipeline, inner: Pipeline) -> Bundle {
    let source = UnitSource::Pipeline("inner.yaml".into());
    outer.units.insert("inner".into(), UnitSpec { source, sha256: None, location: location(3) });
    let inner = Arc::new(Bundle::new(inner, units()));
    Bundle { pipelines: IndexMap::from([("inner".into(), inner)]), ..Bundle::new(outer, units()) }
}

fn on(host: &Host, bundle: &Bundle, options: RunOptions) -> RunDocument {
    let linked = block_on(link(host, bundle, &Overrides::default())).unwrap();
    block_on(linked.run(object("{}"), options))
}

fn run(bundle: &Bundle) -> RunDocument {
    on(&host(&Fake::new(0), InlineSpawner::new()), bundle, RunOptions::new("r1"))
}

#[test]
fn a_pipeline_is_a_step() {
    let steps = vec![
        step("three", "echo", single("3")),
        calls("named", named(&[("n", "${{ steps.three.output }}")])),
        after(calls("alone", With::Inherited), &["three"]),
        step("reader", "sum", single("${{ [steps.named.output.result, steps.alone.output.result] }}")),
    ];
    let document = run(&bundle(pipeline(steps, &[]), inner("increment")));
    assert_eq!(outputs(&document), r#"{"reader":14}"#);
    let report = &document.steps["named"];
    assert!(report.attempts.is_empty());
    let [run] = report.runs.as_slice() else { panic!("{report:?}") };
    assert_eq!((&*run.document.run, &*run.document.pipeline, run.attempt), ("r1/named", "inner", 1));
    assert_eq!(verdicts(&run.document), "first:ok last:ok");
    assert_eq!(run.output, Some(report.output.as_ref().unwrap().digest()));
    assert_eq!(document.steps["alone"].runs[0].document.steps["last"].output, run.document.steps["last"].output);
    let json = serde_json::to_value(&document).unwrap();
    assert_eq!(json["steps"]["named"]["runs"][0]["steps"]["last"]["attempts"][0]["attempt"], 1);
}

#[test]
fn each_item_is_a_run_whatever_the_order() {
    let mut expected = None;
    for strategy in Strategy::ALL {
        for max_concurrency in [1, 2, 5] {
            for seed in 0..3 {
                let mut each = calls("each", named(&[("n", "${{ item }}")]));
                each.foreach = Some(Foreach { items: template("${{ [4, 1, 3] }}"), max_parallel: None });
                let mut outer = pipeline(vec![each, step("other", "wander", single("1"))], &[]);
                outer.schedule.strategy = strategy;
                outer.schedule.max_concurrency = max_concurrency;
                let host = host(&Fake::new(seed), InlineSpawner::new());
                let document = on(&host, &bundle(outer, inner("increment")), RunOptions::new("r1"));
                assert_eq!(
                    document.steps["each"].output.as_ref().unwrap().to_json(),
                    r#"[{"result":9},{"result":3},{"result":7}]"#
                );
                let runs: Vec<_> = document.steps["each"].runs.iter().map(|run| run.document.run.clone()).collect();
                assert_eq!(runs, ["r1/each[0]".into(), "r1/each[1]".into(), "r1/each[2]".into()]);
                let text = without_times(&document);
                assert_eq!(*expected.get_or_insert_with(|| text.clone()), text);
            }
        }
    }
}

fn without_times(document: &RunDocument) -> String {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                members.remove("wall_us");
                members.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(document).unwrap();
    strip(&mut value);
    value.to_string()
}

#[test]
fn it_fails_as_its_step_failed() {
    let outer = || vec![calls("sub", named(&[("n", "1")])), after(step("then", "echo", single("1")), &["sub"])];
    let document = run(&bundle(pipeline(outer(), &[]), inner("trap")));
    assert_eq!((document.verdict, &*verdicts(&document)), (RunVerdict::Failed, "sub:trap then:skipped"));
    let message = document.error.unwrap().message;
    assert_eq!(message, "step `sub` failed: step `last` failed: the unit executed `unreachable` (a panic or an abort)");
    assert_eq!(verdicts(&document.steps["sub"].runs[0].document), "first:ok last:trap");

    let document = run(&bundle(pipeline(outer(), &[]), inner("panic")));
    assert_eq!(verdicts(&document), "sub:host-error then:skipped");
}

#[test]
fn it_is_tried_again_and_replaced_like_any_step() {
    let mut again = calls("again", named(&[("n", "1")]));
    again.retry = Retry { attempts: 3, ..Retry::default() };
    let document = run(&bundle(pipeline(vec![again], &[]), inner("flaky")));
    assert_eq!(verdicts(&document), "again:ok");
    assert_eq!(document.steps["again"].runs.len(), 3);
    assert_eq!(document.steps["again"].output.as_ref().unwrap().to_json(), r#"{"result":2}"#);

    // A guest that says that it is of no use is believed at any depth.
    let mut refused = calls("refused", named(&[("n", "1")]));
    refused.retry = Retry { attempts: 3, ..Retry::default() };
    let document = run(&bundle(pipeline(vec![refused], &[]), inner("refuse")));
    assert_eq!(document.steps["refused"].runs.len(), 1);

    let mut spare = step("spare", "trap", single("${{ 4 }}"));
    let to = FallbackTo::Unit { unit: "inner".into(), function: None };
    spare.fallback.push(Fallback { on: VerdictSet::FAILURES, to });
    let document = run(&bundle(pipeline(vec![spare], &[]), inner("increment")));
    assert_eq!(outputs(&document), r#"{"spare":{"result":9}}"#);
    assert_eq!(document.steps["spare"].fallback.as_deref(), Some("pipeline inner"));
    assert_eq!((document.steps["spare"].attempts.len(), document.steps["spare"].runs.len()), (1, 1));
}

#[test]
fn it_can_look_at_what_it_hands_on() {
    let mut look = calls("look", named(&[("n", "2")]));
    look.emits = Emits::Metadata;
    let steps = vec![look, step("reader", "sum", single("${{ [steps.look.metadata.result, steps.look.output.n] }}"))];
    assert_eq!(outputs(&run(&bundle(pipeline(steps, &[]), inner("increment")))), r#"{"reader":7}"#);
}

#[test]
fn inputs_that_do_not_fit_are_its_failure() {
    for (with, says) in [
        (named(&[("n", "${{ 'x' }}")]), "the input `n` is a string, and the pipeline asks for an integer"),
        (single("${{ {'n': 1, 'm': 2} }}"), "the input `n` is an object"),
    ] {
        let document = run(&bundle(pipeline(vec![calls("sub", with)], &[]), inner("increment")));
        assert_eq!(verdicts(&document), "sub:invalid-input");
        let message = document.error.unwrap().message;
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn what_shows_before_is_said_before() {
    let host = host(&Fake::new(0), InlineSpawner::new());
    let problems = |step: Step| {
        let bundle = bundle(pipeline(vec![step], &[]), inner("increment"));
        block_on(link(&host, &bundle, &Overrides::default())).map(|_| ()).unwrap_err().to_string()
    };
    assert!(problems(calls("sub", named(&[("m", "1")]))).contains("the pipeline `inner` has no input `m`"));
    assert!(
        problems(calls("sub", named(&[("by", "1")]))).contains("the input `n` of the pipeline `inner` is not given")
    );
    assert!(problems(calls("sub", named(&[("n", "\"x\"")]))).contains("the input `n` is a string"));
    assert!(problems(calls("sub", positional(&["1"]))).contains("go by their names"));
    let mut limited = calls("sub", named(&[("n", "1")]));
    limited.limits.memory = Some(1 << 20);
    limited.grants.env.insert("A".into(), "b".into());
    limited.function = Some("f".into());
    let said = problems(limited);
    for key in ["`limits`", "`grants`", "`function`"] {
        assert!(said.contains(key), "{said}");
    }
    // What is wrong with the pipeline that is called is found when the one that calls it is linked.
    let broken = bundle(pipeline(vec![calls("sub", named(&[("n", "1")]))], &[]), inner("nowhere"));
    let said = block_on(link(&host, &broken, &Overrides::default())).map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("does not export a function `nowhere`"), "{said}");
}

#[test]
fn stopping_reaches_all_of_it() {
    let threads = threads();
    let engine = Fake::new(0);
    let host = host(&engine, Tokio(threads.handle().clone()));
    let cancel = Cancel::new();
    let stop = cancel.clone();
    // The second call is the one that waits.
    let calls_so_far = Arc::new(Mutex::new(0));
    *engine.state.on_call.lock().unwrap() = Some(Box::new(move || {
        let mut calls = calls_so_far.lock().unwrap();
        *calls += 1;
        if *calls == 2 {
            stop.cancel();
        }
    }));
    let outer = pipeline(vec![calls("sub", named(&[("n", "1")]))], &[]);
    let document = on(&host, &bundle(outer, inner("wait")), options(&cancel));
    assert_eq!((document.verdict, &*verdicts(&document)), (RunVerdict::Cancelled, "sub:cancelled"));
    assert_eq!(verdicts(&document.steps["sub"].runs[0].document), "first:ok last:cancelled");
}

#[test]
fn its_time_is_over_with_the_steps_and_with_its_own() {
    let threads = threads();
    let host = host(&Fake::new(0), Tokio(threads.handle().clone()));
    let mut sub = calls("sub", named(&[("n", "1")]));
    sub.timeout = Some(Duration::from_millis(20));
    let document = on(&host, &bundle(pipeline(vec![sub], &[]), inner("wait")), RunOptions::new("r1"));
    assert_eq!(verdicts(&document), "sub:timed-out");

    let short = Pipeline { timeout: Some(Duration::from_millis(20)), ..inner("wait") };
    let sub = calls("sub", named(&[("n", "1")]));
    let document = on(&host, &bundle(pipeline(vec![sub], &[]), short), RunOptions::new("r1"));
    assert_eq!(verdicts(&document), "sub:timed-out");
    let message = document.error.unwrap().message;
    assert!(message.contains("step `sub` failed: the run was stopped: it may take 20"), "{message}");
}

#[test]
fn partial_results_of_it_are_kept() {
    let goes_on = Pipeline { on_failure: OnFailure::Continue, ..inner("trap") };
    let goes_on =
        Pipeline { outputs: IndexMap::from([("first".into(), template("${{ steps.first.output }}"))]), ..goes_on };
    let outer = Pipeline { on_failure: OnFailure::Continue, ..pipeline(vec![calls("sub", named(&[("n", "1")]))], &[]) };
    let document = run(&bundle(outer, goes_on));
    assert_eq!(verdicts(&document), "sub:trap");
    assert_eq!(document.steps["sub"].runs[0].document.outputs["first"].to_json(), "2");
}

#[test]
fn what_does_not_count_is_kept_by_its_path() {
    let steps = vec![step("bad", "trap", single("1")), calls("sub", named(&[("n", "1")]))];
    let mut outer = pipeline(steps, &[]);
    outer.schedule.max_concurrency = 2;
    let document = run(&bundle(outer, inner("increment")));
    // Alone in its thread, the call that traps comes back before or after the others: what counts is the same.
    assert_eq!(verdicts(&document), "bad:trap sub:skipped");
    for path in document.discarded.keys() {
        assert!(["sub/first", "sub/last"].contains(&&**path), "{path}");
    }
}

#[test]
fn who_looks_sees_the_steps_by_their_paths() {
    #[derive(Default)]
    struct Seen(Mutex<Vec<String>>);
    impl Observer for Seen {
        fn event(&self, event: &RunEvent<'_>) {
            let line = match event {
                RunEvent::RunStarted { pipeline, .. } => format!("run {pipeline}"),
                RunEvent::StepStarted { step, .. } => format!("+{step}"),
                RunEvent::AttemptFinished { step, verdict, .. } => format!("{step}:{}", verdict.kind()),
                RunEvent::SubRunStarted { step, item, attempt, path, run, pipeline, .. } => {
                    format!("({path}: {pipeline} as {run} for {step} {item:?} {attempt}")
                }
                RunEvent::SubRunFinished { path, .. } => format!("{path})"),
                RunEvent::StepFinished { step, .. } => format!("-{step}"),
                _ => "over".to_owned(),
            };
            self.0.lock().unwrap().push(line);
        }
    }
    let seen = Arc::new(Seen::default());
    let host = host(&Fake::new(0), InlineSpawner::new());
    let outer = pipeline(vec![calls("sub", named(&[("n", "1")]))], &[]);
    let options = RunOptions { observer: seen.clone(), ..RunOptions::new("r1") };
    on(&host, &bundle(outer, inner("increment")), options);
    assert_eq!(
        *seen.0.lock().unwrap(),
        [
            "run test",
            "+sub",
            "(sub: inner as r1/sub for sub None 1",
            "+sub/first",
            "sub/first:ok",
            "-sub/first",
            "+sub/last",
            "sub/last:ok",
            "-sub/last",
            "sub)",
            "sub:ok",
            "-sub",
            "over"
        ]
    );
}

#[test]
fn a_secret_of_one_is_a_secret_of_all() {
    // The outer pipeline is granted the secret and hands it on; the inner one says it.
    let mut host = host(&Fake::new(0), InlineSpawner::new());
    host.secrets.insert("TOKEN", "supersecret").unwrap();
    let mut knows = step("knows", "noop", single("1"));
    knows.grants.secrets.push("TOKEN".to_owned());
    let mut with = inner("fail");
    with.steps = vec![step("first", "say", single("${{ inputs.n }}"))];
    with.inputs["n"].kind = InputType::Any;
    with.outputs = IndexMap::new();
    let outer = pipeline(vec![knows, calls("sub", named(&[("n", "\"supersecret\"")]))], &[]);
    let document = on(&host, &bundle(outer, with), RunOptions::new("r1"));
    let json = serde_json::to_string(&document).unwrap();
    assert!(json.contains(r#"I say \"[secret]\""#), "{json}");
    assert!(!json.contains("supersecret\\\""), "{json}");
}

#[test]
fn what_it_used_is_the_same_whatever_ran_besides() {
    let mut seen = Vec::new();
    for max_concurrency in [1, 4] {
        for seed in 0..4 {
            let mut failing = pipeline(
                vec![
                    step("bad", "trap", single("${{ inputs.n }}")),
                    step("one", "wander", single("1")),
                    step("two", "wander", single("2")),
                ],
                &[],
            );
            failing.inputs.insert("n".into(), any());
            failing.schedule.max_concurrency = max_concurrency;
            let mut sub = calls("sub", named(&[("n", "1")]));
            sub.fallback.push(Fallback { on: VerdictSet::FAILURES, to: FallbackTo::Value(template("${{ 0 }}")) });
            let host = host(&Fake::new(seed), InlineSpawner::new());
            let document = on(&host, &bundle(pipeline(vec![sub], &[]), failing), RunOptions::new("r1"));
            let usage = document.steps["sub"].runs[0].usage;
            seen.push((usage.fuel, usage.bytes_in, usage.bytes_out));
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[test]
fn the_last_attempt_decides_its_verdict() {
    let mut sub = calls("sub", single("1"));
    let to = FallbackTo::Unit { unit: "unit".into(), function: Some("fail".to_owned()) };
    sub.fallback.push(Fallback { on: VerdictSet::FAILURES, to });
    let document = run(&bundle(pipeline(vec![sub], &[]), inner("trap")));
    assert_eq!(verdicts(&document), "sub:guest-error");
}

#[test]
fn each_attempt_has_its_own_path() {
    let mut again = calls("again", named(&[("n", "1")]));
    again.retry = Retry { attempts: 3, ..Retry::default() };
    let document = run(&bundle(pipeline(vec![again], &[]), inner("flaky")));
    let runs: Vec<_> = document.steps["again"].runs.iter().map(|run| run.document.run.to_string()).collect();
    assert_eq!(runs, ["r1/again", "r1/again#2", "r1/again#3"]);
}

#[test]
fn a_bundle_that_is_called_on_many_ways_is_visited_once() {
    let mut lowest = Arc::new(Bundle::new(inner("increment"), units()));
    for _ in 0..64 {
        let names = ["a", "b"].map(|name| (name.into(), lowest.clone()));
        let mut calls_both = inner("increment");
        calls_both.schedule.max_concurrency = 1;
        lowest = Arc::new(Bundle { pipelines: IndexMap::from(names), ..Bundle::new(calls_both, units()) });
    }
    let all = lowest.all();
    assert_eq!(all.len(), 65);
    assert!(std::ptr::eq(all[0], &*lowest));
    assert_eq!(lowest.max_concurrency(), all[64].pipeline.schedule.max_concurrency);
    block_on(link(&host(&Fake::new(0), InlineSpawner::new()), &lowest, &Overrides::default())).unwrap();
}
