//! What steps are granted, how they are metered, and what their units may use by their own word.

use std::path::PathBuf;
use std::time::Duration;

use wasmill_engine::{Binding, Router};
use wasmill_model::{DirGrant, DirMode, LimitOverrides, Pipeline, Profile, RunDocument, Secrets, Source, Step};
use wasmill_runtime::{Bundle, Host, InlineSpawner, Overrides, RunOptions, link};

use crate::fake::{Fake, block_on, host, linked, location, object, pipeline, positional, single, step, units};

const KEY: &str = "k3y-of-the-bank";

fn secrets() -> Secrets {
    let mut secrets = Secrets::default();
    secrets.insert("API_KEY", KEY).unwrap();
    secrets.insert("OTHER", "another-secret").unwrap();
    secrets
}

fn granted(mut step: Step) -> Step {
    step.grants.secrets = vec!["API_KEY".to_owned()];
    step
}

/// `WM0305 message | help`, each.
fn problems(host: &Host, pipeline: Pipeline, overrides: &Overrides) -> Vec<String> {
    let Err(problems) = block_on(link(host, &Bundle::new(pipeline, units()), overrides)) else { return Vec::new() };
    let shown = problems.0.iter().map(|one| format!("{one} | {}", one.help.as_deref().unwrap_or("-")));
    shown.collect()
}

fn bindings(host: &Host, engine: &Fake, pipeline: Pipeline) -> Vec<Binding> {
    linked(host, pipeline);
    engine.bindings.lock().unwrap().clone()
}

#[test]
fn folders_are_relative_to_the_manifest_and_stay_as_written_in_receipts() {
    let mut reads = step("a", "echo", single("1"));
    let dir = DirGrant { at: "/models".to_owned(), mode: DirMode::Ro };
    for path in ["./models", "../shared", "/absolute"] {
        reads.grants.dirs.insert(path.into(), dir.clone());
    }
    let mut pipeline = pipeline(vec![reads], &[]);
    pipeline.base = PathBuf::from("some/folder");
    let engine = Fake::new(0);
    let host = host(&engine, InlineSpawner::new());
    let linked = linked(&host, pipeline);
    let binding = engine.bindings.lock().unwrap()[0].clone();
    let paths: Vec<PathBuf> = binding.grants.dirs.keys().cloned().collect();
    assert_eq!(paths, ["some/folder/./models", "some/folder/../shared", "/absolute"].map(PathBuf::from));
    assert!(binding.grants.dirs.values().all(|one| *one == dir));
    let document = block_on(linked.run(object("{}"), RunOptions::new("r1")));
    let written: Vec<PathBuf> = document.steps["a"].attempts[0].grants.dirs.keys().cloned().collect();
    assert_eq!(written, ["./models", "../shared", "/absolute"].map(PathBuf::from));
}

#[test]
fn a_unit_is_given_only_the_secrets_that_its_step_is_granted() {
    let engine = Fake::new(0);
    let host = Host { secrets: secrets(), ..host(&engine, InlineSpawner::new()) };
    let steps = vec![granted(step("a", "echo", single("1"))), step("b", "echo", single("1"))];
    let bindings = bindings(&host, &engine, pipeline(steps, &[]));
    let names = |binding: &Binding| binding.secrets.names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(bindings.iter().map(names).collect::<Vec<_>>(), [vec!["API_KEY".to_owned()], vec![]]);
}

#[test]
fn a_granted_secret_without_a_value_is_said_before_the_run() {
    let engine = Fake::new(0);
    let host = host(&engine, InlineSpawner::new());
    let steps = vec![granted(step("a", "echo", single("1"))), granted(step("b", "echo", single("1")))];
    assert_eq!(
        problems(&host, pipeline(steps, &[]), &Overrides::default()),
        [
            "p.yaml:1:1: WM0313 the step `a` is granted the secret `API_KEY`, which this run was not given | give it with \
         `--secret API_KEY=env:API_KEY`, or `--secret API_KEY=@FILE`"
        ]
    );
    assert!(engine.bindings.lock().unwrap().is_empty());
}

fn leak(steps: Vec<Step>, outputs: &[(&str, &str)]) -> RunDocument {
    let host = Host { secrets: secrets(), ..host(&Fake::new(0), InlineSpawner::new()) };
    block_on(linked(&host, pipeline(steps, outputs)).run(object("{}"), RunOptions::new("r1")))
}

#[test]
fn nothing_that_a_run_says_shows_a_secret() {
    for way in 0..9 {
        let document = leak(vec![granted(step("a", "leak", single(&way.to_string())))], &[]);
        let text = serde_json::to_string(&document).unwrap();
        assert!(text.contains("[secret]"), "{way}: {text}");
        // The log of the third way is cut in the middle of the secret.
        assert!(!text.contains(KEY) && !text.contains(&KEY[..8]), "{way}: {text}");
    }
}

/// A secret may travel from step to step as data: whoever then speaks of it is not the one that was granted it.
#[test]
fn a_step_without_the_grant_does_not_show_it_either() {
    let steps = vec![
        granted(step("a", "leak", single("9"))),
        step("b", "sum", positional(&["${{ steps.a.output }}", "${{ steps.a.output.missing }}"])),
    ];
    let document = leak(steps, &[]);
    assert!(document.steps["a"].output.as_ref().unwrap().to_json().contains(KEY), "an output is data");
    let error = document.error.unwrap().message;
    let verdict = document.steps["b"].verdict.message();
    assert!(!error.contains(KEY) && !verdict.contains(KEY), "{error} {verdict}");

    let outputs = &[("x", "${{ int(steps.a.output) }}")];
    let error = leak(vec![granted(step("a", "leak", single("9")))], outputs).error.unwrap().message;
    assert!(!error.contains(KEY), "{error}");
}

#[test]
fn an_engine_that_fails_does_not_show_it_either() {
    let host = Host { secrets: secrets(), ..host(&Fake::new(0), InlineSpawner::new()) };
    let pipeline = pipeline(vec![granted(step("a", "unprepared", single("1")))], &[]);
    let problems = problems(&host, pipeline, &Overrides::default());
    assert!(problems[0].contains("too strange [secret]"), "{problems:?}");
}

#[test]
fn without_secrets_nothing_is_changed() {
    let engine = Fake::new(0);
    let host = host(&engine, InlineSpawner::new());
    let pipeline = pipeline(vec![step("a", "leak", single("0"))], &[]);
    let document = block_on(linked(&host, pipeline).run(object("{}"), RunOptions::new("r1")));
    let receipt = &document.steps["a"].attempts[0];
    assert_eq!((receipt.log.as_str(), receipt.coredump.as_deref()), ("I say", Some("a.coredump".as_ref())));
}

#[test]
fn a_profile_reaches_engine_and_receipt() {
    let engine = Fake::new(0);
    let host = host(&engine, InlineSpawner::new());
    let mut fast = step("a", "echo", single("1"));
    fast.profile = Profile::Fast;
    let pipeline = pipeline(vec![fast, step("b", "echo", single("1"))], &[]);
    for (over, expected) in
        [(None, [Profile::Fast, Profile::Metered]), (Some(Profile::Deterministic), [Profile::Deterministic; 2])]
    {
        let overrides = Overrides { profile: over, ..Overrides::default() };
        engine.bindings.lock().unwrap().clear();
        let linked = block_on(link(&host, &Bundle::new(pipeline.clone(), units()), &overrides)).unwrap();
        let document = block_on(linked.run(object("{}"), RunOptions::new("r1")));
        let receipts: Vec<Profile> = document.steps.values().map(|report| report.attempts[0].profile).collect();
        assert_eq!(receipts, expected);
        let mut bound: Vec<Profile> = expected.to_vec();
        bound.dedup();
        let bindings = engine.bindings.lock().unwrap();
        assert_eq!(bindings.iter().map(|binding| binding.profile).collect::<Vec<_>>(), bound);
    }
}

#[test]
fn fuel_is_never_limited_where_it_is_not_metered() {
    let host = host(&Fake::new(0), InlineSpawner::new());
    let fast = Overrides { profile: Some(Profile::Fast), ..Overrides::default() };
    let plain = || pipeline(vec![step("a", "echo", single("1"))], &[]);
    assert_eq!(problems(&host, plain(), &fast), Vec::<String>::new());

    let mut limited = plain();
    limited.steps[0].limits.fuel = Some(5);
    let help = "use `metered`: in the manifest, or with `--profile metered`";
    assert_eq!(
        problems(&host, limited, &fast),
        [format!(
            "p.yaml:1:1: WM0208 the step `a` limits its fuel, and the profile `fast` does not meter fuel | {help}"
        )]
    );
    let flag = Overrides { limits: LimitOverrides { fuel: Some(5), ..Default::default() }, ..fast.clone() };
    assert_eq!(
        problems(&host, plain(), &flag),
        [format!(
            "p.yaml:1:1: WM0208 this run limits fuel, and the profile `fast` does not meter fuel: the step `a` has it | {help}"
        )]
    );
    let mut beside = plain();
    beside.unit_limits.insert("unit".into(), LimitOverrides { fuel: Some(5), ..Default::default() });
    assert_eq!(
        problems(&host, beside, &fast),
        [format!(
            "p.yaml:1:1: WM0208 the `Component.toml` of `unit` limits fuel, and the profile `fast` does not meter fuel | {help}"
        )]
    );
    let mut strict = host.clone();
    strict.policy.ceilings.fuel = 1 << 40;
    assert_eq!(
        problems(&strict, plain(), &fast),
        [format!(
            "p.yaml:1:1: WM0206 the host allows a fuel of 1099511627776, and the profile `fast` does not meter fuel: the step `a` \
         has it | {help}"
        )]
    );
}

#[test]
fn deterministic_steps_are_granted_nothing_that_differs() {
    let host = host(&Fake::new(0), InlineSpawner::new());
    let deterministic = Overrides { profile: Some(Profile::Deterministic), ..Overrides::default() };
    let with = |grant: &dyn Fn(&mut Step)| {
        let mut step = step("a", "echo", single("1"));
        grant(&mut step);
        problems(&host, pipeline(vec![step], &[]), &deterministic)
    };
    let dir = |mode| DirGrant { at: "/data".to_owned(), mode };
    assert_eq!(with(&|step| drop(step.grants.dirs.insert("data".into(), dir(DirMode::Ro)))), Vec::<String>::new());
    for (what, found) in [
        ("the real clock", with(&|step| step.grants.clock = Source::Real)),
        ("real randomness", with(&|step| step.grants.random = Source::Real)),
        ("the network", with(&|step| step.grants.net = vec!["a:1".parse().unwrap()])),
        ("folders to write to", with(&|step| drop(step.grants.dirs.insert("data".into(), dir(DirMode::Rw))))),
    ] {
        let start =
            format!("p.yaml:1:1: WM0208 the step `a` is granted {what}, which a step of the profile `deterministic`");
        assert!(found.len() == 1 && found[0].starts_with(&start), "{found:?}");
    }
}

#[test]
fn an_engine_without_the_profile_is_passed_over() {
    let (first, second) = (Fake::named("first", &[Profile::Metered], 0), Fake::named("second", &Profile::ALL, 0));
    let both = Host { router: Router::new(vec![first.clone(), second.clone()]), ..host(&first, InlineSpawner::new()) };
    let mut fast = step("a", "echo", single("1"));
    fast.profile = Profile::Fast;
    let pipeline = pipeline(vec![fast, step("b", "echo", single("1"))], &[]);
    let document = block_on(linked(&both, pipeline.clone()).run(object("{}"), RunOptions::new("r1")));
    let engines: Vec<&str> = document.steps.values().map(|report| &*report.attempts[0].engine.name).collect();
    assert_eq!(engines, ["second", "first"]);

    let mut picky = pipeline.clone();
    picky.steps[0].engines = vec!["first".to_owned()];
    assert_eq!(
        problems(&both, picky, &Overrides::default()),
        [
            "p.yaml:1:1: WM0611 no engine can run the unit `unit`: first: it does not have the profile `fast` | use `second`"
        ]
    );
}

#[test]
fn the_lower_of_step_and_unit_holds() {
    let host = host(&Fake::new(0), InlineSpawner::new());
    let unit = LimitOverrides {
        memory: Some(2 << 20),
        fuel: Some(1_000),
        timeout: Some(Duration::from_secs(60)),
        ..LimitOverrides::default()
    };
    let mut asks = step("asks", "echo", single("1"));
    asks.limits = LimitOverrides { memory: Some(1 << 20), fuel: Some(2_000), ..LimitOverrides::default() };
    let mut pipeline = pipeline(vec![asks, step("silent", "echo", single("1"))], &[]);
    pipeline.unit_limits.insert("unit".into(), unit);
    let overrides = Overrides::default();
    let of = |overrides: &Overrides, name: &str| {
        let linked = block_on(link(&host, &Bundle::new(pipeline.clone(), units()), overrides)).unwrap();
        let limits = linked.limits(name).unwrap();
        (limits.memory, limits.fuel, limits.timeout.as_secs())
    };
    // Nobody asks for a minute, and a unit does not raise what it is given.
    assert_eq!(of(&overrides, "asks"), (1 << 20, 1_000, 30));
    assert_eq!(of(&overrides, "silent"), (2 << 20, 1_000, 30));
    let flag = LimitOverrides { fuel: Some(3_000), timeout: Some(Duration::from_secs(1)), ..LimitOverrides::default() };
    assert_eq!(of(&Overrides { limits: flag, ..overrides }, "asks"), (1 << 20, 1_000, 1));
    let linked = linked(&host, pipeline);
    let document = block_on(linked.run(object("{}"), RunOptions::new("r1")));
    assert_eq!(document.steps["silent"].attempts[0].limits.fuel, 1_000);
}

#[test]
fn a_unit_that_asks_for_more_than_the_host_allows_is_refused() {
    let mut host = host(&Fake::new(0), InlineSpawner::new());
    host.policy.ceilings.timeout = Duration::from_secs(10);
    let mut pipeline = pipeline(vec![step("a", "echo", single("1"))], &[]);
    let unit = LimitOverrides { timeout: Some(Duration::from_secs(60)), ..LimitOverrides::default() };
    pipeline.unit_limits.insert("unit".into(), unit);
    let found = problems(&host, pipeline, &Overrides::default());
    assert_eq!(
        found,
        [
            "p.yaml:1:1: WM0206 the `Component.toml` of `unit` asks for timeout: 60.00 s; the host allows 10.00 s | ask for 10.00 s or \
         less, or have the host's policy raised"
        ]
    );
}

#[test]
fn a_missing_grant_says_what_to_write_and_where() {
    let host = host(&Fake::new(0), InlineSpawner::new());
    let mut pipeline = pipeline(vec![step("a", "ungranted", single("1"))], &[]);
    pipeline.steps[0].grants_location = location(7);
    assert_eq!(
        problems(&host, pipeline, &Overrides::default()),
        [
            "p.yaml:7:1: WM0311 the unit `unit` imports `wasi:http/outgoing-handler@0.2.0`, which the step was not granted | write \
         `grants: { net: [\"host.example:443\"] }` in the step, if you trust the unit with it"
        ]
    );
}
