//! How an attempt ended: a closed set, the same for every engine.

use std::fmt;
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::{Code, LimitKind, Value, format_bytes, format_duration};

/// How an attempt ended, with the limit that was set and the amount used where there is one.
///
/// In JSON it is the members `verdict` (the kind in kebab-case), `message` where there is more to say, and, by kind,
/// `trap`, `limit` and `used`, `grant`, `reason`.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The unit gave its answer.
    Ok,
    /// The unit said no: `result::err`, null from `process`, a non-zero exit.
    GuestError {
        /// What the unit said.
        message: String,
    },
    /// The unit broke a rule of WebAssembly.
    Trap {
        /// Which rule.
        kind: TrapKind,
        /// What exactly, where the kind alone does not say it; may be empty.
        detail: String,
    },
    /// The fuel ran out.
    FuelExhausted {
        /// Units of fuel that the attempt had.
        limit: u64,
    },
    /// The wall-clock limit passed.
    TimedOut {
        /// The limit.
        limit: Duration,
        /// When the attempt was stopped.
        elapsed: Duration,
    },
    /// The unit failed after it was refused more memory (or table elements, or instances).
    MemoryExceeded {
        /// Which limit it was: `memory`, `table_elements` or `instances`.
        of: LimitKind,
        /// Bytes (elements, instances) that it may have.
        limit: u64,
        /// Bytes (elements, instances) that it asked for in all.
        wanted: u64,
    },
    /// The output was larger than it may be. Nothing of it is handed on.
    OutputExceeded {
        /// Bytes that it may have.
        limit: u64,
        /// Bytes that there were, or at least were announced.
        produced: u64,
    },
    /// The log was larger than it may be.
    LogExceeded {
        /// Bytes that it may have.
        limit: u64,
    },
    /// The unit used a capability that it was not granted.
    Denied {
        /// The grant that it would need.
        grant: String,
        /// What it tried.
        message: String,
    },
    /// The input does not fit the unit's parameters, or an expression of the step failed.
    InvalidInput {
        /// What does not fit, and where.
        message: String,
    },
    /// The unit is no valid unit.
    InvalidUnit {
        /// Why.
        message: String,
    },
    /// No engine could run it.
    EngineUnavailable {
        /// Why, and which could.
        message: String,
    },
    /// The run was cancelled.
    Cancelled,
    /// The host failed, not the unit.
    HostError {
        /// What happened.
        message: String,
    },
    /// The step never started.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
}

/// Why a step never started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipReason {
    /// A step that it depends on did not succeed.
    Upstream,
    /// The run stopped at another step's failure before this one could start.
    FailFast,
    /// The run was cancelled, or its time was over, before this one could start.
    Cancelled,
    /// Its own `when` said no.
    When,
    /// It only takes the place of a step that fails, and that one did not.
    NotNeeded,
}

/// The kind of a verdict, without its data: what policies and tests name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "documented on Verdict")]
pub enum VerdictKind {
    Ok,
    GuestError,
    Trap,
    FuelExhausted,
    TimedOut,
    MemoryExceeded,
    OutputExceeded,
    LogExceeded,
    Denied,
    InvalidInput,
    InvalidUnit,
    EngineUnavailable,
    Cancelled,
    HostError,
    Skipped,
}

impl VerdictKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [VerdictKind; 15] = [
        VerdictKind::Ok,
        VerdictKind::GuestError,
        VerdictKind::Trap,
        VerdictKind::FuelExhausted,
        VerdictKind::TimedOut,
        VerdictKind::MemoryExceeded,
        VerdictKind::OutputExceeded,
        VerdictKind::LogExceeded,
        VerdictKind::Denied,
        VerdictKind::InvalidInput,
        VerdictKind::InvalidUnit,
        VerdictKind::EngineUnavailable,
        VerdictKind::Cancelled,
        VerdictKind::HostError,
        VerdictKind::Skipped,
    ];

    /// The name in documents: `ok`, `guest-error`, …
    pub const fn as_str(self) -> &'static str {
        match self {
            VerdictKind::Ok => "ok",
            VerdictKind::GuestError => "guest-error",
            VerdictKind::Trap => "trap",
            VerdictKind::FuelExhausted => "fuel-exhausted",
            VerdictKind::TimedOut => "timed-out",
            VerdictKind::MemoryExceeded => "memory-exceeded",
            VerdictKind::OutputExceeded => "output-exceeded",
            VerdictKind::LogExceeded => "log-exceeded",
            VerdictKind::Denied => "denied",
            VerdictKind::InvalidInput => "invalid-input",
            VerdictKind::InvalidUnit => "invalid-unit",
            VerdictKind::EngineUnavailable => "engine-unavailable",
            VerdictKind::Cancelled => "cancelled",
            VerdictKind::HostError => "host-error",
            VerdictKind::Skipped => "skipped",
        }
    }

    /// The error code of a run that ended on this verdict; none for `ok` and `skipped`.
    pub const fn code(self) -> Option<Code> {
        Some(match self {
            VerdictKind::Ok | VerdictKind::Skipped => return None,
            VerdictKind::GuestError => Code::GuestError,
            VerdictKind::Trap => Code::Trap,
            VerdictKind::FuelExhausted => Code::FuelExhausted,
            VerdictKind::TimedOut => Code::TimedOut,
            VerdictKind::MemoryExceeded => Code::MemoryExceeded,
            VerdictKind::OutputExceeded => Code::OutputExceeded,
            VerdictKind::LogExceeded => Code::LogExceeded,
            VerdictKind::Denied => Code::Denied,
            VerdictKind::InvalidInput => Code::InvalidInput,
            VerdictKind::InvalidUnit => Code::InvalidUnit,
            VerdictKind::EngineUnavailable => Code::EngineUnavailable,
            VerdictKind::Cancelled => Code::Cancelled,
            VerdictKind::HostError => Code::HostError,
        })
    }

    /// How the process ends that ran a pipeline to this verdict.
    pub const fn exit_code(self) -> ExitCode {
        match self {
            VerdictKind::Ok => ExitCode::Success,
            VerdictKind::FuelExhausted
            | VerdictKind::TimedOut
            | VerdictKind::MemoryExceeded
            | VerdictKind::OutputExceeded
            | VerdictKind::LogExceeded => ExitCode::Limit,
            VerdictKind::Denied => ExitCode::Denied,
            VerdictKind::InvalidUnit => ExitCode::Invalid,
            VerdictKind::Cancelled => ExitCode::Cancelled,
            VerdictKind::GuestError
            | VerdictKind::Trap
            | VerdictKind::InvalidInput
            | VerdictKind::EngineUnavailable
            | VerdictKind::HostError
            | VerdictKind::Skipped => ExitCode::Failed,
        }
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The exit codes of the `wasmill` process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// The run succeeded.
    Success = 0,
    /// A step failed.
    Failed = 1,
    /// The manifest, unit or usage is invalid; nothing was started.
    Invalid = 2,
    /// A limit was hit.
    Limit = 3,
    /// A capability was denied.
    Denied = 4,
    /// The run was cancelled.
    Cancelled = 130,
}

/// The rule of WebAssembly that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TrapKind {
    /// `unreachable` was executed (a panic or an abort, in most languages).
    Unreachable,
    /// A load or store beyond the memory.
    MemoryOutOfBounds,
    /// An access beyond a table.
    TableOutOfBounds,
    /// A call through an empty table slot, or a null reference.
    NullReference,
    /// An indirect call to a function of another type.
    BadSignature,
    /// Signed division overflow.
    IntegerOverflow,
    /// Integer division by zero.
    IntegerDivisionByZero,
    /// A float that no integer of the type can hold.
    BadConversionToInteger,
    /// The call stack is used up.
    StackOverflow,
    /// An atomic access at a misaligned address.
    Misaligned,
    /// The engine was told to stop the guest.
    Interrupted,
    /// The unit broke a rule of the component model's canonical ABI (a bad pointer, invalid UTF-8, …), or of its interface.
    InvalidAbi,
    /// Anything that none of the above names.
    Other,
}

impl TrapKind {
    /// The name in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            TrapKind::Unreachable => "unreachable",
            TrapKind::MemoryOutOfBounds => "memory-out-of-bounds",
            TrapKind::TableOutOfBounds => "table-out-of-bounds",
            TrapKind::NullReference => "null-reference",
            TrapKind::BadSignature => "bad-signature",
            TrapKind::IntegerOverflow => "integer-overflow",
            TrapKind::IntegerDivisionByZero => "integer-division-by-zero",
            TrapKind::BadConversionToInteger => "bad-conversion-to-integer",
            TrapKind::StackOverflow => "stack-overflow",
            TrapKind::Misaligned => "misaligned",
            TrapKind::Interrupted => "interrupted",
            TrapKind::InvalidAbi => "invalid-abi",
            TrapKind::Other => "other",
        }
    }

    /// What happened, in a few words.
    pub const fn describe(self) -> &'static str {
        match self {
            TrapKind::Unreachable => "the unit executed `unreachable` (a panic or an abort)",
            TrapKind::MemoryOutOfBounds => "the unit accessed memory that it does not have",
            TrapKind::TableOutOfBounds => "the unit accessed a table beyond its end",
            TrapKind::NullReference => "the unit called through an empty table slot",
            TrapKind::BadSignature => "the unit called a function through a pointer of another type",
            TrapKind::IntegerOverflow => "an integer overflowed: a division, or a number that is too large to be one",
            TrapKind::IntegerDivisionByZero => "an integer was divided by zero",
            TrapKind::BadConversionToInteger => "a number was converted to an integer that cannot hold it",
            TrapKind::StackOverflow => "the call stack is used up (endless recursion?)",
            TrapKind::Misaligned => "an atomic access was misaligned",
            TrapKind::Interrupted => "the engine interrupted the unit",
            TrapKind::InvalidAbi => "the unit broke the rules of its interface",
            TrapKind::Other => "the unit trapped",
        }
    }
}

impl fmt::Display for TrapKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Verdict {
    /// Whether another attempt would be in vain, by the unit's own word: its error begins with `permanent:`, or is an object with
    /// `"permanent": true`.
    pub fn is_permanent(&self) -> bool {
        let Verdict::GuestError { message } = self else { return false };
        let said = match message.strip_prefix("exited with code ").and_then(|rest| rest.split_once(": ")) {
            Some((_, said)) => said,
            None => message,
        };
        // `ValueError: permanent: …`: what an exception of many languages says begins with its type.
        let is_name = |text: &str| text.chars().all(|one| one.is_alphanumeric() || matches!(one, '_' | '.'));
        let said = match said.split_once(": ") {
            Some((kind, rest)) if is_name(kind) && rest.starts_with("permanent:") => rest,
            _ => said,
        };
        said.starts_with("permanent:")
            || matches!(Value::from_json(said.as_bytes()), Ok(Value::Object(members)) if members.get("permanent") == Some(&Value::Bool(true)))
    }

    /// The same verdict with every text in it changed: what secrets are taken out with.
    #[must_use]
    pub fn map_texts(mut self, change: impl Fn(String) -> String) -> Verdict {
        let change = |text: &mut String| *text = change(std::mem::take(text));
        match &mut self {
            Verdict::GuestError { message }
            | Verdict::InvalidInput { message }
            | Verdict::InvalidUnit { message }
            | Verdict::EngineUnavailable { message }
            | Verdict::HostError { message }
            | Verdict::Trap { detail: message, .. } => change(message),
            Verdict::Denied { grant, message } => {
                change(grant);
                change(message);
            }
            Verdict::Ok
            | Verdict::FuelExhausted { .. }
            | Verdict::TimedOut { .. }
            | Verdict::MemoryExceeded { .. }
            | Verdict::OutputExceeded { .. }
            | Verdict::LogExceeded { .. }
            | Verdict::Cancelled
            | Verdict::Skipped { .. } => {}
        }
        self
    }

    /// The kind, without the data.
    pub const fn kind(&self) -> VerdictKind {
        match self {
            Verdict::Ok => VerdictKind::Ok,
            Verdict::GuestError { .. } => VerdictKind::GuestError,
            Verdict::Trap { .. } => VerdictKind::Trap,
            Verdict::FuelExhausted { .. } => VerdictKind::FuelExhausted,
            Verdict::TimedOut { .. } => VerdictKind::TimedOut,
            Verdict::MemoryExceeded { .. } => VerdictKind::MemoryExceeded,
            Verdict::OutputExceeded { .. } => VerdictKind::OutputExceeded,
            Verdict::LogExceeded { .. } => VerdictKind::LogExceeded,
            Verdict::Denied { .. } => VerdictKind::Denied,
            Verdict::InvalidInput { .. } => VerdictKind::InvalidInput,
            Verdict::InvalidUnit { .. } => VerdictKind::InvalidUnit,
            Verdict::EngineUnavailable { .. } => VerdictKind::EngineUnavailable,
            Verdict::Cancelled => VerdictKind::Cancelled,
            Verdict::HostError { .. } => VerdictKind::HostError,
            Verdict::Skipped { .. } => VerdictKind::Skipped,
        }
    }

    /// Whether the unit gave its answer.
    pub const fn is_ok(&self) -> bool {
        matches!(self, Verdict::Ok)
    }

    /// What happened, in one sentence; empty for [`Verdict::Ok`].
    pub fn message(&self) -> String {
        match self {
            Verdict::Ok => String::new(),
            Verdict::GuestError { message }
            | Verdict::Denied { message, .. }
            | Verdict::InvalidInput { message }
            | Verdict::InvalidUnit { message }
            | Verdict::EngineUnavailable { message }
            | Verdict::HostError { message } => message.clone(),
            Verdict::Trap { kind, detail } if detail.is_empty() => kind.describe().to_owned(),
            Verdict::Trap { kind, detail } => format!("{}: {detail}", kind.describe()),
            Verdict::FuelExhausted { limit } => format!("the fuel of {limit} units ran out"),
            Verdict::TimedOut { limit, elapsed } => {
                format!("stopped after {}; the timeout is {}", format_duration(*elapsed), format_duration(*limit))
            }
            Verdict::MemoryExceeded { of, limit, wanted } => match of {
                LimitKind::TableElements => {
                    format!(
                        "failed after it was refused more of a table: it wanted {wanted} elements, and may have {limit}"
                    )
                }
                LimitKind::Instances => {
                    format!(
                        "it is made of at least {wanted} instances, memories or tables, and may have {limit} of each"
                    )
                }
                _ => format!(
                    "failed after it was refused more memory: it wanted {} in all, and may have {}",
                    format_bytes(*wanted),
                    format_bytes(*limit)
                ),
            },
            Verdict::OutputExceeded { limit, produced } => {
                format!("the output has at least {}, and may have {}", format_bytes(*produced), format_bytes(*limit))
            }
            Verdict::LogExceeded { limit } => format!("the log has more than {}", format_bytes(*limit)),
            Verdict::Cancelled => "cancelled".to_owned(),
            Verdict::Skipped { reason } => match reason {
                SkipReason::Upstream => "a step that it depends on did not succeed",
                SkipReason::FailFast => "another step failed before this one could start",
                SkipReason::Cancelled => "the run was cancelled before this one could start",
                SkipReason::When => "its `when` said no",
                SkipReason::NotNeeded => "the step that it stands in for did not fail",
            }
            .to_owned(),
        }
    }

    /// What to do about it, where there is something that is mostly right.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Verdict::FuelExhausted { limit } => {
                format!("raise it with `limits: {{ fuel: {} }}` on the step, or `--fuel`", limit.saturating_mul(10))
            }
            Verdict::TimedOut { limit, .. } => format!(
                "raise it with `limits: {{ timeout: {}s }}` on the step, or `--timeout`",
                limit.as_secs().max(1).saturating_mul(4)
            ),
            Verdict::MemoryExceeded { of: of @ (LimitKind::TableElements | LimitKind::Instances), wanted, .. } => {
                format!("raise it with `limits: {{ {of}: {} }}` on the step", wanted.next_power_of_two())
            }
            Verdict::MemoryExceeded { wanted, .. } => format!(
                "raise it with `limits: {{ memory: {}MiB }}` on the step, or `--memory`",
                (wanted.div_ceil(1 << 20)).next_power_of_two()
            ),
            Verdict::OutputExceeded { produced, .. } => {
                format!(
                    "raise it with `limits: {{ output: {}MiB }}` on the step",
                    produced.div_ceil(1 << 20).next_power_of_two()
                )
            }
            Verdict::LogExceeded { limit } => {
                format!("raise it with `limits: {{ log: {}MiB }}` on the step", limit.div_ceil(1 << 20).max(1) * 4)
            }
            Verdict::Denied { grant, .. } => {
                format!("grant it with `grants: {{ {grant} }}` on the step, if you trust the unit with it")
            }
            Verdict::InvalidInput { .. } => "compare the step's `with:` with `wasmill inspect` of its unit".to_owned(),
            Verdict::Trap { kind: TrapKind::InvalidAbi, .. } => {
                "the unit does not keep to its interface; see `wasmill inspect` and docs/units.md".to_owned()
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.message();
        match self {
            Verdict::Trap { kind, .. } => write!(formatter, "trap ({kind})"),
            _ if message.is_empty() => write!(formatter, "{}", self.kind()),
            _ => write!(formatter, "{}: {message}", self.kind()),
        }
    }
}

impl Verdict {
    /// Writes all of it but its kind.
    pub(crate) fn serialize_members<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        match self {
            Verdict::Trap { kind, .. } => map.serialize_entry("trap", kind)?,
            Verdict::FuelExhausted { limit } => map.serialize_entry("limit", limit)?,
            Verdict::TimedOut { limit, elapsed } => {
                map.serialize_entry("limit_ms", &(limit.as_secs_f64() * 1e3))?;
                map.serialize_entry("elapsed_ms", &(elapsed.as_secs_f64() * 1e3))?;
            }
            Verdict::MemoryExceeded { of, limit, wanted } => {
                map.serialize_entry("of", &of.to_string())?;
                map.serialize_entry("limit", limit)?;
                map.serialize_entry("wanted", wanted)?;
            }
            Verdict::OutputExceeded { limit, produced } => {
                map.serialize_entry("limit", limit)?;
                map.serialize_entry("produced", produced)?;
            }
            Verdict::LogExceeded { limit } => map.serialize_entry("limit", limit)?,
            Verdict::Denied { grant, .. } => map.serialize_entry("grant", grant)?,
            Verdict::Skipped { reason } => map.serialize_entry("reason", reason)?,
            _ => {}
        }
        if !self.is_ok() {
            map.serialize_entry("message", &self.message())?;
        }
        Ok(())
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("verdict", &self.kind())?;
        self.serialize_members(&mut map)?;
        map.end()
    }
}
