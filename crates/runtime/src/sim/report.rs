//! What a simulation says in the end.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use wasmill_model::{Location, RunVerdict, Strategy};

/// What was found in many simulated runs. What goes into JSON is said in `docs/sim.md`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SimReport {
    /// The pipeline's name.
    pub pipeline: String,
    /// The first seed.
    pub first_seed: u64,
    /// How many seeds there were, each under every strategy.
    pub seeds: u64,
    /// How many runs there were in all.
    pub runs: u64,
    /// How long the runs took, on their own clock.
    pub makespan: Makespan,
    /// The same for each strategy, and how the runs ended.
    pub strategies: IndexMap<&'static str, StrategyReport>,
    /// What is wrong; nothing where it is empty.
    pub findings: Vec<Finding>,
    /// What the simulation could not look at, or what is worth knowing and no fault.
    pub notes: Vec<String>,
}

/// How long runs took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Makespan {
    /// Half of the runs took no longer.
    #[serde(serialize_with = "microseconds", rename = "median_us")]
    pub median: Duration,
    /// 19 of 20 runs took no longer.
    #[serde(serialize_with = "microseconds", rename = "p95_us")]
    pub p95: Duration,
    /// The longest one.
    #[serde(serialize_with = "microseconds", rename = "longest_us")]
    pub longest: Duration,
}

impl Makespan {
    /// Of these times.
    pub(super) fn of(times: &mut [Duration]) -> Self {
        times.sort_unstable();
        // The nearest rank.
        let at =
            |part: usize| times.get((times.len() * part).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default();
        Makespan { median: at(50), p95: at(95), longest: at(100) }
    }
}

/// The runs under one strategy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StrategyReport {
    /// How many succeeded.
    pub ok: u64,
    /// How many failed.
    pub failed: u64,
    /// How long they took.
    #[serde(flatten)]
    pub makespan: Makespan,
}

impl StrategyReport {
    pub(super) fn add(&mut self, verdict: RunVerdict) {
        match verdict {
            RunVerdict::Ok => self.ok += 1,
            RunVerdict::Failed | RunVerdict::Cancelled => self.failed += 1,
        }
    }
}

/// Something that is wrong with a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// The steps that it is about; of a pipeline that a step calls `outer/inner`.
    pub steps: Vec<String>,
    /// What is wrong.
    pub message: String,
    /// What would help.
    pub help: String,
    /// In how many runs it was seen.
    pub runs: u64,
    /// Runs that show it.
    pub reproduce: Vec<Reproduce>,
    /// Where the first of the steps stands.
    #[serde(skip)]
    pub location: Option<Location>,
}

/// A run that shows something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reproduce {
    /// Its seed.
    pub seed: u64,
    /// Its strategy.
    pub strategy: Strategy,
    /// What it shows.
    pub shows: String,
}

/// What can be wrong with a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The result is not the same in every order: time decides.
    OrderChangesResult,
    /// Steps use the same folder, one of them to write, and nothing says which comes first.
    SharedFolder,
    /// Many attempts come back at the same moment.
    RetryStorm,
    /// A retry that cannot help: it would begin too late, or the same call gives the same again.
    StuckRetry,
    /// A host that died changed the result.
    CrashChangesResult,
    /// A host that died made a step do twice what can be seen outside.
    EffectTwice,
    /// The run waits for what never comes.
    NeverEnds,
}

impl FindingKind {
    /// The name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            FindingKind::OrderChangesResult => "order-changes-result",
            FindingKind::SharedFolder => "shared-folder",
            FindingKind::RetryStorm => "retry-storm",
            FindingKind::StuckRetry => "stuck-retry",
            FindingKind::CrashChangesResult => "crash-changes-result",
            FindingKind::EffectTwice => "effect-twice",
            FindingKind::NeverEnds => "never-ends",
        }
    }
}

pub(super) fn microseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were() {
        let mut times: Vec<Duration> = (1..=20).rev().map(Duration::from_secs).collect();
        let of = Makespan::of(&mut times);
        assert_eq!([of.median, of.p95, of.longest].map(|time| time.as_secs()), [10, 19, 20]);
        assert_eq!(Makespan::of(&mut [Duration::from_secs(3)]).p95.as_secs(), 3);
        assert_eq!(Makespan::of(&mut []), Makespan::default());
    }
}
