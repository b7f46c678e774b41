//! From a unit to compiled code: once however many ask at once, and from the cache of an earlier process where there is one.

use std::sync::Arc;

use wasmill_artifact::{CodeCache, CodeKind, WorkerCode};
use wasmill_engine::PrepareError;
use wasmill_model::Profile;
use wasmill_unit::Unit;
use wasmtime::component::Component;
use wasmtime::{Engine, Module, ResourcesRequired};

use crate::child::Child;
use crate::config::{Compiler, MEMORIES_PER_SLOT, TABLES_PER_SLOT};

/// Compiled code.
#[derive(Clone)]
pub(crate) enum Code {
    Module(Module),
    Component(Component),
}

impl Code {
    pub(crate) fn engine(&self) -> &Engine {
        match self {
            Code::Module(module) => module.engine(),
            Code::Component(component) => component.engine(),
        }
    }

    /// How many slots of the pool one instance takes.
    pub(crate) fn slots(&self) -> u32 {
        let required = match self {
            Code::Module(module) => Some(module.resources_required()),
            Code::Component(component) => component.resources_required(),
        };
        required.map_or(1, |ResourcesRequired { num_memories, num_tables, .. }| {
            num_memories.div_ceil(MEMORIES_PER_SLOT).max(num_tables.div_ceil(TABLES_PER_SLOT)).max(1)
        })
    }
}

/// Why there is no code.
pub(crate) enum Failure {
    /// The engine does not take the unit, or its code; another engine may.
    Refused(wasmtime::Error),
    /// No engine would.
    Final(PrepareError),
}

impl From<wasmtime::Error> for Failure {
    fn from(error: wasmtime::Error) -> Self {
        Failure::Refused(error)
    }
}

impl From<Failure> for PrepareError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(error) => invalid(&error),
            Failure::Final(error) => error,
        }
    }
}

/// How units are compiled, and where the result is kept.
pub(crate) struct Means<'a> {
    pub(crate) compiler: &'a Compiler,
    pub(crate) cache: Option<&'a Arc<CodeCache>>,
    /// Whose configuration the engine has.
    pub(crate) profile: Profile,
    /// Whether the engine has a pool, whose slots may be too small for the unit; another engine without one is asked next.
    pub(crate) pooled: bool,
}

/// Compiles, or takes what an earlier process compiled.
pub(crate) fn compile(engine: &Engine, unit: &Unit, means: &Means<'_>) -> Result<Code, Failure> {
    let kind = if unit.info().is_component { CodeKind::Component } else { CodeKind::Module };
    match cached(engine, unit, kind, means) {
        Ok(Some(code)) => return Ok(code),
        Ok(None) => {}
        Err(refusal) if means.pooled => return Err(refusal.into()),
        // No other engine is left that could take it: what is kept is of no use, however it came there.
        Err(_) => {
            if let Some(cache) = means.cache {
                cache.remove(engine, &unit.digest(), kind);
            }
        }
    }
    match means.compiler {
        Compiler::InProcess => in_process(engine, unit, means),
        Compiler::Child { program, args, memory, timeout } => {
            let child = Child { program, args, memory: *memory, timeout: *timeout };
            let code = child.compile(engine, means.profile, kind, &unit.bytes()).map_err(Failure::Final)?;
            if let Some(cache) = means.cache {
                cache.store(engine, &unit.digest(), kind, means.profile, code.bytes());
            }
            // Mapped where it was stored; from this process's memory where there is no cache, or it failed.
            match cached(engine, unit, kind, means)? {
                Some(code) => Ok(code),
                None => from_worker(engine, kind, &code),
            }
        }
    }
}

fn cached(engine: &Engine, unit: &Unit, kind: CodeKind, means: &Means<'_>) -> wasmtime::Result<Option<Code>> {
    let Some(cache) = means.cache else { return Ok(None) };
    let digest = unit.digest();
    Ok(match kind {
        CodeKind::Module => cache.load_module(engine, &digest)?.map(Code::Module),
        CodeKind::Component => cache.load_component(engine, &digest)?.map(Code::Component),
    })
}

fn from_worker(engine: &Engine, kind: CodeKind, code: &WorkerCode) -> Result<Code, Failure> {
    Ok(match kind {
        CodeKind::Module => Code::Module(code.module(engine)?),
        CodeKind::Component => Code::Component(code.component(engine)?),
    })
}

fn in_process(engine: &Engine, unit: &Unit, means: &Means<'_>) -> Result<Code, Failure> {
    let digest = unit.digest();
    if unit.info().is_component {
        let component = Component::from_binary(engine, &unit.bytes())?;
        if let Some(cache) = means.cache {
            cache.store(engine, &digest, CodeKind::Component, means.profile, &component.serialize()?);
        }
        Ok(Code::Component(component))
    } else {
        let module = Module::from_binary(engine, &unit.bytes())?;
        if let Some(cache) = means.cache {
            cache.store(engine, &digest, CodeKind::Module, means.profile, &module.serialize()?);
        }
        Ok(Code::Module(module))
    }
}

/// The engine's refusal of a binary, in its own words.
pub(crate) fn invalid(error: &wasmtime::Error) -> PrepareError {
    let words: Vec<String> = error.chain().map(ToString::to_string).collect();
    PrepareError::InvalidUnit { message: words.join(": ") }
}
