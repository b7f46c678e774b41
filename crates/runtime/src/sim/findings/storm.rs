//! Retries that come back together: whoever failed under many calls gets all of them again at one moment.

use std::time::Duration;

use indexmap::IndexMap;
use wasmill_model::{Jitter, format_duration};

use crate::sim::report::{Finding, FindingKind, Reproduce};
use crate::sim::{Prepared, Ran};

/// Fewer retries at a moment are no storm.
const FEWEST: usize = 8;

/// The storms of all runs, by step.
#[derive(Default)]
pub(super) struct Storms(IndexMap<String, (u64, Peak)>);

/// The moment at which the most retries of a step began.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Peak {
    /// So many of them.
    pub(in crate::sim) retries: usize,
    /// Within this time: a tenth of the wait.
    pub(in crate::sim) window: Duration,
    /// Of so many in the whole run.
    pub(in crate::sim) of: usize,
    pub(in crate::sim) reproduce: Reproduce,
}

impl Peak {
    /// Retries in a second.
    pub(in crate::sim) fn rate(&self) -> f64 {
        self.retries as f64 / self.window.as_secs_f64()
    }

    /// Whether chance would have spread them.
    fn is_storm(&self) -> bool {
        self.retries >= FEWEST && self.retries * 2 > self.of
    }

    /// Of a step in one run; none where nothing was tried again.
    pub(in crate::sim) fn of(ran: &Ran, prepared: &Prepared, step: &str) -> Option<Self> {
        let retry = prepared.steps.get(step)?.retry;
        let window = (retry.initial / 10).clamp(Duration::from_millis(1), Duration::from_secs(1));
        let calls = ran.trace.calls.iter().filter(|call| !call.is_fallback && ran.trace.step(call) == step);
        // Those that wait for the second attempt; the third ones wait longer, and for others.
        let mut again: Vec<Duration> = calls.filter(|call| call.attempt == 2).map(|call| call.began).collect();
        again.sort_unstable();
        let (retries, at) = busiest(&again, window)?;
        let shows = format!(
            "{retries} attempts of `{step}` begin within {} from {}",
            format_duration(window),
            format_duration(at)
        );
        Some(Peak { retries, window, of: again.len(), reproduce: ran.reproduce(shows) })
    }
}

/// What was tried with a run that shows a storm.
pub(in crate::sim) struct Tried {
    pub(in crate::sim) step: String,
    /// Its peak with full jitter, where that is lower.
    pub(in crate::sim) calm: Option<Peak>,
    /// The calls of the step in a second where none of them fails.
    pub(in crate::sim) usual: Option<f64>,
}

/// The calls of a step in a second, from the first to the end of the last.
pub(in crate::sim) fn rate(ran: &Ran, step: &str) -> Option<f64> {
    let calls = || ran.trace.calls.iter().filter(|call| ran.trace.step(call) == step);
    let first = calls().map(|call| call.began).min()?;
    let last = calls().filter_map(|call| call.ended).map(|(at, ..)| at).max()?;
    let took = last.saturating_sub(first);
    (!took.is_zero()).then(|| calls().count() as f64 / took.as_secs_f64())
}

/// The most of these times that are within one window, and when that begins.
fn busiest(times: &[Duration], window: Duration) -> Option<(usize, Duration)> {
    let mut end = 0;
    let mut most: Option<(usize, Duration)> = None;
    for (start, from) in times.iter().enumerate() {
        while times.get(end).is_some_and(|time| *time <= *from + window) {
            end += 1;
        }
        if most.is_none_or(|(count, _)| end - start > count) {
            most = Some((end - start, *from));
        }
    }
    most
}

impl Storms {
    pub(super) fn look(&mut self, ran: &Ran, prepared: &Prepared) {
        let retried = ran.trace.calls.iter().filter(|call| call.attempt == 2 && !call.is_fallback);
        let mut steps: Vec<&str> = retried.map(|call| ran.trace.step(call)).collect();
        if steps.len() < FEWEST {
            return;
        }
        steps.sort_unstable();
        steps.dedup();
        for step in steps {
            let Some(peak) = Peak::of(ran, prepared, step).filter(Peak::is_storm) else { continue };
            match self.0.get_mut(step) {
                Some((runs, worst)) => {
                    *runs += 1;
                    if peak.retries > worst.retries {
                        *worst = peak;
                    }
                }
                None => drop(self.0.insert(step.to_owned(), (1, peak))),
            }
        }
    }

    pub(super) fn worst(&self) -> impl Iterator<Item = (&str, &Peak)> {
        self.0.iter().map(|(step, (_, peak))| (step.as_str(), peak))
    }

    pub(super) fn finish(self, prepared: &Prepared, tried: &[Tried]) -> Vec<Finding> {
        self.0.into_iter().map(|(step, (runs, peak))| finding(step, runs, peak, prepared, tried)).collect()
    }
}

fn finding(step: String, runs: u64, peak: Peak, prepared: &Prepared, tried: &[Tried]) -> Finding {
    let retry = prepared.steps.get(step.as_str()).map(|facts| facts.retry).unwrap_or_default();
    let tried = tried.iter().find(|tried| tried.step == step);
    let why = match retry.jitter {
        Jitter::None => "all of them wait exactly as long",
        Jitter::Full => "what chance takes from their waits is too little to part them",
    };
    let window = format_duration(peak.window);
    let usual = tried.and_then(|tried| tried.usual);
    let usual = usual.map(|usual| format!(", where {usual:.0}/s are usual without failures")).unwrap_or_default();
    let (count, of, rate) = (peak.retries, peak.of, peak.rate());
    let message =
        format!("{count} of the {of} second attempts of `{step}` begin within {window} ({rate:.0}/s{usual}): {why}");
    let calm = tried.and_then(|tried| tried.calm.as_ref());
    let calm = calm.map(|calm| {
        format!(", with which it would be {} at most in the same run ({:.0}/s)", calm.retries, calm.rate())
    });
    let help = match retry.jitter {
        Jitter::None => format!(
            "write `jitter: full` in the `retry` of `{step}`{}; `max_parallel` or `concurrency` bounds how many there are",
            calm.unwrap_or_default()
        ),
        Jitter::Full => format!(
            "raise `initial` in the `retry` of `{step}`, or bound how many there are with `max_parallel` or `concurrency`"
        ),
    };
    let (kind, reproduce) = (FindingKind::RetryStorm, vec![peak.reproduce]);
    Finding { kind, steps: vec![step], message, help, runs, reproduce, location: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_moment_is_found() {
        let times = [1, 5, 6, 7, 20, 21].map(Duration::from_millis);
        assert_eq!(busiest(&times, Duration::from_millis(2)), Some((3, Duration::from_millis(5))));
        assert_eq!(busiest(&times, Duration::from_millis(100)), Some((6, Duration::from_millis(1))));
        assert_eq!(busiest(&[], Duration::from_millis(2)), None);
    }
}
