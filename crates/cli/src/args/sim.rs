//! `wasmill sim`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use wasmill_model::{Strategy, VerdictKind, VerdictSet};
use wasmill_runtime::Inject;

use super::{HostArgs, LimitArgs, SourceArgs};

/// `wasmill sim`
#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// The pipeline: a .yaml, .json or .toml file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// How many seeds; each is one run under every strategy
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: u64,

    /// Make the run of this seed alone, and print what happens when
    #[arg(long, value_name = "SEED", conflicts_with = "seeds")]
    pub(crate) seed: Option<u64>,

    /// Under which strategy that run is [default: the pipeline's]
    #[arg(long, value_name = "STRATEGY", requires = "seed")]
    pub(crate) strategy: Option<StrategyArg>,

    /// Let the first COUNT attempts of a step fail with this verdict: `step=verdict:count`
    ///
    /// Each item of a step with `foreach` by itself. A step of a pipeline that a step calls is `outer/inner`. Verdicts are those of `retry: {
    /// on: … }`: `timed-out`, `guest-error`, … May be given several times.
    #[arg(long, value_name = "STEP=VERDICT:COUNT", value_parser = inject)]
    pub(crate) inject: Vec<Inject>,

    /// Let the host of each run die at a moment that chance chooses, and begin the run anew with what pure steps had given
    ///
    /// The result has to be the same. Steps that did twice what can be seen outside are named.
    #[arg(long)]
    pub(crate) crash_anywhere: bool,

    /// Take the outcomes and the times of calls from this run: what `wasmill run FILE --output json` printed
    ///
    /// A step that it does not have gives what its `simulate: { output: … }` says; or else, where its grants are pure, its unit is called once
    /// for each input. Anything else is an error.
    #[arg(long, value_name = "RUN")]
    pub(crate) from: Option<PathBuf>,

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

/// A strategy by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyArg {
    /// The longest path first.
    WorkQueue,
    /// One level after the other.
    Level,
    /// First come, first served.
    Reactive,
}

impl From<StrategyArg> for Strategy {
    fn from(strategy: StrategyArg) -> Self {
        match strategy {
            StrategyArg::WorkQueue => Strategy::WorkQueue,
            StrategyArg::Level => Strategy::Level,
            StrategyArg::Reactive => Strategy::Reactive,
        }
    }
}

fn inject(text: &str) -> Result<Inject, String> {
    let parts = text.split_once('=').and_then(|(step, rest)| Some((step, rest.rsplit_once(':')?)));
    let Some((step, (verdict, count))) = parts.filter(|(step, _)| !step.is_empty()) else {
        return Err("write `step=verdict:count`: `fetch=timed-out:2`".to_owned());
    };
    let failures = || VerdictSet::FAILURES.iter();
    let Some(found) = failures().find(|kind| kind.as_str() == verdict) else {
        let names: Vec<&str> = failures().map(VerdictKind::as_str).collect();
        return Err(format!("there is no failure `{verdict}`; the failures are {}", names.join(", ")));
    };
    let count = count.parse().ok().filter(|count| *count > 0);
    let count =
        count.ok_or_else(|| format!("the count is a whole number from 1 to {}: `fetch=timed-out:2`", u32::MAX))?;
    Ok(Inject { step: step.to_owned(), verdict: found, count })
}

pub(crate) const SIM_EXAMPLES: &str = "\
Examples:
  wasmill sim pipeline.yaml
  wasmill sim pipeline.yaml --inject fetch=timed-out:2
  wasmill sim pipeline.yaml --seed 17 --strategy level
  wasmill sim pipeline.yaml --crash-anywhere
  wasmill run pipeline.yaml --output json > run.json; wasmill sim pipeline.yaml --from run.json
  wasmill sim pipeline.yaml --output json | jq '.findings[].message'

Exit codes: 0 nothing was found · 1 something was found · 2 manifest, unit or usage invalid · 130 cancelled

With --output json: {\"wasmill\": 1, \"file\", \"pipeline\", \"first_seed\", \"seeds\", \"runs\", \"makespan\": {median_us, p95_us, longest_us},
\"strategies\": {name: {ok, failed, median_us, p95_us, longest_us}}, \"findings\": [{kind, steps, message, help, runs,
\"reproduce\": [{seed, strategy, shows}]}, …], \"notes\": [text]};
with --seed: {\"wasmill\": 1, \"file\", \"seed\", \"strategy\", \"verdict\", \"makespan_us\", \"outputs\",
\"timeline\": [{at_us, what}, …], \"findings\"}.";
