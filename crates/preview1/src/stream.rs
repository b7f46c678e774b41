//! Reading and writing: the guest's streams, and files.
//!
//! As on wasmtime, a call takes the first buffer that has any bytes, and no more than it.

use wasmill_engine::parts::Capture;

use super::descriptor::{Descriptor, OpenFile};
use super::memory::Buffer;
use super::{Answer, Errno, GuestMemory, Preview1, known};

/// Bytes that a file is read or written by in one call: what a disk does in about a millisecond. A guest asks again for the rest.
const MOST_AT_ONCE: u32 = 1 << 20;
/// Bytes that are written to a stream in one go.
const STREAM_PIECE: usize = 4096;

/// What of a buffer a file takes in one call.
fn at_once(buffer: Buffer) -> Buffer {
    Buffer { length: buffer.length.min(MOST_AT_ONCE), ..buffer }
}

fn advance(position: u64, bytes: usize) -> Result<u64, Errno> {
    position.checked_add(bytes as u64).ok_or(Errno::OVERFLOW)
}

pub(super) fn fd_read(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    buffers: u32,
    count: u32,
    read: u32,
) -> Answer {
    let buffer = memory.first_buffer(buffers, count)?;
    let bytes = match preview1.descriptors.get_mut(fd)? {
        Descriptor::File(OpenFile { file, position, .. }) => {
            memory.meter.asks_system();
            let bytes = memory.fill(at_once(buffer), |into| file.read_at(into, *position))?;
            memory.meter.moves(bytes as u64)?;
            *position = advance(*position, bytes)?;
            bytes
        }
        Descriptor::Stdin if preview1.stdin.is_empty() => 0,
        // No bytes, and not the end either.
        Descriptor::Stdin if buffer.length == 0 => return Err(Errno::INTR.into()),
        Descriptor::Stdin => {
            memory.check(buffer)?;
            let length = u32::try_from(preview1.stdin.len()).unwrap_or(u32::MAX).min(buffer.length);
            for piece in (Buffer { length, ..buffer }).pieces() {
                memory.meter.moves(u64::from(piece.length))?;
                memory.write(piece.pointer, 1, &preview1.stdin.split_to(piece.length as usize))?;
            }
            length as usize
        }
        _ => return Err(Errno::BADF.into()),
    };
    memory.write_u32(read, u32::try_from(bytes).map_err(|_| Errno::OVERFLOW)?)
}

pub(super) fn fd_pread(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    buffers: u32,
    count: u32,
    offset: u64,
    read: u32,
) -> Answer {
    let buffer = memory.first_buffer(buffers, count)?;
    let bytes = match preview1.descriptors.get(fd)? {
        Descriptor::File(OpenFile { file, .. }) => {
            memory.meter.asks_system();
            let bytes = memory.fill(at_once(buffer), |into| file.read_at(into, offset))?;
            memory.meter.moves(bytes as u64)?;
            bytes
        }
        Descriptor::Stdin => return Err(Errno::SPIPE.into()),
        _ => return Err(Errno::BADF.into()),
    };
    memory.write_u32(read, u32::try_from(bytes).map_err(|_| Errno::OVERFLOW)?)
}

/// Where `fd_write` and `fd_pwrite` write to.
enum Place {
    Position,
    At(u64),
}

fn write(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    (buffers, count): (u32, u32),
    place: &Place,
) -> Answer<usize> {
    let buffer = memory.first_buffer(buffers, count)?;
    let stream: &Capture = match preview1.descriptors.get_mut(fd)? {
        Descriptor::File(OpenFile { file, position, append, .. }) => {
            let buffer = at_once(buffer);
            memory.check(buffer)?;
            memory.meter.moves(u64::from(buffer.length))?;
            memory.meter.asks_system();
            let bytes = &*memory.bytes(buffer)?;
            return Ok(match (*append, place) {
                // As on Linux, what appends does not care for a place.
                (true, Place::At(_)) => file.append(bytes)?,
                (true, Place::Position) => {
                    let written = file.append(bytes)?;
                    *position = file.stat()?.size;
                    written
                }
                (false, Place::At(offset)) => file.write_at(bytes, *offset)?,
                (false, Place::Position) => {
                    let written = file.write_at(bytes, *position)?;
                    *position = advance(*position, written)?;
                    written
                }
            });
        }
        Descriptor::Stdout => &preview1.stdout,
        Descriptor::Stderr => &preview1.stderr,
        Descriptor::Stdin | Descriptor::Folder { .. } => return Err(Errno::BADF.into()),
    };
    if let Place::At(_) = place {
        return Err(Errno::SPIPE.into());
    }
    memory.check(buffer)?;
    for piece in buffer.pieces() {
        memory.meter.moves(u64::from(piece.length))?;
        for bytes in memory.bytes(piece)?.chunks(STREAM_PIECE) {
            stream.write(bytes)?;
        }
    }
    Ok(buffer.length as usize)
}

pub(super) fn fd_write(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    buffers: u32,
    count: u32,
    written: u32,
) -> Answer {
    let bytes = write(preview1, memory, fd, (buffers, count), &Place::Position)?;
    memory.write_u32(written, u32::try_from(bytes).map_err(|_| Errno::OVERFLOW)?)
}

pub(super) fn fd_pwrite(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    buffers: u32,
    count: u32,
    offset: u64,
    written: u32,
) -> Answer {
    let bytes = write(preview1, memory, fd, (buffers, count), &Place::At(offset))?;
    memory.write_u32(written, u32::try_from(bytes).map_err(|_| Errno::OVERFLOW)?)
}

pub(super) fn fd_seek(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    offset: i64,
    whence: u32,
    position: u32,
) -> Answer {
    const SET: u32 = 0;
    const CURRENT: u32 = 1;
    const END: u32 = 2;
    known(whence <= END, "whence")?;
    let open = preview1.descriptors.seekable(fd)?;
    let to = match whence {
        SET => u64::try_from(offset).ok(),
        CURRENT => open.position.checked_add_signed(offset),
        _ => open.file.stat()?.size.checked_add_signed(offset),
    };
    open.position = to.ok_or(Errno::INVAL)?;
    memory.write_u64(position, open.position)
}

pub(super) fn fd_tell(preview1: &mut Preview1, memory: &mut GuestMemory<'_>, fd: u32, position: u32) -> Answer {
    let at = preview1.descriptors.seekable(fd)?.position;
    memory.write_u64(position, at)
}
