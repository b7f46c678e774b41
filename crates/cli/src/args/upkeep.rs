//! `wasmill cache` and `wasmill doctor`: looking after an installation.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::PolicyArgs;

/// `wasmill cache`
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

/// `wasmill engines`
#[derive(Debug, Args)]
pub(crate) struct EnginesArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

pub(super) const ENGINES_EXAMPLES: &str = "\
Examples:
  wasmill engines
  wasmill engines --policy /etc/wasmill/strict.toml
  wasmill run pipeline.yaml --engine wasmi,wasmtime

Exit codes: 0 there is an engine that works and may be used · 1 there is none.

With --output json: {\"wasmill\": 1, \"engines\": [{name, version, allowed, available, reason, interfaces: [name, …],
profiles: [name, …], sandboxed, holds: [limit, …], weaker: [limit or \"sandbox\", …], call_us}, …]}.";

/// What is kept between runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Compiled code.
    Code,
    /// Units fetched from URLs.
    Units,
    /// Units built from source.
    Builds,
    /// Answers of pure calls (`cache: auto`).
    Results,
    /// Large values that run documents refer to.
    Blobs,
}

impl Part {
    /// Every part, in the order in which they are told.
    pub(crate) const ALL: [Part; 5] = [Part::Code, Part::Units, Part::Builds, Part::Results, Part::Blobs];

    /// The word on the command line and in documents.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Part::Code => "code",
            Part::Units => "units",
            Part::Builds => "builds",
            Part::Results => "results",
            Part::Blobs => "blobs",
        }
    }

    /// What people call it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Part::Code => "compiled code",
            Part::Units => "fetched units",
            Part::Builds => "units built from source",
            Part::Results => "answers of pure calls",
            Part::Blobs => "large values (blobs)",
        }
    }
}

/// Which parts.
#[derive(Debug, Args)]
pub(crate) struct PartArgs {
    /// Only these: code, units, builds, results, blobs
    #[arg(value_name = "PART", value_enum, hide_possible_values = true)]
    pub(crate) parts: Vec<Part>,
}

/// What is to be done with the cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// List what is kept, the one that was used last first
    #[command(after_help = LS_EXAMPLES)]
    Ls(PartArgs),

    /// Show how much is kept
    #[command(after_help = STATS_EXAMPLES)]
    Stats(PartArgs),

    /// Remove what is of no use any more
    ///
    /// That is: compiled code that another version of Wasmill's engine made or that is damaged, and what killed processes left
    /// behind. With `--older-than` also what was not used for so long, with `--keep` what was not used for longest until the rest
    /// fits, with `--all` everything. Compiled code is made again when it is needed, and units are fetched again. Blobs are values that
    /// documents refer to and nobody else has: they are only removed where `blobs` is named. Exit code 1 where something could
    /// not be removed.
    #[command(after_help = CLEAN_EXAMPLES)]
    Clean(CleanArgs),

    /// Read every byte of all that is kept, and remove what is damaged
    ///
    /// A run checks compiled code in full when it is new, has changed or was not checked for a day; this checks all of it now. Units and
    /// blobs are compared with their digests, as at every use. Exit code 0 when everything is as it was written, 1 when something was
    /// damaged (it is removed) or could not be read.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(PartArgs),
}

/// `wasmill cache clean`
#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    #[command(flatten)]
    pub(crate) parts: PartArgs,

    /// Also what was not used for so long: 12h, 30d
    #[arg(long, value_name = "DURATION", value_parser = wasmill_manifest::parse_duration)]
    pub(crate) older_than: Option<Duration>,

    /// Also what was not used for longest, until at most so much is left in each folder: 500MiB
    #[arg(long, value_name = "SIZE", value_parser = wasmill_manifest::parse_size)]
    pub(crate) keep: Option<u64>,

    /// Everything
    #[arg(long, conflicts_with_all = ["older_than", "keep"])]
    pub(crate) all: bool,
}

pub(super) const CACHE_EXAMPLES: &str = "\
Examples:
  wasmill cache ls
  wasmill cache stats --output json | jq .bytes
  wasmill cache clean --older-than 30d
  wasmill cache clean blobs --older-than 7d
  wasmill cache verify

With --output json: one object for each of them; `wasmill cache ls --help` and so on say what is in it.";

const LS_EXAMPLES: &str = "\
Examples:
  wasmill cache ls
  wasmill cache ls blobs
  wasmill cache ls --output json | jq -r '.entries[] | select(.size > 1000000) | .unit'

With --output json: {\"wasmill\": 1, \"folder\", \"entries\": [{\"name\", \"size\", \"age_s\", \"unused_s\", \"unit\", \"kind\", \"profile\",
\"wasmtime\"}, …], \"units\": {\"folder\", \"entries\": [{\"digest\", \"size\", \"unused_s\"}, …]}, \"blobs\": like units}; the last four
are left out where the entry does not say what it is.";

const STATS_EXAMPLES: &str = "\
Examples:
  wasmill cache stats
  wasmill cache stats --output json | jq .bytes

With --output json: {\"wasmill\": 1, \"folder\", \"entries\", \"modules\", \"components\", \"unknown\", \"bytes\", \"capacity\",
\"units\": {\"folder\", \"entries\", \"bytes\", \"capacity\"}, \"blobs\": {\"folder\", \"entries\", \"bytes\"}}.";

const CLEAN_EXAMPLES: &str = "\
Examples:
  wasmill cache clean
  wasmill cache clean --older-than 30d
  wasmill cache clean --all
  wasmill cache clean blobs --keep 10GiB

With --output json: {\"wasmill\": 1, \"folder\", \"removed\", \"bytes\", \"stuck\", \"leftovers\"}, the same in \"units\" and \"blobs\".";

const VERIFY_EXAMPLES: &str = "\
Examples:
  wasmill cache verify
  wasmill cache verify --output json | jq .ok

With --output json: {\"wasmill\": 1, \"folder\", \"ok\", \"good\", \"bytes\", \"damaged\": [{\"name\", \"unit\"}, …], \"outdated\",
\"stuck\": [name, …], \"unreadable\": [name, …], \"leftovers\"}, the same in \"units\" and \"blobs\"; \"ok\" is of all of them.";

/// `wasmill doctor`
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Put right what is safe to put right, first
    ///
    /// Makes the folder of compiled code, takes the rights of others to it and to those of units and blobs away, and removes what is
    /// damaged in them and what killed processes left. Nothing outside of these folders is changed.
    #[arg(long)]
    pub(crate) fix: bool,
}

pub(super) const DOCTOR_EXAMPLES: &str = "\
Examples:
  wasmill doctor
  wasmill doctor --fix
  wasmill doctor --output json | jq '.checks[] | select(.status != \"ok\")'

Exit code 0 where nothing is an error; a warning is something that Wasmill can do without.

With --output json: {\"wasmill\": 1, \"status\": \"ok\" | \"warning\" | \"error\", \"fixed\": [text, …],
\"checks\": [{\"topic\", \"name\", \"status\", \"found\", \"remedy\"}, …]}.";
