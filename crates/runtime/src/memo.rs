//! What a call is known by, so that its result can stand for another of the same.

use serde::{Deserialize, Serialize};
use wasmill_model::{
    Digest, EngineName, Grants, Input, Interface, Limits, OutputFormat, Profile, Receipt, Value, Verdict,
};

use crate::attempt::{LinkedStep, LinkedUnit};

/// All that the result of a pure call depends on. Which step it is for is not part of it, nor which run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallKey {
    /// The unit's SHA-256.
    pub unit: Digest,
    /// Of how it is called: the function, the engine and its version, profile, limits, grants, the format of the output.
    pub call: Digest,
    /// Of what the unit is given. Not the receipt's digest of the input, for which two objects are the same whose members differ in order.
    pub input: Digest,
}

impl CallKey {
    /// What a call is kept by where its answer is kept in a file. It is another one in another version of Wasmill, in which the same may mean something else.
    pub fn digest(&self) -> Digest {
        const VERSION: &str = concat!("wasmill ", env!("CARGO_PKG_VERSION"), " result 1\n");
        let parts = [VERSION.as_bytes(), self.unit.as_bytes(), self.call.as_bytes(), self.input.as_bytes()];
        Digest::of(&parts.concat())
    }
}

/// A call that succeeded.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its receipt; [`Receipt::kept_from`] names its run. No secret is in it.
    pub receipt: Receipt,
    /// What it gave.
    pub output: Value,
}

/// How a kept call is written.
#[derive(Serialize, Deserialize)]
struct File<R, V> {
    /// Which call it is.
    key: Digest,
    receipt: R,
    output: V,
}

impl Kept {
    /// As a file.
    pub fn to_bytes(&self, key: &CallKey) -> Vec<u8> {
        // String keys and no failing member.
        serde_json::to_vec(&File { key: key.digest(), receipt: &self.receipt, output: &self.output })
            .unwrap_or_default()
    }

    /// Of a file; none where it is no such file, or is of another call.
    pub fn from_bytes(key: &CallKey, bytes: &[u8]) -> Option<Self> {
        let File::<Receipt, Value> { key: of, receipt, output } = serde_json::from_slice(bytes).ok()?;
        // What JSON cannot say as it is (a NaN) comes back as something else.
        let is_same = of == key.digest() && receipt.unit == key.unit && receipt.output == Some(output.digest());
        is_same.then_some(Kept { receipt, output })
    }
}

/// Whether a call can only give the same again.
pub(crate) fn is_pure(step: &LinkedStep, unit: &LinkedUnit) -> bool {
    // What a native program does is not known.
    step.grants.is_pure() && unit.interface != Interface::Native
}

/// The key of a call; none for one that is not pure: it may give something else the next time.
pub(crate) fn key(step: &LinkedStep, unit: &LinkedUnit, input: &Input, digest: Digest) -> Option<CallKey> {
    (is_pure(step, unit) && is_exact_input(input)).then(|| CallKey {
        unit: unit.digest,
        call: *unit.called.get_or_init(|| called(step, unit)),
        input: given(unit.interface, input, digest),
    })
}

/// Whether JSON, and with it a digest, says all of a value: it says a number that is none, or is infinite, as a text.
pub(crate) fn is_exact(value: &Value) -> bool {
    match value {
        Value::Float(number) => number.is_finite(),
        Value::List(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        _ => true,
    }
}

fn is_exact_input(input: &Input) -> bool {
    match input {
        Input::Named(members) => members.values().all(is_exact),
        Input::Positional(items) => items.iter().all(is_exact),
        Input::Single(value) => is_exact(value),
    }
}

/// Whether it was kept by this run, by one within it, or for another row of the same command (`ID-ROW`).
pub(crate) fn is_of(kept: &Kept, run: &str) -> bool {
    let root = |id: &str| id.split(['/', '-']).next().unwrap_or(id).to_owned();
    kept.receipt.kept_from.as_deref().is_some_and(|from| root(from) == root(run))
}

/// In what two answers to the same pure call differ. A call that time ended says nothing.
pub(crate) fn difference(made: &Receipt, other: &Receipt) -> Option<String> {
    if matches!(other.verdict, Verdict::TimedOut { .. } | Verdict::Cancelled) {
        return None;
    }
    let digest = |receipt: &Receipt| receipt.output.map_or("none".to_owned(), |digest| format!("sha256:{digest}"));
    let fuel = |receipt: &Receipt| receipt.usage.fuel.map_or("none".to_owned(), |fuel| fuel.to_string());
    let (what, made, other_gave) = if made.verdict.kind() != other.verdict.kind() {
        ("verdict", made.verdict.kind().to_string(), other.verdict.kind().to_string())
    } else if made.output != other.output {
        ("output", digest(made), digest(other))
    } else if made.usage.fuel != other.usage.fuel {
        ("fuel", fuel(made), fuel(other))
    } else {
        return None;
    };
    let when = match &other.kept_from {
        Some(run) => format!("in the run {run}"),
        None => "when it was called again".to_owned(),
    };
    Some(format!("the same pure call gave another answer {when}: {what} {made}, and {other_gave}"))
}

fn called(step: &LinkedStep, unit: &LinkedUnit) -> Digest {
    #[derive(Serialize)]
    struct Called<'a> {
        function: Option<&'a str>,
        engine: &'a EngineName,
        profile: Profile,
        limits: &'a Limits,
        grants: &'a Grants,
        output: OutputFormat,
    }
    let called = Called {
        function: unit.function.as_deref(),
        engine: unit.routed.engine(),
        profile: step.profile,
        limits: &step.limits,
        grants: &step.grants,
        output: step.output,
    };
    // String keys and no failing member.
    Digest::of(&serde_json::to_vec(&called).unwrap_or_default())
}

/// The exact input, as far as the interface can tell inputs apart, and the digest that a unit's randomness begins with.
fn given(interface: Interface, input: &Input, digest: Digest) -> Digest {
    let mut bytes = digest.as_bytes().to_vec();
    match interface {
        Interface::Bytes | Interface::Command | Interface::Native => {
            bytes.extend_from_slice(Digest::of(&input.to_bytes()).as_bytes())
        }
        Interface::Core | Interface::Component => bytes.push(match input {
            Input::Named(_) => b'n',
            Input::Positional(_) => b'p',
            Input::Single(_) => b's',
        }),
    }
    Digest::of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_cannot_say_are_neither_known_nor_kept() {
        let exact = Value::from(vec![Value::Float(1.5), Value::Int(1), Value::from("NaN")]);
        let not = Value::from(vec![Value::from(vec![Value::Float(f64::NAN)])]);
        assert!(is_exact(&exact) && !is_exact(&not) && !is_exact(&Value::Float(f64::INFINITY)));
        // Their digests are the same.
        assert_eq!(not.digest(), Value::from(vec![Value::from(vec![Value::from("NaN")])]).digest());
        assert!(!is_exact_input(&Input::Single(not)) && is_exact_input(&Input::Positional(vec![exact])));
    }

    #[test]
    fn what_a_unit_can_tell_apart_has_two_keys() {
        let read = |json: &str| Value::from_json(json.as_bytes()).unwrap();
        let key = |interface, input: &Input| given(interface, input, input.digest());
        let [one, other] = [r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#].map(|json| Input::Single(read(json)));
        assert_eq!(one.digest(), other.digest());
        // It would read them in this order.
        assert_ne!(key(Interface::Command, &one), key(Interface::Command, &other));
        assert_eq!(key(Interface::Component, &one), key(Interface::Component, &other));
        let positional = Input::Positional(vec![read("1")]);
        let single = Input::Single(read("[1]"));
        assert_eq!(positional.digest(), single.digest());
        assert_ne!(key(Interface::Component, &positional), key(Interface::Component, &single));
        // It would read the same bytes, and its randomness would be another.
        let [text, number] = [Input::Single(Value::from("1")), Input::Single(read("1"))];
        assert_eq!(text.to_bytes(), number.to_bytes());
        assert_ne!(key(Interface::Command, &text), key(Interface::Command, &number));
    }
}
