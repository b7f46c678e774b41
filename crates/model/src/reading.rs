//! Run documents read back: for whoever keeps one, and runs it again or compares it.
//!
//! A document that was read is written as it was, to the byte, but for what nobody reads of it: fractions of a microsecond.
//!
//! No shape here is flattened into another by serde: that doubles the code for all that is within it, which counts where Wasmill itself is WebAssembly.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::{
    Code, Digest, EngineName, Frame, Grants, Interface, LimitKind, Limits, Object, PassedOver, Profile, Receipt,
    Routing, RunDocument, RunError, RunVerdict, SkipReason, StepReport, SubRun, TrapKind, Usage, Value, Verdict,
    VerdictKind,
};

/// A shape with the members of a verdict among its own.
macro_rules! shape {
    (struct $name:ident { $($fields:tt)* }) => {
        #[derive(Deserialize)]
        struct $name {
            trap: Option<TrapKind>,
            limit: Option<u64>,
            limit_ms: Option<f64>,
            elapsed_ms: Option<f64>,
            of: Option<LimitKind>,
            wanted: Option<u64>,
            produced: Option<u64>,
            grant: Option<String>,
            reason: Option<SkipReason>,
            message: Option<String>,
            $($fields)*
        }

        impl $name {
            fn members(&mut self) -> VerdictMembers {
                VerdictMembers {
                    trap: self.trap,
                    limit: self.limit,
                    limit_ms: self.limit_ms,
                    elapsed_ms: self.elapsed_ms,
                    of: self.of,
                    wanted: self.wanted,
                    produced: self.produced,
                    grant: self.grant.take(),
                    reason: self.reason,
                    message: self.message.take(),
                }
            }
        }
    };
}

/// The members of a verdict beside its kind.
struct VerdictMembers {
    trap: Option<TrapKind>,
    limit: Option<u64>,
    limit_ms: Option<f64>,
    elapsed_ms: Option<f64>,
    of: Option<LimitKind>,
    wanted: Option<u64>,
    produced: Option<u64>,
    grant: Option<String>,
    reason: Option<SkipReason>,
    message: Option<String>,
}

impl VerdictMembers {
    fn verdict<E: Error>(self, kind: VerdictKind) -> Result<Verdict, E> {
        fn some<T, E: Error>(member: Option<T>, name: &'static str) -> Result<T, E> {
            member.ok_or_else(|| E::missing_field(name))
        }
        let time = |member, name| {
            Duration::try_from_secs_f64(some::<f64, E>(member, name)? / 1e3)
                .map_err(|error| E::custom(format_args!("`{name}` is no time: {error}")))
        };
        let message = self.message.unwrap_or_default();
        Ok(match kind {
            VerdictKind::Ok => Verdict::Ok,
            VerdictKind::GuestError => Verdict::GuestError { message },
            VerdictKind::Trap => {
                let kind = some(self.trap, "trap")?;
                let detail = message.strip_prefix(kind.describe()).map(|rest| rest.strip_prefix(": ").unwrap_or(rest));
                Verdict::Trap { kind, detail: detail.unwrap_or(&message).to_owned() }
            }
            VerdictKind::FuelExhausted => Verdict::FuelExhausted { limit: some(self.limit, "limit")? },
            VerdictKind::TimedOut => Verdict::TimedOut {
                limit: time(self.limit_ms, "limit_ms")?,
                elapsed: time(self.elapsed_ms, "elapsed_ms")?,
            },
            VerdictKind::MemoryExceeded => Verdict::MemoryExceeded {
                of: some(self.of, "of")?,
                limit: some(self.limit, "limit")?,
                wanted: some(self.wanted, "wanted")?,
            },
            VerdictKind::OutputExceeded => Verdict::OutputExceeded {
                limit: some(self.limit, "limit")?,
                produced: some(self.produced, "produced")?,
            },
            VerdictKind::LogExceeded => Verdict::LogExceeded { limit: some(self.limit, "limit")? },
            VerdictKind::Denied => Verdict::Denied { grant: some(self.grant, "grant")?, message },
            VerdictKind::InvalidInput => Verdict::InvalidInput { message },
            VerdictKind::InvalidUnit => Verdict::InvalidUnit { message },
            VerdictKind::EngineUnavailable => Verdict::EngineUnavailable { message },
            VerdictKind::Cancelled => Verdict::Cancelled,
            VerdictKind::HostError => Verdict::HostError { message },
            VerdictKind::Skipped => Verdict::Skipped { reason: some(self.reason, "reason")? },
        })
    }
}

impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Shape {
            fuel: Option<u64>,
            peak_memory: u64,
            wall_us: u64,
            bytes_in: u64,
            bytes_out: u64,
            log_bytes: u64,
        }
        let Shape { fuel, peak_memory, wall_us, bytes_in, bytes_out, log_bytes } = Shape::deserialize(deserializer)?;
        Ok(Usage { fuel, peak_memory, wall: Duration::from_micros(wall_us), bytes_in, bytes_out, log_bytes })
    }
}

impl<'de> Deserialize<'de> for Receipt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shape! { struct Shape {
            item: Option<u32>,
            attempt: u32,
            unit: Digest,
            interface: Interface,
            function: Option<Arc<str>>,
            engine: EngineName,
            #[serde(default)]
            passed_over: Vec<PassedOver>,
            #[serde(default)]
            weaker: Vec<Arc<str>>,
            held: Option<Limits>,
            profile: Profile,
            limits: Arc<Limits>,
            grants: Arc<Grants>,
            input: Digest,
            output: Option<Digest>,
            usage: Usage,
            verdict: VerdictKind,
            #[serde(default)]
            log: String,
            #[serde(default)]
            backtrace: Vec<Frame>,
            coredump: Option<PathBuf>,
            kept_from: Option<Arc<str>>,
        } }
        let mut shape = Shape::deserialize(deserializer)?;
        let members = shape.members();
        let Shape { passed_over, weaker, held, .. } = shape;
        let routing = Routing { passed_over, weaker, held };
        Ok(Receipt {
            item: shape.item,
            attempt: shape.attempt,
            unit: shape.unit,
            interface: shape.interface,
            function: shape.function,
            engine: shape.engine,
            routing: (routing != Routing::default()).then(|| Arc::new(routing)),
            profile: shape.profile,
            limits: shape.limits,
            grants: shape.grants,
            input: shape.input,
            output: shape.output,
            usage: shape.usage,
            verdict: members.verdict(shape.verdict)?,
            log: shape.log,
            backtrace: shape.backtrace,
            coredump: shape.coredump,
            kept_from: shape.kept_from,
        })
    }
}

impl<'de> Deserialize<'de> for StepReport {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shape! { struct Shape {
            verdict: VerdictKind,
            output: Option<Value>,
            metadata: Option<Value>,
            partial: Option<Value>,
            fallback: Option<Arc<str>>,
            attempts: Vec<Receipt>,
            #[serde(default)]
            runs: Vec<SubRun>,
        } }
        let mut shape = Shape::deserialize(deserializer)?;
        let members = shape.members();
        let Shape { verdict: kind, output, metadata, partial, fallback, attempts, runs, .. } = shape;
        // What an attempt says is not said twice; of several the last one is what a step ends with.
        let said = attempts.iter().rev().find(|attempt| attempt.verdict.kind() == kind);
        let verdict = match said {
            Some(attempt) if members.message.is_none() => attempt.verdict.clone(),
            _ => members.verdict(kind)?,
        };
        Ok(StepReport { verdict, output, metadata, partial, fallback, attempts, runs })
    }
}

impl<'de> Deserialize<'de> for SubRun {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Shape {
            item: Option<u32>,
            attempt: u32,
            input: Digest,
            output: Option<Digest>,
            usage: Usage,
            wasmill: u32,
            run: Arc<str>,
            pipeline: Arc<str>,
            verdict: RunVerdict,
            outputs: Object,
            steps: IndexMap<Arc<str>, StepReport>,
            #[serde(default)]
            discarded: IndexMap<Arc<str>, Vec<Receipt>>,
            error: Option<RunError>,
        }
        let Shape {
            item,
            attempt,
            input,
            output,
            usage,
            wasmill,
            run,
            pipeline,
            verdict,
            outputs,
            steps,
            discarded,
            error,
        } = Shape::deserialize(deserializer)?;
        let document = RunDocument { wasmill, run, pipeline, verdict, outputs, steps, discarded, error };
        Ok(SubRun { item, attempt, input, output, usage, document })
    }
}

impl<'de> Deserialize<'de> for RunError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Shape {
            code: Code,
            message: String,
            step: Option<Arc<str>>,
            help: Option<String>,
        }
        let Shape { code, message, step, help } = Shape::deserialize(deserializer)?;
        let verdict = VerdictKind::ALL.into_iter().find(|kind| kind.code() == Some(code));
        let verdict = verdict.ok_or_else(|| D::Error::custom(format_args!("no run ends with {code}")))?;
        Ok(RunError { code, message, step, help, verdict })
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Code::ALL.iter().find(|code| code.as_str() == name);
        found.copied().ok_or_else(|| D::Error::custom(format_args!("there is no code `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(verdict: Verdict) -> Receipt {
        Receipt {
            item: Some(3),
            attempt: 2,
            unit: Digest::of(b"unit"),
            interface: Interface::Component,
            function: Some("run".into()),
            engine: EngineName { name: "wasmtime".into(), version: "48.0.0".into() },
            routing: Some(Arc::new(Routing { weaker: vec!["fuel".into()], ..Routing::default() })),
            profile: Profile::Metered,
            limits: Arc::new(Limits::default()),
            grants: Arc::new(Grants::default()),
            input: Digest::of(b"input"),
            output: verdict.is_ok().then(|| Digest::of(b"output")),
            usage: Usage { fuel: Some(7), wall: Duration::from_micros(1_234), ..Usage::default() },
            verdict,
            log: "said\n".to_owned(),
            backtrace: vec![Frame { function: "f".to_owned(), module: None, offset: Some(3), source: None }],
            coredump: None,
            kept_from: Some("00ff".into()),
        }
    }

    fn verdicts() -> Vec<Verdict> {
        let (message, limit) = ("it: said".to_owned(), Duration::from_millis(1_500));
        vec![
            Verdict::Ok,
            Verdict::GuestError { message: message.clone() },
            Verdict::Trap { kind: TrapKind::Unreachable, detail: String::new() },
            Verdict::Trap { kind: TrapKind::InvalidAbi, detail: message.clone() },
            Verdict::FuelExhausted { limit: 10 },
            Verdict::TimedOut { limit, elapsed: limit * 2 },
            Verdict::MemoryExceeded { of: LimitKind::TableElements, limit: 1, wanted: 2 },
            Verdict::OutputExceeded { limit: 1, produced: 2 },
            Verdict::LogExceeded { limit: 1 },
            Verdict::Denied { grant: "net: [a:1]".to_owned(), message: message.clone() },
            Verdict::InvalidInput { message: message.clone() },
            Verdict::InvalidUnit { message: message.clone() },
            Verdict::EngineUnavailable { message: message.clone() },
            Verdict::Cancelled,
            Verdict::HostError { message },
            Verdict::Skipped { reason: SkipReason::NotNeeded },
        ]
    }

    #[test]
    fn a_document_that_was_read_is_written_as_it_was() {
        let output = Value::from_json(br#"{"n": 18446744073709551615, "b": {"$base64": "AAE="}, "f": 1.5}"#).unwrap();
        let mut document = RunDocument {
            wasmill: 1,
            run: "1".into(),
            pipeline: "p".into(),
            verdict: RunVerdict::Failed,
            outputs: Object::from([("o".into(), output.clone())]),
            steps: Default::default(),
            discarded: [("d".into(), vec![receipt(Verdict::Ok)])].into(),
            error: Some(RunError {
                code: Code::Trap,
                message: "m".to_owned(),
                step: Some("s".into()),
                help: None,
                verdict: VerdictKind::Trap,
            }),
        };
        for (place, verdict) in verdicts().into_iter().enumerate() {
            let called = StepReport {
                output: Some(output.clone()),
                attempts: vec![receipt(verdict.clone())],
                ..StepReport::without_attempt(verdict.clone())
            };
            let within = RunDocument { steps: [("called".into(), called.clone())].into(), ..document.clone() };
            let run = SubRun {
                item: None,
                attempt: 1,
                input: Digest::of(b"i"),
                output: None,
                usage: Usage::default(),
                document: within,
            };
            let nested = StepReport { runs: vec![run], ..StepReport::without_attempt(verdict.clone()) };
            document.steps.insert(format!("called{place}").into(), called);
            document.steps.insert(format!("never{place}").into(), StepReport::without_attempt(verdict));
            document.steps.insert(format!("nested{place}").into(), nested);
        }
        let text = serde_json::to_string(&document).unwrap();
        let read: RunDocument = serde_json::from_str(&text).unwrap();
        assert_eq!(read, document);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |text: &str| serde_json::from_str::<StepReport>(text).unwrap_err().to_string();
        assert!(error(r#"{"verdict": "trap", "attempts": []}"#).contains("`trap`"));
        assert!(error(r#"{"verdict": "odd", "attempts": []}"#).contains("odd"));
        assert!(serde_json::from_str::<Code>("\"WM9999\"").unwrap_err().to_string().contains("WM9999"));
    }
}
