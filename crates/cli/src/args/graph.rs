//! `wasmill graph` and `wasmill plan`: a pipeline that is looked at, not run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{LimitArgs, PolicyArgs, RequestArgs, SourceArgs};

/// `wasmill graph`
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// The pipeline: a .yaml, .json or .toml file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// What is drawn: `mermaid` (shown by GitHub and many editors), `dot` (for Graphviz) or `svg` (a picture)
    #[arg(long, short, value_name = "FORMAT", value_enum, default_value_t = GraphFormat::Mermaid, hide_possible_values = true)]
    pub(crate) format: GraphFormat,
}

/// In which language a graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
    /// A picture.
    Svg,
}

impl GraphFormat {
    /// The name in documents.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            GraphFormat::Dot => "dot",
            GraphFormat::Mermaid => "mermaid",
            GraphFormat::Svg => "svg",
        }
    }
}

pub(crate) const GRAPH_EXAMPLES: &str = "\
Examples:
  wasmill graph pipeline.yaml
  wasmill graph pipeline.yaml --format svg > pipeline.svg
  wasmill graph pipeline.yaml --format dot | dot -Tpng > pipeline.png
  wasmill graph pipeline.yaml --output json | jq '.edges[] | select(.kind == \"data\")'

With --output json: {\"wasmill\": 1, \"file\", \"pipeline\", \"steps\": [{id, unit, function, level, notes: [text]}, …],
\"edges\": [{from, to, \"kind\": \"data\" | \"after\" | \"fallback\"}, …], \"format\", \"graph\": text}.";

/// `wasmill plan`
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The pipeline: a .yaml, .json or .toml file; or `-`: a run request on stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) request: RequestArgs,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    #[command(flatten)]
    pub(crate) sources: SourceArgs,
}

pub(crate) const PLAN_EXAMPLES: &str = "\
Examples:
  wasmill plan pipeline.yaml
  wasmill plan pipeline.yaml --memory 64MiB --profile deterministic
  wasmill plan pipeline.yaml --policy /etc/wasmill/strict.toml --output json | jq '.steps[].limits_from'

With --output json: {\"wasmill\": 1, \"file\", \"pipeline\", \"schedule\": {strategy, max_concurrency}, \"on_failure\", \"timeout_ms\",
\"levels\": [[id, …], …], \"critical_path\": [id, …], \"order\": [id, …], \"steps\": {id: {\"level\" (from 1), \"waits_for\": [{step, kind}, …],
\"unit\", \"function\", \"interface\", \"digest\", \"profile\", \"engines\": [name, …],
\"passed_over\": [{engine, reason}, …], \"weaker\": [limit, …], \"limits\": {memory, fuel, timeout_ms, …},
\"limits_from\": {memory: \"flag\" | \"step\" | \"defaults\" | \"manifest\" | \"component\" | \"policy\" | \"built-in\", …}, \"grants\", \"when\",
\"foreach\", \"retry\", \"fallback\", \"timeout_ms\", \"concurrency\"}}}.
A step that calls another pipeline has, in the place of what a unit has, \"pipeline\" (its file) and, at the first step that calls it, \"plan\": all this of that pipeline.";
