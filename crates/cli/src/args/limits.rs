//! `--memory`, `--fuel`, `--timeout`, `--profile`, `--engine`: what a run may use, above what the manifest says and below the host's policy.

use std::time::Duration;

use clap::{Args, ValueEnum};
use wasmill_model::Profile;

/// Overrides for every step of the run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits (for every step; the host's policy is above them)")]
pub(crate) struct LimitArgs {
    /// Bytes of memory: 64MiB, 1GiB
    #[arg(long, value_name = "SIZE", value_parser = wasmill_manifest::parse_size)]
    pub(crate) memory: Option<u64>,

    /// Units of fuel, about one for each instruction: 2_000_000
    #[arg(long, value_name = "COUNT", value_parser = some_fuel)]
    pub(crate) fuel: Option<u64>,

    /// Wall-clock time: 500ms, 10s, 2m
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    pub(crate) timeout: Option<Duration>,

    /// How it is metered: `metered` (fuel and time), `fast` (time only) or `deterministic`
    #[arg(long, value_name = "PROFILE", value_enum, hide_possible_values = true)]
    pub(crate) profile: Option<Metering>,

    /// The engine to use; several, in order of preference: wasmi,wasmtime
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = engine_name)]
    pub(crate) engine: Vec<String>,

    /// Let steps have an engine that does not hold all of their limits, or has no sandbox
    #[arg(long)]
    pub(crate) allow_weaker: bool,
}

fn engine_name(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("a name is empty; several names are separated by one comma each"),
        name => Ok(name.to_owned()),
    }
}

const ZERO: &str = "it is zero: nothing could run; leave it out for the host's default";

fn some_fuel(text: &str) -> Result<u64, String> {
    match wasmill_manifest::parse_count(text)? {
        0 => Err(ZERO.to_owned()),
        fuel => Ok(fuel),
    }
}

fn some_time(text: &str) -> Result<Duration, String> {
    match wasmill_manifest::parse_duration(text)? {
        Duration::ZERO => Err(ZERO.to_owned()),
        time => Ok(time),
    }
}

/// How a step is metered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Metering {
    /// Fuel and time.
    Metered,
    /// Time only.
    Fast,
    /// As `metered`, and every machine gives the same bytes.
    Deterministic,
}

impl From<Metering> for Profile {
    fn from(metering: Metering) -> Self {
        match metering {
            Metering::Metered => Profile::Metered,
            Metering::Fast => Profile::Fast,
            Metering::Deterministic => Profile::Deterministic,
        }
    }
}
