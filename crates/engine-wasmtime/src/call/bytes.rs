//! The C ABI: `allocate`, `process`, bytes in and bytes out.
//!
//! Everything that the guest says (pointers, lengths) is checked against its memory and the output limit before a byte is read or
//! allocated. `deallocate` is not called: the instance is thrown away whole.

use ::bytes::Bytes;
use wasmill_engine::PrepareError;
use wasmill_engine::parts::Stop;
use wasmill_model::{Limits, OutputFormat};
use wasmtime::{Extern, Instance, InstancePre, Memory, ModuleExport, Store};

use super::core::{initialize, initializer};
use super::{Answer, internal};
use crate::state::State;

pub(super) struct Entry {
    pre: InstancePre<State>,
    memory: ModuleExport,
    allocate: ModuleExport,
    process: ModuleExport,
    initialize: Option<ModuleExport>,
}

/// Bytes of the length that `process` writes.
const LENGTH_SIZE: usize = 4;

impl Entry {
    pub(super) fn new(pre: InstancePre<State>) -> Result<Self, PrepareError> {
        let export = |name: &str| {
            pre.module().get_export_index(name).ok_or_else(|| internal(&format!("the export `{name}` is gone")))
        };
        let (memory, allocate, process) = (export("memory")?, export("allocate")?, export("process")?);
        let initialize = initializer(&pre);
        Ok(Entry { pre, memory, allocate, process, initialize })
    }

    pub(super) async fn call(
        &self,
        store: &mut Store<State>,
        limits: &Limits,
        input: Bytes,
        format: OutputFormat,
    ) -> wasmtime::Result<Answer> {
        let length = u32::try_from(input.len()).map_err(|_| {
            Stop::Input(format!("the input has {} bytes; a 32-bit unit takes less than 4 GiB", input.len()))
        })?;
        let instance = self.pre.instantiate_async(&mut *store).await?;
        initialize(store, &instance, self.initialize.as_ref()).await?;

        let memory = find(store, &instance, &self.memory, Extern::into_memory)?;
        let allocate = find(store, &instance, &self.allocate, Extern::into_func)?.typed::<u32, u32>(&*store)?;
        let process =
            find(store, &instance, &self.process, Extern::into_func)?.typed::<(u32, u32, u32), u32>(&*store)?;

        let pointer = if input.is_empty() { 0 } else { allocate.call_async(&mut *store, length).await? };
        write(store, memory, pointer, &input, "`allocate` for the input")?;
        let length_pointer = allocate.call_async(&mut *store, LENGTH_SIZE as u32).await?;
        write(store, memory, length_pointer, &[0; LENGTH_SIZE], "`allocate` for the output's length")?;

        let result = process.call_async(&mut *store, (pointer, length, length_pointer)).await?;
        if result == 0 {
            return Err(Stop::Guest("`process` returned null".to_owned()).into());
        }
        let data = memory.data(&*store);
        let length: [u8; LENGTH_SIZE] = slice(data, length_pointer, LENGTH_SIZE as u64)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| Stop::Abi("the pointer to the output's length is no longer in the memory".to_owned()))?;
        let length = u64::from(u32::from_le_bytes(length));
        let output = slice(data, result, length).ok_or_else(|| {
            Stop::Abi(format!(
                "`process` returned {length} bytes at {result:#x}, and the memory has {} bytes",
                data.len()
            ))
        })?;
        if length > limits.output {
            return Err(Stop::Output { produced: length }.into());
        }
        let value = wasmill_engine::convert_output(output.to_vec(), format).map_err(Stop::Guest)?;
        Ok(Answer { value, bytes: length })
    }
}

fn find<T>(
    store: &mut Store<State>,
    instance: &Instance,
    export: &ModuleExport,
    kind: impl FnOnce(Extern) -> Option<T>,
) -> Result<T, Stop> {
    instance.get_module_export(store, export).and_then(kind).ok_or_else(|| Stop::Abi("an export is gone".to_owned()))
}

fn slice(memory: &[u8], pointer: u32, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(pointer).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    memory.get(start..end)
}

fn write(store: &mut Store<State>, memory: Memory, pointer: u32, bytes: &[u8], what: &str) -> Result<(), Stop> {
    if bytes.is_empty() {
        return Ok(());
    }
    if pointer == 0 {
        return Err(Stop::Guest(format!("{what} returned null: the unit is out of memory")));
    }
    memory.write(store, pointer as usize, bytes).map_err(|_| {
        Stop::Abi(format!("{what} returned {pointer:#x}, where there is no room for {} bytes", bytes.len()))
    })
}
