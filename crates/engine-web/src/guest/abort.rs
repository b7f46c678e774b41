//! AssemblyScript's `abort(message, file, line, column)`.

use js_sys::Array;
use wasmill_engine::parts::Stop;

use super::instance::Memory;

/// Characters of a message that are read.
const MOST: u32 = 1_000;

/// What the unit says. Strings are UTF-16, their length in bytes stands before them.
pub(super) fn abort(memory: Option<&Memory>, arguments: &Array) -> Stop {
    let number = |index: u32| arguments.get(index).as_f64().unwrap_or_default() as i32;
    let text = |pointer: i32| -> Option<String> {
        let (memory, start) = (memory?, pointer as u32);
        let length = u32::from_le_bytes(memory.read(start.checked_sub(4)?)?).min(2 * MOST);
        let bytes = memory.view(start, length)?.to_vec();
        let units = bytes.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
        Some(String::from_utf16_lossy(&units.collect::<Vec<u16>>()))
    };
    let message = text(number(0)).unwrap_or_default();
    let place = text(number(1)).map(|file| format!(" at {file}:{}:{}", number(2), number(3))).unwrap_or_default();
    Stop::Abort(format!("abort: {message}{place}"))
}
