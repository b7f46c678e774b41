//! What a pipeline says of itself that can be tried: cases with inputs, and what has to come of them.

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{Digest, Location, Object, Value, VerdictKind};

/// What may be used in all: more is a failure, also where everything else went well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Units of fuel, of all attempts that count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
}

impl Budget {
    /// Whether nothing is said.
    pub fn is_silent(&self) -> bool {
        *self == Budget::default()
    }
}

/// One case of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestCase {
    /// What it is given; the others have their defaults.
    pub inputs: IndexMap<Arc<str>, TestInput>,
    /// How the run has to end: `ok`, or as the step ended that failed.
    pub verdict: VerdictKind,
    /// What it has to give, by the names of outputs; of others nothing is said.
    pub outputs: IndexMap<Arc<str>, Expected>,
    /// How steps have to end, by their ids.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub steps: IndexMap<Arc<str>, VerdictKind>,
    /// What the run may use.
    #[serde(skip_serializing_if = "Budget::is_silent")]
    pub budget: Budget,
    /// Where it stands.
    #[serde(skip)]
    pub location: Location,
}

/// One input of a case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum TestInput {
    /// The value itself.
    Value(Value),
    /// The contents of a file, relative to the manifest, read as the input's type says.
    File(PathBuf, #[serde(skip)] Location),
}

/// What an output has to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Expected {
    /// This value. Integers and other numbers are the same where they are equal.
    Value(Value),
    /// A value with this digest ([`Value::digest`]): for large ones.
    Digest(Digest),
}

impl Expected {
    /// The largest output, in bytes of JSON, that is written down as it is; of a larger one it is the digest.
    pub const LARGEST: usize = 2_048;

    /// What an output is, to be written down.
    pub fn of(value: &Value) -> Self {
        if value.size() <= Self::LARGEST && value.to_json().len() <= Self::LARGEST {
            Expected::Value(value.clone())
        } else {
            Expected::Digest(value.digest())
        }
    }

    /// What a found value is shown beside: what is the same in both stands as it was found, so that only what is not differs.
    pub fn beside(&self, found: &Value) -> Value {
        match self {
            Expected::Value(expected) => beside(expected, found),
            Expected::Digest(digest) => Value::text(format!("sha256 {digest}")),
        }
    }

    /// Whether it is this.
    pub fn is(&self, value: &Value) -> bool {
        match self {
            Expected::Value(expected) => is_same(expected, value),
            Expected::Digest(digest) => *digest == value.digest(),
        }
    }
}

fn beside(expected: &Value, found: &Value) -> Value {
    match (expected, found) {
        _ if is_same(expected, found) => found.clone(),
        (Value::List(expected), Value::List(found)) => {
            let other = |place: usize| found.get(place).unwrap_or(&Value::Null);
            expected.iter().enumerate().map(|(place, one)| beside(one, other(place))).collect::<Vec<_>>().into()
        }
        (Value::Object(expected), Value::Object(found)) => {
            // In the order in which it was found.
            let common = found.iter().filter_map(|(name, value)| Some((name, beside(expected.get(name)?, value))));
            let missing = expected.iter().filter(|(name, _)| !found.contains_key(*name));
            let all = common.chain(missing.map(|(name, value)| (name, value.clone())));
            Value::from(all.map(|(name, value)| (name.clone(), value)).collect::<Object>())
        }
        _ => expected.clone(),
    }
}

/// Equal, where `1` and `1.0` are: nobody writes expectations with care for that.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other.iter()).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has = |(name, value): (&Arc<str>, &Value)| other.get(name).is_some_and(|other| is_same(value, other));
            one.len() == other.len() && one.iter().all(has)
        }
        (Value::Int(int), Value::Float(float)) | (Value::Float(float), Value::Int(int)) => {
            // One more than the largest integer is a float that becomes the largest again.
            *float == *int as f64 && *float as i64 == *int && *float < i64::MAX as f64
        }
        (Value::Float(one), Value::Float(other)) => one == other || (one.is_nan() && other.is_nan()),
        // What JSON has no number for.
        (Value::String(text), Value::Float(float)) | (Value::Float(float), Value::String(text)) => {
            !float.is_finite() && Value::Float(*float).to_json().trim_matches('"') == text.as_str()
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_where_they_are_equal() {
        let same = |one: &str, other: &str| {
            let read = |text: &str| Value::from_json(text.as_bytes()).unwrap();
            Expected::Value(read(one)).is(&read(other))
        };
        assert!(same(r#"{"a": 1, "b": [2]}"#, r#"{"b": [2.0], "a": 1}"#));
        assert!(!same(r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#) && !same("[1]", "[1, 2]") && !same("1", "1.5"));
        assert!(
            !same("9007199254740993", "9007199254740992.0") && !same("9223372036854775807", "9223372036854775808.0")
        );
        assert!(Expected::Value(Value::Float(f64::NAN)).is(&Value::Float(f64::NAN)));
        assert!(Expected::Value(Value::from("NaN")).is(&Value::Float(f64::NAN)));
        let long = Value::text("x".repeat(Expected::LARGEST + 1));
        assert!(matches!(Expected::of(&long), Expected::Digest(_)) && Expected::of(&long).is(&long));
    }
}
