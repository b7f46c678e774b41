//! `wasmill export`, `wasmill replay`

use std::path::PathBuf;

use clap::Args;

use super::{HostArgs, LimitArgs, SourceArgs};

/// `wasmill export`
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The pipeline: a .yaml, .json or .toml file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// An input: `name=value`, `name=@file`, a JSON object of inputs, `@file` or `-` (stdin)
    #[arg(long, short, value_name = "INPUT")]
    pub(crate) input: Vec<String>,

    /// Put in this run (what `wasmill run FILE --output json` printed), with the inputs that it was given, and run nothing
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<PathBuf>,

    /// The file to write: `run.wasmill`; stdout without it
    #[arg(long = "out", short, value_name = "BUNDLE")]
    pub(crate) out: Option<PathBuf>,

    /// Let references to large values (`{"$blob": …}`) in inputs of JSON, and in RUN, stand for the values
    #[arg(long)]
    pub(crate) allow_blobs: bool,

    #[command(flatten)]
    pub(crate) sources: SourceArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

pub(crate) const EXPORT_EXAMPLES: &str = "\
Examples:
  wasmill export pipeline.yaml --input text=@README.md -o run.wasmill
  wasmill run pipeline.yaml --input n=5 --output json > run.json
  wasmill export pipeline.yaml --input n=5 --run run.json -o run.wasmill

The bundle is a run request (docs/wasi.md) with one member more, `recorded`: {\"run\": the run document, \"digests\": {part: SHA-256}}.";

/// `wasmill replay`
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The bundle that `wasmill export` wrote
    #[arg(value_name = "BUNDLE")]
    pub(crate) file: PathBuf,

    /// Fail also where something could not be computed again, and was taken from the record
    #[arg(long)]
    pub(crate) verify: bool,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

pub(crate) const REPLAY_EXAMPLES: &str = "\
Examples:
  wasmill replay run.wasmill
  wasmill replay run.wasmill --verify
  wasmill replay run.wasmill --engine wasmi
  wasmtime run wasmill-wasi.wasm --replay < run.wasmill

With --output json: {\"wasmill\": 1, \"run\", \"same\", \"difference\": {step, item, attempt, what, recorded, found}, \"computed\",
\"taken\": [step, …], \"other_engine\": [step, …]}. The exit code is 1 where it is not the same, 2 where the bundle was changed.";
