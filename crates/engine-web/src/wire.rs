//! What host and guest worker say to each other of a call. What is long (input, output, log) travels beside it as bytes.

use serde::{Deserialize, Serialize};
use wasmill_engine::parts::{Number, Refused, Stop};
use wasmill_model::{Limits, TrapKind};

/// A call, as the guest worker is told of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) entry: Entry,
    /// The export that is called first, where the unit has a start function.
    pub(crate) start: Option<String>,
    /// Whether the unit is set up by `_initialize`.
    pub(crate) initialize: bool,
    pub(crate) limits: Limits,
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
