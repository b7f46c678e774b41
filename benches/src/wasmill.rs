//! Wasmill as an embedder has it: an engine, a prepared unit, a call. Only what is public.

use std::sync::Arc;

use wasmill_engine::{Binding, Call, Cancel, Engine, Outcome, PrepareError, PreparedUnit};
use wasmill_engine_wasmtime::{EngineError, Settings, WasmtimeEngine};
use wasmill_model::{Input, Limits, OutputFormat, Value, Verdict};
use wasmill_unit::Unit;

/// Calls that may run at once, here and on the floor's side.
pub const SLOTS: u32 = 100;

/// The engine with its defaults, but as many slots as the floor has.
///
/// # Errors
/// When there is no engine on this machine.
pub fn engine() -> Result<WasmtimeEngine, EngineError> {
    WasmtimeEngine::new(Settings { slots: SLOTS, ..Settings::default() })
}

/// A prepared unit, called with one input under the default limits.
pub struct Prepared {
    unit: Arc<dyn PreparedUnit>,
    input: Input,
    limits: Limits,
    cancel: Cancel,
}

impl Prepared {
    /// Prepared once: what a host does before it calls.
    ///
    /// # Errors
    /// Why the engine refuses it.
    pub async fn new(
        engine: &dyn Engine,
        unit: &Unit,
        function: Option<&str>,
        input: Input,
    ) -> Result<Self, PrepareError> {
        let binding =
            Binding { function: function.map(str::to_owned), output: OutputFormat::Bytes, ..Binding::default() };
        let unit = engine.prepare(unit, &binding).await?;
        Ok(Prepared { unit, input, limits: Limits::default(), cancel: Cancel::new() })
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// One call in a fresh instance.
    pub async fn call(&self) -> Outcome {
        self.unit.call(Call::new(&self.input, &self.limits, &self.cancel)).await
    }

    /// One call that must give an output: what a bench checks before it measures.
    ///
    /// # Errors
    /// The verdict, where there is none.
    pub async fn output(&self) -> Result<Value, Verdict> {
        let Outcome { output, verdict, .. } = self.call().await;
        output.ok_or(verdict)
    }
}
