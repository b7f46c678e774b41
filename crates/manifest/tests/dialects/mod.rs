//! Files of other systems: the native manifest that each becomes, and that a native manifest is read as what it was written from.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use wasmill_manifest::{Format, GraphInfo, parse, to_yaml};
use wasmill_model::{Dialect, Location, Pipeline, Schedule, Step, Template, UnitSource, UnitSpec, Value, With};

use super::{check, errors, folder};

#[test]
fn valid_files() {
    check("dialects/valid", ".native", |file, path, text| {
        let pipeline = parse(file, text, Format::of(path)).unwrap_or_else(|problems| panic!("{file}: {problems}"));
        let expected = match file.split('-').next() {
            Some("dag") => Dialect::DagConfig,
            Some("task") => Dialect::TaskDefinition,
            _ => Dialect::PipelineV1,
        };
        assert_eq!(pipeline.dialect, expected, "{file}");
        to_yaml(&pipeline)
    });
}

#[test]
fn invalid_files() {
    check("dialects/invalid", ".err", |file, path, text| {
        let result = parse(file, text, Format::of(path));
        errors(file, &result.err().unwrap_or_else(|| panic!("{file} is valid")))
    });
}

/// What a pipeline is, without its dialect and its positions.
fn shape(pipeline: &Pipeline) -> serde_json::Value {
    serde_json::to_value(Pipeline { dialect: Dialect::Native, ..pipeline.clone() }).unwrap()
}

pub(crate) fn is_read_again(name: &str, pipeline: &Pipeline) {
    if pipeline.steps.is_empty() {
        // A manifest v1 may have no nodes, and a native manifest has a step.
        return;
    }
    let text = to_yaml(pipeline);
    let again = parse(name, &text, Format::Yaml).unwrap_or_else(|problems| panic!("{name}:\n{text}\n{problems}"));
    assert_eq!(shape(&again), shape(pipeline), "{name}:\n{text}");
    assert_eq!(to_yaml(&again), text, "{name}");
}

fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_golden = path.extension().is_some_and(|ending| ending == "native" || ending == "model");
        match path.is_dir() {
            true => found.extend(manifests(&path)),
            false
                if !is_golden
                    && path
                        .extension()
                        .is_some_and(|ending| ending == "yaml" || ending == "json" || ending == "toml") =>
            {
                found.push(path);
            }
            false => {}
        }
    }
    found
}

/// Every dialect, every valid native manifest, and every example is read again from what it is converted to.
#[test]
fn what_is_converted_is_read_again() {
    let examples = folder("").join("../../../examples");
    for (place, fewest) in [(folder("dialects/valid"), 20), (folder("valid"), 8), (examples, 3)] {
        let files = manifests(&place);
        assert!(files.len() >= fewest, "{}: {}", place.display(), files.len());
        for path in files {
            let name = path.to_str().unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let pipeline = parse(name, &text, Format::of(&path)).unwrap_or_else(|problems| panic!("{problems}"));
            is_read_again(name, &pipeline);
        }
    }
}

#[test]
fn every_source_of_a_unit_is_converted() {
    let sources = "wasmill: 1\nunits: { a: a.wasm, b: { base64: AGFzbQEAAAA= }, c: { wat: (module) }, d: { builtin: processors }, e: { url: \"https://example.com/e.wasm\" } }\nsteps: { a: { unit: d } }";
    let pipeline = parse("sources.yaml", sources, Format::Yaml).unwrap();
    assert_eq!(pipeline.units.len(), 5);
    is_read_again("sources.yaml", &pipeline);
}

/// The three formats of one DAG config are one pipeline.
#[test]
fn formats_agree() {
    let read = |file: &str| {
        let path = folder("dialects/valid").join(file);
        shape(&parse("same", &std::fs::read_to_string(&path).unwrap(), Format::of(&path)).unwrap())
    };
    for dialect in ["dag", "task", "v1"] {
        let yaml = read(&format!("{dialect}-same.yaml"));
        assert_eq!(yaml, read(&format!("{dialect}-same.json")), "{dialect}");
        assert_eq!(yaml, read(&format!("{dialect}-same.toml")), "{dialect}");
    }
}

/// What docs/dialects.md shows is right.
#[test]
fn the_documented_examples() {
    let text = std::fs::read_to_string(folder("").join("../../../docs/dialects.md")).unwrap();
    let mut dialects = Vec::new();
    for block in text.split("```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        let format = if language == "json" { Format::Json } else { Format::Yaml };
        let pipeline = parse("docs/dialects.md", text, format).unwrap_or_else(|problems| panic!("{text}\n{problems}"));
        is_read_again("docs/dialects.md", &pipeline);
        dialects.push(pipeline.dialect);
    }
    assert_eq!(dialects, [Dialect::DagConfig, Dialect::TaskDefinition, Dialect::PipelineV1, Dialect::Native]);
}

#[test]
fn the_graph_of_a_manifest_v1() {
    let text = r#"{"version": "v1", "nodes": [{"id": "d", "node_type": "Echo"}, {"id": "b", "node_type": "Echo"},
        {"id": "c", "node_type": "Echo"}, {"id": "a", "node_type": "Echo"}],
        "connections": [{"from": "a", "to": "b"}, {"from": "a", "to": "c"}, {"from": "b", "to": "d"}, {"from": "c", "to": "d"}]}"#;
    let graph = GraphInfo::of(&parse("graph.json", text, Format::Json).unwrap());
    assert_eq!((graph.node_count, graph.source_count, graph.sink_count), (4, 1, 1));
    assert_eq!(graph.execution_order.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["a", "b", "c", "d"]);
}

/// A node of a DAG config takes the payload whose making transform is deepest, and of those the one declared last; held against a
/// slow reading of that sentence.
#[test]
fn payloads_come_from_the_deepest_transform() {
    let graph = (2..9_usize).prop_flat_map(|count| {
        let edges = prop::collection::vec(any::<u8>(), count);
        (edges, prop::collection::vec(any::<bool>(), count), Just((0..count).collect::<Vec<_>>()).prop_shuffle())
    });
    proptest!(|((edges, analyzers, order) in graph)| {
        let needs = |one: usize| (0..one).filter(|other| edges[one] >> other & 1 == 1).collect::<Vec<_>>();
        let mut text = "strategy: reactive\nprocessors:\n".to_owned();
        for one in &order {
            let kind = if analyzers[*one] { "token_counter" } else { "reverse_text" };
            let needed: Vec<String> = needs(*one).iter().map(|needed| format!("p{needed}")).collect();
            text += &format!("  - {{ id: p{one}, processor: {kind}, depends_on: [{}] }}\n", needed.join(", "));
        }
        let pipeline = parse("graph.yaml", &text, Format::Yaml).unwrap();
        fn depth(one: usize, needs: &dyn Fn(usize) -> Vec<usize>) -> usize {
            needs(one).into_iter().map(|needed| depth(needed, needs) + 1).max().unwrap_or(0)
        }
        fn handed(one: usize, needs: &dyn Fn(usize) -> Vec<usize>, analyzers: &[bool], order: &[usize]) -> Option<usize> {
            if analyzers[one] { given(one, needs, analyzers, order) } else { Some(one) }
        }
        fn given(one: usize, needs: &dyn Fn(usize) -> Vec<usize>, analyzers: &[bool], order: &[usize]) -> Option<usize> {
            let place = |maker: usize| order.iter().position(|other| *other == maker);
            let makers = needs(one).into_iter().filter_map(|needed| handed(needed, needs, analyzers, order));
            makers.max_by_key(|maker| (depth(*maker, needs), place(*maker)))
        }
        for (position, one) in order.iter().enumerate() {
            let step = &pipeline.steps[position];
            let With::Named(with) = &step.with else { panic!("{:?}", step.with) };
            let Template::Expression(input) = &with["input"] else { panic!("{with:?}") };
            let expected = given(*one, &needs, &analyzers, &order).map_or("inputs.input".to_owned(), |maker| format!("steps.p{maker}.output"));
            prop_assert_eq!(input.source.as_ref(), &expected, "p{} of\n{}", one, text);
            let mut waits: Vec<String> = step.after.iter().map(ToString::to_string).collect();
            waits.extend(needs(*one).iter().map(|needed| format!("p{needed}")).filter(|id| expected == format!("steps.{id}.output")));
            waits.sort();
            let mut needed: Vec<String> = needs(*one).iter().map(|needed| format!("p{needed}")).collect();
            needed.sort();
            prop_assert_eq!(waits, needed);
        }
    });
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("NaN equals nothing", |float| !float.is_nan()).prop_map(Value::Float),
        ".{0,20}".prop_map(Value::text),
        prop::sample::select(vec![
            "no",
            "~",
            "1e3",
            "- a",
            "a: b",
            "#",
            "${{ x }}",
            "$${{",
            "a\nb\n",
            " a\n",
            "\u{85}\u{2028}",
            "{{",
            "'",
            "\\"
        ])
        .prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| Value::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,8}", inner), 0..4).prop_map(|members| {
                let object = members.into_iter().map(|(name, value)| (name.as_str().into(), value));
                Value::from(object.collect::<wasmill_model::Object>())
            }),
        ]
    })
}

proptest! {
    /// Whatever a value is, it is written so that it is read as the same.
    #[test]
    fn every_value_is_read_again(given in value(), default in value()) {
        let base = parse("base.yaml", "wasmill: 1\ninputs: { x: { default: 1 } }\nsteps: { a: { unit: { wat: (module) }, with: { x: 1 } } }", Format::Yaml).unwrap();
        let mut pipeline = base;
        let mut step = Step::new("a", "a");
        step.with = With::Named([("x".into(), Template::Literal(given))].into_iter().collect());
        pipeline.steps = vec![step];
        pipeline.inputs[0].default = Some(default);
        pipeline.units = [("a".into(), UnitSpec { source: UnitSource::Wat("(module)".to_owned()), sha256: None, location: Location::default() })].into_iter().collect();
        pipeline.schedule = Schedule { max_concurrency: 3, ..Schedule::default() };
        let text = to_yaml(&pipeline);
        let again = parse("again.yaml", &text, Format::Yaml);
        let again = again.map_err(|problems| TestCaseError::fail(format!("{text}\n{problems}")))?;
        prop_assert_eq!(&again.steps[0].with, &pipeline.steps[0].with, "{}", text);
        prop_assert_eq!(&again.inputs[0].default, &pipeline.inputs[0].default, "{}", text);
    }
}
