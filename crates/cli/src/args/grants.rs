//! `--env`, `--dir`, `--net`, `--clock`, `--random`: what the unit of a `call` may do. In a pipeline, each step says it itself.

use clap::{Args, ValueEnum};
use wasmill_model::{NetGrant, Source};

/// Grants of the one unit.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Grants (nothing else is granted)")]
pub(crate) struct GrantArgs {
    /// An environment variable that the unit sees; it sees no other
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,

    /// A folder that the unit sees: `HOST[:GUEST[:rw]]`
    ///
    /// GUEST is where the unit sees it, an absolute path; without it `./data` is seen as `/data`, and `.` as `/`. The folder can
    /// be read only, unless `:rw` says otherwise.
    #[arg(long, value_name = "HOST[:GUEST[:rw]]")]
    pub(crate) dir: Vec<String>,

    /// A host and port that the unit may connect to: `api.example.com:443`
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) net: Vec<NetGrant>,

    /// The clock that the unit reads: `virtual`, the same in every run, or `real`
    #[arg(long, value_name = "SOURCE", value_enum, default_value_t = Origin::Virtual, hide_possible_values = true)]
    pub(crate) clock: Origin,

    /// The unit's source of randomness: `virtual`, the same in every run, or `real`
    #[arg(long, value_name = "SOURCE", value_enum, default_value_t = Origin::Virtual, hide_possible_values = true)]
    pub(crate) random: Origin,
}

/// Where a clock or randomness comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Origin {
    /// The same in every run.
    Virtual,
    /// The machine's own.
    Real,
}

impl From<Origin> for Source {
    fn from(from: Origin) -> Self {
        match from {
            Origin::Virtual => Source::Virtual,
            Origin::Real => Source::Real,
        }
    }
}
