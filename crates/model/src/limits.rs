//! The limits of a step, and the host's policy above them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The limits of one attempt. Every one is finite; no configuration turns one off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of all linear memories and tables of the instance together (a table element counts 8 bytes).
    pub memory: u64,
    /// Units of fuel: about one for each WebAssembly instruction.
    pub fuel: u64,
    /// Wall-clock time, over instantiation, start functions, lowering, the call and lifting.
    #[serde(rename = "timeout_ms", with = "milliseconds")]
    pub timeout: Duration,
    /// Bytes of output.
    pub output: u64,
    /// Bytes of log (a command's stderr).
    pub log: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
    /// Core instances, memories and tables that the unit may create, each.
    pub instances: u32,
}

impl Default for Limits {
    /// The host policy's defaults.
    fn default() -> Self {
        Limits {
            memory: 256 << 20,
            fuel: 10_000_000_000,
            timeout: Duration::from_secs(30),
            output: 16 << 20,
            log: 1 << 20,
            table_elements: 100_000,
            instances: 100,
        }
    }
}

impl Limits {
    /// The lower of each.
    #[must_use]
    pub fn lower(&self, other: &Limits) -> Limits {
        Limits {
            memory: self.memory.min(other.memory),
            fuel: self.fuel.min(other.fuel),
            timeout: self.timeout.min(other.timeout),
            output: self.output.min(other.output),
            log: self.log.min(other.log),
            table_elements: self.table_elements.min(other.table_elements),
            instances: self.instances.min(other.instances),
        }
    }

    /// The lower of each, where the other has a word.
    #[must_use]
    pub fn at_most(&self, most: LimitOverrides) -> Limits {
        self.lower(&Limits {
            memory: most.memory.unwrap_or(self.memory),
            fuel: most.fuel.unwrap_or(self.fuel),
            timeout: most.timeout.unwrap_or(self.timeout),
            output: most.output.unwrap_or(self.output),
            log: most.log.unwrap_or(self.log),
            table_elements: most.table_elements.unwrap_or(self.table_elements),
            instances: most.instances.unwrap_or(self.instances),
        })
    }
}

/// Limits as they are written: what is absent comes from the next layer (step, manifest defaults, policy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LimitOverrides {
    /// See [`Limits::memory`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// See [`Limits::fuel`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// See [`Limits::timeout`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// See [`Limits::output`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// See [`Limits::log`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<u64>,
    /// See [`Limits::table_elements`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_elements: Option<u64>,
    /// See [`Limits::instances`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
}

impl LimitOverrides {
    /// These, and `below` where these are silent.
    #[must_use]
    pub fn over(self, below: LimitOverrides) -> LimitOverrides {
        LimitOverrides {
            memory: self.memory.or(below.memory),
            fuel: self.fuel.or(below.fuel),
            timeout: self.timeout.or(below.timeout),
            output: self.output.or(below.output),
            log: self.log.or(below.log),
            table_elements: self.table_elements.or(below.table_elements),
            instances: self.instances.or(below.instances),
        }
    }

    /// Of these, those that `above` does not name: what is left to decide once `above` has been laid over them.
    #[must_use]
    pub fn without(self, above: LimitOverrides) -> LimitOverrides {
        fn left<T, U>(here: Option<T>, above: Option<U>) -> Option<T> {
            if above.is_some() { None } else { here }
        }
        LimitOverrides {
            memory: left(self.memory, above.memory),
            fuel: left(self.fuel, above.fuel),
            timeout: left(self.timeout, above.timeout),
            output: left(self.output, above.output),
            log: left(self.log, above.log),
            table_elements: left(self.table_elements, above.table_elements),
            instances: left(self.instances, above.instances),
        }
    }
}

/// The name of one limit, as manifests and verdicts write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// [`Limits::memory`]
    Memory,
    /// [`Limits::fuel`]
    Fuel,
    /// [`Limits::timeout`]
    Timeout,
    /// [`Limits::output`]
    Output,
    /// [`Limits::log`]
    Log,
    /// [`Limits::table_elements`]
    TableElements,
    /// [`Limits::instances`]
    Instances,
}

impl fmt::Display for LimitKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            LimitKind::Memory => "memory",
            LimitKind::Fuel => "fuel",
            LimitKind::Timeout => "timeout",
            LimitKind::Output => "output",
            LimitKind::Log => "log",
            LimitKind::TableElements => "table_elements",
            LimitKind::Instances => "instances",
        })
    }
}

/// A limit that asks for more than the host allows (or for nothing at all).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitViolation {
    /// Which limit.
    pub limit: LimitKind,
    /// What was asked for, with its unit.
    pub asked: String,
    /// What the host allows, with its unit.
    pub allowed: String,
}

/// The host's word: what a step gets that asks for nothing, and the most that any step may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Limits of a step that names none.
    pub defaults: Limits,
    /// The most that a manifest, a flag or a `Component.toml` may ask for.
    pub ceilings: Limits,
    /// The most bytes of memory that a `Component.toml` may ask for; `ceilings.memory` is above it.
    pub component_memory: u64,
    /// Whether a manifest may say that its sources are trusted, and name the programs that they are built with: both run on the host what the
    /// manifest's author chose. Who runs it may say so either way.
    pub trust_manifests: bool,
    /// The engines that steps may use, and the order of those that a step may get that names none. Where it is empty: those of the host that
    /// have a sandbox, in the host's order.
    pub engines: Vec<String>,
    /// Whether a step may have an engine that does not hold all of its limits, or has no sandbox, where it says so itself.
    pub allow_weaker: bool,
}

/// The least bytes of memory that a `Component.toml` may ask for: 512 KiB.
pub const COMPONENT_MEMORY_FLOOR: u64 = 512 << 10;

/// The most bytes of memory that a `Component.toml` may ask for where the host says nothing: 4 MiB.
pub const COMPONENT_MEMORY_CEILING: u64 = 4 << 20;

impl Default for Policy {
    fn default() -> Self {
        Policy {
            defaults: Limits::default(),
            ceilings: Limits {
                memory: 4 << 30,
                fuel: 1_000_000_000_000_000,
                timeout: Duration::from_secs(24 * 60 * 60),
                output: 1 << 30,
                log: 64 << 20,
                table_elements: 1_000_000,
                instances: 1_000,
            },
            component_memory: COMPONENT_MEMORY_CEILING,
            trust_manifests: true,
            engines: Vec::new(),
            allow_weaker: true,
        }
    }
}

impl Policy {
    /// Whether the host bounds fuel by more than what Wasmill can count to: what does not meter fuel cannot run there.
    pub fn bounds_fuel(&self) -> bool {
        self.ceilings.fuel < Policy::default().ceilings.fuel
    }

    /// The limits of a step: what it asks for, the policy's defaults elsewhere, held against the ceilings. A default that is above its
    /// ceiling is lowered to it.
    ///
    /// # Errors
    /// Every limit that asks for more than its ceiling, or for zero time, fuel or memory.
    pub fn resolve(&self, asked: LimitOverrides) -> Result<Limits, Vec<LimitViolation>> {
        let top = &self.ceilings;
        let silent = self.defaults.lower(top);
        let limits = Limits {
            memory: asked.memory.unwrap_or(silent.memory),
            fuel: asked.fuel.unwrap_or(silent.fuel),
            timeout: asked.timeout.unwrap_or(silent.timeout),
            output: asked.output.unwrap_or(silent.output),
            log: asked.log.unwrap_or(silent.log),
            table_elements: asked.table_elements.unwrap_or(silent.table_elements),
            instances: asked.instances.unwrap_or(silent.instances),
        };
        let mut violations = Vec::new();
        let mut check = |limit, over: bool, asked: String, allowed: String| {
            if over {
                violations.push(LimitViolation { limit, asked, allowed });
            }
        };
        use LimitKind as Kind;
        check(Kind::Memory, limits.memory > top.memory, format_bytes(limits.memory), format_bytes(top.memory));
        check(Kind::Fuel, limits.fuel > top.fuel, limits.fuel.to_string(), top.fuel.to_string());
        check(
            Kind::Timeout,
            limits.timeout > top.timeout,
            format_duration(limits.timeout),
            format_duration(top.timeout),
        );
        check(Kind::Output, limits.output > top.output, format_bytes(limits.output), format_bytes(top.output));
        check(Kind::Log, limits.log > top.log, format_bytes(limits.log), format_bytes(top.log));
        check(
            Kind::TableElements,
            limits.table_elements > top.table_elements,
            limits.table_elements.to_string(),
            top.table_elements.to_string(),
        );
        check(
            Kind::Instances,
            limits.instances > top.instances,
            limits.instances.to_string(),
            top.instances.to_string(),
        );
        if violations.is_empty() { Ok(limits) } else { Err(violations) }
    }
}

/// `64 MiB`, `1.5 KiB`, `12 B`.
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut size = bytes as f64;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("B");
    if size.fract() == 0.0 { format!("{size:.0} {name}") } else { format!("{size:.1} {name}") }
}

/// `2.00 s`, `1.20 ms`, `840 µs`.
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos < 1_000 {
        format!("{nanos} ns")
    } else if nanos < 1_000_000 {
        format!("{} µs", nanos / 1_000)
    } else if nanos < 1_000_000_000 {
        format!("{:.2} ms", nanos as f64 / 1e6)
    } else {
        format!("{:.2} s", duration.as_secs_f64())
    }
}

mod milliseconds {
    //! Durations in documents: milliseconds, with a fraction where there is one.
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = duration.as_secs_f64() * 1e3;
        if millis.fract() == 0.0 && millis < 9e15 {
            serializer.serialize_u64(millis as u64)
        } else {
            serializer.serialize_f64(millis)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)? / 1e3).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_holds() {
        let asked = LimitOverrides { memory: Some(5 << 30), fuel: Some(1), ..LimitOverrides::default() };
        let violations = Policy::default().resolve(asked).unwrap_err();
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].limit, LimitKind::Memory);
        assert_eq!(violations[0].asked, "5 GiB");
    }

    fn all(number: u32) -> Limits {
        let (count, timeout) = (u64::from(number), Duration::from_secs(number.into()));
        Limits {
            memory: count,
            fuel: count,
            timeout,
            output: count,
            log: count,
            table_elements: count,
            instances: number,
        }
    }

    fn asked(Limits { memory, fuel, timeout, output, log, table_elements, instances }: Limits) -> LimitOverrides {
        LimitOverrides {
            memory: Some(memory),
            fuel: Some(fuel),
            timeout: Some(timeout),
            output: Some(output),
            log: Some(log),
            table_elements: Some(table_elements),
            instances: Some(instances),
        }
    }

    #[test]
    fn every_limit_has_its_ceiling() {
        let policy = Policy { ceilings: all(5), ..Policy::default() };
        assert_eq!(policy.resolve(asked(all(5))), Ok(all(5)));
        let violations = policy.resolve(asked(all(6))).unwrap_err();
        let limits: Vec<String> = violations.iter().map(|violation| violation.limit.to_string()).collect();
        assert_eq!(limits, ["memory", "fuel", "timeout", "output", "log", "table_elements", "instances"]);
        // A default that is above its ceiling is lowered.
        assert_eq!(policy.resolve(LimitOverrides::default()), Ok(all(5)));
    }

    #[test]
    fn of_two_layers_the_upper_has_the_first_word() {
        let (upper, lower) = (asked(all(6)), asked(all(5)));
        assert_eq!(upper.over(lower), upper);
        assert_eq!(LimitOverrides::default().over(lower), lower);
        assert_eq!(lower.without(upper), LimitOverrides::default());
        assert_eq!(lower.without(LimitOverrides::default()), lower);
    }

    #[test]
    fn the_lower_one_wins() {
        for limits in [all(5).at_most(asked(all(6))), all(6).at_most(asked(all(5))), all(6).lower(&all(5))] {
            assert_eq!(limits, all(5));
        }
        assert_eq!(all(6).at_most(LimitOverrides::default()), all(6));
    }

    #[test]
    fn silence_means_the_policy() {
        assert_eq!(Policy::default().resolve(LimitOverrides::default()), Ok(Limits::default()));
    }
}
