//! Pipelines in simulation: what is found, what is not, and that a seed is a run.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indexmap::IndexMap;
use wasmill_model::{
    Backoff, Concurrency, DirGrant, DirMode, Failing, Fallback, FallbackTo, Foreach, Grants, Jitter, LimitOverrides,
    Pipeline, Retry, RunVerdict, Simulated, Source, Step, Strategy, Takes, UnitSource, UnitSpec, Value, VerdictKind,
    VerdictSet, With,
};
use wasmill_runtime::{
    Bundle, FindingKind, Inject, InlineSpawner, Overrides, Recording, SimReport, SimSettings, Simulation,
};

use crate::fake::{
    Fake, after, block_on, host, location, named, object, pipeline, positional, single, step, template, units,
};

fn simulation(pipeline: Pipeline, settings: SimSettings) -> (Simulation, Arc<Fake>) {
    of(Bundle::new(pipeline, units()), settings)
}

fn of(bundle: Bundle, settings: SimSettings) -> (Simulation, Arc<Fake>) {
    let engine = Fake::new(0);
    let host = host(&engine, InlineSpawner::new());
    let made = block_on(Simulation::new(&host, &bundle, &Overrides::default(), object("{}"), settings));
    (made.unwrap(), engine)
}

fn explored(pipeline: Pipeline, seeds: u64) -> SimReport {
    simulation(pipeline, SimSettings::default()).0.explore(1, seeds, &mut |_| ControlFlow::Continue(()))
}

fn with(pipeline: Pipeline, settings: SimSettings, seeds: u64) -> SimReport {
    simulation(pipeline, settings).0.explore(1, seeds, &mut |_| ControlFlow::Continue(()))
}

fn inject(step: &str, verdict: VerdictKind, count: u32) -> SimSettings {
    SimSettings { inject: vec![Inject { step: step.to_owned(), verdict, count }], ..SimSettings::default() }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn takes(least: u64, most: u64) -> Simulated {
    Simulated {
        output: Some(Value::Int(1)),
        takes: Some(Takes { least: millis(least), most: millis(most) }),
        fails: IndexMap::new(),
    }
}

fn failing(mut simulated: Simulated, kind: VerdictKind, chance: f64) -> Simulated {
    simulated.fails.insert(kind, Failing { chance, takes: Some(Takes { least: millis(1), most: millis(5) }) });
    simulated
}

/// A step that calls somebody, and what it is said to be.
fn remote(id: &str, simulated: Simulated) -> Step {
    let mut grants = Grants::default();
    grants.net.push("api.example.com:443".parse().unwrap());
    Step { grants, simulate: Some(simulated), ..step(id, "echo", single("1")) }
}

fn in_folder(id: &str, folder: &str, mode: DirMode) -> Step {
    let mut grants = Grants::default();
    grants.dirs.insert(folder.into(), DirGrant { at: "/data".to_owned(), mode });
    Step { grants, simulate: Some(takes(10, 1_000)), ..step(id, "echo", single("1")) }
}

fn real_clock() -> Grants {
    let mut grants = Grants::default();
    grants.clock = Source::Real;
    grants
}

fn fixed(attempts: u32, initial: u64, jitter: Jitter) -> Retry {
    let on = VerdictSet::of(&[VerdictKind::GuestError, VerdictKind::TimedOut]);
    Retry { attempts, backoff: Backoff::Fixed, initial: millis(initial), max: millis(initial), jitter, on }
}

fn items(step: Step, count: usize) -> Step {
    let items = format!("{:?}", (0..count).collect::<Vec<_>>());
    Step { foreach: Some(Foreach { items: template(&items), max_parallel: None }), ..step }
}

fn wide(mut pipeline: Pipeline) -> Pipeline {
    pipeline.schedule.max_concurrency = 64;
    pipeline
}

/// The kinds that were found, with their steps: `stuck-retry a`.
fn found(report: &SimReport) -> Vec<String> {
    let words = report.findings.iter().map(|finding| format!("{} {}", finding.kind.as_str(), finding.steps.join(" ")));
    words.collect()
}

/// A bit of everything: items, retries, fallbacks, a condition, a step of chance.
fn busy() -> Pipeline {
    let value = |on: &[VerdictKind]| Fallback { on: VerdictSet::of(on), to: FallbackTo::Value(template("0")) };
    let mut fetch = remote("fetch", failing(takes(20, 400), VerdictKind::GuestError, 0.3));
    fetch.retry = fixed(3, 100, Jitter::Full);
    fetch.fallback = vec![value(&[VerdictKind::GuestError])];
    let mut each = items(remote("each", failing(takes(5, 90), VerdictKind::GuestError, 0.2)), 9);
    each.retry = fixed(9, 30, Jitter::Full);
    let steps = vec![
        step("a", "increment", single("1")),
        fetch,
        each,
        step("b", "sum", named(&[("a", "${{ steps.a.output }}"), ("b", "${{ steps.fetch.output }}")])),
        after(step("c", "increment", single("${{ size(steps.each.output) }}")), &["b"]),
        step("d", "increment", single("2")),
    ];
    pipeline(steps, &[("b", "${{ steps.b.output }}"), ("c", "${{ steps.c.output }}")])
}

#[test]
fn a_seed_is_a_run() {
    let simulation = || simulation(busy(), SimSettings { crash_anywhere: true, ..SimSettings::default() }).0;
    let (one, other) = (simulation(), simulation());
    let first: Vec<_> = (1..20).map(|seed| one.replay(seed, Strategy::WorkQueue).unwrap()).collect();
    // Whatever was before, and in whichever order they are asked for.
    for seed in (1..20_u64).rev() {
        assert_eq!(other.replay(seed, Strategy::WorkQueue).unwrap(), first[seed as usize - 1]);
    }
    let timelines: BTreeSet<_> = first.iter().map(|replay| format!("{:?}", replay.timeline)).collect();
    assert_eq!(timelines.len(), 19, "every seed is another run");
    let reports: Vec<_> = [&one, &other]
        .map(|simulation| simulation.explore(1, 50, &mut |_| ControlFlow::Continue(())))
        .into_iter()
        .map(|report| serde_json::to_string(&report).unwrap())
        .collect();
    assert_eq!(reports[0], reports[1]);
}

#[test]
fn a_pipeline_without_mistakes_is_left_in_peace() {
    let report = explored(busy(), 300);
    assert_eq!(found(&report), [""; 0], "{:#?}", report.findings);
    assert_eq!((report.runs, report.notes.len()), (900, 0));
    assert_eq!(report.strategies.keys().copied().collect::<Vec<_>>(), ["work-queue", "level", "reactive"]);
    let makespan = report.makespan;
    assert!(makespan.median > millis(20) && makespan.median < makespan.p95 && makespan.p95 < makespan.longest);
    // Failures that a step declares are no mistake, also where they fail the run.
    let mut unlucky = pipeline(vec![remote("a", failing(takes(1, 5), VerdictKind::Trap, 0.5))], &[]);
    unlucky.on_failure = wasmill_model::OnFailure::Continue;
    let report = explored(unlucky, 100);
    assert_eq!(found(&report), [""; 0]);
    let failed = report.strategies["level"].failed;
    assert!((30..70).contains(&failed), "{failed}");
    assert_eq!(report.strategies["level"].ok + failed, 100);
}

#[test]
fn pure_units_are_called_once_for_each_input() {
    let steps = vec![
        step("a", "increment", single("1")),
        items(step("b", "increment", single("${{ item % 3 }}")), 12),
        step("c", "even", single("3")),
    ];
    let (simulation, engine) = simulation(pipeline(steps, &[]), SimSettings::default());
    let report = simulation.explore(1, 40, &mut |_| ControlFlow::Continue(()));
    // 1 and 2 of `increment` are shared: 0, 1, 2 and, of `c`, 3.
    assert_eq!(engine.state.calls.load(Ordering::SeqCst), 4);
    assert_eq!(report.strategies["work-queue"].failed, 40, "`c` fails as it really does");
}

#[test]
fn what_nobody_knows_is_an_error_that_says_what_to_declare() {
    let mut unknown = remote("fetch", Simulated::default());
    unknown.simulate = None;
    let bundle = Bundle::new(pipeline(vec![unknown, step("a", "echo", single("1"))], &[]), units());
    let host = host(&Fake::new(0), InlineSpawner::new());
    let new = |settings| block_on(Simulation::new(&host, &bundle, &Overrides::default(), object("{}"), settings));
    let problems = new(SimSettings::default()).err().unwrap();
    let [problem] = problems.0.as_slice() else { panic!("{problems:?}") };
    assert!(problem.message.contains("`fetch` is not pure (`net` api.example.com:443)"), "{}", problem.message);
    assert!(problem.help.as_ref().unwrap().contains("simulate: { output: …"), "{problem:?}");
    assert_eq!((problem.step.as_deref(), problem.location.as_ref().map(|place| place.line)), (Some("fetch"), Some(1)));

    let document = r#"{"wasmill": 1, "steps": {"fetch": {"verdict": "ok", "output": 7,
        "attempts": [{"attempt": 1, "verdict": "ok", "usage": {"wall_us": 250000}}]}}}"#;
    let recording = Recording::read(&serde_json::from_str(document).unwrap(), &mut |value| Ok(value.clone()));
    let recorded = SimSettings { recording: Some(recording.unwrap()), ..SimSettings::default() };
    let replay = new(recorded.clone()).unwrap().replay(3, Strategy::Level).unwrap();
    assert_eq!(replay.outputs["fetch"], Value::Int(7));
    assert!(replay.makespan > millis(170), "about as long as it was recorded: {:?}", replay.makespan);

    let settings = SimSettings { inject: inject("fetsh", VerdictKind::Trap, 1).inject, ..recorded };
    let problems = new(settings).err().unwrap();
    assert!(problems.0[0].message.contains("`fetsh`") && problems.0[0].help.as_ref().unwrap().contains("`fetch`"));
}

#[test]
fn time_that_decides_is_found_wherever_it_does() {
    let value = Fallback { on: VerdictSet::of(&[VerdictKind::TimedOut]), to: FallbackTo::Value(template("0")) };
    let of_attempt = |limit| {
        let limits = LimitOverrides { timeout: Some(millis(limit)), ..LimitOverrides::default() };
        let quote = Step { limits, fallback: vec![value.clone()], ..remote("quote", takes(200, 1_000)) };
        pipeline(vec![quote, step("total", "increment", single("${{ steps.quote.output }}"))], &[])
    };
    let report = explored(of_attempt(500), 100);
    assert_eq!(found(&report), ["order-changes-result quote"]);
    let finding = &report.findings[0];
    assert!(finding.message.contains("an attempt of `quote` takes longer than its `limits"), "{}", finding.message);
    let (rare, usual) = (&finding.reproduce[0], &finding.reproduce[1]);
    let (simulation, _) = simulation(of_attempt(500), SimSettings::default());
    let total = |seed, strategy| simulation.replay(seed, strategy).unwrap().outputs["total"].clone();
    assert_ne!(total(rare.seed, rare.strategy), total(usual.seed, usual.strategy), "the seeds show it");
    assert_eq!(found(&explored(of_attempt(1_001), 100)), [""; 0]);

    let of_step = |timeout| {
        let quote = Step { timeout: Some(millis(timeout)), ..remote("quote", takes(200, 1_000)) };
        pipeline(vec![Step { fallback: vec![value.clone()], ..quote }], &[])
    };
    let report = explored(of_step(300), 100);
    assert_eq!(found(&report), ["order-changes-result quote"]);
    assert!(report.findings[0].message.contains("the `timeout` of `quote`"), "{}", report.findings[0].message);
    assert_eq!(found(&explored(of_step(1_001), 100)), [""; 0]);

    let of_run = |timeout| {
        let chain = vec![remote("a", takes(10, 1_000)), after(remote("b", takes(10, 1_000)), &["a"])];
        Pipeline { timeout: Some(millis(timeout)), ..pipeline(chain, &[]) }
    };
    let report = explored(of_run(700), 100);
    assert!(!report.findings.is_empty());
    assert!(report.findings.iter().all(|one| one.message.contains("the run's `timeout`")), "{:#?}", report.findings);
    assert_eq!(found(&explored(of_run(2_001), 100)), [""; 0]);
}

#[test]
fn folders_that_are_shared_in_no_order_are_found() {
    use DirMode::{Ro, Rw};
    let two = |one: Step, other: Step| found(&explored(pipeline(vec![one, other], &[]), 20));
    let shared = ["shared-folder a b"];
    assert_eq!(two(in_folder("a", "out", Rw), in_folder("b", "out", Ro)), shared);
    assert_eq!(two(in_folder("a", "out/deep", Ro), in_folder("b", "./out/x/..", Rw)), shared);
    assert_eq!(two(in_folder("a", "out", Ro), in_folder("b", "out", Ro)), [""; 0]);
    assert_eq!(two(in_folder("a", "out", Rw), in_folder("b", "output", Rw)), [""; 0]);
    assert_eq!(two(in_folder("a", "out", Rw), after(in_folder("b", "out", Rw), &["a"])), [""; 0]);
    // One at a time, and each order comes about.
    let key = |step: Step| Step { concurrency: Some(Concurrency { key: "disk".into(), max: 1 }), ..step };
    let wait = Step { id: "w".into(), ..remote("w", takes(1, 2_000)) };
    let steps = vec![
        key(after(in_folder("a", "out", Rw), &["w"])),
        wait,
        key(after(in_folder("b", "out", Ro), &["v"])),
        remote("v", takes(1, 2_000)),
    ];
    let report = explored(pipeline(steps, &[]), 30);
    assert_eq!(found(&report), shared);
    let shows: BTreeSet<&str> = report.findings[0].reproduce.iter().map(|one| one.shows.as_str()).collect();
    assert_eq!(shows, ["`a` before `b`", "`b` before `a`"].into());

    let all = items(in_folder("a", "out", Rw), 5);
    assert_eq!(found(&explored(pipeline(vec![all.clone()], &[]), 5)), ["shared-folder a"]);
    let mut alone = all;
    alone.foreach.as_mut().unwrap().max_parallel = Some(1);
    assert_eq!(found(&explored(pipeline(vec![alone], &[]), 5)), [""; 0]);
}

#[test]
fn retries_that_come_back_at_once_are_a_storm() {
    let with_jitter = |jitter| {
        let fetch = items(remote("fetch", failing(takes(50, 200), VerdictKind::GuestError, 0.5)), 40);
        wide(pipeline(vec![Step { retry: fixed(9, 2_000, jitter), ..fetch }], &[]))
    };
    let report = explored(with_jitter(Jitter::None), 10);
    assert_eq!(found(&report), ["retry-storm fetch"]);
    let finding = &report.findings[0];
    assert!(finding.message.contains("usual without failures"), "{}", finding.message);
    assert!(
        finding.help.contains("`jitter: full` in the `retry` of `fetch`, with which it would be"),
        "{}",
        finding.help
    );
    let one = &finding.reproduce[0];
    let replay =
        simulation(with_jitter(Jitter::None), SimSettings::default()).0.replay(one.seed, one.strategy).unwrap();
    let kinds: Vec<_> = replay.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::RetryStorm], "its seed shows it");
    assert_eq!(found(&explored(with_jitter(Jitter::Full), 40)), [""; 0]);
    // Few of them are no storm.
    let mut few = with_jitter(Jitter::None);
    few.steps[0] = items(few.steps[0].clone(), 7);
    assert_eq!(found(&explored(few, 10)), [""; 0]);
}

#[test]
fn waits_that_are_longer_than_what_is_left_are_stuck() {
    let deliver = |timeout| {
        let retry = Retry { backoff: Backoff::Exponential, max: millis(60_000), ..fixed(5, 1_000, Jitter::None) };
        let timeout = Some(millis(timeout));
        pipeline(vec![Step { retry, timeout, ..remote("deliver", takes(10, 20)) }], &[])
    };
    let down = || inject("deliver", VerdictKind::GuestError, 9);
    // 1 + 2 + 4 + 8 seconds.
    let report = with(deliver(10_000), down(), 5);
    assert_eq!(found(&report), ["stuck-retry deliver"]);
    assert!(report.findings[0].message.contains("waits 8.00 s for attempt 5"), "{}", report.findings[0].message);
    assert_eq!(report.findings[0].runs, 15);
    assert_eq!(found(&with(deliver(16_000), down(), 5)), [""; 0]);
    assert_eq!(found(&with(deliver(10_000), inject("deliver", VerdictKind::GuestError, 2), 5)), [""; 0]);
    // Also where a fallback hides it, and where it is the run whose time is over.
    let mut hidden = deliver(10_000);
    hidden.steps[0].fallback = vec![Fallback { on: VerdictSet::FAILURES, to: FallbackTo::Value(template("0")) }];
    assert_eq!(found(&with(hidden, down(), 5)), ["stuck-retry deliver"]);
    let mut of_run = deliver(99_000);
    of_run.timeout = Some(millis(10_000));
    let report = with(of_run, down(), 5);
    assert_eq!(found(&report), ["stuck-retry deliver"]);
    assert!(report.findings[0].message.contains("the run's `timeout`"), "{}", report.findings[0].message);
}

#[test]
fn a_pure_call_that_is_made_again_is_stuck() {
    let odd = || Step { retry: fixed(3, 10, Jitter::Full), ..step("odd", "even", single("3")) };
    let report = explored(pipeline(vec![odd()], &[]), 5);
    assert_eq!(found(&report), ["stuck-retry odd"]);
    assert!(report.findings[0].message.contains("after `guest-error`, and can only give the same"));
    // It may be slow once, and not the next time; and one that is not pure may do better.
    let slow = inject("odd", VerdictKind::TimedOut, 2);
    let mut even = odd();
    even.with = positional(&["4"]);
    assert_eq!(found(&with(pipeline(vec![even], &[]), slow, 5)), [""; 0]);
    let real = Step { grants: real_clock(), simulate: Some(takes(1, 2)), ..odd() };
    assert_eq!(found(&with(pipeline(vec![real], &[]), inject("odd", VerdictKind::GuestError, 2), 5)), [""; 0]);
}

#[test]
fn a_run_that_is_begun_anew_gives_the_same_and_what_it_does_twice_is_said() {
    let crash = || SimSettings { crash_anywhere: true, ..SimSettings::default() };
    let real = real_clock();
    let looks = Step { grants: real, simulate: Some(takes(10, 500)), ..step("looks", "echo", single("1")) };
    let mut send = remote("send", takes(10, 500));
    send.with = single("${{ steps.a.output }}");
    let steps = vec![step("a", "increment", single("1")), looks, send, after(remote("last", takes(10, 50)), &["send"])];
    let (simulation, engine) = simulation(pipeline(steps, &[]), crash());
    let report = simulation.explore(1, 100, &mut |_| ControlFlow::Continue(()));
    assert_eq!(found(&report), ["effect-twice last", "effect-twice send"], "nobody can see what `looks` does");
    assert_eq!(engine.state.calls.load(Ordering::SeqCst), 1);
    let one = &report.findings[1].reproduce[0];
    let timeline = simulation.replay(one.seed, one.strategy).unwrap().timeline;
    let place = |what: &str| timeline.iter().position(|moment| moment.what.contains(what)).unwrap();
    let died = place("the host dies");
    assert!(place("send begins") < died);
    assert!(timeline[died..].iter().any(|moment| moment.what == "send begins"), "{timeline:#?}");
    assert!(timeline[died..].iter().any(|moment| moment.what.starts_with("looks")));
    // What a pure step gave is kept, where it had ended.
    let pure = timeline[..died].iter().any(|moment| moment.what == "a ends: ok");
    assert!(pure && !timeline[died..].iter().any(|moment| moment.what == "a begins"), "{timeline:#?}");

    // A crash that leaves a call with less to wait for may change what time decides.
    let mut timed = pipeline(
        vec![
            remote("a", takes(300, 500)),
            Step { timeout: Some(millis(600)), ..items(step("b", "increment", single("${{ item }}")), 3) },
        ],
        &[],
    );
    timed.steps[1].simulate = Some(Simulated { output: None, ..takes(250, 400) });
    timed.schedule.max_concurrency = 1;
    let report = with(timed, crash(), 20);
    assert!(found(&report).contains(&"crash-changes-result b".to_owned()), "{:?}", found(&report));
}

#[test]
fn pipelines_within_pipelines_are_simulated_with_their_own_steps() {
    let inner = pipeline(
        vec![Step { retry: fixed(3, 50, Jitter::Full), ..remote("call", takes(10, 20)) }],
        &[("got", "${{ steps.call.output }}")],
    );
    let mut outer = pipeline(vec![step("x", "echo", single("1")), step("y", "echo", single("1"))], &[]);
    let source = UnitSource::Pipeline("inner.yaml".into());
    outer.units.insert("inner".into(), UnitSpec { source, sha256: None, location: location(1) });
    for (step, parallel) in outer.steps.iter_mut().zip([None, Some(2)]) {
        *step = Step { unit: "inner".into(), function: None, with: With::Named(IndexMap::new()), ..step.clone() };
        step.foreach = parallel.map(|max| Foreach { items: template("[1, 2, 3]"), max_parallel: Some(max) });
    }
    let bundle = || {
        let pipelines = IndexMap::from([("inner".into(), Arc::new(Bundle::new(inner.clone(), units())))]);
        Bundle { pipelines, ..Bundle::new(outer.clone(), units()) }
    };
    let (simulation, _) = of(bundle(), inject("y/call", VerdictKind::GuestError, 2));
    let replay = simulation.replay(1, Strategy::Reactive).unwrap();
    assert_eq!((replay.verdict, replay.findings.len()), (RunVerdict::Ok, 0), "{replay:#?}");
    assert_eq!(Value::from(replay.outputs).to_json(), r#"{"x":{"got":1},"y":[{"got":1},{"got":1},{"got":1}]}"#);
    let said = |what: &str| replay.timeline.iter().filter(|moment| moment.what == what).count();
    assert_eq!(
        (said("x/call begins"), said("y[2]/call#3 begins"), said("y[1]/call#2 ends: guest-error (injected)")),
        (1, 1, 1)
    );
    let report = simulation.explore(1, 20, &mut |_| ControlFlow::Continue(()));
    assert_eq!((found(&report).len(), report.strategies["level"].ok), (0, 20));
}

#[test]
fn secrets_need_not_be_given() {
    let mut fetch = remote("fetch", takes(10, 20));
    fetch.grants.secrets.push("API_KEY".to_owned());
    assert_eq!(explored(pipeline(vec![fetch], &[]), 5).strategies["level"].ok, 5);
}

#[test]
fn a_simulation_stops_when_it_is_told_to() {
    let (simulation, _) = simulation(busy(), SimSettings::default());
    let mut stop = |done| if done == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let report = simulation.explore(1, 1_000, &mut stop);
    assert_eq!((report.seeds, report.runs), (3, 9));
}
