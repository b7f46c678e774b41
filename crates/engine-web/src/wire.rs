//! What host and guest worker say to each other of a call. What is long (input, output, log) travels beside it as bytes.

use std::fmt::Display;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wasmill_engine::parts::{Number, Refused, Stop};
use wasmill_model::{Digest, Grants, Input, Limits, Object, TrapKind, Value};

/// A call, as the guest worker is told of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) entry: Entry,
    /// The export that is called first, where the unit has a start function.
    pub(crate) start: Option<String>,
    /// Whether the unit is set up by `_initialize`.
    pub(crate) initialize: bool,
    pub(crate) limits: Limits,
    /// The exports that are the counters of the unit, in the order of `Counter::ALL`.
    pub(crate) counters: Vec<String>,
    /// Whether fuel is counted.
    pub(crate) is_metered: bool,
    /// What the WASI side of the call depends on; none where the unit imports nothing of it.
    pub(crate) wasi: Option<Wasi>,
}

/// What the WASI side of a call depends on, besides its limits and its input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Wasi {
    pub(crate) grants: Grants,
    /// Names and values of the secrets that it was granted.
    pub(crate) secrets: Vec<(String, String)>,
    pub(crate) unit: Digest,
    pub(crate) input: InputKind,
    /// Whether readings do not move the virtual clock.
    pub(crate) frozen: bool,
}

/// What the bytes beside an order were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum InputKind {
    Text,
    Bytes,
    Json,
}

impl InputKind {
    pub(crate) fn of(input: &Input) -> Self {
        match input {
            Input::Single(Value::String(_)) => InputKind::Text,
            Input::Single(Value::Bytes(_)) => InputKind::Bytes,
            _ => InputKind::Json,
        }
    }

    /// The input that these bytes were: one of the same digest.
    pub(crate) fn read(self, bytes: &Bytes) -> Option<Input> {
        Some(Input::Single(match self {
            InputKind::Text => Value::from(str::from_utf8(bytes).ok()?),
            InputKind::Bytes => Value::Bytes(bytes.clone()),
            InputKind::Json => Value::from_json(bytes).ok()?,
        }))
    }
}

/// What is called.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// A function over numbers.
    Core {
        function: String,
        params: Vec<Number>,
        /// The types of its results.
        results: Vec<String>,
    },
    /// `process`, with the input beside the order.
    Bytes,
    /// `_start`, with the input as stdin.
    Program,
    /// A function of a component.
    Component {
        /// What `web/src/component.js` is told: JSON.
        order: String,
        /// Whether it is `wasi:cli/run`, with the input as stdin.
        is_program: bool,
    },
}

/// What became of a call; the output of a `bytes` unit or program and the log travel beside it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) end: End,
    pub(crate) fuel: Option<u64>,
    pub(crate) peak_memory: u64,
    pub(crate) refused: Option<Refused>,
    /// What it tried first that it was not granted: the grant, and what that was.
    pub(crate) denied: Option<(String, String)>,
}

impl Report {
    /// Of a call of which nothing is known but its end.
    pub(crate) fn of(end: End) -> Self {
        Report { end, fuel: None, peak_memory: 0, refused: None, denied: None }
    }
}

/// How a guest ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// It gave these numbers.
    Numbers(Vec<Option<Number>>),
    /// It gave the bytes beside the report.
    Bytes,
    /// It gave the JSON beside the report.
    Json,
    /// The host's side of the call stopped it.
    Stop(Stop),
    /// It exited, with this code.
    Exit(i32),
    /// The fuel of the call is used up.
    OutOfFuel,
    /// It broke a rule of WebAssembly.
    Trap(TrapKind, String),
}

impl End {
    /// The end of a guest that was stopped for its fuel, or that has used too much of it where nothing looked at its count any more.
    pub(crate) fn of_fuel(&self, is_stopped: bool, is_over: bool) -> Option<End> {
        let is_its = match self {
            End::Trap(..) => is_stopped,
            End::Numbers(_) | End::Bytes | End::Json => is_over,
            End::Stop(_) | End::Exit(_) | End::OutOfFuel => false,
        };
        is_its.then_some(End::OutOfFuel)
    }
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        End::Stop(stop)
    }
}

impl From<wasmill_preview1::End> for End {
    fn from(end: wasmill_preview1::End) -> Self {
        match end {
            wasmill_preview1::End::Stop(stop) => End::Stop(stop),
            wasmill_preview1::End::Exit(code) => End::Exit(code),
            wasmill_preview1::End::OutOfFuel => End::OutOfFuel,
        }
    }
}

/// Marks a float that JSON has no number for, in what was lifted of a component: `{"$float": "NaN"}`.
const FLOAT: &str = "$float";

/// What `web/src/component-values.js` lifted, of its JSON text.
///
/// # Errors
/// It is not JSON.
pub(crate) fn lifted(text: &[u8]) -> serde_json::Result<Value> {
    let value = Value::from_json(text)?;
    // Hardly any has one, and a large value is not to be gone through for nothing. In text, a backslash would stand before the quotes.
    let is_marked = text.windows(FLOAT.len() + 2).any(|part| part == b"\"$float\"");
    Ok(if is_marked { with_floats(value) } else { value })
}

fn with_floats(value: Value) -> Value {
    match value {
        Value::List(items) => items.iter().cloned().map(with_floats).collect::<Vec<_>>().into(),
        Value::Object(members) => match (members.len(), members.get(FLOAT)) {
            (1, Some(Value::String(name))) => Value::Float(name.parse().unwrap_or(f64::NAN)),
            _ => {
                let members = members.iter().map(|(name, value)| (name.clone(), with_floats(value.clone())));
                Value::from(members.collect::<Object>())
            }
        },
        other => other,
    }
}

/// An input as JSON that JavaScript reads without losing anything: `web/src/component-values.js` says how.
pub(crate) fn for_javascript(input: &Input) -> String {
    let mut text = String::new();
    match input {
        Input::Single(value) => {
            text.push_str("{\"single\":");
            write_value(&mut text, value);
        }
        Input::Named(members) => {
            text.push_str("{\"named\":");
            write_members(&mut text, members);
        }
        Input::Positional(items) => {
            text.push_str("{\"positional\":");
            write_items(&mut text, items);
        }
    }
    text.push('}');
    text
}

/// Members that mean something other than themselves.
const MARKS: [&str; 3] = ["$base64", "$integer", "$object"];
/// The integers that a number of JavaScript holds, to either side.
const SAFE: u64 = (1 << 53) - 1;

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Int(number) if number.unsigned_abs() > SAFE => write_integer(text, number),
        Value::UInt(number) if *number > SAFE => write_integer(text, number),
        Value::List(items) => write_items(text, items),
        Value::Object(members) if members.len() == 1 && members.keys().any(|name| MARKS.contains(&&**name)) => {
            text.push_str("{\"$object\":");
            write_members(text, members);
            text.push('}');
        }
        Value::Object(members) => write_members(text, members),
        plain => text.push_str(&plain.to_json()),
    }
}

fn write_integer(text: &mut String, number: impl Display) {
    text.push_str(&format!("{{\"$integer\":\"{number}\"}}"));
}

fn write_items(text: &mut String, items: &[Value]) {
    text.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_value(text, item);
    }
    text.push(']');
}

fn write_members(text: &mut String, members: &Object) {
    text.push('{');
    for (index, (name, value)) in members.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&Value::text(&**name).to_json());
        text.push(':');
        write_value(text, value);
    }
    text.push('}');
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn javascript_loses_nothing() {
        let told = |value: Value| for_javascript(&Input::Single(value));
        assert_eq!(told(Value::Int(i64::MIN)), r#"{"single":{"$integer":"-9223372036854775808"}}"#);
        assert_eq!(told(Value::from(u64::MAX)), r#"{"single":{"$integer":"18446744073709551615"}}"#);
        assert_eq!(told(Value::Int(9_007_199_254_740_991)), r#"{"single":9007199254740991}"#);
        assert_eq!(told(Value::Bytes(Bytes::from_static(&[0, 255]))), r#"{"single":{"$base64":"AP8="}}"#);
        // What only looks like one of these is an object.
        let object = Value::from(Object::from([("$integer".into(), Value::from("5"))]));
        assert_eq!(told(object.clone()), r#"{"single":{"$object":{"$integer":"5"}}}"#);
        let named = Object::from([("\"a\"".into(), Value::from(vec![object, Value::Null]))]);
        let expected = r#"{"named":{"\"a\"":[{"$object":{"$integer":"5"}},null]}}"#;
        assert_eq!(for_javascript(&Input::Named(named)), expected);
    }

    #[test]
    fn what_json_has_no_number_for_is_no_text() {
        let text = br#"{"a":[{"$float":"NaN"},{"$float":"-Infinity"},"NaN",1.5],"b":"{\"$float\":\"NaN\"}"}"#;
        let value = lifted(text).unwrap();
        let Value::Object(members) = &value else { panic!("{value:?}") };
        let Some(Value::List(items)) = members.get("a") else { panic!("{value:?}") };
        assert!(matches!(items[0], Value::Float(number) if number.is_nan()), "{value:?}");
        let expected = [Value::Float(f64::NEG_INFINITY), Value::from("NaN"), Value::Float(1.5)];
        assert_eq!(items[1..], expected, "{value:?}");
        assert_eq!(members.get("b"), Some(&Value::from(r#"{"$float":"NaN"}"#)));
        assert_eq!(lifted(br#"{"$float":"Infinity"}"#).unwrap(), Value::Float(f64::INFINITY));
        assert!(lifted(b"{").is_err());
    }

    /// The seed of a unit's randomness is the same as on every other engine.
    #[test]
    fn an_input_keeps_its_digest_on_the_way() {
        let object = Object::from([
            ("b".into(), Value::from(vec![Value::Float(1.0), Value::Int(1)])),
            ("a".into(), Value::Null),
        ]);
        for input in [
            Input::from("text"),
            Input::from(Value::Bytes(Bytes::from_static(&[0, 255]))),
            Input::from(-7_i64),
            Input::from(Value::Float(0.1)),
            Input::Named(object.clone()),
            Input::Positional(vec![Value::from(object), Value::Bytes(Bytes::from_static(&[1, 2]))]),
        ] {
            let read = InputKind::of(&input).read(&input.to_bytes()).unwrap();
            assert_eq!(read.digest(), input.digest(), "{input:?}");
        }
    }
}
