//! Core modules: exported functions over numbers.

use wasmill_engine::parts::{Number, Signature, Stop, lift_numbers};
use wasmill_engine::{Call, PrepareError};
use wasmill_unit::FunctionInfo;
use wasmtime::{InstancePre, ModuleExport, Store, V128, Val};

use super::{Answer, internal};
use crate::state::State;

pub(super) struct Entry {
    pre: InstancePre<State>,
    function: ModuleExport,
    initialize: Option<ModuleExport>,
    signature: Signature,
    results: usize,
}

impl Entry {
    pub(super) fn new(pre: InstancePre<State>, function: &FunctionInfo) -> Result<Self, PrepareError> {
        let module = pre.module();
        let export = module.get_export_index(&function.name).ok_or_else(|| internal("the function is gone"))?;
        let kind = module.get_export(&function.name).and_then(|kind| kind.func().cloned());
        let kind = kind.ok_or_else(|| internal("the export is no function"))?;
        let signature = Signature::of(function);
        let results = kind.results().len();
        let initialize = initializer(&pre);
        Ok(Entry { pre, function: export, initialize, signature, results })
    }

    pub(super) async fn call(&self, store: &mut Store<State>, call: Call<'_>) -> wasmtime::Result<Answer> {
        let params = self.signature.lower(call.input, val).map_err(Stop::Input)?;
        let instance = self.pre.instantiate_async(&mut *store).await?;
        initialize(store, &instance, self.initialize.as_ref()).await?;
        let function = instance
            .get_module_export(&mut *store, &self.function)
            .and_then(wasmtime::Extern::into_func)
            .ok_or_else(|| Stop::Abi("the function is gone".to_owned()))?;
        let mut results = vec![Val::I32(0); self.results];
        function.call_async(&mut *store, &params, &mut results).await?;
        let value = lift_numbers(results.iter().map(number));
        Ok(Answer { value, bytes: 8 * self.results as u64 })
    }
}

/// The function that sets up a reactor; called once, before anything else.
pub(super) fn initializer(pre: &InstancePre<State>) -> Option<ModuleExport> {
    pre.module().get_export_index("_initialize")
}

pub(super) async fn initialize(
    store: &mut Store<State>,
    instance: &wasmtime::Instance,
    export: Option<&ModuleExport>,
) -> wasmtime::Result<()> {
    let Some(export) = export else { return Ok(()) };
    let Some(function) = instance.get_module_export(&mut *store, export).and_then(wasmtime::Extern::into_func) else {
        return Ok(());
    };
    function.typed::<(), ()>(&*store)?.call_async(&mut *store, ()).await
}

fn val(number: Number) -> Val {
    match number {
        Number::I32(number) => Val::I32(number),
        Number::I64(number) => Val::I64(number),
        Number::F32(bits) => Val::F32(bits),
        Number::F64(bits) => Val::F64(bits),
        Number::V128(bits) => Val::V128(V128::from(bits)),
    }
}

fn number(value: &Val) -> Option<Number> {
    Some(match value {
        Val::I32(number) => Number::I32(*number),
        Val::I64(number) => Number::I64(*number),
        Val::F32(bits) => Number::F32(*bits),
        Val::F64(bits) => Number::F64(*bits),
        Val::V128(bits) => Number::V128(bits.as_u128()),
        // No function with references is callable.
        _ => return None,
    })
}
