//! The `wasmill` binary from outside: whole commands, with their exit code, stdout and stderr.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]

mod bad_input;
mod blobs;
mod call;
mod check;
mod compile;
mod dialects;
mod each;
mod engines;
mod everywhere;
mod examples;
mod fixtures;
mod flow;
mod generated;
mod grants;
mod graph;
mod guest_profile;
mod inputs;
mod inspect;
mod interpreters;
mod limits;
mod lock;
mod nested;
mod policy;
mod replay;
mod requests;
mod results;
mod run;
mod signals;
mod sim;
mod sources;
mod surroundings;
mod telemetry;
mod tests_of_pipelines;
mod upkeep;
mod urls;
mod verbs;
mod watch;

use wasmill_testkit::{Output, Project};

/// An empty project for the binary under test.
fn project() -> Project {
    Project::new(env!("CARGO_BIN_EXE_wasmill"))
}

/// A project with this pipeline in `pipeline.yaml`.
fn pipeline(text: &str) -> Project {
    project().file("pipeline.yaml", text)
}

/// The one JSON object on stdout.
fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("stdout is no JSON: {error}\n{output}"))
}
