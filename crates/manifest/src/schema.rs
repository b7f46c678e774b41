//! The JSON Schema of the native manifest, for editors.
//!
//! These types are never filled: parsing keeps positions and reports everything at once, which derived parsing cannot. A test
//! holds their keys against those that the parser reads.
#![allow(dead_code, reason = "only their shape is used")]

mod testing;

use indexmap::IndexMap;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use self::testing::{Budget, Test};

/// The JSON Schema (draft 2020-12) of the native manifest.
pub fn schema() -> serde_json::Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Manifest>();
    serde_json::to_value(schema).unwrap_or_default()
}

/// A pipeline of sandboxed WebAssembly units.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "Wasmill pipeline")]
struct Manifest {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    wasmill: u8,
    /// The name of the pipeline; the file's name where it is left out.
    name: Option<String>,
    /// What the pipeline is for.
    description: Option<String>,
    /// What a run is given.
    #[schemars(default)]
    inputs: IndexMap<String, InputOrType>,
    /// What holds for every step that does not say otherwise.
    #[schemars(default)]
    defaults: Defaults,
    /// How steps are scheduled.
    #[schemars(default)]
    schedule: Schedule,
    /// What a failed step means for the others.
    #[schemars(default)]
    on_failure: OnFailure,
    /// The time that a run may take in all: `5m`.
    timeout: Option<Duration>,
    /// The programs that source is built with, by language, where others are meant than those that are found: paths, relative to the
    /// manifest.
    #[schemars(default)]
    toolchains: IndexMap<String, String>,
    /// The units that steps name.
    #[schemars(default)]
    units: IndexMap<String, UnitOrPath>,
    /// The steps by their ids. An id is letters, digits, `_` and `-`, and begins with a letter or `_`.
    #[schemars(extend("minProperties" = 1), extend("propertyNames" = { "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$" }))]
    steps: IndexMap<String, Step>,
    /// What a run gives: one template by the name `result`, or several by names of their own.
    outputs: Option<Outputs>,
    /// What a run may use in all: more is a failure, found when it ends.
    budget: Option<Budget>,
    /// Cases that `wasmill test` runs, by name.
    #[schemars(default)]
    tests: IndexMap<String, Test>,
}

/// An input: its type, or all about it.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum InputOrType {
    Type(InputType),
    Input(Input),
}

/// One input of a pipeline.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Input {
    /// Its type; any value where it is left out.
    #[schemars(rename = "type")]
    kind: Option<InputType>,
    /// Whether a run without it is refused. Where it is left out: yes, unless there is a default.
    required: Option<bool>,
    /// The value of a run that names none.
    default: Option<serde_json::Value>,
    /// What it is for.
    description: Option<String>,
    /// The only values that are allowed.
    #[schemars(rename = "enum", length(min = 1))]
    choices: Option<Vec<serde_json::Value>>,
    /// The smallest number, or the fewest characters, bytes, items or members.
    min: Option<f64>,
    /// The largest number, or the most characters, bytes, items or members.
    max: Option<f64>,
    /// A regular expression that text must match somewhere (anchor it with `^` and `$`).
    pattern: Option<String>,
}

/// The type of an input.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum InputType {
    Any,
    String,
    Integer,
    Number,
    Boolean,
    Array,
    Object,
    Bytes,
}

/// What holds for every step that does not say otherwise.
#[derive(JsonSchema, Default)]
#[schemars(deny_unknown_fields)]
struct Defaults {
    /// Limits of steps that do not set their own.
    limits: Option<Limits>,
    /// The profile of steps that do not choose their own; `metered` where it is left out.
    profile: Option<Profile>,
    /// When a call is made again; a step's own `retry` goes over it, key by key.
    retry: Option<AttemptsOrRetry>,
    /// The time that all attempts of a step may take together, of steps that do not set their own.
    timeout: Option<Duration>,
    /// The engine of steps that name none, or several in order of preference.
    engine: Option<OneOrMany>,
    /// Whether an engine will do that does not hold all of a step's limits, or has no sandbox, for steps that do not say.
    allow_weaker: Option<bool>,
    /// Whether answers of pure calls are taken from former runs, for steps that do not say; `off` where it is left out.
    cache: Option<Cache>,
}

/// Whether answers of pure calls are taken from former runs.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Cache {
    /// A call of the same unit, in the same way, with the same input is not made again where it succeeded and the step has no grant of `net`,
    /// `dirs`, `secrets`, host functions, the real clock or real randomness.
    Auto,
    /// Every call is made.
    Off,
}

/// The limits of an attempt. What is left out is the host's default; none can be turned off.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Limits {
    /// Memory of all linear memories and tables together: `64MiB`.
    memory: Option<Size>,
    /// Fuel, about one for each instruction: `2_000_000_000`, `2e9` or `2G`.
    fuel: Option<Count>,
    /// Wall-clock time: `10s`.
    timeout: Option<Duration>,
    /// Bytes of output: `8MiB`.
    output: Option<Size>,
    /// Bytes of log: `256KiB`.
    log: Option<Size>,
    /// Elements of all tables together.
    table_elements: Option<Count>,
    /// Core instances, memories and tables that the unit may create, each.
    instances: Option<Count>,
}

/// How steps are scheduled.
#[derive(JsonSchema, Default)]
#[schemars(deny_unknown_fields)]
struct Schedule {
    /// The policy by which ready steps are started.
    #[schemars(default)]
    strategy: Strategy,
    /// The most steps that run at once.
    max_concurrency: Option<Count>,
}

/// The policy by which ready steps are started.
#[derive(JsonSchema, Default)]
#[schemars(rename_all = "kebab-case")]
enum Strategy {
    /// Ready steps by the longest path to an end, then by their order in the file.
    #[default]
    WorkQueue,
    /// One level of the graph after the other.
    Level,
    /// A step as soon as all that it waits for has ended, first come first served.
    Reactive,
}

/// What a failed step means for the others.
#[derive(JsonSchema, Default)]
#[schemars(rename_all = "kebab-case")]
enum OnFailure {
    /// The run ends as if its steps were run one at a time and stopped at the first failure.
    #[default]
    FailFast,
    /// Steps that depend on the failed one are skipped, all others run; the run fails.
    Continue,
    /// The failed step's output is null, and everything runs; the run succeeds.
    BestEffort,
}

/// A unit: the path of its file, or all about it.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum UnitOrPath {
    Path(String),
    Unit(Box<Unit>),
}

/// A WebAssembly binary, from exactly one of `path`, `url`, `base64`, `wat` and `builtin`; source, as `source` or `code`; or another pipeline.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Unit {
    /// A `.wasm` or `.wat` file, or a source file, relative to the manifest.
    path: Option<String>,
    /// The `http` or `https` URL of a binary, whose `sha256` must be declared unless a run allows that it is not.
    #[schemars(regex(pattern = "^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+([/?#]|$)"))]
    url: Option<String>,
    /// A binary in base64.
    base64: Option<String>,
    /// WebAssembly text.
    wat: Option<String>,
    /// A unit that is part of Wasmill.
    builtin: Option<Builtin>,
    /// The file of another pipeline, relative to the manifest: a step that calls it is a run of it.
    pipeline: Option<String>,
    /// A native program, relative to the manifest: without a sandbox, for trusted tools on hosts that allow it.
    program: Option<String>,
    /// A source file, or a folder of them, relative to the manifest.
    source: Option<String>,
    /// Source.
    code: Option<String>,
    /// What the source is written in; the ending of `source` says it where this is left out.
    language: Option<Language>,
    /// The function of the source that is called; `main` where it is left out.
    function: Option<String>,
    /// Whether building the source may run programs that it brings, and use the network: for packages with dependencies.
    trusted: Option<bool>,
    /// The SHA-256 that the binary must have.
    #[schemars(regex(pattern = "^(sha256:)?[0-9A-Fa-f]{64}$"))]
    sha256: Option<String>,
}

/// The languages that units are built from.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Language {
    AssemblyScript,
    TypeScript,
    JavaScript,
    Python,
    Rust,
    Go,
    C,
    #[schemars(rename = "c++")]
    Cpp,
    Wat,
}

/// The units that are part of Wasmill.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Builtin {
    /// The processors of DAG configs and the nodes of pipeline manifests v1.
    Processors,
}

/// One step of the pipeline.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    extend("dependentRequired" = { "max_parallel": ["foreach"] }),
    extend("oneOf" = [
        { "required": ["unit"] },
        { "required": ["pipeline"] },
        { "required": ["source"] },
        { "required": ["code"] }
    ])
)]
struct Step {
    /// The name of a unit in `units`, or a unit of the step's own.
    unit: Option<UnitNameOrUnit>,
    /// The file of another pipeline, relative to the manifest: the step is a run of it, and gives an object of its outputs.
    pipeline: Option<String>,
    /// A source file, or a folder of them: the step's own unit.
    source: Option<String>,
    /// Source: the step's own unit.
    code: Option<String>,
    /// What the source is written in; the ending of `source` says it where this is left out.
    language: Option<Language>,
    /// Whether building the source may run programs that it brings, and use the network: for packages with dependencies.
    trusted: Option<bool>,
    /// The function; may be left out when the unit exports exactly one.
    function: Option<String>,
    /// What the unit is called with: parameters by name (an object), by position (a list), or the only one. Text may hold
    /// `${{ … }}` expressions.
    with: Option<serde_json::Value>,
    /// Steps that must have succeeded first, besides those that the expressions read.
    after: Option<OneOrMany>,
    /// How the output of a `bytes` unit or a command is read; `text` where it is left out.
    #[schemars(rename = "as")]
    output: Option<OutputFormat>,
    /// Whether the step runs: an expression that gives a boolean. What it reads may have failed or been skipped.
    when: Option<When>,
    /// Calls the step once for each item of an array, with `item` and `index` in its `with`; its output is the array of theirs.
    foreach: Option<Foreach>,
    /// The most items at once.
    max_parallel: Option<Count>,
    /// When a call is made again: the number of attempts, or all about it.
    retry: Option<AttemptsOrRetry>,
    /// What takes the place of a call that failed for good: the first that answers its verdict.
    fallback: Option<FallbackOrMany>,
    /// The time that all attempts may take together, with the delays between them: `1m`.
    timeout: Option<Duration>,
    /// With which other steps its calls are counted.
    concurrency: Option<Concurrency>,
    /// What the unit's answer is; `output` where it is left out.
    emits: Option<Emits>,
    /// Limits of this step.
    limits: Option<Limits>,
    /// How this step is metered.
    profile: Option<Profile>,
    /// What this step may do beyond computing; nothing where it is left out.
    grants: Option<Grants>,
    /// The engine, or several in order of preference; the first that is there and can run the unit is used.
    engine: Option<OneOrMany>,
    /// Whether an engine will do that does not hold all of the step's limits, or has no sandbox.
    allow_weaker: Option<bool>,
    /// Whether the answers of its calls are taken from former runs, where they are pure.
    cache: Option<Cache>,
    /// What all attempts may use together, of all items: more is a failure, found when the run ends.
    budget: Option<Budget>,
    /// What `wasmill sim` takes for the calls of this step, instead of making them; a run does not look at it.
    simulate: Option<Simulate>,
    /// What the step is for.
    description: Option<String>,
}

/// Whether a step runs.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum When {
    Expression(#[schemars(regex(pattern = r"\$\{\{"))] String),
    Always(bool),
}

/// An array, or an expression that gives one.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Foreach {
    Expression(#[schemars(regex(pattern = r"\$\{\{"))] String),
    Items(Vec<serde_json::Value>),
}

/// The number of attempts, or all about them.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum AttemptsOrRetry {
    Attempts(#[schemars(range(min = 1, max = 100))] u32),
    Retry(Retry),
}

/// When a call is made again. A unit that says its error is permanent (`permanent: …`) is not called again.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Retry {
    /// How many attempts there are in all; 1 is no retry.
    #[schemars(range(min = 1, max = 100))]
    attempts: Option<u32>,
    /// How the delay grows; `exponential` where it is left out.
    backoff: Option<Backoff>,
    /// The delay before the second attempt; `200ms` where it is left out.
    initial: Option<Duration>,
    /// The longest delay; `10s`, or `initial` where that is longer, where it is left out.
    max: Option<Duration>,
    /// What chance does to the delay; `full` where it is left out.
    jitter: Option<Jitter>,
    /// The failures after which there is another attempt; `guest-error`, `trap` and `timed-out` where it is left out.
    on: Option<FailureOrMany>,
}

/// How the delay between attempts grows.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Backoff {
    /// Always the first delay.
    Fixed,
    /// Doubled each time.
    Exponential,
}

/// What chance does to the delay between attempts.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Jitter {
    /// Nothing.
    None,
    /// Anything from nothing to the whole delay, by the run's seed.
    Full,
}

/// A verdict of a step that failed.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Failure {
    /// The unit said no.
    GuestError,
    /// The unit broke a rule of WebAssembly.
    Trap,
    /// The fuel ran out.
    FuelExhausted,
    /// The time was over.
    TimedOut,
    /// The unit failed after it was refused more memory.
    MemoryExceeded,
    /// The output was larger than it may be.
    OutputExceeded,
    /// The log was larger than it may be.
    LogExceeded,
    /// The unit used what it was not granted.
    Denied,
    /// The input does not fit, or an expression of the step failed.
    InvalidInput,
    /// The unit is no valid unit.
    InvalidUnit,
    /// No engine could run it.
    EngineUnavailable,
    /// The host failed, not the unit.
    HostError,
}

/// One failure, or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum FailureOrMany {
    One(Failure),
    Many(#[schemars(length(min = 1))] Vec<Failure>),
}

/// One fallback, or several: the first that answers the verdict is used.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum FallbackOrMany {
    One(Fallback),
    Many(#[schemars(length(min = 1))] Vec<Fallback>),
}

/// What takes the place of a call that failed: exactly one of `value`, `unit` and `step`.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    extend("oneOf" = [{ "required": ["value"] }, { "required": ["unit"] }, { "required": ["step"] }]),
    extend("dependentRequired" = { "function": ["unit"] })
)]
struct Fallback {
    /// A value; it may hold the expressions that `with` may.
    value: Option<serde_json::Value>,
    /// The name of another unit, called with the same input under the same limits and grants.
    unit: Option<String>,
    /// Its function; may be left out when the unit exports exactly one.
    function: Option<String>,
    /// A step that runs only for this; its output is taken.
    step: Option<String>,
    /// The failures that it answers; every one where it is left out.
    on: Option<FailureOrMany>,
}

/// Steps with the same key are counted together.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Concurrency {
    /// What they share: an account, a licence, a disk.
    #[schemars(length(min = 1))]
    key: String,
    /// The most calls at once; the same in every step with the key.
    max: Count,
}

/// What the answer of a step's unit is.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Emits {
    /// The step's output.
    Output,
    /// What the step found out about its input, `steps.<id>.metadata`; its output is its input.
    Metadata,
}

/// What a simulation takes for the calls of a step.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Simulate {
    /// What each call gives. A step whose grants are pure needs none: its unit is called.
    output: Option<serde_json::Value>,
    /// How long a call takes: `50ms`, or `50ms..2s`.
    takes: Option<Takes>,
    /// The failures that an attempt may have, each with how likely it is: `{ timed-out: 0.1 }`. All together are at most 1.
    #[schemars(extend("propertyNames" = { "$ref": "#/$defs/Failure" }))]
    fails: Option<IndexMap<String, ChanceOrFailing>>,
}

/// How likely a failure is, or all about it.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum ChanceOrFailing {
    Chance(#[schemars(range(min = 0, max = 1))] f64),
    Failing(Failing),
}

/// How likely a failure is.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Failing {
    /// From 0 (never) to 1 (every attempt).
    #[schemars(range(min = 0, max = 1))]
    chance: f64,
    /// How long an attempt takes that fails so; as long as one that succeeds, where it is left out.
    takes: Option<Takes>,
}

/// The name of a unit, or a unit.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum UnitNameOrUnit {
    Name(String),
    Unit(Box<Unit>),
}

/// One text, or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// How an output is read.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum OutputFormat {
    /// UTF-8 text.
    Text,
    /// One JSON document.
    Json,
    /// JSON documents, one a line: an array.
    Ndjson,
    /// Bytes as they are.
    Bytes,
}

/// Capabilities of one step.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Grants {
    /// The environment that the unit sees; nothing is inherited from the host.
    env: Option<IndexMap<String, Scalar>>,
    /// The arguments of a command, after its own name.
    args: Option<ScalarOrMany>,
    /// Folders of the host, by their paths (relative to the manifest): where the unit sees each, to read only, or with a mode.
    dirs: Option<IndexMap<String, PlaceOrDir>>,
    /// Hosts with their ports that the unit may connect to: `api.example.com:443`, `[::1]:8080`, `*.example.com:443`.
    net: Option<OneOrMany>,
    /// The clock; `virtual` where it is left out.
    clock: Option<Source>,
    /// The source of randomness; `virtual` where it is left out.
    random: Option<Source>,
    /// Names of secrets, which the unit finds in its environment. Their values come with the run (`--secret`).
    secrets: Option<OneOrMany>,
    /// Interfaces of host functions that the embedder registered: `acme:billing/prices`.
    functions: Option<OneOrMany>,
}

/// Where a unit sees a folder, or all about it.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum PlaceOrDir {
    /// To read only, at this place.
    Place(#[schemars(regex(pattern = "^/"))] String),
    Dir(Dir),
}

/// A folder of the host.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Dir {
    /// Where the unit sees it: an absolute path, `/models`.
    #[schemars(regex(pattern = "^/"))]
    at: String,
    /// What the unit may do there; `ro` where it is left out.
    mode: Option<DirMode>,
}

/// What a unit may do with a folder.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum DirMode {
    /// Read files and list folders.
    Ro,
    /// Also write, make and remove them.
    Rw,
}

/// How a step is metered. Memory, time, output and log are limited in every profile.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Profile {
    /// Fuel and time.
    Metered,
    /// Time only: faster, and without a limit of fuel.
    Fast,
    /// As `metered`, with one bit pattern for every NaN and a clock that stands still; without real clock and randomness,
    /// network and folders to write to.
    Deterministic,
}

/// Where a step's clock or randomness comes from.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Source {
    /// The same for every run.
    Virtual,
    /// The machine's own. The step is then no longer a pure function of its input.
    Real,
}

/// A text, a number or a boolean, handed on as text.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Scalar {
    Text(String),
    Number(f64),
    Boolean(bool),
}

/// One or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum ScalarOrMany {
    One(Scalar),
    Many(Vec<Scalar>),
}

/// One output, or several by name.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Outputs {
    /// The output named `result`.
    One(String),
    Many(IndexMap<String, serde_json::Value>),
}

macro_rules! quantity {
    ($name:ident, $doc:literal, $pattern:literal, $number:expr) => {
        struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                if $number {
                    json_schema!({ "description": $doc, "anyOf": [
                        { "type": "number", "minimum": 0 },
                        { "type": "string", "pattern": $pattern },
                    ]})
                } else {
                    json_schema!({ "description": $doc, "type": "string", "pattern": $pattern })
                }
            }
        }
    };
}

quantity!(
    Size,
    "Bytes, or a number with its unit: `64MiB`, `8MB`.",
    "^[0-9][0-9_.]*([eE]\\+?[0-9]+)? *([kKmMgGtT]i?[bB]|[bB])?$",
    true
);
quantity!(
    Count,
    "A whole number: `1000`, `1_000`, `2e9`, `2G`.",
    "^[0-9][0-9_.]*([eE]\\+?[0-9]+)? *[kKmMgGtTbB]?$",
    true
);
quantity!(
    Duration,
    "A duration with its unit: `500ms`, `10s`, `1h30m`.",
    "^([0-9][0-9_.]*(ns|us|µs|ms|s|sec|m|min|h|d) *)+$",
    false
);
quantity!(
    Takes,
    "A duration, or the shortest and the longest: `50ms`, `50ms..2s`.",
    r"^([0-9][0-9_.]*(ns|us|µs|ms|s|sec|m|min|h|d) *)+(\.\. *([0-9][0-9_.]*(ns|us|µs|ms|s|sec|m|min|h|d) *)+)?$",
    false
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    /// What editors accept and what the parser accepts are the same keys.
    #[test]
    fn schema_and_parser_know_the_same_keys() {
        let schema = schema();
        let definition = |name: &str| {
            let place = if name.is_empty() { &schema } else { &schema["$defs"][name] };
            let mut keys: Vec<String> =
                place["properties"].as_object().unwrap_or_else(|| panic!("{name}")).keys().cloned().collect();
            assert_eq!(place["additionalProperties"], serde_json::json!(false), "{name}");
            for (key, property) in place["properties"].as_object().unwrap() {
                assert!(property["description"].is_string(), "{name}.{key} has no description");
            }
            keys.sort();
            keys
        };
        for (name, keys) in [
            ("", &keys::PIPELINE),
            ("Input", &keys::INPUT),
            ("Defaults", &keys::DEFAULTS),
            ("Limits", &keys::LIMITS),
            ("Schedule", &keys::SCHEDULE),
            ("Unit", &keys::UNIT),
            ("Step", &keys::STEP),
            ("Grants", &keys::GRANTS),
            ("Dir", &keys::DIR),
            ("Retry", &keys::RETRY),
            ("Fallback", &keys::FALLBACK),
            ("Concurrency", &keys::CONCURRENCY),
            ("Simulate", &keys::SIMULATE),
            ("Failing", &keys::FAILING),
        ] {
            let mut known: Vec<String> = keys.now.iter().map(|key| (*key).to_owned()).collect();
            known.sort();
            assert_eq!(definition(name), known, "{name}");
        }
    }

    /// The words that it lists are those of the model.
    #[test]
    fn the_words_are_those_of_the_model() {
        use wasmill_model::{OnFailure, Strategy, VerdictKind, VerdictSet};

        let schema = schema();
        let words = |name: &str| -> Vec<String> {
            let choices = schema["$defs"][name]["oneOf"].as_array().unwrap();
            choices.iter().map(|choice| choice["const"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(words("Failure"), VerdictSet::FAILURES.iter().map(VerdictKind::as_str).collect::<Vec<_>>());
        assert_eq!(words("Strategy"), Strategy::ALL.map(Strategy::as_str));
        assert_eq!(words("OnFailure"), OnFailure::ALL.map(OnFailure::as_str));
        let attempts = &schema["$defs"]["Retry"]["properties"]["attempts"];
        assert_eq!(attempts["maximum"], crate::flow::MAX_ATTEMPTS);
    }

    #[test]
    fn the_patterns_accept_what_the_parser_accepts() {
        let schema = schema();
        let pattern = |value: &serde_json::Value| {
            let place = value["pattern"].as_str().or_else(|| value["anyOf"][1]["pattern"].as_str()).unwrap().to_owned();
            regex_lite::Regex::new(&place).unwrap()
        };
        let limits = &schema["$defs"]["Limits"]["properties"];
        let find = |key: &str| {
            let property = &limits[key];
            if property["pattern"].is_string() || property["anyOf"][1]["pattern"].is_string() {
                pattern(property)
            } else {
                pattern(&property["anyOf"][0])
            }
        };
        for text in ["64MiB", "8MB", "1.5GiB", "65536", "1_000", "64 MiB"] {
            assert!(find("memory").is_match(text), "{text}");
            assert!(crate::parse_size(text).is_ok(), "{text}");
        }
        for text in ["2_000_000_000", "2e9", "2G", "10k"] {
            assert!(find("fuel").is_match(text), "{text}");
            assert!(crate::parse_count(text).is_ok(), "{text}");
        }
        for text in ["10s", "500ms", "1h30m", "1h 30m"] {
            assert!(find("timeout").is_match(text), "{text}");
            assert!(crate::parse_duration(text).is_ok(), "{text}");
        }
    }
}
