//! The pipeline: what every dialect is turned into, and the only thing that is run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{
    Budget, Concurrency, Digest, Expression, Fallback, Foreach, Grants, Language, LimitOverrides, Location, OnFailure,
    Profile, Retry, Simulated, SourceUnit, Template, TestCase, Value,
};

/// A DAG of steps with typed inputs and outputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pipeline {
    /// Its name.
    pub name: Arc<str>,
    /// What kind of file it was read from: what it is to be given and how its outputs are shown is said by that.
    #[serde(skip_serializing_if = "Dialect::is_native")]
    pub dialect: Dialect,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it is given.
    pub inputs: IndexMap<Arc<str>, InputSpec>,
    /// The units that its steps use.
    pub units: IndexMap<Arc<str>, UnitSpec>,
    /// The steps, in the order of the file.
    pub steps: Vec<Step>,
    /// What it gives.
    pub outputs: IndexMap<Arc<str>, Template>,
    /// How its steps are scheduled.
    pub schedule: Schedule,
    /// What a failed step means for the others.
    pub on_failure: OnFailure,
    /// The time that a run may take in all.
    #[serde(rename = "timeout_ms", skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
    /// The programs that source is built with, by language, where others are meant than those that are found.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub toolchains: IndexMap<Language, PathBuf>,
    /// What a run may use in all.
    #[serde(skip_serializing_if = "Budget::is_silent")]
    pub budget: Budget,
    /// What `wasmill test` tries, by name.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub tests: IndexMap<Arc<str>, TestCase>,
    /// The most that units may use by their own word (`Component.toml`), by the names of the units: it lowers the limits of their
    /// steps, and never raises one. Whoever loads the units fills it; a manifest cannot.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub unit_limits: IndexMap<Arc<str>, LimitOverrides>,
    /// The folder that paths are relative to.
    #[serde(skip)]
    pub base: PathBuf,
}

/// The kinds of files that become pipelines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// A native manifest, `wasmill: 1`.
    #[default]
    Native,
    /// A DAG config: `strategy` and `processors`. Its one input is the text `input`.
    DagConfig,
    /// A task definition: `task_definition` or `compute_logic`.
    TaskDefinition,
    /// A pipeline manifest v1: `version: v1` and `nodes`. Its one input is the list `input_data`, and each of its outputs is the list
    /// that a sink made of it; it is shown as `{status, outputs, graph_info}`.
    PipelineV1,
}

impl Dialect {
    /// What people call such a file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Dialect::Native => "native manifest",
            Dialect::DagConfig => "DAG config",
            Dialect::TaskDefinition => "task definition",
            Dialect::PipelineV1 => "pipeline manifest v1",
        }
    }

    /// Whether it is a native manifest.
    pub fn is_native(&self) -> bool {
        *self == Dialect::Native
    }
}

/// One input of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InputSpec {
    /// The type that is asked for.
    #[serde(rename = "type")]
    pub kind: InputType,
    /// Whether a run without it is refused.
    pub required: bool,
    /// The value of a run that names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The only values that are allowed.
    #[serde(rename = "enum", skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    /// The smallest number, or the fewest characters, bytes, items or members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest number, or the most characters, bytes, items or members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// A regular expression that text must match somewhere (anchor it with `^` and `$`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Where it is declared.
    #[serde(skip)]
    pub location: Location,
}

/// The type of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "JSON's own words, with bytes beside them")]
pub enum InputType {
    #[default]
    Any,
    String,
    Integer,
    Number,
    Boolean,
    Array,
    Object,
    Bytes,
}

impl InputType {
    /// The name in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            InputType::Any => "any",
            InputType::String => "string",
            InputType::Integer => "integer",
            InputType::Number => "number",
            InputType::Boolean => "boolean",
            InputType::Array => "array",
            InputType::Object => "object",
            InputType::Bytes => "bytes",
        }
    }

    /// Whether a value is of this type. Every integer is a number, and a whole float is an integer.
    pub fn accepts(self, value: &Value) -> bool {
        match self {
            InputType::Any => true,
            InputType::String => matches!(value, Value::String(_)),
            InputType::Integer => match value {
                Value::Int(_) | Value::UInt(_) => true,
                Value::Float(float) => float.fract() == 0.0,
                _ => false,
            },
            InputType::Number => matches!(value, Value::Int(_) | Value::UInt(_) | Value::Float(_)),
            InputType::Boolean => matches!(value, Value::Bool(_)),
            InputType::Array => matches!(value, Value::List(_)),
            InputType::Object => matches!(value, Value::Object(_)),
            InputType::Bytes => matches!(value, Value::Bytes(_) | Value::String(_)),
        }
    }
}

/// Where a unit comes from, and what it must be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnitSpec {
    /// Where it comes from.
    #[serde(flatten)]
    pub source: UnitSource,
    /// The SHA-256 that the binary must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Where it is declared.
    #[serde(skip)]
    pub location: Location,
}

/// Where a unit comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum UnitSource {
    /// A `.wasm` or `.wat` file.
    Path(PathBuf),
    /// A binary in base64.
    Base64(String),
    /// WebAssembly text.
    Wat(String),
    /// A binary at an `http` or `https` URL, without user name and password.
    Url(String),
    /// A unit that is part of Wasmill.
    Builtin(Builtin),
    /// The manifest of another pipeline: a step that calls it is a run of it.
    Pipeline(PathBuf),
    /// A native program: no WebAssembly, and no sandbox. For tools that are trusted, where the host allows it.
    Program(PathBuf),
    /// Source, that a toolchain builds.
    #[serde(untagged)]
    Source(SourceUnit),
}

/// The units that are part of Wasmill: sandboxed like any other, and found without a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Builtin {
    /// The processors of DAG configs and the nodes of pipeline manifests v1: a `bytes` unit whose input names one of them as `call`.
    Processors,
}

impl Builtin {
    /// Every built-in unit.
    pub const ALL: [Builtin; 1] = [Builtin::Processors];

    /// The name in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Builtin::Processors => "processors",
        }
    }
}

/// One node of the pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Its id, unique in the pipeline.
    pub id: Arc<str>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The unit's name in [`Pipeline::units`].
    pub unit: Arc<str>,
    /// The function; none where the unit exports exactly one, or is a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// What the unit is called with.
    pub with: With,
    /// Steps that must have succeeded first, besides those that the expressions read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Arc<str>>,
    /// How the output of a `bytes` unit or a `command` is read.
    #[serde(rename = "as")]
    pub output: OutputFormat,
    /// Its limits, with the manifest's defaults laid under them.
    pub limits: LimitOverrides,
    /// Those of its limits that it has from the manifest's defaults.
    #[serde(skip)]
    pub default_limits: LimitOverrides,
    /// How it is metered.
    pub profile: Profile,
    /// Whether it runs at all: a boolean. It looks at steps that may have failed or been skipped, which would else skip this one. It
    /// is asked once, before there are items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Template>,
    /// Called once for each item of an array: its output is the array of what they gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreach: Option<Foreach>,
    /// When a call is made again; left out of JSON where it is not.
    #[serde(skip_serializing_if = "Retry::is_none")]
    pub retry: Retry,
    /// What takes the place of a call that failed for good: the first that answers its verdict.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<Fallback>,
    /// The time that all of its attempts may take together.
    #[serde(rename = "timeout_ms", skip_serializing_if = "Option::is_none", serialize_with = "milliseconds")]
    pub timeout: Option<Duration>,
    /// With which other steps its calls are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// What its unit's answer is.
    pub emits: Emits,
    /// Its grants.
    pub grants: Grants,
    /// Engines to use, in order of preference; those of the host's policy where it is empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub engines: Vec<String>,
    /// Whether an engine will do that does not hold all of its limits, or has no sandbox.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_weaker: bool,
    /// Whether the answers of its calls are taken from former runs, where they are pure.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cache: bool,
    /// What all of its attempts may use together; none of them may use more.
    #[serde(skip_serializing_if = "Budget::is_silent")]
    pub budget: Budget,
    /// What a simulation takes for its calls; a run does not look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulate: Option<Simulated>,
    /// Where it stands.
    #[serde(skip)]
    pub location: Location,
    /// Where its `with:` stands, or else the step.
    #[serde(skip)]
    pub with_location: Location,
    /// Where its `function:` stands, or else the step.
    #[serde(skip)]
    pub function_location: Location,
    /// Where its `limits:` stand, or else those of `defaults`, or else the step.
    #[serde(skip)]
    pub limits_location: Location,
    /// Where its `grants:` stand, or else the step.
    #[serde(skip)]
    pub grants_location: Location,
}

impl Step {
    /// A step that calls the only function of a unit with what it inherits, and asks for nothing more.
    pub fn new(id: impl Into<Arc<str>>, unit: impl Into<Arc<str>>) -> Self {
        Step {
            id: id.into(),
            description: None,
            unit: unit.into(),
            function: None,
            with: With::Inherited,
            after: Vec::new(),
            output: OutputFormat::default(),
            limits: LimitOverrides::default(),
            default_limits: LimitOverrides::default(),
            profile: Profile::default(),
            when: None,
            foreach: None,
            retry: Retry::default(),
            fallback: Vec::new(),
            timeout: None,
            concurrency: None,
            emits: Emits::default(),
            grants: Grants::default(),
            engines: Vec::new(),
            allow_weaker: false,
            cache: false,
            budget: Budget::default(),
            simulate: None,
            location: Location::default(),
            with_location: Location::default(),
            function_location: Location::default(),
            limits_location: Location::default(),
            grants_location: Location::default(),
        }
    }

    /// The same step, all of it at one place: for steps that stand in no file.
    #[must_use]
    pub fn at(mut self, location: &Location) -> Self {
        self.location = location.clone();
        self.with_location = location.clone();
        self.function_location = location.clone();
        self.limits_location = location.clone();
        self.grants_location = location.clone();
        self
    }

    /// Every expression of the step.
    pub fn expressions(&self) -> Vec<&Expression> {
        let mut found = self.with.expressions();
        found.extend(self.foreach.iter().flat_map(|foreach| foreach.items.expressions()));
        found.extend(self.fallback.iter().flat_map(|fallback| fallback.to.expressions()));
        found.extend(self.when.iter().flat_map(Template::expressions));
        found
    }
}

/// What the answer of a step's unit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Emits {
    /// The step's output.
    #[default]
    Output,
    /// What the step found out about its input, `steps.<id>.metadata`; its output is its input: what it was called with, or
    /// of parameters by name the one that is called `input`.
    Metadata,
}

#[allow(clippy::ref_option, reason = "serde asks for this shape")]
fn milliseconds<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)).serialize(serializer)
}

/// What a step's unit is called with.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum With {
    /// Nothing is said: the item, where the step has `foreach`; else the output of the only step in `after`, an object keyed by
    /// step id where there are several, and the pipeline's input where there is none (its only input's value, or an object of all).
    #[default]
    Inherited,
    /// Parameters by name.
    Named(IndexMap<Arc<str>, Template>),
    /// Parameters by position.
    Positional(Vec<Template>),
    /// The only parameter.
    Single(Template),
}

impl With {
    /// Every expression in it.
    pub fn expressions(&self) -> Vec<&Expression> {
        match self {
            With::Inherited => Vec::new(),
            With::Named(members) => members.values().flat_map(Template::expressions).collect(),
            With::Positional(items) => items.iter().flat_map(Template::expressions).collect(),
            With::Single(template) => template.expressions(),
        }
    }
}

/// How the output of a `bytes` unit or a `command` is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputFormat {
    /// UTF-8 text.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// JSON documents, one a line: an array.
    Ndjson,
    /// Bytes as they are.
    Bytes,
}

/// How steps are scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// The policy.
    pub strategy: Strategy,
    /// The most steps that run at once; at least 1.
    pub max_concurrency: u32,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule { strategy: Strategy::WorkQueue, max_concurrency: 16 }
    }
}

/// The policy by which ready steps are started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Ready steps by the longest path to a sink, then by their order in the file.
    #[default]
    WorkQueue,
    /// One level of the graph after the other.
    Level,
    /// A step as soon as all that it waits for has ended, first come first served.
    Reactive,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Strategy; 3] = [Strategy::WorkQueue, Strategy::Level, Strategy::Reactive];

    /// The name in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Strategy::WorkQueue => "work-queue",
            Strategy::Level => "level",
            Strategy::Reactive => "reactive",
        }
    }
}
