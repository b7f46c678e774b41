//! What a step says of itself for simulations.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};

use crate::{Value, VerdictKind};

/// What a simulation takes for the calls of a step, instead of making them. A run does not look at it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Simulated {
    /// What each call gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// How long one takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takes: Option<Takes>,
    /// The failures that an attempt may have, each with how likely it is; all together at most 1.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub fails: IndexMap<VerdictKind, Failing>,
}

/// How likely a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Failing {
    /// From 0 (never) to 1 (every attempt).
    pub chance: f64,
    /// How long an attempt takes that fails so, where that is not as long as one that succeeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takes: Option<Takes>,
}

/// How long a call takes: `50ms`, or anything in `50ms..2s`, most often near the lower end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Takes {
    /// At least.
    #[serde(rename = "least_us", serialize_with = "microseconds")]
    pub least: Duration,
    /// At most.
    #[serde(rename = "most_us", serialize_with = "microseconds")]
    pub most: Duration,
}

fn microseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
