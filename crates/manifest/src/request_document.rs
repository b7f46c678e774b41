//! A run request as it is written, and what is said of one.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use indexmap::IndexMap;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use wasmill_model::{Dialect, LimitOverrides, Limits, Object, Pipeline, Policy, Profile, RunDocument};

use crate::{RequestKind, ResultV1};

/// A run request that has all of a run in it: [`parse_request`](crate::parse_request) reads it, wherever Wasmill runs.
#[derive(Clone, Debug, Serialize)]
pub struct RequestDocument {
    /// The manifest, as it is written.
    pub pipeline: Arc<str>,
    /// What its file is called.
    pub file: String,
    /// The inputs.
    #[serde(skip_serializing_if = "Object::is_empty")]
    pub inputs: Object,
    /// The binaries, by the names of the pipeline's units.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub units: IndexMap<Arc<str>, GivenUnit>,
    /// What several scripts are put to, by names that the units say.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub interpreters: BTreeMap<String, Base64>,
    /// Limits that win over the pipeline's, for every step.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "limits")]
    pub limits: Option<LimitOverrides>,
    /// How every step is metered; none: as the pipeline says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// Engines in order of preference; none: as the pipeline says.
    #[serde(rename = "engine", skip_serializing_if = "Vec::is_empty")]
    pub engines: Vec<String>,
    /// What steps get that ask for nothing, and the most that any may ask for; none: as the host says that runs it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "policy")]
    pub policy: Option<Policy>,
    /// The pipelines that it calls and those that they call, by their [names](crate::included_name).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pipelines: BTreeMap<String, GivenPipeline>,
}

/// A pipeline that others call.
#[derive(Clone, Debug, Serialize)]
pub struct GivenPipeline {
    /// The manifest, as it is written.
    pub pipeline: Arc<str>,
    /// The binaries, by the names of its units.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub units: IndexMap<Arc<str>, GivenUnit>,
}

/// A binary.
#[derive(Clone, Debug)]
pub struct GivenUnit {
    /// It, or what stands behind its interpreter.
    pub base64: Base64,
    /// The interpreter.
    pub interpreter: Option<String>,
    /// The most that its steps may use.
    pub limits: Option<LimitOverrides>,
}

impl Serialize for GivenUnit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let GivenUnit { base64, interpreter, limits } = self;
        if interpreter.is_none() && limits.is_none() {
            return base64.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("base64", base64)?;
        if let Some(interpreter) = interpreter {
            map.serialize_entry("interpreter", interpreter)?;
        }
        if let Some(limits) = limits {
            map.serialize_entry("limits", &as_in_manifests(*limits))?;
        }
        map.end()
    }
}

/// Bytes that are written as base64.
#[derive(Clone, Debug)]
pub struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

/// Limits as a manifest has them.
fn as_in_manifests(limits: LimitOverrides) -> BTreeMap<&'static str, String> {
    let LimitOverrides { memory, fuel, timeout, output, log, table_elements, instances } = limits;
    let numbers = [
        ("memory", memory),
        ("fuel", fuel),
        ("output", output),
        ("log", log),
        ("table_elements", table_elements),
        ("instances", instances.map(u64::from)),
    ];
    let numbers = numbers.into_iter().filter_map(|(name, number)| Some((name, number?.to_string())));
    let time = timeout.map(|time| ("timeout", format!("{}us", time.as_micros())));
    numbers.chain(time).collect()
}

/// The limits of a policy: all that bears on what comes of a run.
#[allow(clippy::ref_option, reason = "serde asks for this shape")]
fn policy<S: Serializer>(policy: &Option<Policy>, serializer: S) -> Result<S::Ok, S::Error> {
    let Policy { defaults, ceilings, .. } = policy.clone().unwrap_or_default();
    let all = |limits: Limits| {
        let Limits { memory, fuel, timeout, output, log, table_elements, instances } = limits;
        let (memory, fuel, timeout, output) = (Some(memory), Some(fuel), Some(timeout), Some(output));
        let (log, table_elements, instances) = (Some(log), Some(table_elements), Some(instances));
        as_in_manifests(LimitOverrides { memory, fuel, timeout, output, log, table_elements, instances })
    };
    let limits = BTreeMap::from([("defaults", all(defaults)), ("ceilings", all(ceilings))]);
    BTreeMap::from([("limits", limits)]).serialize(serializer)
}

/// Limits of a request.
#[allow(clippy::ref_option, reason = "serde asks for this shape")]
fn limits<S: Serializer>(limits: &Option<LimitOverrides>, serializer: S) -> Result<S::Ok, S::Error> {
    as_in_manifests(limits.unwrap_or_default()).serialize(serializer)
}

/// What is said of a request's run.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer<'a> {
    /// The run document.
    Document(&'a RunDocument),
    /// In the form of a manifest v1, to one that stood alone.
    V1(ResultV1),
}

impl<'a> Answer<'a> {
    /// What is said of this run of a request of this kind.
    pub fn of(kind: RequestKind, document: &'a RunDocument, pipeline: &Pipeline) -> Self {
        match (kind, pipeline.dialect) {
            (RequestKind::Manifest, Dialect::PipelineV1) => Answer::V1(ResultV1::of(document, pipeline)),
            _ => Answer::Document(document),
        }
    }
}
