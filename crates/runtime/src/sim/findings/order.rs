//! Runs that had the same failures by chance, and not the same result: order or time made the difference.

use indexmap::IndexMap;
use wasmill_model::{RunVerdict, VerdictKind};

use crate::sim::report::{Finding, FindingKind, Reproduce};
use crate::sim::trace::{Call, Cause};
use crate::sim::{End, Prepared, Ran};

/// More differences than this are most likely the same few.
const MOST: usize = 10;

/// The results of runs, by what chance alone would make of them.
#[derive(Default)]
pub(super) struct Results {
    fates: IndexMap<u64, IndexMap<u64, Seen>>,
}

/// A result.
struct Seen {
    runs: u64,
    first: Reproduce,
    verdict: RunVerdict,
    ends: Vec<End>,
    /// What time decided.
    clock: Vec<Clock>,
}

/// A time that was over.
#[derive(Clone, PartialEq, Eq)]
enum Clock {
    /// The limit of an attempt of this step.
    Attempt(String),
    /// The time of this step.
    Step(String),
    Run,
}

impl Results {
    pub(super) fn look(&mut self, ran: &Ran, prepared: &Prepared) {
        if ran.is_stuck {
            return;
        }
        let seen = self.fates.entry(ran.fate).or_default().entry(ran.result).or_insert_with(|| Seen {
            runs: 0,
            first: ran.reproduce(""),
            verdict: ran.verdict,
            ends: ran.ends.clone(),
            clock: clock(ran, prepared),
        });
        seen.runs += 1;
    }

    pub(super) fn finish(self, prepared: &Prepared) -> Vec<Finding> {
        let mut found: IndexMap<(usize, VerdictKind, VerdictKind), Finding> = IndexMap::new();
        for results in self.fates.into_values() {
            let mut results: Vec<Seen> = results.into_values().collect();
            results.sort_by_key(|seen| std::cmp::Reverse(seen.runs));
            let Some((usual, others)) = results.split_first() else { continue };
            for other in others {
                let differs = |place: usize| usual.ends.get(place) != other.ends.get(place);
                // The first in the order of one at a time: those behind it may only follow.
                let first = prepared.order.iter().find(|(place, _)| differs(*place));
                let place = first.map_or(usize::MAX, |(place, _)| *place);
                let kind = |seen: &Seen| seen.ends.get(place).map_or(VerdictKind::Skipped, |end| end.verdict);
                let key = (place, kind(usual), kind(other));
                let step = first.map(|(_, step)| &**step);
                let finding = found.entry(key).or_insert_with(|| finding(step, place, usual, other));
                finding.runs += other.runs;
            }
        }
        found.into_values().take(MOST).collect()
    }
}

fn clock(ran: &Ran, prepared: &Prepared) -> Vec<Clock> {
    let mut found = Vec::new();
    if ran.timed_out {
        found.push(Clock::Run);
    }
    for (place, path) in ran.trace.paths.iter().enumerate() {
        let timeout = prepared.steps.get(&path.plain).and_then(|facts| facts.timeout);
        let Some((began, timeout)) = path.span.began.zip(timeout) else { continue };
        let over = began + timeout;
        // Also where a fallback hides it: then it is what happens at that moment.
        let at_once = |call: &Call| match call.ended {
            Some((at, _, Cause::Told)) => at == over,
            _ => call.is_fallback && call.began == over,
        };
        let mut calls = ran.trace.calls.iter().filter(|call| call.path == place);
        let ended = path.span.ended;
        let is_over = ended.is_some_and(|(at, verdict)| at == over || verdict == VerdictKind::TimedOut);
        if is_over || calls.any(at_once) {
            found.push(Clock::Step(path.plain.to_string()));
        }
    }
    for call in &ran.trace.calls {
        if let Some((_, _, Cause::Limit)) = call.ended {
            let attempt = Clock::Attempt(ran.trace.step(call).to_owned());
            // An attempt that took too long is why the step did.
            found.retain(|one| !matches!((one, &attempt), (Clock::Step(one), Clock::Attempt(other)) if one == other));
            if !found.contains(&attempt) {
                found.push(attempt);
            }
        }
    }
    found
}

fn words(seen: &Seen, place: usize) -> String {
    let run = if seen.verdict == RunVerdict::Ok { "ok" } else { "failed" };
    match seen.ends.get(place) {
        None => format!("the run is {run}"),
        Some(End { verdict, fallback: Some(fallback), .. }) => format!("`{verdict}` by its fallback ({fallback})"),
        Some(End { verdict, .. }) => format!("`{verdict}`"),
    }
}

fn finding(step: Option<&str>, place: usize, usual: &Seen, other: &Seen) -> Finding {
    let (mut one, mut two) = (words(usual, place), words(other, place));
    if one == two {
        one.push_str(" with one output");
        two.push_str(" with another output");
    }
    let subject = step.map_or_else(|| "the run".to_owned(), |step| format!("the step `{step}`"));
    // What time decided in one of them and not in the other.
    let decided = other.clock.iter().filter(|clock| !usual.clock.contains(clock));
    let decided: Vec<&Clock> = decided.chain(usual.clock.iter().filter(|clock| !other.clock.contains(clock))).collect();
    let about = decided
        .iter()
        .find(|clock| matches!(clock, Clock::Attempt(one) | Clock::Step(one) if Some(one.as_str()) == step));
    let (why, help) = match about.or(decided.first()) {
        Some(Clock::Attempt(step)) => (
            format!(
                "an attempt of `{step}` takes longer than its `limits: {{ timeout: … }}` in one of them and not in the other"
            ),
            format!(
                "raise the limit of `{step}` well above the time that it takes, or try it again (`retry: {{ on: [timed-out] }}`); a fallback for `timed-out` makes the result a matter of time"
            ),
        ),
        Some(Clock::Step(step)) => (
            format!("the `timeout` of `{step}` is over in one of them and not in the other"),
            format!(
                "raise the `timeout` of `{step}` above what all of its attempts and the waits between them can take; a fallback for `timed-out` makes the result a matter of time"
            ),
        ),
        Some(Clock::Run) => (
            "the run's `timeout` is over in one of them and not in the other".to_owned(),
            "raise the pipeline's `timeout`, or give its steps less to do".to_owned(),
        ),
        None => (
            "no failure and no timeout explains it".to_owned(),
            "look at both runs: `--seed` prints what happened when".to_owned(),
        ),
    };
    Finding {
        kind: FindingKind::OrderChangesResult,
        steps: step.map(str::to_owned).into_iter().collect(),
        message: format!("{subject} ends as {one} in some runs and as {two} in others, with the same failures: {why}"),
        help,
        runs: 0,
        reproduce: vec![
            Reproduce { shows: two, ..other.first.clone() },
            Reproduce { shows: one, ..usual.first.clone() },
        ],
        location: None,
    }
}
