//! The run document: what `run --output json` prints, and what every store keeps.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::blob::Detaching;
use crate::{
    Blob, BlobError, BlobRef, Code, Digest, ExitCode, Object, Receipt, Usage, Value, Verdict, VerdictKind,
    attach_blobs, escaped,
};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Of a step with items that failed: what the items gave that count, null where one gave nothing.
    pub partial: Option<Value>,
    /// What took the place of its unit: `value`, `unit spare`, `step other`.
    pub fallback: Option<Arc<str>>,
    /// Its attempts, in order: item by item.
    pub attempts: Vec<Receipt>,
    /// Where it calls another pipeline: the runs of that, in the same order.
    pub runs: Vec<SubRun>,
}

/// A run of a pipeline that a step calls: an attempt that is a document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubRun {
    /// Which item of the step this was for, from 0, where the step has items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Which try this was, from 1.
    pub attempt: u32,
    /// Digest of its inputs.
    pub input: Digest,
    /// Digest of the object of its outputs, where it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Digest>,
    /// What all of its attempts used: the sums, and of memory the most that one of them had.
    pub usage: Usage,
    /// All of it.
    #[serde(flatten)]
    pub document: RunDocument,
}

impl SubRun {
    /// What it is called in the run that it is part of: `step`, `step[item]`, and `step#2` from the second attempt on.
    pub fn path(step: &str, item: Option<u32>, attempt: u32) -> String {
        let item = item.map(|item| format!("[{item}]")).unwrap_or_default();
        let again = if attempt > 1 { format!("#{attempt}") } else { String::new() };
        format!("{step}{item}{again}")
    }

    /// The receipts of its units by the steps' paths, for whoever keeps no more of it than that.
    pub fn into_receipts(self, step: &str) -> Vec<(Arc<str>, Vec<Receipt>)> {
        let path = SubRun::path(step, self.item, self.attempt);
        let RunDocument { steps, discarded, .. } = self.document;
        let mut all: Vec<(Arc<str>, Vec<Receipt>)> = Vec::new();
        for (id, report) in steps {
            let id: Arc<str> = format!("{path}/{id}").into();
            all.extend(report.runs.into_iter().flat_map(|run| run.into_receipts(&id)));
            all.push((id, report.attempts));
        }
        all.extend(discarded.into_iter().map(|(id, receipts)| (format!("{path}/{id}").into(), receipts)));
        all.retain(|(_, receipts)| !receipts.is_empty());
        all
    }
}

impl StepReport {
    /// A step that ended before its unit was called.
    pub fn without_attempt(verdict: Verdict) -> Self {
        StepReport {
            verdict,
            output: None,
            metadata: None,
            partial: None,
            fallback: None,
            attempts: Vec::new(),
            runs: Vec::new(),
        }
    }
}

impl Serialize for StepReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// What a verdict is, beside its kind.
        struct Members<'a>(&'a Verdict);

        impl Serialize for Members<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut map = serializer.serialize_map(None)?;
                self.0.serialize_members(&mut map)?;
                map.end()
            }
        }

        #[derive(Serialize)]
        struct Shape<'a> {
            verdict: VerdictKind,
            #[serde(skip_serializing_if = "Option::is_none")]
            output: Option<&'a Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            metadata: Option<&'a Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            partial: Option<&'a Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            fallback: Option<&'a str>,
            attempts: &'a [Receipt],
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            runs: &'a [SubRun],
            /// Only where no attempt says it.
            #[serde(flatten)]
            members: Option<Members<'a>>,
        }
        let said = self.attempts.iter().any(|attempt| attempt.verdict == self.verdict);
        Shape {
            verdict: self.verdict.kind(),
            output: self.output.as_ref(),
            metadata: self.metadata.as_ref(),
            partial: self.partial.as_ref(),
            fallback: self.fallback.as_deref(),
            attempts: &self.attempts,
            runs: &self.runs,
            members: (!said).then_some(Members(&self.verdict)),
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// The attempts of steps and items that ran besides, and do not count; those of a pipeline that a step calls by their paths, `step/inner`.
    #[serde(skip_serializing_if = "IndexMap::is_empty", default)]
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
    /// as JSON: [`RunDocument::attach_blobs`] is the way back.
    ///
    /// `keep` is given each blob, and says whether its contents are kept. The first one that is not stays where it is, like all that
    /// would come after it. The same contents are given once, whichever steps gave them.
    pub fn detach_blobs(&mut self, threshold: usize, keep: &mut dyn FnMut(&Blob) -> bool) {
        let mut detaching = Detaching::new(threshold, keep);
        let Ok(()) = self.each_value(&mut |value| {
            detaching.detach(value);
            Ok::<(), Infallible>(())
        });
    }

    /// As [`RunDocument::detach_blobs`], with everything kept in its place.
    #[must_use]
    pub fn escaped(mut self) -> Self {
        let Ok(()) = self.each_value(&mut |value| {
            *value = escaped(value);
            Ok::<(), Infallible>(())
        });
        self
    }

    /// Puts the values back that [`RunDocument::detach_blobs`] took out of a document that was read from JSON since: `fetch` gives their
    /// contents, as for [`attach_blobs`].
    ///
    /// # Errors
    /// Those of [`attach_blobs`], at the first value that cannot be had.
    pub fn attach_blobs(&mut self, fetch: &mut dyn FnMut(&BlobRef) -> Result<Bytes, String>) -> Result<(), BlobError> {
        self.each_value(&mut |value| {
            *value = attach_blobs(value, fetch)?;
            Ok(())
        })
    }

    /// The outputs of the run and its steps, also those of pipelines that were called.
    fn each_value<E>(&mut self, act: &mut dyn FnMut(&mut Value) -> Result<(), E>) -> Result<(), E> {
        self.outputs.values_mut().try_for_each(&mut *act)?;
        for report in self.steps.values_mut() {
            let values = [&mut report.output, &mut report.metadata, &mut report.partial];
            values.into_iter().flatten().try_for_each(&mut *act)?;
            report.runs.iter_mut().try_for_each(|run| run.document.each_value(act))?;
        }
        Ok(())
    }
}
