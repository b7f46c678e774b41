//! The C ABI: `allocate`, `process`, bytes in and bytes out.
//!
//! Everything that the guest says (pointers, lengths) is checked against its memory and the output limit before a byte is read or
//! allocated. `deallocate` is not called: the instance is thrown away whole.

use js_sys::Uint8Array;
use wasmill_engine::parts::Stop;
use wasmill_model::Limits;

use super::instance::{Instance, UnitMemory};
use crate::wire::End;

/// Bytes of the length that `process` writes.
const LENGTH_SIZE: u32 = 4;

/// What the unit gives for this input.
pub(super) fn call(instance: &Instance, input: &Uint8Array, limits: &Limits) -> Result<Uint8Array, End> {
    let memory = instance.memory()?;
    let (allocate, process) = (instance.function("allocate")?, instance.function("process")?);

    let length = input.length();
    let pointer = if length == 0 { 0 } else { allocate.ask(&[length])? };
    write(&memory, pointer, input, "`allocate` for the input")?;
    let length_pointer = allocate.ask(&[LENGTH_SIZE])?;
    let zero = Uint8Array::new_with_length(LENGTH_SIZE);
    write(&memory, length_pointer, &zero, "`allocate` for the output's length")?;

    let result = process.ask(&[pointer, length, length_pointer])?;
    if result == 0 {
        return Err(Stop::Guest("`process` returned null".to_owned()).into());
    }
    let length = memory
        .read(length_pointer)
        .map(u32::from_le_bytes)
        .ok_or_else(|| Stop::Abi("the pointer to the output's length is no longer in the memory".to_owned()))?;
    let output = memory.view(result, length).ok_or_else(|| {
        let size = memory.size();
        Stop::Abi(format!("`process` returned {length} bytes at {result:#x}, and the memory has {size} bytes"))
    })?;
    if u64::from(length) > limits.output {
        return Err(Stop::Output { produced: u64::from(length) }.into());
    }
    // A copy: what is handed over must not be the unit's memory.
    Ok(output.slice(0, length))
}

fn write(memory: &UnitMemory, pointer: u32, bytes: &Uint8Array, what: &str) -> Result<(), Stop> {
    let length = bytes.length();
    if length == 0 {
        return Ok(());
    }
    if pointer == 0 {
        return Err(Stop::Guest(format!("{what} returned null: the unit is out of memory")));
    }
    let place = memory
        .view(pointer, length)
        .ok_or_else(|| Stop::Abi(format!("{what} returned {pointer:#x}, where there is no room for {length} bytes")))?;
    place.set(bytes, 0);
    Ok(())
}
