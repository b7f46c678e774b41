//! Linking: what is prepared, and what is refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use indexmap::IndexMap;
use wasmill_model::{LimitOverrides, Limits, Pipeline};
use wasmill_runtime::{Bundle, InlineSpawner, Linked, Overrides, link};

use crate::fake::{Fake, block_on, host, pipeline, single, step, template, units};

fn problems(pipeline: Pipeline, overrides: &Overrides) -> Vec<String> {
    let host = host(&Fake::new(0), InlineSpawner::new());
    let linked = block_on(link(&host, &Bundle::new(pipeline, units()), overrides));
    let problems = linked.map(|_| ()).unwrap_err();
    problems.0.iter().map(ToString::to_string).collect()
}

#[test]
fn each_distinct_use_is_prepared_once() {
    let engine = Fake::new(0);
    let host = host(&engine, InlineSpawner::new());
    let mut granted = step("d", "echo", single("1"));
    granted.grants.env.insert("LANG".to_owned(), "en".to_owned());
    let steps = vec![
        step("a", "echo", single("1")),
        step("b", "echo", single("2")),
        step("c", "increment", single("1")),
        granted,
    ];
    block_on(link(&host, &Bundle::new(pipeline(steps, &[]), units()), &Overrides::default())).unwrap();
    assert_eq!(engine.prepared.load(Ordering::SeqCst), 3);
}

#[test]
fn a_unit_that_cannot_be_prepared_is_told_once() {
    let steps = vec![step("a", "unprepared", single("1")), step("b", "unprepared", single("2"))];
    assert_eq!(
        problems(pipeline(steps, &[]), &Overrides::default()),
        ["p.yaml:1:1: WM0610 the unit `unit` could not be prepared: too strange"]
    );
}

#[test]
fn overrides_win_within_the_policy() {
    let host = host(&Fake::new(0), InlineSpawner::new());
    let mut modest = step("a", "echo", single("1"));
    modest.limits = LimitOverrides { fuel: Some(5), memory: Some(1 << 50), ..LimitOverrides::default() };
    let limits = LimitOverrides { memory: Some(1 << 20), ..LimitOverrides::default() };
    let overrides = Overrides { limits, ..Overrides::default() };
    let linked: Linked = block_on(link(&host, &Bundle::new(pipeline(vec![modest], &[]), units()), &overrides)).unwrap();
    let expected = Limits { fuel: 5, memory: 1 << 20, ..Limits::default() };
    assert_eq!(linked.limits("a").map(|limits| (**limits).clone()), Some(expected));

    let limits = LimitOverrides { memory: Some(1 << 50), ..LimitOverrides::default() };
    let overrides = Overrides { limits, engines: vec!["fak".to_owned()], ..Overrides::default() };
    let steps = vec![step("a", "echo", single("1")), step("b", "echo", single("1"))];
    assert_eq!(
        problems(pipeline(steps, &[]), &overrides),
        ["WM0206 this run asks for memory: 1024 TiB; the host allows 4 GiB", "WM0207 there is no engine `fak`",]
    );
}

#[test]
fn a_unit_that_was_not_loaded_is_an_error() {
    let host = host(&Fake::new(0), InlineSpawner::new());
    let pipeline = Arc::new(pipeline(vec![step("a", "echo", single("1"))], &[]));
    let problems =
        block_on(link(&host, &Bundle::new(pipeline, IndexMap::new()), &Overrides::default())).map(|_| ()).unwrap_err();
    assert_eq!(problems.to_string(), "p.yaml:1:1: WM0301 the unit `unit` was not loaded");
}

#[test]
fn linking_and_running_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let host = host(&Fake::new(0), InlineSpawner::new());
    let (bundle, overrides) = (Bundle::new(pipeline(Vec::new(), &[]), units()), Overrides::default());
    let linking = link(&host, &bundle, &overrides);
    is_send(&linking);
    let linked = block_on(linking).unwrap();
    is_send(&linked);
    is_send(&linked.run(Default::default(), wasmill_runtime::RunOptions::new("r1")));
}

#[test]
fn an_expression_that_is_not_valid_is_placed() {
    let mut broken = step("a", "echo", single("1"));
    let wasmill_model::Template::Expression(mut expression) = template("${{ 1 + 1 }}") else { panic!() };
    expression.source = "1 +".into();
    broken.with = wasmill_model::With::Single(wasmill_model::Template::Expression(expression));
    let problems = problems(pipeline(vec![broken], &[]), &Overrides::default());
    assert!(problems[0].starts_with("p.yaml:") && problems[0].contains("WM0205"), "{problems:?}");
}
