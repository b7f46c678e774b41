//! What host and guest worker say to each other of a call. What is long (input, output, log) travels beside it as bytes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wasmill_engine::parts::{Number, Refused, Stop};
use wasmill_model::{Digest, Grants, Input, Limits, TrapKind, Value};

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
}

/// What became of a call; the output of a `bytes` unit or program and the log travel beside it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) end: End,
    pub(crate) fuel: Option<u64>,
    pub(crate) peak_memory: u64,
    pub(crate) refused: Option<Refused>,
}

impl Report {
    /// Of a call of which nothing is known but its end.
    pub(crate) fn of(end: End) -> Self {
        Report { end, fuel: None, peak_memory: 0, refused: None }
    }
}

/// How a guest ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    /// It gave these numbers.
    Numbers(Vec<Option<Number>>),
    /// It gave the bytes beside the report.
    Bytes,
    /// The host's side of the call stopped it.
    Stop(Stop),
    /// It exited, with this code.
    Exit(i32),
    /// The fuel of the call is used up.
    OutOfFuel,
    /// It broke a rule of WebAssembly.
    Trap(TrapKind, String),
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

#[cfg(test)]
mod tests {
    use wasmill_model::Object;

    use super::*;

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
