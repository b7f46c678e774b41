//! Many runs, and what is found in them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use wasmill_model::{Jitter, VerdictSet};

use super::Simulation;
use super::findings::{Findings, Peak, Tried, rate};
use super::outcomes::Outcomes;
use super::prepare;
use super::report::{Finding, Makespan, Reproduce, SimReport, StrategyReport};
use crate::block_on;

/// Is told how many seeds are done, and says whether to go on.
pub type Progress<'a> = dyn FnMut(u64) -> ControlFlow<()> + 'a;

impl Simulation {
    /// Makes the runs of so many seeds from this one on, each under every strategy, and says what is wrong.
    pub fn explore(&self, first_seed: u64, seeds: u64, progress: &mut Progress<'_>) -> SimReport {
        let mut findings = Findings::default();
        let mut times: Vec<(StrategyReport, Vec<Duration>)> = vec![Default::default(); self.linked.len()];
        let mut retried = false;
        let mut done = 0;
        for seed in (0..seeds).map(|seed| first_seed.wrapping_add(seed)) {
            for ((strategy, linked), (report, times)) in self.linked.iter().zip(&mut times) {
                let ran = self.run(seed, *strategy, linked);
                findings.look(&ran, &self.prepared);
                retried |= ran.trace.calls.iter().any(|call| call.attempt > 1);
                report.add(ran.verdict);
                times.push(ran.makespan);
                if self.crash_anywhere {
                    let crashed = self.crash(&ran, linked);
                    findings.look_at_crash(&ran, &crashed, &self.prepared);
                }
            }
            done += 1;
            if progress(done).is_break() {
                break;
            }
        }
        let findings = self.finish(findings);
        let mut all: Vec<Duration> = times.iter().flat_map(|(_, times)| times.iter().copied()).collect();
        let strategies = self.linked.iter().zip(times).map(|((strategy, _), (report, mut times))| {
            (strategy.as_str(), StrategyReport { makespan: Makespan::of(&mut times), ..report })
        });
        let strategies = strategies.collect();
        SimReport {
            pipeline: self.bundle.pipeline.name.to_string(),
            first_seed,
            seeds: done,
            runs: all.len() as u64,
            makespan: Makespan::of(&mut all),
            strategies,
            notes: self.notes(retried),
            findings,
        }
    }

    /// What is wrong, with what would help where that can be tried.
    pub(super) fn finish(&self, findings: Findings) -> Vec<Finding> {
        let tried: Vec<Tried> = findings.storms().map(|(step, peak)| self.tried(step, peak)).collect();
        findings.finish(&self.prepared, &tried)
    }

    /// The same run with full jitter, and without failures.
    fn tried(&self, step: &str, peak: &Peak) -> Tried {
        let Reproduce { seed, strategy, .. } = peak.reproduce;
        let bundle = prepare::changed(&prepare::under(&self.bundle, strategy), &mut |pipeline| {
            pipeline.steps.iter_mut().for_each(|step| step.retry.jitter = Jitter::Full);
        });
        let linked = block_on(crate::link(&self.host, &bundle, &self.overrides)).ok();
        let made = |outcomes: &Arc<Outcomes>| {
            linked.as_ref().map(|linked| self.run_with(seed, strategy, linked, outcomes, None))
        };
        let calm = made(&self.outcomes).and_then(|ran| Peak::of(&ran, &self.prepared, step));
        let well = Arc::new(self.outcomes.without_failures());
        let usual = made(&well).and_then(|ran| rate(&ran, step));
        Tried { step: step.to_owned(), calm: calm.filter(|calm| calm.retries < peak.retries), usual }
    }

    /// What the runs could not show.
    fn notes(&self, retried: bool) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(recorded) = &self.recorded_as {
            let name = &self.bundle.pipeline.name;
            notes.push(format!("the recorded run is one of `{recorded}`, and this pipeline is `{name}`"));
        }
        let retries = self.prepared.steps.iter().filter(|(_, facts)| !facts.retry.is_none());
        let mut retries = retries.filter(|(_, facts)| facts.retry.on != VerdictSet::default());
        if let (Some((step, facts)), false) = (retries.next(), retried) {
            let verdict = facts.retry.on.iter().next().map_or("timed-out", |verdict| verdict.as_str());
            let attempts = facts.retry.attempts;
            notes.push(format!(
                "no call failed, so no retry was looked at: `--inject {step}={verdict}:{attempts}` lets all attempts of `{step}` fail, and `simulate: {{ fails: {{ {verdict}: 0.1 }} }}` in the step some of them"
            ));
        }
        notes
    }
}
