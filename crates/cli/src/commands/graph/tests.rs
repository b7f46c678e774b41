//! Golden pictures of a pipeline that has everything.

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{
    Dialect, Expression, Fallback, FallbackTo, Foreach, Location, OnFailure, Pipeline, Reference, Retry, Schedule,
    Step, Template, Value, VerdictSet, With,
};

use super::{Drawing, dot, mermaid, svg};

fn read(source: &str, step: &str) -> Template {
    Template::Expression(Expression {
        source: source.into(),
        references: vec![Reference::Step(step.into())],
        location: Location::default(),
    })
}

fn pipeline(steps: Vec<Step>) -> Pipeline {
    Pipeline {
        name: "orders <&> \"co\"".into(),
        dialect: Dialect::Native,
        description: None,
        inputs: IndexMap::new(),
        units: IndexMap::new(),
        steps,
        outputs: IndexMap::new(),
        schedule: Schedule::default(),
        on_failure: OnFailure::default(),
        timeout: None,
        toolchains: IndexMap::new(),
        budget: Default::default(),
        tests: IndexMap::new(),
        unit_limits: IndexMap::new(),
        base: PathBuf::new(),
    }
}

/// Every kind of step and of line, and words that each of the languages could take for its own.
fn everything() -> Pipeline {
    let fallback = |to| Fallback { on: VerdictSet::FAILURES, to };
    pipeline(vec![
        Step { function: Some("parse".into()), ..Step::new("parse", "stats") },
        Step {
            foreach: Some(Foreach { items: read("steps.parse.output.rows", "parse"), max_parallel: Some(8) }),
            retry: Retry { attempts: 3, ..Retry::default() },
            ..Step::new("end", "clean")
        },
        Step {
            with: With::Single(read("steps.end.output", "end")),
            when: Some(read("size(steps.end.output) > 0 && steps.end.output[0].name != \"<none>\"", "end")),
            fallback: vec![
                fallback(FallbackTo::Step("spare".into())),
                fallback(FallbackTo::Value(Template::Literal(Value::from(Vec::new())))),
            ],
            ..Step::new("rank", "score \"a\\b\" {c}|d|")
        },
        Step { with: With::Single(read("steps.parse.output", "parse")), ..Step::new("spare", "simple") },
        Step {
            with: With::Single(Template::Literal(Value::Null)),
            after: vec![Arc::from("rank"), Arc::from("parse")],
            ..Step::new("log", "log")
        },
        Step::new("alone", "x"),
    ])
}

fn drawn(draw: fn(&Drawing<'_>) -> String, pipeline: &Pipeline) -> String {
    let outline = wasmill_runtime::outline(pipeline).unwrap();
    draw(&Drawing::new(pipeline, &outline))
}

#[test]
fn everything_in_dot() {
    insta::assert_snapshot!(drawn(dot::draw, &everything()));
}

#[test]
fn everything_in_mermaid() {
    insta::assert_snapshot!(drawn(mermaid::draw, &everything()));
}

#[test]
fn everything_in_svg() {
    insta::assert_snapshot!(drawn(svg::draw, &everything()));
}

/// Thirty steps in layers, each of which reads two of the layer before and one of the first.
#[test]
fn thirty_steps_in_svg() {
    let steps = (0..30).map(|place: usize| {
        let (layer, at) = (place / 5, place % 5);
        let name = |layer: usize, at: usize| format!("step-{}", layer * 5 + at % 5);
        let mut read_all = Vec::new();
        if layer > 0 {
            for id in [name(layer - 1, at), name(layer - 1, at + 1), name(0, at)] {
                read_all.push(read(&format!("steps[\"{id}\"].output"), &id));
            }
        }
        Step { with: With::Positional(read_all), ..Step::new(format!("step-{place}"), "unit") }
    });
    let text = drawn(svg::draw, &pipeline(steps.collect()));
    assert_eq!(text.matches("<rect x=").count(), 30);
    insta::assert_snapshot!(text);
}

/// Every tag that is opened is closed, in order, and no `<` or `&` stands for itself.
#[test]
fn the_picture_is_xml() {
    let text = drawn(svg::draw, &everything());
    let mut open: Vec<&str> = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, words) = piece.split_once('>').expect("every `<` begins a tag");
        assert!(!words.contains('>'), "{words}");
        assert!(words.split('&').skip(1).all(|rest| rest.contains(';')), "{words}");
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
