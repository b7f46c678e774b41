//! What the plan knows of each step besides who waits for whom.

use wasmill_model::{OnFailure, Retry, Schedule, Strategy, VerdictKind, VerdictSet};

use crate::StepIndex;

/// How a plan goes about it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOptions {
    /// The most calls at once; 0 counts as 1.
    pub max_concurrency: u32,
    /// In which order ready steps start.
    pub strategy: Strategy,
    /// What a failed step means for the others.
    pub on_failure: OnFailure,
    /// What chance is taken from: the same seed gives the same delays.
    pub seed: u64,
    /// The rules of each step; steps beyond the end have none.
    pub rules: Vec<StepRules>,
    /// For each group of steps ([`StepRules::group`]) the most of its calls at once; 0 counts as 1.
    pub groups: Vec<u32>,
}

impl Default for PlanOptions {
    fn default() -> Self {
        let Schedule { strategy, max_concurrency, .. } = Schedule::default();
        PlanOptions {
            max_concurrency,
            strategy,
            on_failure: OnFailure::default(),
            seed: 0,
            rules: Vec::new(),
            groups: Vec::new(),
        }
    }
}

/// The rules of one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepRules {
    /// Whether the driver has to look before it starts: it has a condition, or items.
    pub opens: bool,
    /// The most of its items that are under way at once; none means: as many as the plan allows.
    pub max_parallel: Option<u32>,
    /// When a call is made again.
    pub retry: Retry,
    /// What takes the place of a call that failed for good; the first that answers its verdict.
    pub fallback: Vec<FallbackRule>,
    /// The group whose calls are counted together.
    pub group: Option<u32>,
    /// Steps that it waits for, and that may have failed or been skipped: its own condition looks at them.
    pub tolerates: Vec<StepIndex>,
    /// The step whose output is its items, one by one while that step runs ([`Event::Arrived`](crate::Event::Arrived)). That one is called
    /// once, and never again: what it gave would have to be taken back.
    pub streams_from: Option<StepIndex>,
    /// The step in whose place it runs: only if that one fails with a [`FallbackKind::Step`] to this one.
    pub stands_in_for: Option<StepIndex>,
    /// Steps that it waits for only because they may run in the place of one that it reads.
    pub stand_ins: Vec<StepIndex>,
}

/// One fallback of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FallbackRule {
    /// The verdicts that it answers.
    pub on: VerdictSet,
    /// What it is.
    pub kind: FallbackKind,
}

/// What takes the place of a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackKind {
    /// Something that the driver does: another unit, or a value.
    Call,
    /// The output of this step.
    Step(StepIndex),
}

impl StepRules {
    /// The first fallback that answers this verdict, with its place.
    pub(crate) fn fallback(&self, verdict: VerdictKind) -> Option<(u32, FallbackKind)> {
        (0..).zip(&self.fallback).find(|(_, rule)| rule.on.contains(verdict)).map(|(place, rule)| (place, rule.kind))
    }

    /// The step that takes the place of one that fails as a whole with this verdict.
    pub(crate) fn stand_in(&self, verdict: VerdictKind) -> Option<StepIndex> {
        self.fallback.iter().filter(|rule| rule.on.contains(verdict)).find_map(|rule| match rule.kind {
            FallbackKind::Step(other) => Some(other),
            FallbackKind::Call => None,
        })
    }
}

/// 64 bits of chance for one delay: the same in every run with the same seed (splitmix64).
pub(crate) fn chance(seed: u64, step: StepIndex, item: u32, attempt: u32) -> u64 {
    let mix = |mut bits: u64| {
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let place = u64::from(step.number()) << 32 | u64::from(item);
    [place, u64::from(attempt)].iter().fold(mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)), |bits, part| {
        mix(bits.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ mix(*part))
    })
}
