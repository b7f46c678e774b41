//! What a program is told of itself, how it exits, randomness; and sockets, which there are none of.

use wasmill_engine::parts::{SeededStream, Stop};

use super::descriptor::check_flags;
use super::memory::Buffer;
use super::{Answer, End, Errno, GuestMemory, Preview1, known};

/// Bytes of randomness that a guest may ask for in one call.
const MAX_RANDOM: u32 = 16 << 20;
/// Exit codes from here on have a meaning of their own in shells.
const FIRST_BAD_EXIT: u32 = 126;

/// Where randomness comes from.
#[derive(Debug)]
pub(super) enum Random {
    /// The same for every run.
    Seeded(SeededStream),
    /// The machine's own.
    Real,
}

impl Random {
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Stop> {
        match self {
            Random::Seeded(stream) => stream.fill(bytes),
            Random::Real => getrandom::fill(bytes)
                .map_err(|error| Stop::Host(format!("the machine gives no randomness: {error}")))?,
        }
        Ok(())
    }
}

impl Random {
    pub(super) fn number(&mut self) -> Result<u64, Stop> {
        match self {
            Random::Seeded(stream) => Ok(stream.number()),
            Random::Real => {
                let mut bytes = [0; 8];
                self.fill(&mut bytes)?;
                Ok(u64::from_le_bytes(bytes))
            }
        }
    }
}

/// Writes texts one after the other, each with a zero byte behind it, and where each begins.
fn write_texts(memory: &mut GuestMemory<'_>, texts: &[Vec<u8>], pointers: u32, buffer: u32) -> Answer {
    let (mut slot, mut at) = (pointers, buffer);
    for text in texts {
        memory.meter.charge(1)?;
        memory.meter.moves(text.len() as u64)?;
        memory.write_u32(slot, at)?;
        memory.write(at, 1, text)?;
        at = after(at, text.len())?;
        memory.write(at, 1, &[0])?;
        (slot, at) = (after(slot, 4)?, after(at, 1)?);
    }
    Ok(())
}

fn after(pointer: u32, bytes: usize) -> Answer<u32> {
    let next = u32::try_from(bytes).ok().and_then(|bytes| pointer.checked_add(bytes));
    Ok(next.ok_or_else(|| Stop::Abi(format!("{bytes} bytes at {pointer:#x} are not in the memory")))?)
}

fn write_sizes(memory: &mut GuestMemory<'_>, texts: &[Vec<u8>], count: u32, bytes: u32) -> Answer {
    let size = |number: usize| u32::try_from(number).map_err(|_| Errno::OVERFLOW);
    let total = texts.iter().map(|text| text.len() + 1).sum();
    memory.write_u32(count, size(texts.len())?)?;
    memory.write_u32(bytes, size(total)?)
}

pub(super) fn args_get(preview1: &mut Preview1, memory: &mut GuestMemory<'_>, pointers: u32, buffer: u32) -> Answer {
    write_texts(memory, &preview1.arguments, pointers, buffer)
}

pub(super) fn args_sizes_get(preview1: &mut Preview1, memory: &mut GuestMemory<'_>, count: u32, bytes: u32) -> Answer {
    write_sizes(memory, &preview1.arguments, count, bytes)
}

pub(super) fn environ_get(preview1: &mut Preview1, memory: &mut GuestMemory<'_>, pointers: u32, buffer: u32) -> Answer {
    write_texts(memory, &preview1.environment, pointers, buffer)
}

pub(super) fn environ_sizes_get(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    count: u32,
    bytes: u32,
) -> Answer {
    write_sizes(memory, &preview1.environment, count, bytes)
}

pub(super) fn random_get(preview1: &mut Preview1, memory: &mut GuestMemory<'_>, buffer: u32, length: u32) -> Answer {
    if length > MAX_RANDOM {
        return Err(Stop::Abi(format!("{length} bytes of randomness are more than {MAX_RANDOM}")).into());
    }
    let buffer = Buffer { pointer: buffer, length };
    // All of it is there, or nothing is written.
    memory.check(buffer)?;
    for piece in buffer.pieces() {
        memory.meter.moves(u64::from(piece.length))?;
        memory.fill(piece, |bytes| preview1.random.fill(bytes).map(|()| bytes.len()))?;
    }
    Ok(())
}

pub(super) fn proc_exit(_: &mut Preview1, _: &mut GuestMemory<'_>, code: u32) -> Answer {
    Err(match i32::try_from(code) {
        Ok(exit) if code < FIRST_BAD_EXIT => End::Exit(exit).into(),
        _ => Stop::Abi("exit with invalid exit status outside of [0..126)".to_owned()).into(),
    })
}

pub(super) fn proc_raise(_: &mut Preview1, _: &mut GuestMemory<'_>, signal: u32) -> Answer {
    const SIGNALS: u32 = 31;
    known(signal < SIGNALS, "signal")?;
    Err(Errno::NOTSUP.into())
}

pub(super) fn sched_yield(_: &mut Preview1, _: &mut GuestMemory<'_>) -> Answer {
    Ok(())
}

/// No descriptor is a socket.
fn no_socket(preview1: &Preview1, fd: u32) -> Answer {
    preview1.descriptors.get(fd)?;
    Err(Errno::NOTSOCK.into())
}

pub(super) fn sock_accept(preview1: &mut Preview1, _: &mut GuestMemory<'_>, fd: u32, flags: u32, _: u32) -> Answer {
    check_flags(flags)?;
    no_socket(preview1, fd)
}

pub(super) fn sock_recv(
    preview1: &mut Preview1,
    _: &mut GuestMemory<'_>,
    fd: u32,
    _: u32,
    _: u32,
    flags: u32,
    _: u32,
    _: u32,
) -> Answer {
    known(flags < 4, "riflags")?;
    no_socket(preview1, fd)
}

pub(super) fn sock_send(
    preview1: &mut Preview1,
    _: &mut GuestMemory<'_>,
    fd: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> Answer {
    no_socket(preview1, fd)
}

pub(super) fn sock_shutdown(preview1: &mut Preview1, _: &mut GuestMemory<'_>, fd: u32, how: u32) -> Answer {
    known(how < 4, "sdflags")?;
    no_socket(preview1, fd)
}
