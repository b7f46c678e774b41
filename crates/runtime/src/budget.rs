//! What a run used, against what it may.

use wasmill_model::{Receipt, RunDocument, StepReport};

/// The fuel of all attempts that count, those of pipelines that were called too; none where one was not metered. An attempt that the clock
/// ended, or that another run made (`kept_from`), counts with what its receipt says.
pub fn fuel_used(document: &RunDocument) -> Option<u64> {
    document.steps.values().try_fold(0_u64, |sum, report| Some(sum.saturating_add(of_step(report)?)))
}

/// The same of one step.
pub(crate) fn of_step(report: &StepReport) -> Option<u64> {
    let attempts = report.attempts.iter().map(of_attempt);
    let runs = report.runs.iter().map(|run| fuel_used(&run.document));
    attempts.chain(runs).try_fold(0_u64, |sum, fuel| Some(sum.saturating_add(fuel?)))
}

fn of_attempt(receipt: &Receipt) -> Option<u64> {
    use wasmill_model::VerdictKind::{
        Cancelled, Denied, EngineUnavailable, HostError, InvalidInput, InvalidUnit, TimedOut,
    };
    // Where the clock stopped it, nobody knows, and each run of it would say something else; and where nothing of it ran, there is nothing.
    let is_nothing = matches!(
        receipt.verdict.kind(),
        TimedOut | Cancelled | Denied | EngineUnavailable | HostError | InvalidInput | InvalidUnit
    );
    receipt.usage.fuel.or(is_nothing.then_some(0))
}
