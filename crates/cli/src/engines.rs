//! The engines of this program: what can be said of them, and how each is started when it is first needed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use wasmill_artifact::{CodeCache, Stopper, on_thread};
use wasmill_engine::{Engine, EngineInfo, EngineSource, Router};
use wasmill_engine_process::ProcessEngine;
use wasmill_engine_wasmedge::WasmEdgeEngine;
use wasmill_engine_wasmi::WasmiEngine;
use wasmill_engine_wasmtime::{Compiler, WasmtimeEngine};

use crate::failure::Failure;
use crate::host::{TOOL_LAUNCHER, own_program};
use crate::programs::Places;

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
    /// The folder that profiles of guests are written into.
    pub(crate) profiles: Option<PathBuf>,
}

/// Every engine of this program, in the order in which they are tried, as far as it can be told of without starting it.
pub(crate) fn descriptions() -> Vec<EngineInfo> {
    vec![
        WasmtimeEngine::description(),
        WasmiEngine::description(),
        WasmEdgeEngine::description(),
        ProcessEngine::description(),
    ]
}

/// The engines, none of them started yet.
///
/// # Errors
/// A variable of one that cannot be understood, or this program's own file, which starts others, is not found.
pub(crate) fn router(settings: &EngineSettings) -> Result<Router, Failure> {
    Ok(Router::new([wasmtime(settings.clone()), wasmi(), wasmedge(settings)?, process()?]))
}

fn wasmtime(EngineSettings { slots, cache, compiler, coredumps, profiles }: EngineSettings) -> EngineSource {
    let settings = wasmill_engine_wasmtime::Settings {
        slots,
        cache,
        compiler,
        coredumps,
        profiles,
        ..wasmill_engine_wasmtime::Settings::default()
    };
    EngineSource::new(WasmtimeEngine::description(), move || {
        let engine = WasmtimeEngine::new(settings.clone()).map_err(|error| error.to_string())?;
        Ok(Arc::new(engine) as Arc<dyn Engine>)
    })
}

fn wasmi() -> EngineSource {
    EngineSource::new(WasmiEngine::description(), || {
        Ok(Arc::new(WasmiEngine::new(wasmill_engine_wasmi::Settings::default())) as Arc<dyn Engine>)
    })
}

fn wasmedge(settings: &EngineSettings) -> Result<EngineSource, Failure> {
    let (launcher, cache) = (Some(launcher()?), settings.cache.clone());
    let settings = wasmill_engine_wasmedge::Settings { launcher, cache, ..Default::default() };
    let settings = settings
        .with_variables(|name| std::env::var_os(name))
        .map_err(|error| Failure::usage(error.to_string(), format!("set it right, or `unset {}`", error.variable)))?;
    Ok(EngineSource::slow(WasmEdgeEngine::description(), move || {
        let settings = settings.clone();
        // On a thread of its own: a program may take seconds to say its version, and an interrupt is to be heard meanwhile.
        let found = on_thread("wasmedge", Stopper::default(), move || {
            // Looked for only where it is asked for: the folders are many.
            let settings = wasmill_engine_wasmedge::Settings { folders: Places::find().folders, ..settings };
            WasmEdgeEngine::find(settings).map_err(|error| format!("{error}; {}", error.help()))
        });
        Box::pin(async move {
            let engine = found.await.map_err(|error| error.to_string())??;
            Ok(Arc::new(engine) as Arc<dyn Engine>)
        })
    }))
}

fn process() -> Result<EngineSource, Failure> {
    let settings = wasmill_engine_process::Settings { launcher: Some(launcher()?), ..Default::default() };
    Ok(EngineSource::new(ProcessEngine::description(), move || {
        Ok(Arc::new(ProcessEngine::new(settings.clone())) as Arc<dyn Engine>)
    }))
}

/// This program, as what starts others with fewer rights.
fn launcher() -> Result<(PathBuf, Vec<OsString>), Failure> {
    Ok((own_program()?, vec![TOOL_LAUNCHER.into()]))
}
