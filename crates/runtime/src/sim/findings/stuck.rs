//! Retries that cannot help: the wait is longer than the time that is left, or the call can only give the same again.

use std::collections::HashMap;
use std::time::Duration;

use indexmap::IndexMap;
use wasmill_model::{Jitter, VerdictKind, VerdictSet, format_duration};

use crate::sim::prepare::said;
use crate::sim::report::{Finding, FindingKind, Reproduce};
use crate::sim::trace::Call;
use crate::sim::{Prepared, Ran};

/// What a pure call gives again, whenever it is made again.
const SAME_AGAIN: VerdictSet = VerdictSet::of(&[
    VerdictKind::GuestError,
    VerdictKind::Trap,
    VerdictKind::FuelExhausted,
    VerdictKind::MemoryExceeded,
    VerdictKind::OutputExceeded,
    VerdictKind::LogExceeded,
    VerdictKind::InvalidInput,
    VerdictKind::InvalidUnit,
    VerdictKind::Denied,
]);

/// By step and what is wrong.
#[derive(Default)]
pub(super) struct StuckRetries {
    found: IndexMap<(String, Why), Stuck>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Why {
    /// The step's time is over before the wait is.
    Step,
    /// The run's time is.
    Run,
    /// It is pure.
    Permanent,
}

struct Stuck {
    runs: u64,
    /// The run that was counted last.
    counted: (u64, wasmill_model::Strategy),
    verdict: VerdictKind,
    attempt: u32,
    /// When the attempt before it had failed, and when its time was over.
    times: (Duration, Duration),
    reproduce: Reproduce,
}

impl StuckRetries {
    pub(super) fn look(&mut self, ran: &Ran, prepared: &Prepared) {
        let failed = |call: &&Call| matches!(call.ended, Some((_, verdict, _)) if verdict != VerdictKind::Ok);
        if !ran.trace.calls.iter().any(|call| failed(&call)) {
            return;
        }
        // The last attempt of each call.
        let mut last: HashMap<(usize, Option<u32>), &Call> = HashMap::new();
        for call in ran.trace.calls.iter().filter(|call| !call.is_fallback) {
            let key = (call.path, call.item);
            if let Some(before) = last.insert(key, call) {
                self.again(ran, prepared, before, call);
            }
        }
        let mut ends: Vec<&Call> = last.into_values().filter(|call| failed(call)).collect();
        // The same order whatever the map's was.
        ends.sort_unstable_by_key(|call| (call.began, call.path, call.item));
        for call in ends {
            self.cut(ran, prepared, call);
        }
    }

    /// A call that was made again.
    fn again(&mut self, ran: &Ran, prepared: &Prepared, before: &Call, call: &Call) {
        let step = ran.trace.step(call);
        let Some((at, verdict, _)) = before.ended else { return };
        if prepared.steps.get(step).is_some_and(|facts| facts.is_pure) && SAME_AGAIN.contains(verdict) {
            self.note(ran, step, Why::Permanent, verdict, call.attempt, (at, call.began));
        }
    }

    /// A call that failed and was not made again: was it waiting when its time was over?
    fn cut(&mut self, ran: &Ran, prepared: &Prepared, call: &Call) {
        let step = ran.trace.step(call);
        let (Some(facts), Some((at, verdict, _))) = (prepared.steps.get(step), call.ended) else { return };
        let retry = facts.retry;
        if call.attempt >= retry.attempts || !retry.on.contains(verdict) {
            return;
        }
        let span = ran.trace.paths.get(call.path).map(|path| path.span).unwrap_or_default();
        let step_end = span.began.zip(facts.timeout).map(|(began, timeout)| (Why::Step, began + timeout));
        let run_end = prepared.timeout.map(|timeout| (Why::Run, timeout));
        let was_over = match span.ended {
            Some((_, VerdictKind::TimedOut)) => step_end,
            _ if ran.timed_out => run_end,
            // A fallback for `timed-out` hides it.
            Some((ended, _)) => step_end.filter(|(_, end)| *end <= ended),
            None => None,
        };
        let Some((why, over)) = was_over else { return };
        // The longest that the wait could be.
        if at + retry.delay(call.attempt, u64::MAX) > over {
            self.note(ran, step, why, verdict, call.attempt + 1, (at, over));
        }
    }

    fn note(
        &mut self,
        ran: &Ran,
        step: &str,
        why: Why,
        verdict: VerdictKind,
        attempt: u32,
        times: (Duration, Duration),
    ) {
        let this = (ran.seed, ran.strategy);
        let stuck = self.found.entry((step.to_owned(), why)).or_insert_with(|| {
            let shows = match why {
                Why::Permanent => format!("attempt {attempt} of `{step}` after `{verdict}`"),
                Why::Step | Why::Run => format!(
                    "`{step}` waits for attempt {attempt} from {} on, and its time is over at {}",
                    format_duration(times.0),
                    format_duration(times.1)
                ),
            };
            let counted = (ran.seed.wrapping_sub(1), ran.strategy);
            Stuck { runs: 0, counted, verdict, attempt, times, reproduce: ran.reproduce(shows) }
        });
        if stuck.counted != this {
            stuck.counted = this;
            stuck.runs += 1;
        }
    }

    pub(super) fn finish(self, prepared: &Prepared) -> Vec<Finding> {
        let finding = |((step, why), stuck): ((String, Why), Stuck)| {
            let Stuck { runs, verdict, attempt, times, reproduce, .. } = stuck;
            let facts = prepared.steps.get(step.as_str());
            let retry = facts.map(|facts| facts.retry).unwrap_or_default();
            let wait = format_duration(retry.delay(attempt.saturating_sub(1), u64::MAX));
            let wait = if retry.jitter == Jitter::None { wait } else { format!("up to {wait}") };
            let left = format_duration(times.1.saturating_sub(times.0));
            let (message, help) = match why {
                Why::Permanent => (
                    format!(
                        "`{step}` is called again after `{verdict}`, and can only give the same: it is pure, and its input is the same"
                    ),
                    format!(
                        "take `{verdict}` out of `retry: {{ on: … }}` of `{step}`, and answer it with a `fallback` where the run should go on"
                    ),
                ),
                Why::Step => (
                    format!(
                        "`{step}` waits {wait} for attempt {attempt} when {left} are left of its `timeout` ({}): the attempt never begins, and the time is spent waiting",
                        said(facts.and_then(|facts| facts.timeout))
                    ),
                    format!(
                        "raise the `timeout` of `{step}` above all of its waits and attempts, or lower `attempts`, `initial` or `max` in its `retry`"
                    ),
                ),
                Why::Run => (
                    format!(
                        "`{step}` waits {wait} for attempt {attempt} when {left} are left of the run's `timeout` ({}): the attempt never begins, and all that the run did is lost",
                        said(prepared.timeout)
                    ),
                    format!(
                        "raise the pipeline's `timeout`, or lower `attempts`, `initial` or `max` in the `retry` of `{step}`, or give `{step}` a `timeout` of its own"
                    ),
                ),
            };
            Finding {
                kind: FindingKind::StuckRetry,
                steps: vec![step],
                message,
                help,
                runs,
                reproduce: vec![reproduce],
                location: None,
            }
        };
        self.found.into_iter().map(finding).collect()
    }
}
