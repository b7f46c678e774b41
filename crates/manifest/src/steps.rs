//! `steps:`

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use wasmill_model::{Code, LimitOverrides, Location, OutputFormat, Profile, Step, UnitSource, UnitSpec, With};

use crate::check::Names;
use crate::flow::{self, RetryKeys};
use crate::grants;
use crate::keys;
use crate::quantity::{parse_count, parse_duration, parse_size};
use crate::reader::{Fields, Reader};
use crate::templates::template;
use crate::tree::{Data, Member, Node, Span};
use crate::{cases, simulate, sources, units};

/// What holds for every step that does not say otherwise.
#[derive(Default)]
pub(crate) struct Defaults {
    pub(crate) limits: LimitOverrides,
    pub(crate) limits_location: Option<Location>,
    pub(crate) profile: Option<Profile>,
    pub(crate) retry: RetryKeys,
    pub(crate) timeout: Option<Duration>,
    pub(crate) engines: Vec<String>,
    pub(crate) allow_weaker: bool,
    pub(crate) cache: bool,
}

/// The steps that could be read, and what the checks need to know of each.
pub(crate) fn read(
    node: &Node,
    defaults: &Defaults,
    declared: &Names<'_>,
    units: &mut IndexMap<Arc<str>, UnitSpec>,
    reader: &Reader<'_>,
) -> Vec<(Step, Spans)> {
    let mut steps = Vec::new();
    let example = "steps: { count: { unit: stats } }";
    if let Data::List(_) = node.data {
        let help = "write each step under its id: `steps: { count: { unit: stats } }`";
        reader.wrong_type(node, "steps", "an object of steps by their ids", help);
        return steps;
    }
    let members = reader.members(node, "steps", example).unwrap_or_default();
    if members.is_empty() && matches!(node.data, Data::Object(_) | Data::Null) {
        reader.error(
            Code::MissingKey,
            node.span,
            "the pipeline has no steps",
            "give it one: `steps: { count: { unit: stats } }`",
        );
    }
    for member in members {
        let id: Arc<str> = member.key.as_str().into();
        reader.set_step(Some(id.clone()));
        if !is_name(&member.key) {
            reader.error(
                Code::InvalidValue,
                member.key_span,
                format!("`{id}` cannot be the id of a step"),
                "an id is letters, digits, `_` and `-`, and begins with a letter or `_`",
            );
        }
        if let Some(step) = step(member, id, defaults, declared, units, reader) {
            steps.push(step);
        }
        reader.set_step(None);
    }
    steps
}

/// Where the names stand that the checks look at, and what else they need to know.
pub(crate) struct Spans {
    pub(crate) after: Vec<Span>,
    /// Of the steps that fallbacks name, in their order.
    pub(crate) stand_ins: Vec<Span>,
    /// Of `max` in `concurrency`.
    pub(crate) concurrency: Option<Location>,
    /// Whether there is a `foreach`, be it right or wrong.
    pub(crate) has_items: bool,
}

/// Letters, digits, `_` and `-`; a letter or `_` first.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn step(
    member: &Member,
    id: Arc<str>,
    defaults: &Defaults,
    declared: &Names<'_>,
    units: &mut IndexMap<Arc<str>, UnitSpec>,
    reader: &Reader<'_>,
) -> Option<(Step, Spans)> {
    let before = reader.count();
    let fields = reader.fields(&member.value, &member.key, &keys::STEP)?;
    // A unit of the step's own is kept under the step's id, or a name that no unit can have.
    let own_name = || if declared.has_unit(&id) { format!("{id} (in the step)").into() } else { id.clone() };
    let pipeline = fields.get("pipeline");
    let source = ["source", "code"].into_iter().find_map(|key| fields.member(key));
    let callees = ["unit", "pipeline", "source", "code"].map(|key| fields.member(key));
    if let [one, other, ..] = callees.into_iter().flatten().collect::<Vec<_>>().as_slice() {
        let help = "leave one of them out: a step calls one thing";
        let message = format!("the step has both `{}` and `{}`", one.key, other.key);
        reader.error(Code::InvalidValue, other.key_span, message, help);
    }
    if source.is_none() {
        sources::nothing_else(&fields, if pipeline.is_some() { "pipeline" } else { "unit" }, reader);
    }
    let unit = match fields.get("unit") {
        _ if let Some(node) = pipeline => {
            let name: Arc<str> = own_name();
            let source = reader.text(node, "pipeline").and_then(|text| units::pipeline(text, node, reader));
            if let Some(source) = source {
                units.insert(name.clone(), UnitSpec { source, sha256: None, location: reader.location(node.span) });
            }
            name
        }
        None if source.is_some() => {
            let name: Arc<str> = own_name();
            if let Some(unit) = sources::read(&fields, member.key_span, reader) {
                let place = source.map_or(member.key_span, |member| member.key_span);
                let spec =
                    UnitSpec { source: UnitSource::Source(unit), sha256: None, location: reader.location(place) };
                units.insert(name.clone(), spec);
            }
            name
        }
        Some(node) => match &node.data {
            Data::String(name) => {
                declared.check_unit(name, node.span, reader);
                name.as_str().into()
            }
            Data::Object(_) => {
                let name: Arc<str> = own_name();
                if let Some(unit) = units::unit(node, &member.key, node.span, reader) {
                    units.insert(name.clone(), unit);
                }
                name
            }
            _ => {
                let help = "write `unit: stats`, or `unit: { path: units/stats.wasm }`";
                reader.wrong_type(node, "unit", "the name of a unit, or a unit", help);
                id.clone()
            }
        },
        None => {
            // A step of a later kind has been reported already.
            if reader.count() == before {
                let help =
                    "write `unit: NAME` with a name of `units`, `unit: { path: … }`, or `code: …` in a `language`";
                reader.error(Code::MissingKey, member.key_span, format!("the step `{id}` has no `unit`"), help);
            }
            id.clone()
        }
    };
    let calls_pipeline = units.get(&unit).is_some_and(|spec| matches!(spec.source, UnitSource::Pipeline(_)));
    // The defaults of this manifest are none of the other pipeline's.
    let of_units = Defaults { retry: defaults.retry, timeout: defaults.timeout, ..Defaults::default() };
    let defaults = if calls_pipeline { &of_units } else { defaults };
    if calls_pipeline {
        not_of_pipelines(&fields, reader);
    }
    let with = fields.get("with").map_or(With::Inherited, |node| with(node, reader));
    let after = fields.get("after").map(|node| reader.texts(node, "after")).unwrap_or_default();
    let function = fields.get("function").and_then(|node| reader.text(node, "function")).map(str::to_owned);
    let description = fields.get("description").and_then(|node| reader.text(node, "description")).map(str::to_owned);
    let output = match fields.get("as").and_then(|node| reader.choice(node, "as", &["text", "json", "ndjson", "bytes"]))
    {
        Some("json") => OutputFormat::Json,
        Some("ndjson") => OutputFormat::Ndjson,
        Some("bytes") => OutputFormat::Bytes,
        _ => OutputFormat::Text,
    };
    let own_profile = fields.get("profile").and_then(|node| grants::profile(node, reader));
    let profile = own_profile.or(defaults.profile).unwrap_or_default();
    let (limits, default_limits) = limits_of_step(fields.get("limits"), profile, defaults, reader);
    let granted = fields.get("grants").map(|node| grants::read(node, profile, reader)).unwrap_or_default();
    let engines = fields.get("engine").map(|node| engines(node, reader));
    let allow_weaker = fields.get("allow_weaker").map(|node| allow_weaker(node, reader));
    let cache = fields.get("cache").and_then(|node| cache(node, reader));
    let budget = fields.get("budget").map(|node| cases::budget(node, reader)).unwrap_or_default();
    if let Some(node) = fields.get("budget").filter(|_| budget.fuel.is_some() && profile == Profile::Fast) {
        fuel_is_not_metered(node, reader);
    }
    let timeout = fields.get("timeout").and_then(|node| flow::timeout(node, reader));
    if let Some(limit) = fields.get("limits").and_then(|node| node.get("timeout")) {
        match (timeout, defaults.timeout) {
            (Some(timeout), _) => flow::attempt_fits(limit, timeout, "the step", reader),
            (None, Some(timeout)) => flow::attempt_fits(limit, timeout, "`defaults`", reader),
            (None, None) => {}
        }
    }
    let retry = fields.get("retry").map_or(defaults.retry, |node| flow::retry(node, Some(defaults.retry), reader));
    let (fallback, stand_ins) =
        fields.get("fallback").map(|node| flow::fallback(node, declared, reader)).unwrap_or_default();
    let concurrency = fields.get("concurrency").and_then(|node| flow::concurrency(node, reader));
    let (concurrency, concurrency_location) = concurrency.unzip();
    let spans = Spans {
        after: after.iter().map(|(_, span)| *span).collect(),
        stand_ins,
        concurrency: concurrency_location,
        has_items: fields.get("foreach").is_some(),
    };
    let location = reader.location(member.key_span);
    let place = |key: &str| fields.get(key).map(|node| reader.location(node.span));
    let or_here = |place: Option<Location>| place.unwrap_or_else(|| location.clone());
    let step = Step {
        id,
        description,
        unit,
        function,
        with,
        after: after.iter().map(|(name, _)| Arc::from(*name)).collect(),
        output,
        limits,
        default_limits,
        profile,
        when: fields.get("when").and_then(|node| flow::when(node, reader)),
        foreach: flow::foreach(&fields, reader),
        retry: retry.resolve(),
        fallback,
        timeout: timeout.or(defaults.timeout),
        concurrency,
        emits: fields.get("emits").map(|node| flow::emits(node, reader)).unwrap_or_default(),
        grants: granted,
        engines: engines.unwrap_or_else(|| defaults.engines.clone()),
        allow_weaker: allow_weaker.unwrap_or(defaults.allow_weaker),
        cache: cache.unwrap_or(defaults.cache),
        budget,
        simulate: fields.get("simulate").and_then(|node| simulate::simulate(node, &fields, reader)),
        with_location: or_here(place("with")),
        function_location: or_here(place("function")),
        limits_location: or_here(place("limits").or_else(|| defaults.limits_location.clone())),
        grants_location: or_here(place("grants")),
        location,
    };
    Some((step, spans))
}

/// Names of engines, in order of preference.
pub(crate) fn engines(node: &Node, reader: &Reader<'_>) -> Vec<String> {
    let names = reader.texts(node, "engine");
    if names.is_empty() {
        let help = "write `engine: wasmtime`, or several in order of preference: `engine: [wasmtime, wasmi]`";
        reader.error(Code::InvalidValue, node.span, "`engine` names no engine", help);
    }
    names.into_iter().map(|(name, _)| name.to_owned()).collect()
}

/// Whether an engine with a weaker sandbox will do.
pub(crate) fn allow_weaker(node: &Node, reader: &Reader<'_>) -> bool {
    reader.flag(node, "allow_weaker", "write `allow_weaker: true`").unwrap_or_default()
}

/// Whether the answers of pure calls are taken from former runs.
pub(crate) fn cache(node: &Node, reader: &Reader<'_>) -> Option<bool> {
    reader.choice(node, "cache", &["auto", "off"]).map(|choice| choice == "auto")
}

/// What a step that calls a pipeline cannot have: the steps of that pipeline have it, each its own.
fn not_of_pipelines(fields: &Fields<'_>, reader: &Reader<'_>) {
    for (key, help) in [
        ("function", "take it out: a pipeline is run as a whole"),
        ("as", "take it out: a pipeline gives an object of its outputs"),
        ("limits", "write `limits` in the steps of that pipeline; this step can have a `timeout`"),
        ("profile", "write `profile` in the steps of that pipeline"),
        ("grants", "write `grants` in the steps of that pipeline"),
        ("engine", "write `engine` in the steps of that pipeline"),
        ("allow_weaker", "write `allow_weaker` in the steps of that pipeline"),
        ("cache", "write `cache` in the steps of that pipeline"),
    ] {
        if let Some(member) = fields.member(key) {
            let message = format!("a step that calls a pipeline has no `{key}`");
            reader.error(Code::InvalidValue, member.key_span, message, help);
        }
    }
}

fn with(node: &Node, reader: &Reader<'_>) -> With {
    match &node.data {
        Data::Object(members) if node.as_bytes().is_none() => With::Named(
            members.iter().map(|member| (member.key.as_str().into(), template(&member.value, reader))).collect(),
        ),
        Data::List(items) => With::Positional(items.iter().map(|item| template(item, reader)).collect()),
        _ => With::Single(template(node, reader)),
    }
}

/// The limits of a step of this profile, with the defaults laid under its own; and what of them is the defaults'.
fn limits_of_step(
    node: Option<&Node>,
    profile: Profile,
    defaults: &Defaults,
    reader: &Reader<'_>,
) -> (LimitOverrides, LimitOverrides) {
    let own = node.map(|node| limits(node, reader)).unwrap_or_default();
    let mut below = defaults.limits;
    if profile == Profile::Fast {
        if let Some(node) = node.filter(|_| own.fuel.is_some()).and_then(|node| node.get("fuel")) {
            fuel_is_not_metered(node, reader);
        }
        // A step that chooses `fast` says otherwise than the fuel of `defaults`.
        below.fuel = None;
    }
    (own.over(below), below.without(own))
}

/// A limit of fuel where the profile is `fast`.
pub(crate) fn fuel_is_not_metered(node: &Node, reader: &Reader<'_>) {
    reader.error(
        Code::ProfileConflict,
        node.span,
        "the profile `fast` does not meter fuel, so this limit could not hold",
        "leave `fuel` out (memory, time, output and log stay limited), or write `profile: metered`",
    );
}

/// `limits:` of a step or of `defaults`.
pub(crate) fn limits(node: &Node, reader: &Reader<'_>) -> LimitOverrides {
    let Some(fields) = reader.fields(node, "limits", &keys::LIMITS) else { return LimitOverrides::default() };
    let size = |key: &str| fields.get(key).and_then(|node| reader.quantity(node, key, "a size", "64MiB", parse_size));
    let count =
        |key: &str| fields.get(key).and_then(|node| reader.quantity(node, key, "a whole number", "1_000", parse_count));
    let limits = LimitOverrides {
        memory: size("memory"),
        fuel: count("fuel"),
        timeout: fields
            .get("timeout")
            .and_then(|node| reader.quantity(node, "timeout", "a duration", "10s", parse_duration)),
        output: size("output"),
        log: size("log"),
        table_elements: count("table_elements"),
        instances: count("instances").map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
    };
    let zeros = [
        ("fuel", limits.fuel == Some(0)),
        ("timeout", limits.timeout == Some(Duration::ZERO)),
        ("instances", limits.instances == Some(0)),
    ];
    for (key, _) in zeros.iter().filter(|(_, is_zero)| *is_zero) {
        if let Some(node) = fields.get(key) {
            let message = format!("`{key}` is zero: nothing could run");
            reader.error(Code::InvalidValue, node.span, message, "leave it out for the host's default");
        }
    }
    limits
}
