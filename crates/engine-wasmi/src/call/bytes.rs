//! The C ABI: `allocate`, `process`, bytes in and bytes out.
//!
//! Everything that the guest says (pointers, lengths) is checked against its memory and the output limit before a byte is read or
//! allocated. `deallocate` is not called: the instance is thrown away whole.

use wasmi::{Func, Instance, Memory, Val};
use wasmill_engine::parts::Stop;
use wasmill_model::{Limits, OutputFormat};

use super::{Answer, function};
use crate::outcome::End;
use crate::slices::Guest;

/// Bytes of the length that `process` writes.
const LENGTH_SIZE: usize = 4;

pub(super) fn length(input: &[u8]) -> Result<u32, Stop> {
    u32::try_from(input.len())
        .map_err(|_| Stop::Input(format!("the input has {} bytes; a 32-bit unit takes less than 4 GiB", input.len())))
}

pub(super) async fn call(
    guest: &mut Guest<'_>,
    instance: Instance,
    limits: &Limits,
    input: &[u8],
    length: u32,
    format: OutputFormat,
) -> Result<Answer, End> {
    let memory = instance.get_memory(&*guest.store, "memory");
    let memory = memory.ok_or_else(|| Stop::Abi("the export `memory` is gone".to_owned()))?;
    let (allocate, process) = (function(guest, instance, "allocate")?, function(guest, instance, "process")?);

    let pointer = if input.is_empty() { 0 } else { ask(guest, &allocate, &[length]).await? };
    write(guest, memory, pointer, input, "`allocate` for the input")?;
    let length_pointer = ask(guest, &allocate, &[LENGTH_SIZE as u32]).await?;
    write(guest, memory, length_pointer, &[0; LENGTH_SIZE], "`allocate` for the output's length")?;

    let result = ask(guest, &process, &[pointer, length, length_pointer]).await?;
    if result == 0 {
        return Err(Stop::Guest("`process` returned null".to_owned()).into());
    }
    let data = memory.data(&*guest.store);
    let length: [u8; LENGTH_SIZE] = slice(data, length_pointer, LENGTH_SIZE as u64)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| Stop::Abi("the pointer to the output's length is no longer in the memory".to_owned()))?;
    let length = u64::from(u32::from_le_bytes(length));
    let output = slice(data, result, length).ok_or_else(|| {
        Stop::Abi(format!("`process` returned {length} bytes at {result:#x}, and the memory has {} bytes", data.len()))
    })?;
    if length > limits.output {
        return Err(Stop::Output { produced: length }.into());
    }
    let value = wasmill_engine::convert_output(output.to_vec(), format).map_err(Stop::Guest)?;
    Ok(Answer { value, bytes: length })
}

/// Calls a function of `i32`s that gives one.
async fn ask<const COUNT: usize>(guest: &mut Guest<'_>, function: &Func, params: &[u32; COUNT]) -> Result<u32, End> {
    let params = params.map(|number| Val::I32(number as i32));
    let mut results = [Val::I32(0)];
    guest.call(function, &params, &mut results).await?;
    match results {
        [Val::I32(number)] => Ok(number as u32),
        _ => Err(Stop::Abi("a function of the byte interface gives no `i32`".to_owned()).into()),
    }
}

fn slice(memory: &[u8], pointer: u32, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(pointer).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    memory.get(start..end)
}

fn write(guest: &mut Guest<'_>, memory: Memory, pointer: u32, bytes: &[u8], what: &str) -> Result<(), Stop> {
    if bytes.is_empty() {
        return Ok(());
    }
    if pointer == 0 {
        return Err(Stop::Guest(format!("{what} returned null: the unit is out of memory")));
    }
    memory.write(&mut *guest.store, pointer as usize, bytes).map_err(|_| {
        Stop::Abi(format!("{what} returned {pointer:#x}, where there is no room for {} bytes", bytes.len()))
    })
}
