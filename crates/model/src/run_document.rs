//! The run document: what `run --output json` prints, and what every store keeps.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};

use crate::{Code, ExitCode, Object, Receipt, Value, Verdict, VerdictKind};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunVerdict {
    /// Every step that the outputs need succeeded.
    Ok,
    /// A step failed.
    Failed,
    /// The run was cancelled.
    Cancelled,
}

/// What became of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// How it ended.
    pub verdict: Verdict,
    /// Its output, where it has one.
    pub output: Option<Value>,
    /// Its attempts, in order.
    pub attempts: Vec<Receipt>,
}

impl Serialize for StepReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a> {
            verdict: VerdictKind,
            #[serde(skip_serializing_if = "Option::is_none")]
            output: Option<&'a Value>,
            attempts: &'a [Receipt],
            /// Only where there is no attempt that could say it.
            #[serde(skip_serializing_if = "Option::is_none")]
            message: Option<String>,
        }
        let message = (self.attempts.is_empty() && !self.verdict.is_ok()).then(|| self.verdict.message());
        Shape { verdict: self.verdict.kind(), output: self.output.as_ref(), attempts: &self.attempts, message }
            .serialize(serializer)
    }
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunError {
    /// The stable code, `WM0602`.
    pub code: Code,
    /// What happened, with the step's name.
    pub message: String,
    /// The step, where it is one step's failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Arc<str>>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The kind of the verdict that ended the run; it decides the exit code.
    #[serde(skip)]
    pub verdict: VerdictKind,
}

/// The whole of a run, as documents show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunDocument {
    /// The version of this shape: 1.
    pub wasmill: u32,
    /// The run's id.
    pub run: Arc<str>,
    /// The pipeline's name.
    pub pipeline: Arc<str>,
    /// How it ended.
    pub verdict: RunVerdict,
    /// The outputs; empty where the run failed.
    pub outputs: Object,
    /// Every step, in the order of the file.
    pub steps: IndexMap<Arc<str>, StepReport>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
}

impl RunDocument {
    /// How the process ends that ran this.
    pub fn exit_code(&self) -> ExitCode {
        match (self.verdict, &self.error) {
            (RunVerdict::Ok, _) => ExitCode::Success,
            (RunVerdict::Cancelled, _) => ExitCode::Cancelled,
            (RunVerdict::Failed, Some(error)) => error.verdict.exit_code(),
            (RunVerdict::Failed, None) => ExitCode::Failed,
        }
    }
}
