//! DAG configs: `strategy` and `processors`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indexmap::{IndexMap, IndexSet};
use wasmill_model::{
    Code, Dialect, Emits, InputSpec, InputType, Location, OnFailure, OutputFormat, Pipeline, Retry, Schedule, Step,
    Strategy, UnitSource, UnitSpec, With,
};

use super::{
    Ids, PROCESSORS, SECOND, builtin, expression, in_order, items, output_of, present, required, text, time, whole,
};
use crate::flow::MAX_ATTEMPTS;
use crate::keys::Keys;
use crate::reader::{Fields, Reader, listed};
use crate::tree::{Data, Node, Span};
use crate::units;

/// The name of the one input: the text that the entries are given.
const INPUT: &str = "input";

const CONFIG: Keys = Keys {
    what: "a DAG config",
    example: "strategy: work_queue",
    now: &["strategy", "failure_strategy", "executor_options", "wasm", "processors"],
    later: &[],
};

const EXECUTOR_OPTIONS: Keys = Keys {
    what: "`executor_options`",
    example: "{ max_concurrency: 4 }",
    now: &["max_concurrency", "timeout_seconds", "retry_attempts"],
    later: &[("batch_size", "leave it out; every processor is called once")],
};

const WASM: Keys = Keys { what: "`wasm`", example: "{ fuel: { default: 100_000_000 } }", now: &["fuel"], later: &[] };

const FUEL: Keys = Keys {
    what: "`wasm.fuel`",
    example: "{ default: 100_000_000 }",
    now: &["default", "minimum", "maximum"],
    later: &[],
};

const PROCESSOR: Keys = Keys {
    what: "a processor",
    example: "{ id: upper, type: local, processor: change_text_case_upper }",
    now: &["id", "type", "backend", "processor", "impl", "impl_", "module", "depends_on", "options"],
    later: &[
        ("endpoint", "a pipeline calls nothing outside; compile the processor to WebAssembly, and write `type: wasm`"),
        ("collection_strategy", "leave it out: a processor takes the payload whose making transform is deepest"),
    ],
};

const WASM_OPTIONS: Keys = Keys {
    what: "`options` of a wasm processor",
    example: "{ intent: transform, fuel_level: 10_000_000 }",
    now: &["intent", "fuel_level"],
    later: &[],
};

const CASE_OPTIONS: Keys = Keys {
    what: "`options` of a change of case",
    example: "{ intent: transform }",
    now: &["intent", "case", "case_type"],
    later: &[],
};

const REVERSE_OPTIONS: Keys =
    Keys { what: "`options` of `reverse_text`", example: "{ intent: transform }", now: &["intent"], later: &[] };

const AFFIX_OPTIONS: Keys = Keys {
    what: "`options` of `prefix_suffix_adder`",
    example: "{ prefix: \">>> \" }",
    now: &["intent", "prefix", "suffix"],
    later: &[],
};

const COUNT_OPTIONS: Keys = Keys {
    what: "`options` of `token_counter`",
    example: "{ count_type: words }",
    now: &["intent", "count_type"],
    later: &[],
};

const FREQUENCY_OPTIONS: Keys = Keys {
    what: "`options` of `word_frequency_analyzer`",
    example: "{ intent: analyze }",
    now: &["intent"],
    later: &[],
};

/// The local processors, with what each does to its payload and its options.
const LOCAL: [(&str, Intent, &Keys); 8] = [
    ("change_text_case_upper", Intent::Transform, &CASE_OPTIONS),
    ("change_text_case_lower", Intent::Transform, &CASE_OPTIONS),
    ("change_text_case_proper", Intent::Transform, &CASE_OPTIONS),
    ("change_text_case_title", Intent::Transform, &CASE_OPTIONS),
    ("reverse_text", Intent::Transform, &REVERSE_OPTIONS),
    ("prefix_suffix_adder", Intent::Transform, &AFFIX_OPTIONS),
    ("token_counter", Intent::Analyze, &COUNT_OPTIONS),
    ("word_frequency_analyzer", Intent::Analyze, &FREQUENCY_OPTIONS),
];

/// What a processor does to its payload.
#[derive(Clone, Copy, PartialEq)]
enum Intent {
    /// It makes another one.
    Transform,
    /// It hands it on, and adds metadata.
    Analyze,
}

impl Intent {
    fn as_str(self) -> &'static str {
        match self {
            Intent::Transform => "transform",
            Intent::Analyze => "analyze",
        }
    }
}

/// What is called.
enum Call {
    Local { name: &'static str, parameters: Vec<(&'static str, String)> },
    Wasm { source: UnitSource, place: Location, fuel: Option<u64> },
}

struct Processor<'n> {
    id: Arc<str>,
    location: Location,
    intent: Intent,
    call: Option<Call>,
    depends_on: Vec<(&'n str, Span)>,
}

/// `executor_options`.
#[derive(Default)]
struct Options {
    timeout: Option<Duration>,
    retry: Retry,
}

/// `wasm.fuel`.
#[derive(Default)]
struct Fuel {
    default: Option<u64>,
    minimum: Option<u64>,
    maximum: Option<u64>,
}

pub(crate) fn read(file: &str, tree: &Node, reader: &Reader<'_>) -> Option<Pipeline> {
    let fields = reader.fields(tree, "the file", &CONFIG)?;
    let mut pipeline = super::pipeline(file, Dialect::DagConfig);
    pipeline.schedule.strategy = strategy(&fields, reader);
    pipeline.on_failure = on_failure(&fields, reader);
    let options = executor_options(&fields, &mut pipeline.schedule, reader);
    let fuel = present(&fields, "wasm").map(|node| fuel(node, reader)).unwrap_or_default();
    let mut ids = Ids::default();
    let list = fields.get("processors");
    let example = "processors: [{ id: upper, type: local, processor: change_text_case_upper }]";
    let read: Vec<Processor<'_>> = items(list, "processors", example, reader)
        .iter()
        .filter_map(|node| {
            let processor = processor(node, &fuel, &mut ids, reader);
            reader.set_step(None);
            processor
        })
        .collect();
    if let Some(node) = list
        .filter(|node| matches!(&node.data, Data::Null) || matches!(&node.data, Data::List(items) if items.is_empty()))
    {
        reader.error(Code::MissingKey, node.span, "the config has no processors", format!("give it one: `{example}`"));
    }
    let needs: Vec<Vec<usize>> = read
        .iter()
        .map(|processor| {
            reader.set_step(Some(processor.id.clone()));
            let find = |(name, span): &(&str, Span)| ids.find(name, *span, "processor", reader);
            let needs: IndexSet<usize> = processor.depends_on.iter().filter_map(find).collect();
            reader.set_step(None);
            needs.into_iter().collect()
        })
        .collect();
    let named =
        |position: usize| read.get(position).map(|one| (one.id.to_string(), one.location.clone())).unwrap_or_default();
    // Positions are those of the ids: where a processor could not be read, nothing more can be said.
    if ids.ids.len() != read.len() || !in_order(&needs, "processors", named, reader) {
        return Some(pipeline);
    }
    let payloads = payloads(&read, &needs);
    let place = reader.location(super::start(tree));
    pipeline.inputs.insert(
        INPUT.into(),
        InputSpec {
            kind: InputType::String,
            required: true,
            default: None,
            description: Some("the text that the entries of the graph are given".to_owned()),
            choices: Vec::new(),
            min: None,
            max: None,
            pattern: None,
            location: place,
        },
    );
    for ((position, processor), payload) in read.iter().enumerate().zip(payloads) {
        let maker = payload.and_then(|maker| read.get(maker)).map(|maker| &maker.id);
        let payload = maker.map_or_else(|| format!("inputs.{INPUT}"), |maker| output_of(maker));
        let payload = expression(&payload, &processor.location, reader);
        let Some(call) = &processor.call else { continue };
        let mut step = match call {
            Call::Local { name, parameters } => {
                pipeline.units.entry(PROCESSORS.into()).or_insert_with(|| builtin(&processor.location));
                let mut with: IndexMap<Arc<str>, _> = IndexMap::new();
                with.insert("call".into(), text(name));
                with.insert(INPUT.into(), payload);
                with.extend(parameters.iter().map(|(key, value)| (Arc::from(*key), text(value))));
                let mut step = Step::new(processor.id.clone(), PROCESSORS);
                step.with = With::Named(with);
                if processor.intent == Intent::Analyze {
                    step.output = OutputFormat::Json;
                }
                step
            }
            Call::Wasm { source, place, fuel } => {
                let unit = unit(&mut pipeline.units, source, place);
                let mut step = Step::new(processor.id.clone(), unit);
                step.with = With::Single(payload);
                step.limits.fuel = *fuel;
                step
            }
        };
        if processor.intent == Intent::Analyze {
            step.emits = Emits::Metadata;
        }
        let direct = needs.get(position).map(Vec::as_slice).unwrap_or_default();
        let direct = direct.iter().filter_map(|needed| read.get(*needed)).map(|needed| &needed.id);
        step.after = direct.filter(|id| Some(*id) != maker).cloned().collect();
        step.limits.timeout = options.timeout;
        step.retry = options.retry;
        pipeline.steps.push(step.at(&processor.location));
    }
    Some(pipeline)
}

/// For each processor, which transform made the payload that it is given; none is the pipeline's input.
///
/// Of several, it is the deepest (the longest path from an entry), and of those the one that is declared last.
fn payloads(processors: &[Processor<'_>], needs: &[Vec<usize>]) -> Vec<Option<usize>> {
    let count = processors.len();
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (position, needed) in needs.iter().enumerate() {
        for one in needed {
            if let Some(list) = followers.get_mut(*one) {
                list.push(position);
            }
        }
    }
    let mut ready: Vec<usize> = (0..count).filter(|position| waiting.get(*position) == Some(&0)).collect();
    let mut depths = vec![0_usize; count];
    // The payload that each is given, and the one that it hands on.
    let mut given: Vec<Option<usize>> = vec![None; count];
    let mut handed: Vec<Option<usize>> = vec![None; count];
    while let Some(position) = ready.pop() {
        let needed = needs.get(position).map(Vec::as_slice).unwrap_or_default();
        let depth_of = |one: usize| depths.get(one).copied().unwrap_or(0);
        let depth = needed.iter().map(|one| depth_of(*one) + 1).max().unwrap_or(0);
        let made = needed.iter().filter_map(|one| handed.get(*one).copied().flatten());
        let payload = made.max_by_key(|maker| (depth_of(*maker), *maker));
        let is_transform = processors.get(position).is_some_and(|one| one.intent == Intent::Transform);
        if let (Some(depths), Some(given), Some(handed)) =
            (depths.get_mut(position), given.get_mut(position), handed.get_mut(position))
        {
            *depths = depth;
            *given = payload;
            *handed = if is_transform { Some(position) } else { payload };
        }
        for follower in followers.get(position).into_iter().flatten() {
            if let Some(waiting) = waiting.get_mut(*follower) {
                *waiting -= 1;
                if *waiting == 0 {
                    ready.push(*follower);
                }
            }
        }
    }
    given
}

/// The unit of a module, which several processors may share.
fn unit(units: &mut IndexMap<Arc<str>, UnitSpec>, source: &UnitSource, place: &Location) -> Arc<str> {
    if let Some((name, _)) = units.iter().find(|(_, unit)| unit.source == *source) {
        return name.clone();
    }
    let stem = match source {
        UnitSource::Path(path) => Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or("module"),
        UnitSource::Url(url) => Path::new(url).file_stem().and_then(|stem| stem.to_str()).unwrap_or("module"),
        _ => "module",
    };
    let mut name: Arc<str> = stem.into();
    let mut number = 2;
    while units.contains_key(&name) || name.as_ref() == PROCESSORS {
        name = format!("{stem}_{number}").into();
        number += 1;
    }
    units.insert(name.clone(), UnitSpec { source: source.clone(), sha256: None, location: place.clone() });
    name
}

fn strategy(fields: &Fields<'_>, reader: &Reader<'_>) -> Strategy {
    let Some(node) = present(fields, "strategy") else {
        if let Some(member) = fields.member("strategy") {
            let help = "write `strategy: work_queue`";
            reader.error(Code::MissingKey, member.key_span, "`strategy` says nothing", help);
        }
        return Strategy::default();
    };
    if node.as_text() == Some("hybrid") {
        reader.error(
            Code::Unsupported,
            node.span,
            "`hybrid` is no strategy of its own: nothing says when it would do what, and outputs do not depend on it",
            "write `work_queue`, which starts the longest path first; or `level` or `reactive`",
        );
        return Strategy::default();
    }
    match reader.choice(node, "strategy", &["work_queue", "level", "reactive"]) {
        Some("level") => Strategy::Level,
        Some("reactive") => Strategy::Reactive,
        _ => Strategy::WorkQueue,
    }
}

fn on_failure(fields: &Fields<'_>, reader: &Reader<'_>) -> OnFailure {
    let chosen = present(fields, "failure_strategy")
        .and_then(|node| reader.choice(node, "failure_strategy", &["fail_fast", "continue_on_error", "best_effort"]));
    match chosen {
        Some("continue_on_error") => OnFailure::Continue,
        Some("best_effort") => OnFailure::BestEffort,
        _ => OnFailure::FailFast,
    }
}

fn executor_options(fields: &Fields<'_>, schedule: &mut Schedule, reader: &Reader<'_>) -> Options {
    let mut options = Options::default();
    let Some(fields) =
        present(fields, "executor_options").and_then(|node| reader.fields(node, "executor_options", &EXECUTOR_OPTIONS))
    else {
        return options;
    };
    if let Some(node) = present(&fields, "max_concurrency") {
        match whole(node, "max_concurrency", reader) {
            Some(0) => {
                let message = "`max_concurrency` is zero: nothing could run";
                reader.error(Code::InvalidValue, node.span, message, "write `max_concurrency: 1` for one at a time");
            }
            Some(count) => schedule.max_concurrency = u32::try_from(count).unwrap_or(u32::MAX),
            None => {}
        }
    }
    options.timeout =
        present(&fields, "timeout_seconds").and_then(|node| time(node, "timeout_seconds", SECOND, reader));
    if let Some(retries) = present(&fields, "retry_attempts").and_then(|node| whole(node, "retry_attempts", reader)) {
        let attempts = retries.saturating_add(1);
        if attempts > u64::from(MAX_ATTEMPTS) {
            if let Some(node) = fields.get("retry_attempts") {
                let message = format!("`retry_attempts` asks for more than {} retries", MAX_ATTEMPTS - 1);
                reader.error(Code::InvalidValue, node.span, message, format!("write {} or less", MAX_ATTEMPTS - 1));
            }
        } else {
            options.retry.attempts = u32::try_from(attempts).unwrap_or(MAX_ATTEMPTS);
        }
    }
    options
}

fn fuel(node: &Node, reader: &Reader<'_>) -> Fuel {
    let fields = reader.fields(node, "wasm", &WASM);
    let fuel = fields.and_then(|fields| present(&fields, "fuel"));
    let Some(fields) = fuel.and_then(|node| reader.fields(node, "fuel", &FUEL)) else { return Fuel::default() };
    let count = |key: &str| {
        let node = present(&fields, key)?;
        let count = whole(node, key, reader)?;
        if count == 0 {
            let message = format!("`{key}` is zero: nothing could run");
            reader.error(Code::InvalidValue, node.span, message, "leave it out, or write `100_000_000`");
        }
        Some(count)
    };
    let read = Fuel { default: count("default"), minimum: count("minimum"), maximum: count("maximum") };
    if let (Some(minimum), Some(maximum), Some(node)) = (read.minimum, read.maximum, fields.get("minimum"))
        && minimum > maximum
    {
        let message = format!("`minimum` ({minimum}) is larger than `maximum` ({maximum})");
        reader.error(Code::InvalidValue, node.span, message, "no amount is in between: exchange them");
        return Fuel { minimum: None, ..read };
    }
    read
}

impl Fuel {
    /// What a processor that asks for this much has.
    fn of(&self, level: Option<u64>) -> Option<u64> {
        let level = level.or(self.default)?;
        let level = self.minimum.map_or(level, |minimum| level.max(minimum));
        Some(self.maximum.map_or(level, |maximum| level.min(maximum)))
    }
}

fn processor<'n>(node: &'n Node, fuel: &Fuel, ids: &mut Ids, reader: &Reader<'_>) -> Option<Processor<'n>> {
    let fields = reader.fields(node, "a processor", &PROCESSOR)?;
    let (id, span) = required(&fields, "id", node, "a processor", reader)?;
    let id = ids.add(id, span, "processor", reader);
    reader.set_step(Some(id.clone()));
    let location = reader.location(span);
    let depends_on = present(&fields, "depends_on").map(|node| reader.texts(node, "depends_on")).unwrap_or_default();
    let backend = one_of(&fields, &["type", "backend"], reader);
    let module = present(&fields, "module");
    let kind = match backend {
        Some((key, node)) => backend_of(node, key, reader),
        None if module.is_some() => Some("wasm"),
        None if one_of(&fields, &["processor", "impl", "impl_"], reader).is_some() => Some("local"),
        None => {
            let help = "write `type: local` with a `processor`, or `type: wasm` with a `module`";
            reader.error(Code::MissingKey, span, format!("the processor `{id}` has no `type`"), help);
            None
        }
    };
    let read = match kind {
        Some("wasm") => wasm(&id, span, &fields, fuel, reader),
        Some(_) => local(&id, span, &fields, reader),
        None => None,
    };
    // What could not be read has been reported; the others are still held against each other.
    let (intent, call) = read.map_or((Intent::Transform, None), |(intent, call)| (intent, Some(call)));
    Some(Processor { id, location, intent, call, depends_on })
}

fn backend_of(node: &Node, key: &str, reader: &Reader<'_>) -> Option<&'static str> {
    let help = "compile the processor to WebAssembly, and write `type: wasm` with its `module`";
    match node.as_text() {
        Some("local") => Some("local"),
        Some("wasm") => Some("wasm"),
        Some("loadable") => {
            let message = "a `loadable` processor is a native library, which would run outside of any sandbox";
            reader.error(Code::Unsupported, node.span, message, help);
            None
        }
        Some(remote @ ("grpc" | "http" | "rpc")) => {
            let message = format!("a `{remote}` processor runs on another machine, and Wasmill runs every step itself");
            reader.error(Code::Unsupported, node.span, message, help);
            None
        }
        _ => {
            reader.choice(node, key, &["local", "wasm"]);
            None
        }
    }
}

/// The one of several keys that is there, which older configs write otherwise.
fn one_of<'n>(fields: &Fields<'n>, keys: &[&'static str], reader: &Reader<'_>) -> Option<(&'static str, &'n Node)> {
    let mut given = keys.iter().filter_map(|key| present(fields, key).map(|node| (*key, node)));
    let first = given.next();
    if let (Some((one, _)), Some((other, node))) = (first, given.next()) {
        let message = format!("`{other}` and `{one}` are the same, and both are there");
        reader.error(Code::Duplicate, node.span, message, format!("leave `{other}` out"));
    }
    first
}

fn wasm(id: &str, span: Span, fields: &Fields<'_>, fuel: &Fuel, reader: &Reader<'_>) -> Option<(Intent, Call)> {
    let mut intent = Intent::Transform;
    let mut level = None;
    if let Some(options) = present(fields, "options").and_then(|node| reader.fields(node, "options", &WASM_OPTIONS)) {
        intent = intent_of(&options, reader).unwrap_or(intent);
        level = present(&options, "fuel_level").and_then(|node| {
            let level = whole(node, "fuel_level", reader)?;
            if level == 0 {
                let message = "`fuel_level` is zero: nothing could run";
                reader.error(Code::InvalidValue, node.span, message, "leave it out for the default");
            }
            Some(level)
        });
    }
    if let Some((key, node)) = one_of(fields, &["processor", "impl", "impl_"], reader) {
        let message = format!("`{key}` names a local processor, and `{id}` is a wasm one");
        reader.error(Code::InvalidValue, node.span, message, "leave it out, or write `type: local`");
    }
    let Some(node) = present(fields, "module") else {
        let help = "write `module: units/unit.wasm`";
        reader.error(Code::MissingKey, span, format!("the wasm processor `{id}` has no `module`"), help);
        return None;
    };
    let source = units::place(reader.text(node, "module")?, node, reader)?;
    Some((intent, Call::Wasm { source, place: reader.location(node.span), fuel: fuel.of(level) }))
}

fn local(id: &str, span: Span, fields: &Fields<'_>, reader: &Reader<'_>) -> Option<(Intent, Call)> {
    if let Some(node) = present(fields, "module") {
        let message = format!("`module` is a wasm processor's, and `{id}` is a local one");
        reader.error(Code::InvalidValue, node.span, message, "leave it out, or write `type: wasm`");
    }
    let Some((key, node)) = one_of(fields, &["processor", "impl", "impl_"], reader) else {
        let help = format!("write `processor:` with one of {}", listed(LOCAL.iter().map(|(name, ..)| *name)));
        reader.error(Code::MissingKey, span, format!("the local processor `{id}` has no `processor`"), help);
        return None;
    };
    let given = reader.text(node, key)?;
    let Some((name, intent, keys)) = LOCAL.into_iter().find(|(name, ..)| *name == given) else {
        let help = match reader.nearest(given, LOCAL.iter().map(|(name, ..)| *name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "there are {}; anything else is a `type: wasm` with a `module`",
                listed(LOCAL.iter().map(|(name, ..)| *name))
            ),
        };
        reader.error(Code::InvalidValue, node.span, format!("there is no local processor `{given}`"), help);
        return None;
    };
    let mut parameters = Vec::new();
    if let Some(options) = present(fields, "options").and_then(|node| reader.fields(node, "options", keys)) {
        if let (Some(declared), Some(node)) = (intent_of(&options, reader), options.get("intent"))
            && declared != intent
        {
            let message = format!("`{name}` does not {}: it does {}", declared.as_str(), intent.as_str());
            reader.error(Code::InvalidValue, node.span, message, "leave `intent` out");
        }
        for key in ["prefix", "suffix"] {
            if let Some(value) = present(&options, key).and_then(|node| reader.text(node, key)) {
                parameters.push((key, value.to_owned()));
            }
        }
        for key in ["case", "case_type"] {
            let case = name.rsplit('_').next().unwrap_or_default();
            if let Some(node) = present(&options, key) {
                reader.choice(node, key, &[case]);
            }
        }
        if let Some(kind) = present(&options, "count_type")
            .and_then(|node| reader.choice(node, "count_type", &["all", "characters", "words", "lines"]))
        {
            parameters.push(("count_type", kind.to_owned()));
        }
    }
    Some((intent, Call::Local { name, parameters }))
}

fn intent_of(options: &Fields<'_>, reader: &Reader<'_>) -> Option<Intent> {
    let node = present(options, "intent")?;
    match reader.choice(node, "intent", &["transform", "analyze"])? {
        "analyze" => Some(Intent::Analyze),
        _ => Some(Intent::Transform),
    }
}
