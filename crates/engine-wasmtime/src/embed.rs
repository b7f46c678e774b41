//! The engine on its own: load a unit, bound it, call it, read the receipt.

use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::{Builder, Handle, Runtime};
use wasmill_engine::{Binding, Call, Cancel, Engine as _, Outcome, PrepareError, PreparedUnit};
use wasmill_model::{Grants, Input, Limits, OutputFormat, Profile, Receipt, Secrets, Usage, Value, Verdict};
use wasmill_unit::{InspectError, Unit};

use crate::WasmtimeEngine;

/// A unit that is about to be prepared: which function, under which limits, with which grants.
///
/// Made by [`WasmtimeEngine::load`]. What is not said is the default: the only function, the policy's limits, no grant, text out.
#[must_use = "nothing is compiled before `prepare`"]
#[derive(Clone, Debug)]
pub struct Load {
    engine: WasmtimeEngine,
    unit: Unit,
    binding: Binding,
    limits: Limits,
}

/// A unit that is ready: each call is a fresh instance, and nothing of one is seen by another.
#[derive(Clone)]
pub struct Loaded {
    engine: WasmtimeEngine,
    unit: Unit,
    prepared: Arc<dyn PreparedUnit>,
    function: Option<Arc<str>>,
    grants: Arc<Grants>,
    secrets: Secrets,
    profile: Profile,
    limits: Arc<Limits>,
}

/// What became of one call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// The output: there if and only if the verdict is [`Verdict::Ok`].
    pub output: Option<Value>,
    /// What was run, on what, with what it used, and how it ended.
    pub receipt: Receipt,
}

impl WasmtimeEngine {
    /// Takes a binary: a core module, a C-ABI module, a component or a WASI command. It is validated and classified; nothing is
    /// compiled yet.
    ///
    /// # Errors
    /// What is wrong with the bytes, with the offset where it is known.
    pub fn load(&self, binary: impl Into<Bytes>) -> Result<Load, InspectError> {
        Ok(self.load_unit(Unit::from_binary(binary)?))
    }

    /// Takes a unit that was read already.
    pub fn load_unit(&self, unit: Unit) -> Load {
        Load { engine: self.clone(), unit, binding: Binding::default(), limits: Limits::default() }
    }

    /// The runtime of blocking calls.
    fn blocking(&self) -> Result<&Runtime, String> {
        if Handle::try_current().is_ok() {
            return Err("a blocking call was made on a thread of an async runtime: use the async one there".to_owned());
        }
        let runtime = self.shared.blocking.get_or_init(|| {
            Builder::new_current_thread()
                .enable_all()
                .thread_name("wasmill-blocking")
                .build()
                .map_err(|error| error.to_string())
        });
        runtime.as_ref().map_err(Clone::clone)
    }
}

impl Load {
    /// The function to call: its full name, or its bare one where that is unique.
    pub fn function(mut self, name: impl Into<String>) -> Self {
        self.binding.function = Some(name.into());
        self
    }

    /// What each call may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What each call may do. Folders are as the host names them.
    pub fn grants(mut self, grants: Grants) -> Self {
        self.binding.grants = Arc::new(grants);
        self
    }

    /// The values of the secrets that the grants name.
    pub fn secrets(mut self, secrets: Secrets) -> Self {
        self.binding.secrets = secrets;
        self
    }

    /// How each call is metered.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.binding.profile = profile;
        self
    }

    /// How the output of a `bytes` unit or a command is read.
    pub fn output(mut self, output: OutputFormat) -> Self {
        self.binding.output = output;
        self
    }

    /// What the unit is.
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// Compiles and links, or takes what was compiled before.
    ///
    /// # Errors
    /// Why the unit cannot be called like this; nothing of it has run.
    pub async fn prepare(self) -> Result<Loaded, PrepareError> {
        let Load { engine, unit, binding, limits } = self;
        let prepared = wasmill_engine::prepare(&engine, &unit, &binding).await?;
        let function = unit.info().resolve(binding.function.as_deref())?.map(|function| function.name.clone());
        let secrets = binding.secrets.only(&binding.grants.secrets);
        Ok(Loaded {
            engine,
            unit,
            prepared,
            function,
            secrets,
            grants: binding.grants,
            profile: binding.profile,
            limits: Arc::new(limits),
        })
    }

    /// [`Load::prepare`] for callers without an async runtime.
    ///
    /// # Errors
    /// As there, and where the calling thread is one of an async runtime.
    pub fn prepare_blocking(self) -> Result<Loaded, PrepareError> {
        let engine = self.engine.clone();
        let runtime = engine.blocking().map_err(|message| PrepareError::Host { message })?;
        runtime.block_on(self.prepare())
    }
}

impl Loaded {
    /// Calls the function once, in a fresh instance. Needs a tokio runtime with its timer where the unit imports anything.
    pub async fn call(&self, input: impl Into<Input>) -> Attempt {
        self.call_with(&input.into(), &Cancel::new()).await
    }

    /// As [`Loaded::call`], until the signal is given.
    pub async fn call_with(&self, input: &Input, cancel: &Cancel) -> Attempt {
        let outcome = self.prepared.call(Call::new(input, &self.limits, cancel)).await.told();
        self.attempt(input, outcome)
    }

    /// [`Loaded::call`] for callers without an async runtime. On a thread of one, the verdict is `host-error`.
    pub fn call_blocking(&self, input: impl Into<Input>) -> Attempt {
        let input = input.into();
        match self.engine.blocking() {
            Ok(runtime) => runtime.block_on(self.call_with(&input, &Cancel::new())),
            Err(message) => self.attempt(&input, Outcome::failed(Verdict::HostError { message }, Usage::default())),
        }
    }

    fn attempt(&self, input: &Input, outcome: Outcome) -> Attempt {
        let Outcome { verdict, output, usage, log, backtrace, coredump } = outcome;
        let receipt = Receipt {
            item: None,
            attempt: 1,
            unit: self.unit.digest(),
            interface: self.unit.interface(),
            function: self.function.clone(),
            engine: self.engine.info().name.clone(),
            routing: None,
            profile: self.profile,
            limits: self.limits.clone(),
            grants: self.grants.clone(),
            input: input.digest(),
            output: output.as_ref().map(Value::digest),
            usage,
            verdict,
            log,
            backtrace,
            coredump,
            kept_from: None,
        };
        Attempt { output, receipt: receipt.redacted(&self.secrets) }
    }
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Loaded")
            .field("unit", &self.unit.digest())
            .field("function", &self.function)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for WasmtimeEngine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("WasmtimeEngine").field("allocator", &self.allocator()).finish_non_exhaustive()
    }
}
