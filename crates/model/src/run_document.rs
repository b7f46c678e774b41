//! The run document: what `run --output json` prints, and what every store keeps.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};

use crate::blob::Detaching;
use crate::{Blob, Code, ExitCode, Object, Receipt, Value, Verdict, VerdictKind};

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
    /// What it found out about its input, where that is what it does.
    pub metadata: Option<Value>,
    /// What took the place of its unit: `value`, `unit spare`, `step other`.
    pub fallback: Option<Arc<str>>,
    /// Its attempts, in order: item by item.
    pub attempts: Vec<Receipt>,
}

impl StepReport {
    /// A step that ended before its unit was called.
    pub fn without_attempt(verdict: Verdict) -> Self {
        StepReport { verdict, output: None, metadata: None, fallback: None, attempts: Vec::new() }
    }
}

impl Serialize for StepReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a> {
            verdict: VerdictKind,
            #[serde(skip_serializing_if = "Option::is_none")]
            output: Option<&'a Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            metadata: Option<&'a Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            fallback: Option<&'a str>,
            attempts: &'a [Receipt],
            /// Only where no attempt says it.
            #[serde(skip_serializing_if = "Option::is_none")]
            message: Option<String>,
        }
        let said = self.attempts.iter().any(|attempt| attempt.verdict == self.verdict);
        Shape {
            verdict: self.verdict.kind(),
            output: self.output.as_ref(),
            metadata: self.metadata.as_ref(),
            fallback: self.fallback.as_deref(),
            attempts: &self.attempts,
            message: (!said && !self.verdict.is_ok()).then(|| self.verdict.message()),
        }
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
    /// Every step, in the order of the file. In a run that fails these are the steps that would have run one at a time, up to the failure:
    /// the same in every run.
    pub steps: IndexMap<Arc<str>, StepReport>,
    /// The attempts of steps and items that ran besides, and do not count.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub discarded: IndexMap<Arc<str>, Vec<Receipt>>,
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

    /// Takes values of more than `threshold` bytes out of the outputs of the run and its steps, and puts references in their places
    /// (`{"$blob": …}`); members of objects that could be taken for references are escaped. Do this once, before the document is written
    /// as JSON: [`attach_blobs`](crate::attach_blobs) is the way back.
    ///
    /// `keep` is given each blob, and says whether its contents are kept. The first one that is not stays where it is, like all that
    /// would come after it. A value that several steps hand on is given once, if they share it.
    pub fn detach_blobs(&mut self, threshold: usize, keep: &mut dyn FnMut(&Blob) -> bool) {
        let mut detaching = Detaching::new(threshold, keep);
        let of_steps = self.steps.values_mut().flat_map(|report| [&mut report.output, &mut report.metadata]).flatten();
        for value in self.outputs.values_mut().chain(of_steps) {
            detaching.detach(value);
        }
    }
}
