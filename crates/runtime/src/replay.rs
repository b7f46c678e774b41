//! A run that was recorded, made again: what it says now against what it said then.
//!
//! What is pure is computed again. What had the real clock, randomness, network, folders, secrets or host functions could answer otherwise
//! today: it is taken from the record, and said to be. So is what the clock ended, which could end elsewhere on another machine; what
//! ended by itself is not held to the clock again.

use std::sync::Arc;

use serde::Serialize;
use wasmill_model::{
    Code, Diagnostic, Digest, Interface, Object, Receipt, RunDocument, RunError, RunVerdict, Secrets, StepReport,
    SubRun, Usage, Value, Verdict, VerdictKind,
};

use crate::Bundle;
use crate::memo::is_exact;
use crate::nested;
use crate::outline::outline;

/// The answers of a run that was recorded, for calls that are not made again.
#[derive(Clone, Debug)]
pub struct Recorded(Arc<RunDocument>);

impl Recorded {
    /// Of this document; large values in it are attached.
    pub fn new(document: impl Into<Arc<RunDocument>>) -> Self {
        Recorded(document.into())
    }

    /// Secrets for a run that is made again: steps that are granted one are not called, so nothing is refused because nobody gave it.
    #[must_use]
    pub fn secrets(mut secrets: Secrets, bundle: &Bundle) -> Secrets {
        /// No unit is given it, and nothing says it.
        const PLACEHOLDER: &str = "wasmill replay: no secret";
        let steps = bundle.all().into_iter().flat_map(|bundle| &bundle.pipeline.steps);
        for name in steps.flat_map(|step| &step.grants.secrets) {
            if secrets.get(name).is_none() {
                // It is long enough.
                let _ = secrets.insert(name, PLACEHOLDER);
            }
        }
        secrets
    }

    /// Why this run cannot be made again, where it cannot.
    pub fn problem(document: &RunDocument) -> Option<Diagnostic> {
        is_stopped(document).then(|| {
            let how = if document.verdict == RunVerdict::Cancelled { "cancelled" } else { "over its time as a whole" };
            let message = format!("the run was {how}, and nobody can make it again: how far it came was chance");
            Diagnostic::new(Code::InvalidValue, message).help("`wasmill run -` runs its pipeline from the beginning")
        })
    }

    /// What the record says of a step, of a run whose id ends with the path of a pipeline that was called.
    fn report(&self, run: &str, step: &str) -> Option<&StepReport> {
        let mut document = &*self.0;
        for called in run.split('/').skip(1) {
            document = document.steps.iter().find_map(|(id, report)| {
                let run = report.runs.iter().find(|run| SubRun::path(id, run.item, run.attempt) == called);
                run.map(|run| &run.document)
            })?;
        }
        document.steps.get(step)
    }

    /// The receipt of a call.
    pub(crate) fn receipt(&self, run: &str, step: &str, item: Option<u32>, attempt: u32) -> Option<&Receipt> {
        let mut receipts = self.report(run, step)?.attempts.iter();
        receipts.find(|receipt| receipt.item == item && receipt.attempt == attempt)
    }

    /// What a call gave.
    pub(crate) fn answer(
        &self,
        run: &str,
        step: &str,
        item: Option<u32>,
        attempt: u32,
    ) -> Option<(Receipt, Option<Value>)> {
        let receipt = self.receipt(run, step, item, attempt)?;
        let Some(digest) = receipt.output else { return Some((receipt.clone(), None)) };
        let output = output_of(self.report(run, step)?, item, digest)?;
        Some((receipt.clone(), Some(output)))
    }

    /// The run of a pipeline that a step called, where it was stopped from outside or by its clock.
    pub(crate) fn stopped_run(&self, run: &str, step: &str, item: Option<u32>, attempt: u32) -> Option<&SubRun> {
        let mut runs = self.report(run, step)?.runs.iter();
        runs.find(|run| run.item == item && run.attempt == attempt).filter(|run| is_stopped(&run.document))
    }

    /// How many calls of a step had ended when its time was over; none of a step that ended by itself.
    pub(crate) fn ended_in_time(&self, run: &str, step: &str) -> Option<usize> {
        let report = self.report(run, step)?;
        let ended = || ended(&report.attempts, &report.runs);
        (report.verdict.kind() == VerdictKind::TimedOut).then(ended)
    }
}

/// How many of these calls ended before anybody stopped them.
pub(crate) fn ended(attempts: &[Receipt], runs: &[SubRun]) -> usize {
    let attempts = attempts.iter().filter(|receipt| receipt.verdict != Verdict::Cancelled);
    let runs = runs.iter().filter(|run| run.document.verdict != RunVerdict::Cancelled);
    attempts.count() + runs.count()
}

/// Whether it was the clock that ended an attempt, or somebody else.
fn is_by_clock(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::TimedOut { .. } | Verdict::Cancelled)
}

/// Whether a run was ended as a whole, wherever it was.
fn is_stopped(document: &RunDocument) -> bool {
    let of_run = |error: &RunError| error.step.is_none() && error.verdict == VerdictKind::TimedOut;
    document.verdict == RunVerdict::Cancelled || document.error.as_ref().is_some_and(of_run)
}

/// What a unit gave, by its digest, as far as the report of its step still has it.
fn output_of(report: &StepReport, item: Option<u32>, digest: Digest) -> Option<Value> {
    let whole = [&report.metadata, &report.output, &report.partial].into_iter().flatten();
    let of_item = |whole: &Value| match (item, whole) {
        (None, value) => Some(value.clone()),
        (Some(item), Value::List(items)) => items.get(item as usize).cloned(),
        (Some(_), _) => None,
    };
    let is_it = |value: &Value| value.digest() == digest;
    whole
        .filter_map(of_item)
        .find_map(|value| if is_it(&value) { Some(value) } else { Some(with_floats(&value)).filter(is_it) })
}

/// With floats in the place of the words that JSON has for them.
fn with_floats(value: &Value) -> Value {
    match value {
        Value::String(word) => match word.as_str() {
            "NaN" => Value::Float(f64::NAN),
            "Infinity" => Value::Float(f64::INFINITY),
            "-Infinity" => Value::Float(f64::NEG_INFINITY),
            _ => value.clone(),
        },
        Value::List(items) => items.iter().map(with_floats).collect::<Vec<_>>().into(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), with_floats(value)));
            Value::from(members.collect::<Object>())
        }
        _ => value.clone(),
    }
}

/// The digest of a value as its record has it: in JSON, which has words for some floats. (The digest in its receipt is that of the value itself.)
fn in_record(value: &Value) -> Digest {
    if is_exact(value) {
        return value.digest();
    }
    serde_json::from_str(&value.to_json()).map_or_else(|_| value.digest(), |value: Value| value.digest())
}

/// The first thing that a run says otherwise than its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The step, by its path where it is one of a pipeline that was called; none where it is the run's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Arc<str>>,
    /// Which item it was for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Which try it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What: `unit`, `input`, `output`, `verdict`, `fuel`, …
    pub what: &'static str,
    /// As it was recorded.
    pub recorded: String,
    /// As it is.
    pub found: String,
}

/// What came of a replay.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replay {
    /// Whether everything that was computed again is as it was recorded.
    pub same: bool,
    /// What is not, in the order of one step at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// Calls that were made again.
    pub computed: u32,
    /// Steps whose answers were taken from the record, since they could be other ones today, or the clock ended them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<Arc<str>>,
    /// Steps whose fuel was not compared: another engine, or version of it, computed them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_engine: Vec<Arc<str>>,
}

/// What is said of a replay, as a document.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayDocument<'a> {
    /// The version of this shape: 1.
    pub wasmill: u32,
    /// The run that was recorded.
    pub run: &'a str,
    /// What came of it.
    #[serde(flatten)]
    pub replay: &'a Replay,
}

impl<'a> ReplayDocument<'a> {
    /// Of this run.
    pub fn new(recorded: &'a RunDocument, replay: &'a Replay) -> Self {
        ReplayDocument { wasmill: 1, run: &recorded.run, replay }
    }
}

impl Replay {
    /// Compares a run with its record.
    pub fn of(bundle: &Bundle, recorded: &RunDocument, found: &RunDocument) -> Self {
        let mut replay =
            Replay { same: true, difference: None, computed: 0, taken: Vec::new(), other_engine: Vec::new() };
        replay.compare(bundle, "", recorded, found);
        replay.same = replay.difference.is_none();
        replay
    }

    fn compare(&mut self, bundle: &Bundle, path: &str, recorded: &RunDocument, found: &RunDocument) {
        // In the order of one at a time, what comes first is what the others follow from.
        let order: Vec<Arc<str>> = match outline(&bundle.pipeline) {
            Ok(outline) => {
                let id =
                    |step: &wasmill_plan::StepIndex| bundle.pipeline.steps.get(step.get()).map(|step| step.id.clone());
                outline.graph.order().iter().filter_map(id).collect()
            }
            Err(_) => recorded.steps.keys().cloned().collect(),
        };
        // What the record has besides is a difference, too.
        let besides = recorded.steps.keys().filter(|id| !order.contains(id)).cloned().collect::<Vec<_>>();
        for id in order.into_iter().chain(besides) {
            let name: Arc<str> = format!("{path}{id}").into();
            match (recorded.steps.get(&id), found.steps.get(&id)) {
                (Some(then), Some(now)) => {
                    let called = bundle.pipeline.steps.iter().find(|step| step.id == id);
                    let called = called.and_then(|step| bundle.pipelines.get(&step.unit));
                    self.compare_step(called.map(|called| &**called), &name, then, now);
                }
                (None, None) => {}
                (then, now) => {
                    let is_there = |report: Option<&StepReport>| if report.is_some() { "there" } else { "not there" };
                    self.differs(Some(&name), None, "step", is_there(then), is_there(now));
                }
            }
        }
        let whose = Some(path.trim_end_matches('/')).filter(|path| !path.is_empty()).map(Arc::from);
        self.differs(whose.as_ref(), None, "verdict", &word(&recorded.verdict), &word(&found.verdict));
        let outputs = |document: &RunDocument| sha256(Some(in_record(&Value::from(document.outputs.clone()))));
        self.differs(whose.as_ref(), None, "outputs", &outputs(recorded), &outputs(found));
        let error = |document: &RunDocument| {
            let of = |step: &Arc<str>| format!(" of {step}");
            let said = |error: &RunError| format!("{}{}", error.code, error.step.as_ref().map(of).unwrap_or_default());
            document.error.as_ref().map_or("none".to_owned(), said)
        };
        self.differs(whose.as_ref(), None, "pipeline", &recorded.pipeline, &found.pipeline);
        self.differs(whose.as_ref(), None, "error", &error(recorded), &error(found));
    }

    fn compare_step(&mut self, called: Option<&Bundle>, name: &Arc<str>, then: &StepReport, now: &StepReport) {
        for (receipt, made) in then.attempts.iter().zip(&now.attempts) {
            self.compare_receipt(name, receipt, made);
        }
        if let Some(called) = called {
            for (run, made) in then.runs.iter().zip(&now.runs) {
                self.differs(Some(name), None, "input", &sha256(Some(run.input)), &sha256(Some(made.input)));
                let path = |run: &SubRun| SubRun::path(name, run.item, run.attempt);
                self.differs(Some(name), None, "item", &path(run), &path(made));
                if is_stopped(&run.document) && is_stopped(&made.document) {
                    self.takes(name);
                } else {
                    self.compare(called, &format!("{}/", path(made)), &run.document, &made.document);
                }
                self.differs(Some(name), None, "output", &sha256(run.output), &sha256(made.output));
                // They are sums of what its own attempts used (none, where they were kept), which was compared as far as it can be.
                let sums = |usage: &Usage| {
                    let Usage { fuel, peak_memory, wall: _, bytes_in, bytes_out, log_bytes } = *usage;
                    json(&(fuel, peak_memory, bytes_in, bytes_out, log_bytes))
                };
                let summed = nested::usage(&run.document, run.usage.wall);
                self.differs(Some(name), None, "usage", &sums(&run.usage), &sums(&summed));
            }
        }
        let count = |report: &StepReport| format!("{} and {} runs", report.attempts.len(), report.runs.len());
        let stand_in = |report: &StepReport| report.fallback.as_deref().unwrap_or("none").to_owned();
        self.differs(Some(name), None, "fallback", &stand_in(then), &stand_in(now));
        self.differs(Some(name), None, "attempts", &count(then), &count(now));
        self.differs(Some(name), None, "verdict", then.verdict.kind().as_str(), now.verdict.kind().as_str());
        for (what, then, now) in [
            ("output", &then.output, &now.output),
            ("metadata", &then.metadata, &now.metadata),
            ("partial", &then.partial, &now.partial),
        ] {
            let digest = |value: &Option<Value>| sha256(value.as_ref().map(in_record));
            self.differs(Some(name), None, what, &digest(then), &digest(now));
        }
    }

    fn compare_receipt(&mut self, name: &Arc<str>, then: &Receipt, now: &Receipt) {
        // By what this run says of the step: the record is what is in question.
        let is_ended_by_clock = is_by_clock(&then.verdict) && is_by_clock(&now.verdict);
        if !now.grants.is_pure() || now.interface == Interface::Native || is_ended_by_clock {
            self.takes(name);
        } else {
            self.computed += 1;
        }
        let is_same_engine = then.engine == now.engine;
        if !is_same_engine && !self.other_engine.contains(name) {
            self.other_engine.push(name.clone());
        }
        // What only time decides is another each time.
        let fields = fields(then, is_same_engine);
        for ((what, then), (_, found)) in fields.into_iter().zip(self::fields(now, is_same_engine)) {
            let depends_on_time = !matches!(
                what,
                "item" | "attempt" | "unit" | "interface" | "function" | "profile" | "limits" | "grants" | "input"
            );
            if !(is_ended_by_clock && depends_on_time) {
                self.differs(Some(name), Some(now), what, &then, &found);
            }
        }
    }

    /// Takes note of a step whose answer is the record's.
    fn takes(&mut self, name: &Arc<str>) {
        if !self.taken.contains(name) {
            self.taken.push(name.clone());
        }
    }

    /// Takes note of the first difference.
    fn differs(
        &mut self,
        step: Option<&Arc<str>>,
        at: Option<&Receipt>,
        what: &'static str,
        recorded: &str,
        found: &str,
    ) {
        if recorded != found && self.difference.is_none() {
            self.difference = Some(Difference {
                step: step.cloned(),
                item: at.and_then(|receipt| receipt.item),
                attempt: at.map(|receipt| receipt.attempt),
                what,
                recorded: recorded.to_owned(),
                found: found.to_owned(),
            });
        }
    }
}

/// All of a receipt that is the same wherever and whenever the attempt is made; what is an engine's own only where that is the same.
fn fields(receipt: &Receipt, with_engine: bool) -> Vec<(&'static str, String)> {
    let Receipt { unit, interface, function, profile, limits, grants, input, output, usage, verdict, log, .. } =
        receipt;
    let mut fields = vec![
        ("item", receipt.item.map_or("none".to_owned(), |item| item.to_string())),
        ("attempt", receipt.attempt.to_string()),
        ("unit", sha256(Some(*unit))),
        ("interface", interface.to_string()),
        ("function", function.as_deref().unwrap_or("none").to_owned()),
        ("profile", profile.as_str().to_owned()),
        ("limits", json(&**limits)),
        ("grants", json(&**grants)),
        ("input", sha256(Some(*input))),
        ("verdict", verdict.kind().as_str().to_owned()),
        ("output", sha256(*output)),
        ("bytes in", usage.bytes_in.to_string()),
        ("bytes out", usage.bytes_out.to_string()),
    ];
    if with_engine {
        fields.push(("fuel", fuel(usage)));
        fields.push(("peak memory", usage.peak_memory.to_string()));
        fields.push(("message", verdict.message()));
        fields.push(("log", log.clone()));
    }
    fields
}

fn fuel(usage: &Usage) -> String {
    usage.fuel.map_or("none".to_owned(), |fuel| fuel.to_string())
}

fn sha256(digest: Option<Digest>) -> String {
    digest.map_or("none".to_owned(), |digest| format!("sha256:{digest}"))
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
