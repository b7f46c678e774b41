//! Budgets and cases.
use indexmap::IndexMap;
use schemars::JsonSchema;

use super::Count;

/// What may be used in all.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Budget {
    /// Units of fuel, of all attempts that count; no attempt is given more.
    fuel: Option<Count>,
}

/// How a run or a step ended.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(super) enum Verdict {
    Ok,
    GuestError,
    Trap,
    FuelExhausted,
    TimedOut,
    MemoryExceeded,
    OutputExceeded,
    LogExceeded,
    Denied,
    InvalidInput,
    InvalidUnit,
    EngineUnavailable,
    Cancelled,
    HostError,
    Skipped,
}

/// One case of a pipeline.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Test {
    /// What the run is given: values, or `{ $file: path }` for the contents of a file.
    #[schemars(default)]
    inputs: IndexMap<String, serde_json::Value>,
    /// How the run has to end; `ok` where it is left out.
    verdict: Option<Verdict>,
    /// What it has to give, by the names of outputs: values, or `{ $sha256: digest }`. Of others nothing is said.
    #[schemars(default)]
    outputs: IndexMap<String, serde_json::Value>,
    /// How steps have to end, by their ids.
    #[schemars(default)]
    steps: IndexMap<String, Verdict>,
    /// What the run may use.
    budget: Option<Budget>,
}
