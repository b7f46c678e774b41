//! Host functions as components import them: by WIT types.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmill_engine::parts::Stop;
use wasmill_model::{Grants, Value};
use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentFunc;
use wasmtime::component::{Linker, Type, Val};

use super::{HostCall, HostFunction, HostFunctions};
use crate::state::{MOST_HOST_BYTES, State};

/// Links every function whose grant is there.
pub(crate) fn add_to_component_linker(
    linker: &mut Linker<State>,
    functions: &HostFunctions,
    grants: &Grants,
) -> wasmtime::Result<()> {
    let mut interfaces: BTreeMap<&str, Vec<(&str, &Arc<HostFunction>)>> = BTreeMap::new();
    for (interface, name, function) in functions.iter() {
        if function.needs.are_met(interface, grants) {
            interfaces.entry(interface).or_default().push((name, function));
        }
    }
    for (interface, functions) in interfaces {
        let mut instance = linker.instance(interface)?;
        for (name, function) in functions {
            if let Some(typed) = function.typed {
                typed(&mut instance, name)?;
                continue;
            }
            let function = function.clone();
            let label: Arc<str> = format!("{interface}#{name}").into();
            instance.func_new_async(name, move |store, kind, params, results| {
                Box::new(call(store, function.clone(), label.clone(), kind, params, results))
            })?;
        }
    }
    Ok(())
}

async fn call(
    store: StoreContextMut<'_, State>,
    function: Arc<HostFunction>,
    label: Arc<str>,
    kind: ComponentFunc,
    params: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let host = caller(&store)?;
    let arguments =
        params.iter().zip(kind.params()).map(|(val, (_, kind))| wasmill_witjson::lift(val, &kind)).collect();
    let answer = function.call(host, arguments).await;
    match (kind.results().next(), results.first_mut()) {
        (Some(kind), Some(slot)) => *slot = result(answer, &kind, &label)?,
        _ => {
            answer.map_err(|why| Stop::Function(format!("`{label}`: {why}")))?;
        }
    }
    Ok(())
}

/// Who calls.
pub(super) fn caller(store: &StoreContextMut<'_, State>) -> Result<HostCall, Stop> {
    let side = store.data().host.as_ref();
    side.map(HostCall::new)
        .ok_or_else(|| Stop::Host("a host function was called by a unit that imports nothing".to_owned()))
}

/// The answer as the component declares it.
fn result(answer: Result<Value, String>, kind: &Type, label: &str) -> Result<Val, Stop> {
    let fail = |why: String| Stop::Function(format!("`{label}`: {why}"));
    let lower = |value: &Value, kind: &Type| {
        wasmill_witjson::lower(value, kind, MOST_HOST_BYTES).map_err(|error| fail(error.to_string()))
    };
    match (kind, answer) {
        (Type::Result(result), Ok(value)) => {
            let value = result.ok().map(|kind| lower(&value, &kind)).transpose()?;
            Ok(Val::Result(Ok(value.map(Box::new))))
        }
        (Type::Result(result), Err(why)) => match result.err() {
            Some(Type::String) => Ok(Val::Result(Err(Some(Box::new(Val::String(why)))))),
            None => Ok(Val::Result(Err(None))),
            Some(_) => Err(fail(why)),
        },
        (kind, Ok(value)) => lower(&value, kind),
        (_, Err(why)) => Err(fail(why)),
    }
}
