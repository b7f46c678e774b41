//! The record of one attempt.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::{Digest, Grants, Limits, Profile, Secrets, Verdict};

/// How a unit is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interface {
    /// A core module whose exported functions take and give numbers.
    Core,
    /// A core module that exports `memory`, `allocate`, `deallocate` and `process`: bytes in, bytes out.
    Bytes,
    /// A component: exported functions with WIT types.
    Component,
    /// A program: WASI `_start` (preview 1) or `wasi:cli/run` (0.2); stdin to stdout.
    Command,
    /// A program of the host's own kind, which no sandbox can hold; stdin to stdout, like a command.
    Native,
}

impl Interface {
    /// The name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Interface::Core => "core",
            Interface::Bytes => "bytes",
            Interface::Component => "component",
            Interface::Command => "command",
            Interface::Native => "native",
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The engine that made an attempt: its name and version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EngineName {
    /// `wasmtime`, `wasmi`, …
    pub name: Arc<str>,
    /// The engine's own version.
    pub version: Arc<str>,
}

/// How an attempt came to its engine, where there is something to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routing {
    /// Engines that were asked for first and could not be used.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub passed_over: Vec<PassedOver>,
    /// In what the engine's sandbox is weaker than what a step is promised, where that was allowed: the limits that it does not hold, or
    /// `sandbox` where it has none.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub weaker: Vec<Arc<str>>,
    /// The limits that held, where some of the engine's own are lower than the attempt's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub held: Option<Limits>,
}

/// An engine that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// Its name.
    pub engine: Arc<str>,
    /// Why not.
    pub reason: Arc<str>,
}

/// What an attempt used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Units of fuel; none where the engine does not meter, and where the clock (not the work) ended the attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// The most bytes that memories and tables had together.
    pub peak_memory: u64,
    /// From the start of instantiation to the lifted result.
    #[serde(rename = "wall_us", serialize_with = "microseconds")]
    pub wall: Duration,
    /// Bytes that went in.
    pub bytes_in: u64,
    /// Bytes that came out.
    pub bytes_out: u64,
    /// Bytes of log.
    pub log_bytes: u64,
}

fn microseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// One frame of a guest backtrace, innermost first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The function's name, demangled; its index where it has none.
    pub function: String,
    /// The module that it stands in, where that has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The offset of the instruction in the module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// `file:line`, where the unit has DWARF.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// The record of one attempt. Everything but `usage.wall_us` is the same wherever and whenever the attempt is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Receipt {
    /// Which item of the step this was for, from 0, where the step has items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Which try this was, from 1.
    pub attempt: u32,
    /// The unit's SHA-256.
    pub unit: Digest,
    /// How it was spoken to.
    pub interface: Interface,
    /// The function that was called; none for a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<Arc<str>>,
    /// What executed it.
    pub engine: EngineName,
    /// How it came to this engine.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Arc<Routing>>,
    /// How it was metered.
    pub profile: Profile,
    /// What it was allowed to use.
    pub limits: Arc<Limits>,
    /// What it was allowed to do.
    pub grants: Arc<Grants>,
    /// Digest of the input ([`crate::Value::digest`]).
    pub input: Digest,
    /// Digest of the output, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Digest>,
    /// What it used.
    pub usage: Usage,
    /// How it ended.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The log (a command's stderr), as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub log: String,
    /// Where it failed, innermost frame first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<Frame>,
    /// The file of its WebAssembly core dump, where one was asked for and the unit trapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coredump: Option<PathBuf>,
    /// The run that made this attempt, where it was not made again: the same unit was called in the same way with the same input, and could
    /// only have given the same. What it used, it used then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<Arc<str>>,
}

impl Receipt {
    /// The receipt with `[secret]` wherever it said one: in the verdict, the log, the backtrace and the reasons of engines.
    #[must_use]
    pub fn redacted(mut self, secrets: &Secrets) -> Receipt {
        if secrets.is_empty() {
            return self;
        }
        let redact = |text: &mut String| *text = secrets.redact(std::mem::take(text));
        redact(&mut self.log);
        self.verdict = self.verdict.map_texts(|text| secrets.redact(text));
        if let Some(routing) = &mut self.routing {
            for passed_over in &mut Arc::make_mut(routing).passed_over {
                passed_over.reason = secrets.redact(passed_over.reason.to_string()).into();
            }
        }
        for frame in &mut self.backtrace {
            redact(&mut frame.function);
            frame.module.iter_mut().for_each(redact);
            frame.source.iter_mut().for_each(redact);
        }
        self
    }
}
