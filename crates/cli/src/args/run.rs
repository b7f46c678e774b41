//! `wasmill run`

use std::path::PathBuf;

use clap::Args;

use super::{HostArgs, LimitArgs, SourceArgs};

/// `wasmill run`
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The pipeline: a .yaml, .json or .toml file
    ///
    /// A native manifest, a DAG config, a task definition or a pipeline manifest v1. `--file FILE` is the same.
    #[arg(value_name = "FILE", required_unless_present = "file_flag")]
    file: Option<PathBuf>,

    #[arg(long = "file", value_name = "FILE", hide = true, conflicts_with = "file")]
    file_flag: Option<PathBuf>,

    /// An input: `name=value`, `name=@file`, a JSON object of inputs, `@file` or `-` (stdin)
    ///
    /// `name=value` is read by the type that the pipeline declares: text as it is, anything else as JSON. `name=@file` reads
    /// the value from a file, `name=@-` from stdin. A JSON object names several inputs at once. Where the pipeline has one
    /// input (or one that is required), its value may stand alone, as text or `@file`. May be given several times; the
    /// last word counts.
    ///
    /// Without any, and when stdin is not a terminal, stdin is read: a JSON object of inputs, or else the one input's value.
    #[arg(long, short, value_name = "INPUT")]
    pub(crate) input: Vec<String>,

    /// Run again whenever the manifest, a unit's file or an input's file changes, until Ctrl-C
    ///
    /// Only what the change touches is called again: a call of the same unit, in the same way, with the same input keeps what it gave,
    /// where it succeeded and the step has no grant of `net`, `dirs`, `secrets`, host functions, the real clock or real randomness. Its
    /// receipt has `kept_from`, the run that made it. A run is not cut short by a change: the next one begins when it is over. With
    /// `--output json`, each run's document is one line. Ctrl-C while it waits ends it with exit code 0.
    #[arg(long)]
    pub(crate) watch: bool,

    /// Let references to large values (`{"$blob": …}`) in inputs of JSON stand for the values
    ///
    /// They are looked for where `--blobs` says, so that the outputs of one run's document can be the inputs of another. Without the
    /// flag such a reference is an error: whoever wrote the input must not decide what is read from the folder.
    #[arg(long)]
    pub(crate) allow_blobs: bool,

    #[command(flatten)]
    pub(crate) sources: SourceArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

impl RunArgs {
    /// The pipeline, however it was named.
    pub(crate) fn file(&self) -> PathBuf {
        self.file.clone().or_else(|| self.file_flag.clone()).unwrap_or_default()
    }
}

pub(crate) const RUN_EXAMPLES: &str = "\
Examples:
  wasmill run examples/first/pipeline.yaml
  wasmill run pipeline.yaml --input text=@README.md --input top=5
  wasmill run pipeline.yaml --input '{\"text\": \"hello\", \"top\": 5}'
  cat README.md | wasmill run pipeline.yaml
  wasmill submit --file task.yaml --input number=5
  wasmill run pipeline.yaml --secret API_KEY=env:API_KEY --policy wasmill.toml
  wasmill run pipeline.yaml --input orders=@orders.json --watch
  wasmill run pipeline.yaml --timeout 2s --memory 64MiB --output json | jq .steps
  wasmill run first.yaml --output json | jq .outputs | wasmill run second.yaml --allow-blobs

With --output json: {\"wasmill\": 1, \"run\", \"pipeline\", \"verdict\": \"ok\" | \"failed\" | \"cancelled\", \"outputs\": {…},
\"steps\": {id: {\"verdict\", \"output\", \"attempts\": [receipt, …]}}, \"error\": {code, message, step, help}};
{\"wasmill\": 1, \"errors\": […]} where nothing could be started. A value over 256 KiB is {\"$blob\": digest, \"type\", \"size\"}:
`wasmill blob get` gives it back.";
