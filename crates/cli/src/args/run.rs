//! `wasmill run`

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::{HostArgs, LimitArgs, RequestArgs, SourceArgs};

/// `wasmill run`
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The pipeline: a .yaml, .json or .toml file; or `-`: stdin says all
    ///
    /// A native manifest, a DAG config, a task definition or a pipeline manifest v1. `--file FILE` is the same.
    ///
    /// With `-`, stdin is a run request ({"pipeline", "inputs", "units", …}, docs/wasi.md) or a manifest alone, and stdout is given one JSON
    /// document, whatever happens, as `wasmill-wasi` gives it. Flags win over what the request says: limits one by one, `--profile`, `--engine`,
    /// `--input` and `--secret` by name; of its policy and the host's, what is lower holds. Large values stay in the document,
    /// unless `--blobs` names a folder.
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
    pub(crate) request: RequestArgs,

    #[command(flatten)]
    pub(crate) each: EachArgs,

    #[command(flatten)]
    pub(crate) sources: SourceArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

/// Many runs of one pipeline.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rows")]
pub(crate) struct EachArgs {
    /// Run the pipeline once for each line of this file (`-`: stdin), each line a JSON object of inputs
    ///
    /// Where the pipeline has one input (or one that is required), a line may be that input's bare JSON value. What `--input` gives is
    /// given to every row; what the row names wins. Blank lines are skipped.
    ///
    /// Stdout is given one line for each row, in the order of the rows: the only output as JSON, several as one object, `null` where
    /// the row failed. Its error goes to stderr, with its line and column; the other rows go on. The exit code is 0 when every row
    /// succeeded; else that of the rows that failed (2 where they could not be read), or 1 where they do not agree.
    #[arg(long, value_name = "ROWS", conflicts_with = "watch")]
    pub(crate) each: Option<PathBuf>,

    /// Stop at the first row that fails: no row behind it is printed
    #[arg(long, requires = "each")]
    pub(crate) fail_fast: bool,

    /// The most rows that run at the same time [default: four for each worker]
    #[arg(long, short, value_name = "COUNT", requires = "each", value_parser = jobs)]
    pub(crate) jobs: Option<NonZeroUsize>,
}

/// More rows at once than this are a mistake: there are 256 slots for guests.
const MOST_JOBS: usize = 4096;

fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    let jobs = text.parse().ok().filter(|jobs: &NonZeroUsize| jobs.get() <= MOST_JOBS);
    jobs.ok_or_else(|| format!("give a whole number from 1 to {MOST_JOBS}"))
}

impl RunArgs {
    /// The pipeline, however it was named.
    pub(crate) fn file(&self) -> PathBuf {
        self.file.clone().or_else(|| self.file_flag.clone()).unwrap_or_default()
    }

    /// Whether stdin says what is run.
    pub(crate) fn is_request(&self) -> bool {
        super::is_stdin(&self.file())
    }
}

/// `wasmill dev`
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// The pipeline: a .yaml, .json or .toml file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// An input: `name=value`, `name=@file`, a JSON object of inputs, `@file` or `-` (stdin)
    #[arg(long, short, value_name = "INPUT")]
    pub(crate) input: Vec<String>,

    #[command(flatten)]
    pub(crate) sources: SourceArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

pub(crate) const DEV_EXAMPLES: &str = "\
Examples:
  wasmill dev pipeline.yaml
  wasmill dev pipeline.yaml --input orders=@orders.json

With --output json: the run document of each run, one a line.";

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
  wasmill run - --units ./units --engine wasmi < request.json
  wasmill run pipeline.yaml --each rows.ndjson > results.ndjson
  psql -c 'select row_to_json(t) from t' -At | wasmill run pipeline.yaml --each - --input top=5
  wasmill run first.yaml --output json | jq .outputs | wasmill run second.yaml --allow-blobs

With --output json: {\"wasmill\": 1, \"run\", \"pipeline\", \"verdict\": \"ok\" | \"failed\" | \"cancelled\", \"outputs\": {…},
\"steps\": {id: {\"verdict\", \"output\", \"attempts\": [receipt, …]}}, \"error\": {code, message, step, help}};
{\"wasmill\": 1, \"errors\": […]} where nothing could be started. A value over 256 KiB is {\"$blob\": digest, \"type\", \"size\"}:
`wasmill blob get` gives it back. With --each, one such object a line, which begins with {\"row\": number, \"line\": number, …}.";
