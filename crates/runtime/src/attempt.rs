//! One attempt of one step: its input, the call, its receipt.
//!
//! What an attempt says (verdict, log, backtrace) has its secrets taken out here, before anybody is told: observers, documents and
//! errors are made of reports. What a unit gives as its output is data, and stays as it is.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use wasmill_engine::{Call, Outcome, PreparedUnit};
use wasmill_model::{
    Digest, EngineName, Grants, Interface, Limits, OutputFormat, Profile, Receipt, Secrets, StepReport, Usage, Verdict,
};

use crate::run::Run;
use crate::step_input::StepInput;

/// A step, ready to be called. What its receipts say about it is shared by all of them.
pub(crate) struct LinkedStep {
    pub(crate) id: Arc<str>,
    pub(crate) input: StepInput,
    pub(crate) prepared: Arc<dyn PreparedUnit>,
    pub(crate) unit: Digest,
    pub(crate) interface: Interface,
    pub(crate) function: Option<Arc<str>>,
    pub(crate) engine: EngineName,
    pub(crate) profile: Profile,
    pub(crate) limits: Arc<Limits>,
    pub(crate) grants: Arc<Grants>,
}

/// Makes an attempt. However it ends, panics of the engine included, is in the report; no secret is.
pub(crate) async fn attempt(run: &Run, step: &LinkedStep, attempt: u32) -> StepReport {
    redacted(make(run, step, attempt).await, &run.linked.secrets)
}

/// The report with `[secret]` wherever it said one.
fn redacted(report: StepReport, secrets: &Secrets) -> StepReport {
    if secrets.is_empty() {
        return report;
    }
    let redact = |text: &mut String| *text = secrets.redact(std::mem::take(text));
    let StepReport { verdict, output, mut attempts } = report;
    for receipt in &mut attempts {
        let log = std::mem::take(&mut receipt.log);
        // The limit may have cut the log in the middle of a secret.
        let is_cut = matches!(receipt.verdict, Verdict::LogExceeded { .. });
        receipt.log = if is_cut { secrets.redact_cut(log) } else { secrets.redact(log) };
        receipt.verdict = std::mem::replace(&mut receipt.verdict, Verdict::Ok).map_texts(|text| secrets.redact(text));
        for frame in &mut receipt.backtrace {
            redact(&mut frame.function);
            frame.module.iter_mut().for_each(redact);
            frame.source.iter_mut().for_each(redact);
        }
    }
    StepReport { verdict: verdict.map_texts(|text| secrets.redact(text)), output, attempts }
}

async fn make(run: &Run, step: &LinkedStep, attempt: u32) -> StepReport {
    let evaluated = catch_unwind(AssertUnwindSafe(|| step.input.evaluate(run)));
    let (input, digest) = match evaluated {
        Ok(Ok(evaluated)) => evaluated,
        Ok(Err(message)) => return without_attempt(Verdict::InvalidInput { message }),
        Err(panic) => return without_attempt(host_error("an expression panicked", &*panic)),
    };
    let started = run.clock().now();
    let call = Call { input: &input, limits: &step.limits, cancel: &run.cancel };
    // The call is made within the future, so that a panic while it is made is caught like one while it goes on.
    let outcome = AssertUnwindSafe(async { step.prepared.call(call).await }).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|panic| {
        let wall = run.clock().now().saturating_sub(started);
        Outcome::failed(host_error("the engine panicked", &*panic), Usage { wall, ..Usage::default() })
    });
    report(step, attempt, digest, outcome)
}

fn report(step: &LinkedStep, attempt: u32, input: Digest, outcome: Outcome) -> StepReport {
    let Outcome { mut verdict, mut output, usage, log, backtrace, coredump } = outcome;
    match (&verdict, &output) {
        (Verdict::Ok, None) => {
            verdict = Verdict::HostError { message: "the engine reported success without an output".to_owned() };
        }
        (Verdict::Ok, Some(_)) => {}
        _ => output = None,
    }
    let receipt = Receipt {
        attempt,
        unit: step.unit,
        interface: step.interface,
        function: step.function.clone(),
        engine: step.engine.clone(),
        profile: step.profile,
        limits: step.limits.clone(),
        grants: step.grants.clone(),
        input,
        output: output.as_ref().map(|output| output.digest()),
        usage,
        verdict: verdict.clone(),
        log,
        backtrace,
        coredump,
    };
    StepReport { verdict, output, attempts: vec![receipt] }
}

/// A step that ended before its unit was called.
pub(crate) fn without_attempt(verdict: Verdict) -> StepReport {
    StepReport { verdict, output: None, attempts: Vec::new() }
}

fn host_error(what: &str, panic: &(dyn Any + Send)) -> Verdict {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = match said {
        Some(said) => format!("{what}: {said}"),
        None => what.to_owned(),
    };
    Verdict::HostError { message }
}

/// Makes units out of steps: which of them can share one prepared unit.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct PreparedKey {
    /// By digest, so that the same binary under two names is prepared once.
    pub(crate) unit: Digest,
    pub(crate) function: Option<Arc<str>>,
    pub(crate) output: OutputFormat,
    pub(crate) engine: Arc<str>,
    pub(crate) profile: Profile,
    /// As JSON.
    pub(crate) grants: String,
}
