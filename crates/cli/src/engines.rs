//! The engines of this program: what can be said of them, and how each is started when it is first needed.

use std::path::PathBuf;
use std::sync::Arc;

use wasmill_artifact::CodeCache;
use wasmill_engine::{Engine, EngineInfo, EngineSource, Router};
use wasmill_engine_wasmtime::{Compiler, Settings, WasmtimeEngine};

/// How engines are set up.
#[derive(Debug, Clone)]
pub(crate) struct EngineSettings {
    /// The most calls that run at once.
    pub(crate) slots: u32,
    /// Where compiled code is kept.
    pub(crate) cache: Option<Arc<CodeCache>>,
    /// Which process compiles.
    pub(crate) compiler: Compiler,
    /// The folder that core dumps are written into.
    pub(crate) coredumps: Option<PathBuf>,
}

/// Every engine of this program, in the order in which they are tried, as far as it can be told of without starting it.
pub(crate) fn descriptions() -> Vec<EngineInfo> {
    vec![WasmtimeEngine::description()]
}

/// The engines, none of them started yet.
pub(crate) fn router(settings: &EngineSettings) -> Router {
    Router::new([wasmtime(settings.clone())])
}

fn wasmtime(EngineSettings { slots, cache, compiler, coredumps }: EngineSettings) -> EngineSource {
    let settings = Settings { slots, cache, compiler, coredumps, ..Settings::default() };
    EngineSource::new(WasmtimeEngine::description(), move || {
        let engine = WasmtimeEngine::new(settings.clone()).map_err(|error| error.to_string())?;
        Ok(Arc::new(engine) as Arc<dyn Engine>)
    })
}
