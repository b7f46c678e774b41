//! Host functions: what an embedder lets units call, besides WASI.
//!
//! A function is registered once, as an async closure over typed arguments, and can be imported by components and by core modules.
//!
//! - A **component** imports the interface by its name, and declares the function as WIT: the arguments and the result are
//!   converted by the component's own types, as `witjson` says. The function's WIT result is `result<T, string>`, so that the unit
//!   can be told of a failure; with any other result type a failure ends the unit with a trap.
//! - A **core module** imports `(func (param i32 i32 i32) (result i32))` from the module that is named as the interface, without
//!   its version. It is the C ABI of `bytes` units, turned around: `name(pointer, length, length_pointer) -> pointer`. The bytes in are a
//!   JSON array of the arguments; the bytes out are `{"ok": value}` or `{"error": "why"}`, in memory that the host asks the
//!   unit's exported `allocate` for; their length is written to `length_pointer`. Bytes are `{"$base64": "…"}`.
//!
//! A unit reaches such functions only where its step was granted the interface (`grants: { functions: ["acme:billing/prices"] }`).

mod component;
mod core;
mod reference;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasmill_engine::BoxFuture;
use wasmill_model::{Grants, Value};
use wasmtime::component::LinkerInstance;

use crate::state::{HostSide, State};

pub(crate) use component::add_to_component_linker;
pub(crate) use core::add_to_core_linker;

/// The functions that a host offers to units.
///
/// ```
/// use wasmill_engine_wasmtime::{HostCall, HostFunctions};
///
/// let mut functions = HostFunctions::new();
/// functions.add("acme:billing/prices", "price", |_: HostCall, (item, count): (String, u32)| async move {
///     if item.is_empty() {
///         return Err("no such item".to_owned());
///     }
///     Ok(f64::from(count) * 9.5)
/// });
/// ```
#[derive(Clone, Default)]
pub struct HostFunctions {
    functions: BTreeMap<(String, String), Arc<HostFunction>>,
}

/// What a call of a host function gives: a value for the unit, or why there is none.
type Answer = Result<Value, String>;
type Implementation = dyn Fn(HostCall, Vec<Value>) -> BoxFuture<'static, Answer> + Send + Sync;

/// One function.
pub(crate) struct HostFunction {
    pub(crate) needs: Needs,
    implementation: Box<Implementation>,
    /// Links it to components with its own types, which move bytes as one piece; the WIT of other functions is the component's.
    typed: Option<Typed>,
}

type Typed = fn(&mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<()>;

/// The grant without which a function is not linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Dirs,
    Net,
    /// `functions` with the interface in it.
    Named,
}

impl Needs {
    /// Whether a step with these grants has what it needs.
    pub(crate) fn are_met(self, interface: &str, grants: &Grants) -> bool {
        match self {
            Needs::Nothing => true,
            Needs::Dirs => !grants.dirs.is_empty(),
            Needs::Net => !grants.net.is_empty(),
            Needs::Named => {
                grants.functions.iter().any(|granted| without_version(granted) == without_version(interface))
            }
        }
    }

    /// What to write into the step's `grants:`.
    pub(crate) fn grant(self, interface: &str) -> String {
        match self {
            Needs::Nothing => String::new(),
            Needs::Dirs => "dirs: { ./folder: /folder }".to_owned(),
            Needs::Net => "net: [\"host:port\"]".to_owned(),
            Needs::Named => format!("functions: [\"{}\"]", without_version(interface)),
        }
    }
}

/// `acme:billing/prices` of `acme:billing/prices@1.0.0`.
pub(crate) fn without_version(interface: &str) -> &str {
    interface.split_once('@').map_or(interface, |(name, _)| name)
}

impl HostFunctions {
    /// No function but Wasmill's own: `wasmill:host/files`, `wasmill:host/http` and `wasmill:host/time`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Offers a function: `interface` is its WIT interface (`acme:billing/prices`, with or without a version).
    ///
    /// The arguments are a tuple, in the order of the function's parameters. An `Err` is told to the unit. The future is dropped when
    /// the unit's deadline passes or its run is cancelled: it must not block its thread, and whatever it holds is let go then. One
    /// that panics ends the attempt with the verdict `host-error`, and nothing else.
    pub fn add<A, R, F>(
        &mut self,
        interface: &str,
        name: &str,
        function: impl Fn(HostCall, A) -> F + Send + Sync + 'static,
    ) -> &mut Self
    where
        A: DeserializeOwned,
        R: Serialize,
        F: Future<Output = Result<R, String>> + Send + 'static,
    {
        self.insert(interface, name, Needs::Named, None, move |call, arguments| {
            let arguments = from_values(arguments).map(|arguments| function(call, arguments));
            async move {
                let answer = arguments?.await?;
                let json = serde_json::to_vec(&answer).map_err(|error| error.to_string())?;
                Value::from_json(&json).map_err(|error| error.to_string())
            }
        })
    }

    fn insert<F>(
        &mut self,
        interface: &str,
        name: &str,
        needs: Needs,
        typed: Option<Typed>,
        function: impl Fn(HostCall, Vec<Value>) -> F + Send + Sync + 'static,
    ) -> &mut Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let implementation =
            Box::new(move |call, arguments| -> BoxFuture<'static, Answer> { Box::pin(function(call, arguments)) });
        let function = Arc::new(HostFunction { needs, implementation, typed });
        self.functions.insert((interface.to_owned(), name.to_owned()), function);
        self
    }

    /// These, and Wasmill's own.
    pub(crate) fn with_reference_functions(mut self) -> Self {
        reference::add(&mut self);
        self
    }

    /// The interfaces, without versions, each once.
    pub(crate) fn interfaces(&self) -> Vec<String> {
        let mut interfaces: Vec<String> = self.iter().map(|(name, ..)| without_version(name).to_owned()).collect();
        interfaces.dedup();
        interfaces
    }

    /// The functions, by interface and name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, &Arc<HostFunction>)> {
        self.functions.iter().map(|((interface, name), function)| (&**interface, &**name, function))
    }

    /// The interface that an import means, where a host function has it: its name here, and what it needs.
    pub(crate) fn find(&self, import: &str) -> Option<(&str, Needs)> {
        let import = without_version(import);
        self.iter()
            .find(|(interface, ..)| without_version(interface) == import)
            .map(|(interface, _, function)| (interface, function.needs))
    }
}

impl fmt::Debug for HostFunctions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.functions.keys()).finish()
    }
}

fn from_values<A: DeserializeOwned>(arguments: Vec<Value>) -> Result<A, String> {
    let json = serde_json::to_value(Value::from(arguments)).map_err(|error| error.to_string())?;
    serde_json::from_value(json).map_err(|error| format!("the arguments do not fit: {error}"))
}

impl HostFunction {
    pub(crate) fn call(&self, call: HostCall, arguments: Vec<Value>) -> BoxFuture<'static, Answer> {
        (self.implementation)(call, arguments)
    }
}

/// Who calls a host function: what it was granted, and its clock.
#[derive(Clone)]
pub struct HostCall {
    side: HostSide,
}

impl HostCall {
    pub(crate) fn new(side: &HostSide) -> Self {
        HostCall { side: side.clone() }
    }

    /// What the unit was granted.
    pub fn grants(&self) -> &Grants {
        &self.side.grants
    }

    /// Whether the unit may connect to this host. Where not, the refusal is noted: an attempt that fails afterwards is `denied`.
    pub fn may_connect(&self, host: &str, port: u16) -> bool {
        self.side.network.check(host, port)
    }

    /// Notes that the unit tried what it was not granted: an attempt that fails afterwards has the verdict `denied`, with this
    /// grant (`functions: ["acme:billing/admin"]`). Gives the text back, to be the function's error.
    pub fn deny(&self, grant: &str, tried: impl Into<String>) -> String {
        let tried = tried.into();
        self.side.denied.note(grant, &tried);
        format!("{tried} was not granted")
    }

    /// Sleeps by the unit's clock: a virtual one jumps.
    pub async fn sleep(&self, duration: Duration) {
        match &self.side.time {
            Some(time) => time.sleep(duration, tokio::time::sleep).await,
            None => tokio::time::sleep(duration).await,
        }
    }

    /// The most bytes that it makes sense to hand to the unit: its memory limit.
    pub fn most_bytes(&self) -> u64 {
        self.side.most_bytes
    }
}

impl fmt::Debug for HostCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HostCall").field("grants", &self.side.grants).finish_non_exhaustive()
    }
}
