//! The whole of a manifest.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{Code, Dialect, OnFailure, Pipeline, Profile, Schedule, Step, Strategy, Template};

use crate::check::{self, Names};
use crate::keys;
use crate::quantity::parse_count;
use crate::reader::Reader;
use crate::steps::Defaults;
use crate::templates::template;
use crate::tree::{Data, Node, Span};
use crate::{cases, flow, grants, inputs, sources, steps, units};

/// Reads and checks a native manifest. What it gives is right where nothing was reported.
pub(crate) fn read(file: &str, tree: &Node, reader: &Reader<'_>) -> Option<Pipeline> {
    let fields = reader.fields(tree, "the file", &keys::PIPELINE)?;
    if let Some(node) = fields.get("wasmill")
        && !matches!(node.data, Data::Int(1))
    {
        let given = match node.scalar_text() {
            Some(_) => reader.slice(node.span).trim().to_owned(),
            None => node.kind().to_owned(),
        };
        reader.error(
            Code::InvalidValue,
            node.span,
            format!("this version of Wasmill reads `wasmill: 1`, and not `{given}`"),
            "write `wasmill: 1`",
        );
    }
    let name = fields.get("name").and_then(|node| reader.text(node, "name"));
    let description = fields.get("description").and_then(|node| reader.text(node, "description"));
    let inputs = fields.get("inputs").map(|node| inputs::read(node, reader)).unwrap_or_default();
    let defaults = fields.get("defaults").map(|node| defaults(node, reader)).unwrap_or_default();
    let schedule = fields.get("schedule").map(|node| schedule(node, reader)).unwrap_or_default();
    let on_failure = fields.get("on_failure").map(|node| on_failure(node, reader)).unwrap_or_default();
    let timeout = fields.get("timeout").and_then(|node| flow::timeout(node, reader));
    let mut units = fields.get("units").map(|node| units::read(node, reader)).unwrap_or_default();
    let names = Names::new(&fields);
    let read = match fields.get("steps") {
        Some(node) => steps::read(node, &defaults, &names, &mut units, reader),
        None => {
            let start = Span { start: tree.span.start, end: tree.span.start };
            let help = "a pipeline has at least one step: `steps: { count: { unit: stats } }`";
            reader.error(Code::MissingKey, start, "`steps` is missing", help);
            Vec::new()
        }
    };
    let outputs = fields.get("outputs").map(|node| outputs(node, reader)).unwrap_or_default();
    check::names(&names, &read, &outputs, reader);
    let mut steps: Vec<Step> = read.into_iter().map(|(step, _)| step).collect();
    sources::bind_functions(&mut units, &mut steps);
    let budget = fields.get("budget").map(|node| cases::budget(node, reader)).unwrap_or_default();
    let tests = fields.get("tests").map(|node| {
        let step_ids: Vec<&str> = steps.iter().map(|step| &*step.id).collect();
        let output_names: Vec<&str> = outputs.keys().map(|name| &**name).collect();
        let names = cases::Names {
            inputs: inputs.keys().map(|name| &**name).collect(),
            outputs: if output_names.is_empty() { step_ids.clone() } else { output_names },
            steps: step_ids,
        };
        cases::read(node, &names, reader)
    });
    let tests = tests.unwrap_or_default();
    let toolchains = fields.get("toolchains").map(|node| sources::toolchains(node, reader)).unwrap_or_default();
    Some(Pipeline {
        name: name.map_or_else(|| name_of(file), Arc::from),
        dialect: Dialect::Native,
        description: description.map(str::to_owned),
        inputs,
        units,
        steps,
        outputs,
        schedule,
        on_failure,
        timeout,
        toolchains,
        budget,
        tests,
        unit_limits: IndexMap::new(),
        base: base_of(file),
    })
}

/// The folder that paths in the file are relative to.
pub(crate) fn base_of(file: &str) -> PathBuf {
    Path::new(file).parent().unwrap_or(Path::new("")).to_path_buf()
}

/// The name of a pipeline that has none: its file's, or its folder's where the file's says nothing.
pub(crate) fn name_of(file: &str) -> Arc<str> {
    let path = Path::new(file);
    let text = |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).map(str::to_owned);
    let stem = text(path.file_stem()).unwrap_or_default();
    let folder = text(path.parent().and_then(Path::file_name));
    match (stem.as_str(), folder) {
        ("pipeline" | "wasmill" | "", Some(folder)) => folder.into(),
        ("", None) => "pipeline".into(),
        _ => stem.into(),
    }
}

fn defaults(node: &Node, reader: &Reader<'_>) -> Defaults {
    let Some(fields) = reader.fields(node, "defaults", &keys::DEFAULTS) else { return Defaults::default() };
    let limits = fields.get("limits");
    let defaults = Defaults {
        limits: limits.map(|node| steps::limits(node, reader)).unwrap_or_default(),
        limits_location: limits.map(|node| reader.location(node.span)),
        profile: fields.get("profile").and_then(|node| grants::profile(node, reader)),
        retry: fields.get("retry").map(|node| flow::retry(node, None, reader)).unwrap_or_default(),
        timeout: fields.get("timeout").and_then(|node| flow::timeout(node, reader)),
        engines: fields.get("engine").map(|node| steps::engines(node, reader)).unwrap_or_default(),
        allow_weaker: fields.get("allow_weaker").is_some_and(|node| steps::allow_weaker(node, reader)),
        cache: fields.get("cache").and_then(|node| steps::cache(node, reader)).unwrap_or_default(),
    };
    if let (Some(timeout), Some(limit)) = (defaults.timeout, limits.and_then(|node| node.get("timeout"))) {
        flow::attempt_fits(limit, timeout, "`defaults`", reader);
    }
    if defaults.profile == Some(Profile::Fast)
        && let Some(node) = limits.and_then(|node| node.get("fuel"))
    {
        steps::fuel_is_not_metered(node, reader);
    }
    defaults
}

fn schedule(node: &Node, reader: &Reader<'_>) -> Schedule {
    let mut schedule = Schedule::default();
    let Some(fields) = reader.fields(node, "schedule", &keys::SCHEDULE) else { return schedule };
    if let Some(node) = fields.get("strategy") {
        let chosen = reader.choice(node, "strategy", &Strategy::ALL.map(Strategy::as_str));
        schedule.strategy =
            Strategy::ALL.into_iter().find(|strategy| Some(strategy.as_str()) == chosen).unwrap_or_default();
    }
    if let Some(node) = fields.get("max_concurrency") {
        match reader.quantity(node, "max_concurrency", "a whole number", "4", parse_count) {
            Some(0) => reader.error(
                Code::InvalidValue,
                node.span,
                "`max_concurrency` is zero: nothing could run",
                "write `max_concurrency: 1` for one step at a time",
            ),
            Some(count) => schedule.max_concurrency = u32::try_from(count).unwrap_or(u32::MAX),
            None => {}
        }
    }
    schedule
}

fn on_failure(node: &Node, reader: &Reader<'_>) -> OnFailure {
    let chosen = reader.choice(node, "on_failure", &OnFailure::ALL.map(OnFailure::as_str));
    OnFailure::ALL.into_iter().find(|policy| Some(policy.as_str()) == chosen).unwrap_or_default()
}

fn outputs(node: &Node, reader: &Reader<'_>) -> IndexMap<Arc<str>, Template> {
    match &node.data {
        Data::String(_) => std::iter::once((Arc::from("result"), template(node, reader))).collect(),
        _ => reader
            .members(node, "outputs", "outputs: { report: \"${{ steps.count.output }}\" }")
            .unwrap_or_default()
            .iter()
            .map(|member| (Arc::from(member.key.as_str()), template(&member.value, reader)))
            .collect(),
    }
}
