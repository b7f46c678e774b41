//! Host functions as core modules import them: bytes in, bytes out, JSON in them.

use std::sync::Arc;

use serde_json::json;
use wasmill_engine::parts::Stop;
use wasmill_model::{Grants, Value};
use wasmtime::{Caller, Extern, Linker, Memory};

use super::{HostCall, HostFunction, HostFunctions, without_version};
use crate::state::State;

/// Bytes of the length that is written for the unit.
const LENGTH_SIZE: usize = 4;

/// Links every function whose grant is there.
pub(crate) fn add_to_core_linker(
    linker: &mut Linker<State>,
    functions: &HostFunctions,
    grants: &Grants,
) -> wasmtime::Result<()> {
    for (interface, name, function) in functions.iter() {
        if !function.needs.are_met(interface, grants) {
            continue;
        }
        let module = without_version(interface);
        let function = function.clone();
        let label: Arc<str> = format!("{module}.{name}").into();
        linker.func_wrap_async(module, name, move |mut caller: Caller<'_, State>, args: (i32, i32, i32)| {
            let (function, label) = (function.clone(), label.clone());
            Box::new(async move {
                call(&mut caller, &function, args).await.map_err(|error| error.context(format!("calling `{label}`")))
            })
        })?;
    }
    Ok(())
}

async fn call(
    caller: &mut Caller<'_, State>,
    function: &HostFunction,
    (pointer, length, length_pointer): (i32, i32, i32),
) -> wasmtime::Result<i32> {
    let memory = caller
        .get_export("memory")
        .and_then(Extern::into_memory)
        .ok_or_else(|| Stop::Abi("a unit that calls host functions exports its `memory`".to_owned()))?;
    let (data, state) = memory.data_and_store_mut(&mut *caller);
    let request = slice(data, pointer, length)
        .ok_or_else(|| Stop::Abi(format!("{length} bytes at {pointer:#x} are not in the memory")))?;
    let side = state.host.as_ref().ok_or_else(|| Stop::Host("a unit that imports nothing calls".to_owned()))?;
    let arguments = match Value::from_json(request) {
        Ok(Value::List(list)) => Ok(list.to_vec()),
        Ok(_) => Err("the arguments are no JSON array".to_owned()),
        Err(error) => Err(format!("the arguments are no JSON: {error}")),
    };
    let answer = match arguments {
        Ok(arguments) => function.call(HostCall::new(side), arguments).await,
        Err(why) => Err(why),
    };
    let document = match answer {
        Ok(value) => json!({ "ok": value }),
        Err(why) => json!({ "error": why }),
    };
    let bytes = document.to_string().into_bytes();
    hand_over(caller, memory, &bytes, length_pointer).await
}

/// Puts the answer where the unit says.
async fn hand_over(
    caller: &mut Caller<'_, State>,
    memory: Memory,
    bytes: &[u8],
    length_pointer: i32,
) -> wasmtime::Result<i32> {
    let length = u32::try_from(bytes.len())
        .map_err(|_| Stop::Function("the answer has more bytes than a 32-bit unit can take".to_owned()))?;
    let allocate = caller
        .get_export("allocate")
        .and_then(Extern::into_func)
        .ok_or_else(|| Stop::Abi("a unit that calls host functions exports `allocate(size) -> pointer`".to_owned()))?
        .typed::<u32, u32>(&*caller)?;
    let pointer = allocate.call_async(&mut *caller, length).await?;
    let no_room = || Stop::Abi(format!("`allocate` returned {pointer:#x}, where there is no room for {length} bytes"));
    if pointer == 0 {
        return Err(no_room().into());
    }
    memory.write(&mut *caller, pointer as usize, bytes).map_err(|_| no_room())?;
    let target = length_pointer as u32 as usize;
    memory
        .write(&mut *caller, target, &length.to_le_bytes())
        .map_err(|_| Stop::Abi(format!("there are no {LENGTH_SIZE} bytes for the length at {target:#x}")))?;
    Ok(pointer as i32)
}

fn slice(memory: &[u8], pointer: i32, length: i32) -> Option<&[u8]> {
    let start = usize::try_from(pointer as u32).ok()?;
    let end = start.checked_add(usize::try_from(length as u32).ok()?)?;
    memory.get(start..end)
}
