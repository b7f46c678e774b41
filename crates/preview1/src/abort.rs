//! AssemblyScript's `abort`: no WASI, but what its units import beside it.

use wasmill_engine::parts::Stop;

use crate::Memory;

/// Bytes of a text that are read: characters have two.
const MOST_TEXT: u32 = 2_000;

/// Why a guest stops that called `abort(message, file, line, column)`: strings are UTF-16, their length in bytes stands before them.
pub fn abort(memory: Option<Memory<'_>>, [message, file, line, column]: [u32; 4]) -> Stop {
    let text = |pointer: u32| {
        let memory = memory.as_ref()?;
        let length = memory.bytes(pointer.checked_sub(4)?, 4)?;
        let length = u32::from_le_bytes(length.as_ref().try_into().ok()?).min(MOST_TEXT);
        let text = memory.bytes(pointer, length)?;
        let units = text.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
        Some(String::from_utf16_lossy(&units.collect::<Vec<_>>()))
    };
    let message = text(message).unwrap_or_default();
    let (line, column) = (line.cast_signed(), column.cast_signed());
    let place = text(file).map(|file| format!(" at {file}:{line}:{column}")).unwrap_or_default();
    Stop::Abort(format!("abort: {message}{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_read_and_no_pointer_is_believed() {
        let mut data = vec![0; 64];
        data[4] = 4;
        (data[8], data[10]) = (b'n', b'o');
        data[60] = 0xff;
        let mut said = |message, file| abort(Some(Memory::Slice(&mut data)), [message, file, 7, 9]);
        assert_eq!(said(8, 8), Stop::Abort("abort: no at no:7:9".to_owned()));
        // Nowhere, before the memory, behind it, and a length that is not there.
        for pointer in [0, 3, 65, u32::MAX, 64] {
            assert_eq!(said(pointer, pointer), Stop::Abort("abort: ".to_owned()), "{pointer}");
        }
        assert_eq!(abort(None, [8, 8, 7, 9]), Stop::Abort("abort: ".to_owned()));
    }
}
