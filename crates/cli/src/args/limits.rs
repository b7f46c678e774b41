//! `--memory`, `--fuel`, `--timeout`, `--engine`: what a run may use, above what the manifest says and below the host's policy.

use std::time::Duration;

use clap::Args;

/// Overrides for every step of the run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits (for every step; the host's policy is above them)")]
pub(crate) struct LimitArgs {
    /// Bytes of memory: 64MiB, 1GiB
    #[arg(long, value_name = "SIZE", value_parser = wasmill_manifest::parse_size)]
    pub(crate) memory: Option<u64>,

    /// Units of fuel, about one for each instruction: 2_000_000
    #[arg(long, value_name = "COUNT", value_parser = wasmill_manifest::parse_count)]
    pub(crate) fuel: Option<u64>,

    /// Wall-clock time: 500ms, 10s, 2m
    #[arg(long, value_name = "DURATION", value_parser = wasmill_manifest::parse_duration)]
    pub(crate) timeout: Option<Duration>,

    /// The engine to use; several, in order of preference
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) engine: Vec<String>,
}
