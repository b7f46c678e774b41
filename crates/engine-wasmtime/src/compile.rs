//! From a unit to compiled code: once however many ask at once, and from the cache of an earlier process where there is one.

use std::sync::Arc;

use wasmill_artifact::{CodeCache, CodeKind};
use wasmill_engine::PrepareError;
use wasmill_unit::Unit;
use wasmtime::component::Component;
use wasmtime::{Engine, Module, ResourcesRequired};

use crate::config::{MEMORIES_PER_SLOT, TABLES_PER_SLOT};

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

/// Compiles, or takes what an earlier process compiled.
pub(crate) fn compile(engine: &Engine, unit: &Unit, cache: Option<&Arc<CodeCache>>) -> wasmtime::Result<Code> {
    let digest = unit.digest();
    if unit.info().is_component {
        if let Some(component) = cache.and_then(|cache| cache.load_component(engine, &digest)) {
            return Ok(Code::Component(component));
        }
        let component = Component::from_binary(engine, unit.bytes())?;
        if let Some(cache) = cache {
            cache.store(engine, &digest, CodeKind::Component, &component.serialize()?);
        }
        Ok(Code::Component(component))
    } else {
        if let Some(module) = cache.and_then(|cache| cache.load_module(engine, &digest)) {
            return Ok(Code::Module(module));
        }
        let module = Module::from_binary(engine, unit.bytes())?;
        if let Some(cache) = cache {
            cache.store(engine, &digest, CodeKind::Module, &module.serialize()?);
        }
        Ok(Code::Module(module))
    }
}

/// The engine's refusal of a binary, in its own words.
pub(crate) fn invalid(error: &wasmtime::Error) -> PrepareError {
    let words: Vec<String> = error.chain().map(ToString::to_string).collect();
    PrepareError::InvalidUnit { message: words.join(": ") }
}
