//! `wasmill cache` and `wasmill doctor`: looking after an installation.

use std::time::Duration;

use clap::{Args, Subcommand};

/// `wasmill cache`
#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) command: CacheCommand,
}

/// What is to be done with the cache.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// List what is kept, the one that was used last first
    #[command(after_help = LS_EXAMPLES)]
    Ls,

    /// Show how much is kept
    #[command(after_help = STATS_EXAMPLES)]
    Stats,

    /// Remove what is of no use any more
    ///
    /// That is: entries that another version of Wasmill's engine made or that are damaged, and what killed processes left behind.
    /// With `--older-than` also entries that were not used for so long; with `--all` every entry. What is removed is compiled
    /// again when it is needed. Exit code 1 where an entry could not be removed.
    #[command(after_help = CLEAN_EXAMPLES)]
    Clean(CleanArgs),

    /// Read every byte of every entry, and remove those that are damaged
    ///
    /// A run checks an entry in full when it is new, has changed or was not checked for a day; this checks all of them now.
    /// Exit code 0 when every entry is as it was written, 1 when one was damaged (it is removed) or could not be read.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify,
}

/// `wasmill cache clean`
#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    /// Also entries that were not used for so long: 12h, 30d
    #[arg(long, value_name = "DURATION", value_parser = wasmill_manifest::parse_duration)]
    pub(crate) older_than: Option<Duration>,

    /// Every entry
    #[arg(long, conflicts_with = "older_than")]
    pub(crate) all: bool,
}

pub(super) const CACHE_EXAMPLES: &str = "\
Examples:
  wasmill cache ls
  wasmill cache stats --output json | jq .bytes
  wasmill cache clean --older-than 30d
  wasmill cache verify

With --output json: one object for each of them; `wasmill cache ls --help` and so on say what is in it.";

const LS_EXAMPLES: &str = "\
Examples:
  wasmill cache ls
  wasmill cache ls --output json | jq -r '.entries[] | select(.size > 1000000) | .unit'

With --output json: {\"wasmill\": 1, \"folder\", \"entries\": [{\"name\", \"size\", \"age_s\", \"unused_s\", \"unit\", \"kind\", \"profile\",
\"wasmtime\"}, …]}; the last four are left out where the entry does not say what it is.";

const STATS_EXAMPLES: &str = "\
Examples:
  wasmill cache stats
  wasmill cache stats --output json | jq .bytes

With --output json: {\"wasmill\": 1, \"folder\", \"entries\", \"modules\", \"components\", \"unknown\", \"bytes\", \"capacity\"}.";

const CLEAN_EXAMPLES: &str = "\
Examples:
  wasmill cache clean
  wasmill cache clean --older-than 30d
  wasmill cache clean --all

With --output json: {\"wasmill\": 1, \"folder\", \"removed\", \"bytes\", \"stuck\", \"leftovers\"}.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  wasmill cache verify
  wasmill cache verify --output json | jq .ok

With --output json: {\"wasmill\": 1, \"folder\", \"ok\", \"good\", \"bytes\", \"damaged\": [{\"name\", \"unit\"}, …], \"outdated\",
\"stuck\": [name, …], \"unreadable\": [name, …], \"leftovers\"}.";

/// `wasmill doctor`
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Put right what is safe to put right, first
    ///
    /// Makes the cache's folder, takes the rights of others to it away, and removes damaged entries and what killed processes
    /// left. Nothing outside of that folder is changed.
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
