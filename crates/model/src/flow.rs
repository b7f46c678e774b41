//! What happens around the calls of a step: conditions, items, retries, fallbacks, and what a failure means for others.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Serialize, Serializer};

use crate::{Expression, Template, VerdictKind};

/// Kinds of verdicts, each at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct VerdictSet(u16);

impl VerdictSet {
    /// Every way in which a step can fail.
    pub const FAILURES: VerdictSet = VerdictSet::of(&[
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
        VerdictKind::HostError,
    ]);

    /// These kinds.
    pub const fn of(kinds: &[VerdictKind]) -> Self {
        let mut bits = 0;
        let mut rest = kinds;
        while let [first, others @ ..] = rest {
            bits |= 1 << *first as u16;
            rest = others;
        }
        VerdictSet(bits)
    }

    /// Whether this kind is one of them.
    pub const fn contains(self, kind: VerdictKind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds, in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = VerdictKind> {
        VerdictKind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<VerdictKind> for VerdictSet {
    fn from_iter<I: IntoIterator<Item = VerdictKind>>(kinds: I) -> Self {
        kinds.into_iter().fold(VerdictSet::default(), |set, kind| VerdictSet(set.0 | VerdictSet::of(&[kind]).0))
    }
}

impl fmt::Display for VerdictSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(VerdictKind::as_str).collect();
        formatter.write_str(&names.join(", "))
    }
}

impl Serialize for VerdictSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for kind in self.iter() {
            list.serialize_element(&kind)?;
        }
        list.end()
    }
}

/// When a call is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// How many attempts there are in all; 1 is no retry.
    pub attempts: u32,
    /// How the delay grows.
    pub backoff: Backoff,
    /// The delay before the second attempt.
    #[serde(rename = "initial_ms", serialize_with = "milliseconds")]
    pub initial: Duration,
    /// The longest delay.
    #[serde(rename = "max_ms", serialize_with = "milliseconds")]
    pub max: Duration,
    /// What chance does to the delay.
    pub jitter: Jitter,
    /// The verdicts after which there is another attempt. A unit that says its error is permanent is not called again.
    pub on: VerdictSet,
}

impl Default for Retry {
    /// One attempt; and what a manifest's `retry:` leaves out.
    fn default() -> Self {
        Retry {
            attempts: 1,
            backoff: Backoff::default(),
            initial: Duration::from_millis(200),
            max: Duration::from_secs(10),
            jitter: Jitter::default(),
            on: VerdictSet::of(&[VerdictKind::GuestError, VerdictKind::Trap, VerdictKind::TimedOut]),
        }
    }
}

impl Retry {
    /// Whether there is never a second attempt.
    pub const fn is_none(&self) -> bool {
        self.attempts <= 1
    }

    /// How long to wait after this attempt, from 1. `chance` is a fraction of all 64 bits.
    pub fn delay(&self, attempt: u32, chance: u64) -> Duration {
        let whole = match self.backoff {
            Backoff::Fixed => self.initial,
            Backoff::Exponential => {
                self.initial.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX))
            }
        };
        let whole = whole.min(self.max);
        match self.jitter {
            Jitter::None => whole,
            Jitter::Full => {
                let nanos = (whole.as_nanos().min(u128::from(u64::MAX)) * u128::from(chance)) >> 64;
                Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
            }
        }
    }
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// How the delay between attempts grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backoff {
    /// Always the first delay.
    Fixed,
    /// Doubled each time.
    #[default]
    Exponential,
}

/// What chance does to the delay between attempts: many that failed together should not come back together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Jitter {
    /// Nothing.
    None,
    /// Anything from nothing to the whole delay, by the run's seed.
    #[default]
    Full,
}

/// What takes the place of a step that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fallback {
    /// The verdicts that it answers.
    pub on: VerdictSet,
    /// What it is.
    #[serde(flatten)]
    pub to: FallbackTo,
}

/// What takes the place of a step that failed.
///
/// In JSON it is the member `value`, or `unit` with `function` where there is one, or `step`.
#[derive(Clone, Debug, PartialEq)]
pub enum FallbackTo {
    /// A value, which may read what the step itself may read.
    Value(Template),
    /// Another unit, called with the same input under the same limits and grants.
    Unit {
        /// Its name in the pipeline.
        unit: Arc<str>,
        /// The function; none where it exports exactly one.
        function: Option<String>,
    },
    /// The output of another step, which runs only for this.
    Step(Arc<str>),
}

impl FallbackTo {
    /// Every expression in it.
    pub fn expressions(&self) -> Vec<&Expression> {
        match self {
            FallbackTo::Value(template) => template.expressions(),
            FallbackTo::Unit { .. } | FallbackTo::Step(_) => Vec::new(),
        }
    }
}

impl Serialize for FallbackTo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        match self {
            FallbackTo::Value(template) => members.serialize_entry("value", template)?,
            FallbackTo::Unit { unit, function } => {
                members.serialize_entry("unit", unit)?;
                if let Some(function) = function {
                    members.serialize_entry("function", function)?;
                }
            }
            FallbackTo::Step(step) => members.serialize_entry("step", step)?,
        }
        members.end()
    }
}

/// Calls a step once for each item of an array.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Foreach {
    /// The array.
    pub items: Template,
    /// The most calls of the step at once; none means: as many as the pipeline allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
}

/// How many calls of the steps that share a key run at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Concurrency {
    /// What they share: an account, a licence, a disk.
    pub key: Arc<str>,
    /// The most at once; at least 1.
    pub max: u32,
}

/// What a failed step means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// The run ends as if its steps were run one at a time and stopped at the first failure: nothing that comes later starts, and what
    /// of it runs is told to stop.
    #[default]
    FailFast,
    /// Steps that depend on the failed one are skipped, all others run; the run fails.
    Continue,
    /// The failed step's output is null, and everything runs; the run succeeds.
    BestEffort,
}

impl OnFailure {
    /// Every policy.
    pub const ALL: [OnFailure; 3] = [OnFailure::FailFast, OnFailure::Continue, OnFailure::BestEffort];

    /// The name in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            OnFailure::FailFast => "fail-fast",
            OnFailure::Continue => "continue",
            OnFailure::BestEffort => "best-effort",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Backoff, Fallback, FallbackTo, Jitter, Retry, VerdictSet};
    use crate::{Template, Value, VerdictKind};

    #[test]
    fn a_set_has_what_was_put_in() {
        let set: VerdictSet = [VerdictKind::TimedOut, VerdictKind::Trap, VerdictKind::Trap].into_iter().collect();
        assert_eq!(set.to_string(), "trap, timed-out");
        assert!(set.contains(VerdictKind::Trap) && !set.contains(VerdictKind::Ok));
        assert!(!VerdictSet::FAILURES.contains(VerdictKind::Cancelled) && VerdictSet::default().is_empty());
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["trap","timed-out"]"#);
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let retry = Retry { jitter: Jitter::None, ..Retry::default() };
        let delays: Vec<u128> = (1..9).map(|attempt| retry.delay(attempt, 0).as_millis()).collect();
        assert_eq!(delays, [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert_eq!(retry.delay(u32::MAX, 0), Duration::from_secs(10));
        let fixed = Retry { backoff: Backoff::Fixed, ..retry };
        assert_eq!(fixed.delay(9, 0), Duration::from_millis(200));
    }

    #[test]
    fn full_jitter_is_anything_up_to_the_delay() {
        let retry = Retry::default();
        assert_eq!(retry.delay(1, 0), Duration::ZERO);
        assert_eq!(retry.delay(1, 1 << 63), Duration::from_millis(100));
        assert!(retry.delay(1, u64::MAX) < Duration::from_millis(200));
    }

    #[test]
    fn a_fallback_is_shown_as_it_is_written() {
        let on = VerdictSet::of(&[VerdictKind::Trap]);
        let unit =
            |function: Option<&str>| FallbackTo::Unit { unit: "u".into(), function: function.map(str::to_owned) };
        for (to, json) in [
            (FallbackTo::Value(Template::Literal(Value::Null)), r#"{"on":["trap"],"value":{"literal":null}}"#),
            (unit(None), r#"{"on":["trap"],"unit":"u"}"#),
            (unit(Some("f")), r#"{"on":["trap"],"unit":"u","function":"f"}"#),
            (FallbackTo::Step("s".into()), r#"{"on":["trap"],"step":"s"}"#),
        ] {
            assert_eq!(serde_json::to_string(&Fallback { on, to }).unwrap(), json);
        }
    }
}
