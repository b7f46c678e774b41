//! What a run was recorded as: the outcomes and times of its calls, out of a run document.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value as Json;
use wasmill_model::{Limits, SubRun, Value, Verdict, VerdictKind};

use super::outcomes::failure;

/// What became of each call of a run, out of the document that `run --output json` prints.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The name of its pipeline, where the document says it.
    pub(super) pipeline: Option<String>,
    /// By the path of the step and the item: one attempt after the other.
    calls: HashMap<(String, Option<u32>), Vec<RecordedCall>>,
}

/// Puts large values in the places of the references to them.
pub type Attach<'a> = dyn FnMut(&Value) -> Result<Value, String> + 'a;

/// One attempt.
#[derive(Clone, Debug)]
pub(super) struct RecordedCall {
    /// How it failed, and in which words; none where it succeeded.
    failure: Option<(VerdictKind, String)>,
    /// What it gave.
    pub(super) output: Option<Value>,
    pub(super) wall: Duration,
}

impl RecordedCall {
    /// As a verdict under these limits.
    pub(super) fn verdict(&self, limits: &Limits) -> Verdict {
        self.failure.as_ref().map_or(Verdict::Ok, |(kind, said)| failure(*kind, said, limits))
    }
}

impl Recording {
    /// Reads a run document. `attach` puts large values in the places of the references to them
    /// ([`attach_blobs`](wasmill_model::attach_blobs)).
    ///
    /// # Errors
    /// What it is instead, or which value cannot be had.
    pub fn read(document: &Json, attach: &mut Attach<'_>) -> Result<Self, String> {
        if document.get("wasmill") != Some(&Json::from(1)) || !document.get("steps").is_some_and(Json::is_object) {
            return Err("it has no `wasmill: 1` and `steps`: `wasmill run FILE --output json` prints one".to_owned());
        }
        let pipeline = document.get("pipeline").and_then(Json::as_str).map(str::to_owned);
        let mut recording = Recording { pipeline, ..Recording::default() };
        recording.add("", document, attach)?;
        if recording.calls.is_empty() {
            return Err("no step of it was called".to_owned());
        }
        Ok(recording)
    }

    fn add(&mut self, within: &str, document: &Json, attach: &mut Attach<'_>) -> Result<(), String> {
        let steps = document.get("steps").and_then(Json::as_object).into_iter().flatten();
        for (id, report) in steps {
            let path = format!("{within}{id}");
            for receipt in list(report, "attempts") {
                let call = call(&path, report, receipt, attach)?;
                self.calls.entry((path.clone(), number(receipt, "item"))).or_default().push(call);
            }
            for run in list(report, "runs") {
                let attempt = number(run, "attempt").unwrap_or(1);
                let inner = format!("{within}{}/", SubRun::path(id, number(run, "item"), attempt));
                self.add(&inner, run, attach)?;
            }
        }
        Ok(())
    }

    /// What this attempt was; where there were fewer, the last one.
    pub(super) fn call(&self, path: &str, item: Option<u32>, attempt: u32) -> Option<&RecordedCall> {
        let key = (path.to_owned(), item);
        let calls = match self.calls.get(&key) {
            Some(calls) => calls,
            // Of another try of the run that it is part of: as in the first one.
            None => self.calls.get(&(without_attempts(path), item))?,
        };
        calls.get(attempt.saturating_sub(1) as usize).or_else(|| calls.last())
    }

    /// Whether any call of this step, by its name without items and attempts, is there.
    pub(super) fn has(&self, step: &str) -> bool {
        self.calls.keys().any(|(path, _)| super::trace::plain(path) == step)
    }
}

fn without_attempts(path: &str) -> String {
    let parts = path.split('/').map(|part| part.split_once('#').map_or(part, |(before, _)| before));
    parts.collect::<Vec<_>>().join("/")
}

fn list<'a>(value: &'a Json, key: &str) -> &'a [Json] {
    value.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn number(value: &Json, key: &str) -> Option<u32> {
    value.get(key).and_then(Json::as_u64).and_then(|number| u32::try_from(number).ok())
}

fn call(path: &str, report: &Json, receipt: &Json, attach: &mut Attach<'_>) -> Result<RecordedCall, String> {
    let kind = receipt.get("verdict").cloned().unwrap_or_default();
    let kind: VerdictKind =
        serde_json::from_value(kind).map_err(|error| format!("the verdict of `{path}` is unknown: {error}"))?;
    let wall = receipt.get("usage").and_then(|usage| usage.get("wall_us")).and_then(Json::as_u64).unwrap_or_default();
    let said = receipt.get("message").and_then(Json::as_str).unwrap_or("as it was recorded").to_owned();
    let failure = (kind != VerdictKind::Ok).then_some((kind, said));
    let output = if failure.is_some() { None } else { output(path, report, receipt, attach)? };
    Ok(RecordedCall { failure, output, wall: Duration::from_micros(wall) })
}

/// What the call gave: its part of what the step gave. None where that was given by something else.
fn output(path: &str, report: &Json, receipt: &Json, attach: &mut Attach<'_>) -> Result<Option<Value>, String> {
    let whole = report.get("metadata").or_else(|| report.get("output")).or_else(|| report.get("partial"));
    let Some(whole) = whole else { return Ok(None) };
    let own = match number(receipt, "item") {
        Some(item) => whole.get(item as usize),
        None => Some(whole),
    };
    let Some(own) = own else { return Ok(None) };
    let json = own.to_string();
    let value = Value::from_json(json.as_bytes()).map_err(|error| error.to_string());
    let value = value.and_then(|value| attach(&value));
    value.map(Some).map_err(|error| format!("the output of `{path}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Recording, String> {
        Recording::read(&serde_json::from_str(json).unwrap(), &mut |value| match value.get("$blob") {
            Some(_) => Err("a large value is not there".to_owned()),
            None => Ok(value.clone()),
        })
    }

    #[test]
    fn calls_are_found_by_step_item_and_attempt() {
        let recording = read(
            r#"{"wasmill": 1, "steps": {
                "a": {"verdict": "ok", "output": 7, "attempts": [
                    {"attempt": 1, "verdict": "guest-error", "message": "no", "usage": {"wall_us": 10}},
                    {"attempt": 2, "verdict": "ok", "usage": {"wall_us": 20}}]},
                "b": {"verdict": "ok", "output": [1, 2], "attempts": [
                    {"item": 0, "attempt": 1, "verdict": "ok", "usage": {"wall_us": 1}},
                    {"item": 1, "attempt": 1, "verdict": "ok", "usage": {"wall_us": 2}}]},
                "c": {"verdict": "ok", "attempts": [], "runs": [{"attempt": 1, "steps": {
                    "d": {"verdict": "ok", "output": "x", "attempts": [
                        {"attempt": 1, "verdict": "ok", "usage": {"wall_us": 3}}]}}}]}}}"#,
        )
        .unwrap();
        let call = |path, item, attempt| {
            let call = recording.call(path, item, attempt).unwrap();
            (call.verdict(&Limits::default()).kind(), call.output.clone(), call.wall.as_micros())
        };
        assert_eq!(call("a", None, 1), (VerdictKind::GuestError, None, 10));
        assert_eq!(call("a", None, 2), (VerdictKind::Ok, Some(Value::Int(7)), 20));
        assert_eq!(call("a", None, 9), (VerdictKind::Ok, Some(Value::Int(7)), 20));
        assert_eq!(call("b", Some(1), 1), (VerdictKind::Ok, Some(Value::Int(2)), 2));
        assert_eq!(call("c#2/d", None, 1), (VerdictKind::Ok, Some(Value::from("x")), 3));
        assert!(recording.call("b", Some(2), 1).is_none() && recording.has("c/d") && !recording.has("d"));
    }

    #[test]
    fn what_is_no_run_document_says_so() {
        assert!(read("[]").unwrap_err().contains("wasmill run FILE --output json"));
        assert!(read(r#"{"wasmill": 1, "steps": {}}"#).unwrap_err().contains("no step"));
        let strange = r#"{"wasmill": 1, "steps": {"a": {"attempts": [{"verdict": "odd"}]}}}"#;
        assert!(read(strange).unwrap_err().contains("the verdict of `a`"));
        let large = r#"{"wasmill": 1, "steps": {"a": {"output": {"$blob": "x"}, "attempts": [{"verdict": "ok"}]}}}"#;
        assert_eq!(read(large).unwrap_err(), "the output of `a`: a large value is not there");
    }
}
