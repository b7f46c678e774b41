//! What was made once is not made again, where it could only give the same.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use wasmill_model::{
    Digest, DirGrant, DirMode, Foreach, Pipeline, Profile, Retry, RunDocument, Source, Step, Value, With,
};
use wasmill_runtime::{CallKey, InlineSpawner, Kept, Memo, Reuse, RunOptions};

use crate::fake::{
    Fake, block_on, host, input, linked, named, object, outputs, pipeline, positional, single, step, template, verdicts,
};

#[derive(Default)]
struct Map(Mutex<HashMap<CallKey, Kept>>);

impl Memo for Map {
    fn lookup(&self, key: &CallKey) -> Option<Kept> {
        self.0.lock().unwrap().get(key).cloned()
    }

    fn store(&self, key: CallKey, kept: Kept) {
        let run = kept.receipt.kept_from.clone();
        let before = self.0.lock().unwrap().insert(key, kept);
        // A run makes each of two equal calls.
        assert!(before.is_none_or(|before| before.receipt.kept_from == run), "what is kept is not made again");
    }
}

/// One engine and one memo, for several runs.
struct Bench {
    engine: Arc<Fake>,
    memo: Arc<Map>,
}

impl Bench {
    fn new() -> Self {
        Bench { engine: Fake::new(0), memo: Arc::default() }
    }

    fn run(&self, pipeline: Pipeline, inputs: &str, id: &str) -> RunDocument {
        self.run_with(Reuse { all: Some(self.memo.clone()), ..Reuse::default() }, pipeline, inputs, id)
    }

    fn run_with(&self, reuse: Reuse, pipeline: Pipeline, inputs: &str, id: &str) -> RunDocument {
        let host = host(&self.engine, InlineSpawner::new());
        block_on(linked(&host, pipeline).run(object(inputs), RunOptions { reuse, ..RunOptions::new(id) }))
    }

    /// How many calls there were since this was asked last.
    fn calls(&self) -> usize {
        self.engine.state.calls.swap(0, Ordering::SeqCst)
    }
}

fn kept(document: &RunDocument, step: &str) -> Vec<Option<String>> {
    document.steps[step].attempts.iter().map(|receipt| receipt.kept_from.as_deref().map(str::to_owned)).collect()
}

fn from(run: &str) -> Vec<Option<String>> {
    vec![Some(run.to_owned())]
}

fn chain(first: &str) -> Pipeline {
    let steps = vec![
        step("a", "increment", single(first)),
        step("b", "increment", single("${{ inputs.x }}")),
        step("c", "sum", named(&[("a", "${{ steps.a.output }}"), ("b", "${{ steps.b.output }}")])),
    ];
    input(pipeline(steps, &[("result", "${{ steps.c.output }}")]), "x")
}

#[test]
fn only_what_changed_and_what_follows_is_called() {
    let bench = Bench::new();
    let first = bench.run(chain("1"), r#"{"x": 5}"#, "r1");
    assert_eq!((outputs(&first).as_str(), bench.calls()), (r#"{"result":8}"#, 3));
    assert_eq!(kept(&first, "c"), [None]);

    let same = bench.run(chain("1"), r#"{"x": 5}"#, "r2");
    assert_eq!((outputs(&same).as_str(), bench.calls()), (r#"{"result":8}"#, 0));
    for id in ["a", "b", "c"] {
        assert_eq!(kept(&same, id), from("r1"));
        let mut receipt = same.steps[id].attempts[0].clone();
        receipt.kept_from = None;
        assert_eq!(receipt, first.steps[id].attempts[0]);
    }

    let changed = bench.run(chain("1"), r#"{"x": 6}"#, "r3");
    assert_eq!((outputs(&changed).as_str(), bench.calls()), (r#"{"result":9}"#, 2));
    assert_eq!((kept(&changed, "a"), kept(&changed, "b"), kept(&changed, "c")), (from("r1"), vec![None], vec![None]));

    // Back again: the call is found, whichever run made it.
    let back = bench.run(chain("1"), r#"{"x": 5}"#, "r4");
    assert_eq!((bench.calls(), kept(&back, "c")), (0, from("r1")));
}

#[test]
fn an_output_that_stayed_the_same_stops_the_change() {
    let bench = Bench::new();
    let steps = |first: &[&str]| {
        pipeline(
            vec![step("a", "sum", positional(first)), step("b", "increment", single("${{ steps.a.output }}"))],
            &[("result", "${{ steps.b.output }}")],
        )
    };
    bench.run(steps(&["1", "4"]), "{}", "r1");
    let other_way = bench.run(steps(&["2", "3"]), "{}", "r2");
    assert_eq!((kept(&other_way, "a"), kept(&other_way, "b")), (vec![None], from("r1")));
}

#[test]
fn how_a_unit_is_called_is_part_of_it() {
    let one = |change: fn(&mut Step)| {
        let mut step = step("a", "echo", single("1"));
        change(&mut step);
        pipeline(vec![step], &[])
    };
    let changes: [fn(&mut Step); 7] = [
        |_| {},
        |step| step.limits.memory = Some(1 << 20),
        |step| step.function = Some("increment".to_owned()),
        |step| step.profile = Profile::Deterministic,
        |step| drop(step.grants.env.insert("LANG".to_owned(), "en".to_owned())),
        |step| step.with = single("2"),
        // The same value by name: for a component that is another call.
        |step| step.with = named(&[("value", "1")]),
    ];
    let bench = Bench::new();
    // Each in a run of its own: what a run kept itself it is not given.
    let runs = ["r1", "r2", "r3", "r4", "r5", "r6", "r7"];
    for (place, (change, run)) in changes.into_iter().zip(runs).enumerate() {
        bench.run(one(change), "{}", run);
        assert_eq!(bench.calls(), 1, "change {place}");
    }
    for (change, run) in changes.into_iter().zip(runs) {
        assert_eq!((kept(&bench.run(one(change), "{}", "again"), "a"), bench.calls()), (from(run), 0));
    }
    // Another engine may answer otherwise.
    let other = Bench { engine: Fake::named("other", &Profile::ALL, 0), memo: bench.memo.clone() };
    other.run(one(changes[0]), "{}", "other");
    assert_eq!(other.calls(), 1);
    // Neither what the step is called nor what is around its calls.
    let renamed = one(|step| {
        step.id = "b".into();
        step.retry = Retry { attempts: 3, ..Retry::default() };
        step.when = Some(template("${{ 1 < 2 }}"));
    });
    assert_eq!((kept(&bench.run(renamed, "{}", "renamed"), "b"), bench.calls()), (from("r1"), 0));
}

#[test]
fn what_is_kept_is_of_its_call_and_whole() {
    let bench = Bench::new();
    bench.run(pipeline(vec![step("a", "increment", single("1"))], &[]), "{}", "r1");
    let (key, kept) = bench.memo.0.lock().unwrap().iter().map(|(key, kept)| (*key, kept.clone())).next().unwrap();
    let read = |of: &CallKey, kept: &Kept| Kept::from_bytes(of, &kept.to_bytes(&key)).map(|kept| kept.output);
    assert_eq!(read(&key, &kept), Some(Value::Int(2)));
    // Of another call, or with another output than its receipt says.
    assert_eq!(read(&CallKey { unit: Digest::of(b"another"), ..key }, &kept), None);
    assert_eq!(read(&key, &Kept { output: Value::Int(3), ..kept }), None);
}

#[test]
fn what_is_not_pure_is_called_always() {
    let bench = Bench::new();
    for run in ["r1", "r2"] {
        let mut step = step("a", "echo", single("1"));
        step.grants.clock = Source::Real;
        assert_eq!(kept(&bench.run(pipeline(vec![step], &[]), "{}", run), "a"), [None]);
        assert_eq!(bench.calls(), 1);
    }
    assert!(bench.memo.0.lock().unwrap().is_empty());
}

#[test]
fn what_failed_is_called_again() {
    let bench = Bench::new();
    for run in ["r1", "r2"] {
        let document = bench.run(pipeline(vec![step("a", "fail", single("1"))], &[]), "{}", run);
        assert_eq!((verdicts(&document).as_str(), bench.calls()), ("a:guest-error", 1));
    }
}

#[test]
fn items_are_kept_one_by_one() {
    let bench = Bench::new();
    let items = |list: &str| {
        let foreach = Some(Foreach { items: template(list), max_parallel: None });
        pipeline(vec![Step { foreach, ..step("a", "increment", With::Inherited) }], &[("all", "${{ steps.a.output }}")])
    };
    let first = bench.run(items("[1, 2, 3]"), "{}", "r1");
    assert_eq!((outputs(&first).as_str(), bench.calls()), (r#"{"all":[2,3,4]}"#, 3));
    let second = bench.run(items("[3, 5, 1]"), "{}", "r2");
    assert_eq!((outputs(&second).as_str(), bench.calls()), (r#"{"all":[4,6,2]}"#, 1));
    let receipts: Vec<_> = second.steps["a"].attempts.iter().map(|one| (one.item, one.kept_from.as_deref())).collect();
    assert_eq!(receipts, [(Some(0), Some("r1")), (Some(1), None), (Some(2), Some("r1"))]);
}

#[test]
fn a_run_is_not_given_what_it_kept_itself() {
    let bench = Bench::new();
    let twice = || {
        let foreach = Some(Foreach { items: template("[1, 1, 1]"), max_parallel: Some(1) });
        pipeline(vec![Step { foreach, ..step("a", "increment", With::Inherited) }], &[])
    };
    let first = bench.run(twice(), "{}", "r1");
    assert_eq!((kept(&first, "a"), bench.calls()), (vec![None; 3], 3));
    let second = bench.run(twice(), "{}", "r2");
    assert_eq!((kept(&second, "a"), bench.calls()), (vec![Some("r1".to_owned()); 3], 0));
}

#[test]
fn only_steps_that_ask_are_kept_for_those_that_ask() {
    let bench = Bench::new();
    let steps = || {
        let asks = Step { cache: true, ..step("asks", "increment", single("1")) };
        pipeline(vec![asks, step("silent", "increment", single("2"))], &[])
    };
    let reuse = Reuse { asked: Some(bench.memo.clone()), ..Reuse::default() };
    for (run, calls) in [("r1", 2), ("r2", 1)] {
        bench.run_with(reuse.clone(), steps(), "{}", run);
        assert_eq!(bench.calls(), calls);
    }
    assert_eq!(bench.memo.0.lock().unwrap().len(), 1);
}

#[test]
fn answers_are_compared_where_that_is_asked_for() {
    let bench = Bench::new();
    let one = |function: &str| pipeline(vec![step("a", function, single("1"))], &[]);
    let alone = Reuse { verify: true, ..Reuse::default() };
    let document = bench.run_with(alone.clone(), one("increment"), "{}", "r1");
    assert_eq!((verdicts(&document).as_str(), bench.calls()), ("a:ok", 2));

    let document = bench.run_with(alone.clone(), one("drift"), "{}", "r2");
    assert_eq!((verdicts(&document).as_str(), bench.calls()), ("a:host-error", 2));
    let said = document.error.unwrap().message;
    assert!(said.contains("when it was called again") && said.contains("output sha256:"), "{said}");

    // Against what a former run kept: one call more is enough.
    bench.run(one("increment"), "{}", "r3");
    bench.run(one("drift"), "{}", "r3");
    bench.calls();
    let kept = Reuse { all: Some(bench.memo.clone()), verify: true, ..Reuse::default() };
    let document = bench.run_with(kept.clone(), one("increment"), "{}", "r4");
    assert_eq!((verdicts(&document).as_str(), bench.calls()), ("a:ok", 1));
    bench.run(one("increment"), "{}", "elsewhere");
    let document = bench.run_with(kept, one("drift"), "{}", "r5");
    assert!(document.error.unwrap().message.contains("in the run r3"));

    // What is not pure may answer as it likes.
    let mut real = step("a", "drift", single("1"));
    real.grants.clock = Source::Real;
    let document = bench.run_with(alone, pipeline(vec![real], &[]), "{}", "r6");
    assert_eq!(verdicts(&document), "a:ok");
}

proptest! {
    #[test]
    fn nothing_that_reaches_outside_is_ever_kept(
        clock in any::<bool>(), random in any::<bool>(), net in any::<bool>(), dir in proptest::option::of(any::<bool>()),
        secret in any::<bool>(), function in any::<bool>(), env in any::<bool>(),
    ) {
        let bench = Bench::new();
        let steps = || {
            let mut step = Step { cache: true, ..step("a", "increment", single("1")) };
            let real = |is_real| if is_real { Source::Real } else { Source::Virtual };
            (step.grants.clock, step.grants.random) = (real(clock), real(random));
            step.grants.net.extend(net.then(|| "example.com:443".parse().unwrap()));
            let mode = dir.map(|writable| if writable { DirMode::Rw } else { DirMode::Ro });
            step.grants.dirs.extend(mode.map(|mode| (".".into(), DirGrant { at: "/d".to_owned(), mode })));
            step.grants.secrets.extend(secret.then(|| "KEY".to_owned()));
            step.grants.functions.extend(function.then(|| "acme:billing/prices".to_owned()));
            step.grants.env.extend(env.then(|| ("LANG".to_owned(), "en".to_owned())));
            pipeline(vec![step], &[])
        };
        let is_pure = !(clock || random || net || dir.is_some() || secret || function);
        let reuse = Reuse { all: Some(bench.memo.clone()), asked: Some(bench.memo.clone()), ..Reuse::default() };
        let mut host = host(&bench.engine, InlineSpawner::new());
        host.secrets.insert("KEY", "long enough").unwrap();
        for run in ["r1", "r2"] {
            let options = RunOptions { reuse: reuse.clone(), ..RunOptions::new(run) };
            let document = block_on(linked(&host, steps()).run(object("{}"), options));
            prop_assert_eq!(verdicts(&document), "a:ok");
            prop_assert_eq!(kept(&document, "a"), vec![(is_pure && run == "r2").then(|| "r1".to_owned())]);
        }
        prop_assert_eq!(bench.memo.0.lock().unwrap().len(), usize::from(is_pure));
    }
}
