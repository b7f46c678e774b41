//! The guest's memory, through which functions take and give: every pointer is checked before anything is read or written.

use wasmill_engine::parts::Stop;

use super::{Answer, Errno, MOST_COPIED};
use crate::meter::Meter;

/// Bytes of one buffer's description: a pointer and a length.
const BUFFER: u64 = 8;
/// A path with more bytes than this is too long for any system.
const LONGEST_TEXT: u32 = 64 << 10;
/// Bytes that are moved in one go; then the clock is looked at.
const PIECE: u32 = 64 << 10;

/// Linear memory, what of it may still be copied in this call, and who counts that.
pub(super) struct GuestMemory<'a> {
    data: &'a mut [u8],
    rest: u64,
    pub(super) meter: &'a mut Meter,
}

/// A place in the memory, of as many bytes as it says: in there, or not looked at yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buffer {
    pub(super) pointer: u32,
    pub(super) length: u32,
}

impl Buffer {
    /// Its pieces, one after the other.
    pub(super) fn pieces(self) -> impl Iterator<Item = Buffer> {
        (0..self.length).step_by(PIECE as usize).map(move |from| Buffer {
            pointer: self.pointer.saturating_add(from),
            length: (self.length - from).min(PIECE),
        })
    }
}

impl<'a> GuestMemory<'a> {
    pub(super) fn new(data: &'a mut [u8], meter: &'a mut Meter) -> Self {
        GuestMemory { data, rest: MOST_COPIED, meter }
    }

    /// Takes note of what is about to be copied.
    pub(super) fn copies(&mut self, bytes: u64) -> Answer {
        self.rest = self.rest.checked_sub(bytes).ok_or(Errno::NOMEM)?;
        Ok(())
    }

    /// The bytes there.
    pub(super) fn slice(&self, Buffer { pointer, length }: Buffer) -> Answer<&[u8]> {
        let start = pointer as usize;
        let end = start.checked_add(length as usize);
        Ok(end.and_then(|end| self.data.get(start..end)).ok_or_else(|| outside(pointer, length))?)
    }

    /// The bytes there, to be written.
    pub(super) fn slice_mut(&mut self, Buffer { pointer, length }: Buffer) -> Answer<&mut [u8]> {
        let start = pointer as usize;
        let end = start.checked_add(length as usize);
        Ok(end.and_then(|end| self.data.get_mut(start..end)).ok_or_else(|| outside(pointer, length))?)
    }

    /// Some bytes of a fixed number, at a pointer that has to be a multiple of `align`.
    pub(super) fn fixed<const COUNT: usize>(&self, pointer: u32, align: u32) -> Answer<[u8; COUNT]> {
        aligned(pointer, align)?;
        let bytes = self.slice(Buffer { pointer, length: COUNT as u32 })?;
        Ok(bytes.try_into().map_err(|_| outside(pointer, COUNT as u32))?)
    }

    pub(super) fn read_u32(&self, pointer: u32) -> Answer<u32> {
        Ok(u32::from_le_bytes(self.fixed(pointer, 4)?))
    }

    pub(super) fn write_u32(&mut self, pointer: u32, number: u32) -> Answer {
        self.write(pointer, 4, &number.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, pointer: u32, number: u64) -> Answer {
        self.write(pointer, 8, &number.to_le_bytes())
    }

    /// Writes bytes at a pointer that has to be a multiple of `align`.
    pub(super) fn write(&mut self, pointer: u32, align: u32, bytes: &[u8]) -> Answer {
        aligned(pointer, align)?;
        let length = u32::try_from(bytes.len()).map_err(|_| Errno::OVERFLOW)?;
        self.slice_mut(Buffer { pointer, length })?.copy_from_slice(bytes);
        Ok(())
    }

    /// Of an array of buffers, the first that has any bytes; an empty one where none has. Functions take no more than one at a time.
    pub(super) fn first_buffer(&mut self, pointer: u32, count: u32) -> Answer<Buffer> {
        self.copies(BUFFER * u64::from(count))?;
        let start = u64::from(pointer);
        for index in 0..u64::from(count) {
            self.meter.charge(1)?;
            let at = u32::try_from(start + BUFFER * index).map_err(|_| outside(pointer, count))?;
            let buffer = Buffer { pointer: self.read_u32(at)?, length: self.read_u32(at.saturating_add(4))? };
            if buffer.length > 0 {
                self.copies(u64::from(buffer.length))?;
                return Ok(buffer);
            }
        }
        Ok(Buffer { pointer: 0, length: 0 })
    }

    /// A path.
    pub(super) fn text(&mut self, pointer: u32, length: u32) -> Answer<String> {
        self.copies(u64::from(length))?;
        self.slice(Buffer { pointer, length })?;
        if length > LONGEST_TEXT {
            return Err(Errno::NAMETOOLONG.into());
        }
        self.meter.moves(u64::from(length))?;
        let bytes = self.slice(Buffer { pointer, length })?;
        Ok(str::from_utf8(bytes).map_err(|_| Errno::ILSEQ)?.to_owned())
    }
}

fn outside(pointer: u32, length: u32) -> Stop {
    Stop::Abi(format!("{length} bytes at {pointer:#x} are not in the memory"))
}

pub(super) fn aligned(pointer: u32, align: u32) -> Answer {
    if pointer.is_multiple_of(align) {
        return Ok(());
    }
    Err(Stop::Abi(format!("the pointer {pointer:#x} is no multiple of {align}")).into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wasmill_engine::Cancel;
    use wasmill_engine::parts::Deadline;

    use super::*;
    use crate::outcome::End;
    use crate::preview1::Failure;

    fn meter() -> Meter {
        Meter::new(&Deadline::new(Duration::from_secs(60), &Cancel::new()))
    }

    fn stopped<T>(answer: Answer<T>) -> bool {
        matches!(answer, Err(Failure::End(End::Stop(Stop::Abi(_)))))
    }

    #[test]
    fn no_pointer_is_believed() {
        let mut data = vec![7; 16];
        let mut meter = meter();
        let mut memory = GuestMemory::new(&mut data, &mut meter);
        assert_eq!(memory.slice(Buffer { pointer: 12, length: 4 }).ok(), Some(&[7; 4][..]));
        for (pointer, length) in [(13, 4), (0, 17), (u32::MAX, 1), (u32::MAX, u32::MAX), (17, 0)] {
            assert!(stopped(memory.slice(Buffer { pointer, length }).map(<[u8]>::len)), "{length} at {pointer}");
            assert!(stopped(memory.slice_mut(Buffer { pointer, length }).map(|bytes| bytes.len())));
        }
        assert!(stopped(memory.read_u32(2)) && stopped(memory.read_u32(16)) && stopped(memory.write_u64(4, 0)));
        assert!(stopped(memory.text(10, 10)));
    }

    #[test]
    fn of_many_buffers_the_first_that_is_not_empty_counts() {
        let mut data = vec![0; 32];
        data[8] = 5;
        data[12] = 3;
        let mut meter = meter();
        let mut memory = GuestMemory::new(&mut data, &mut meter);
        let first = memory.first_buffer(0, 4).unwrap_or(Buffer { pointer: 0, length: 0 });
        assert_eq!((first.pointer, first.length), (5, 3));
        assert_eq!(memory.first_buffer(0, 1).map(|buffer| buffer.length).ok(), Some(0));
        assert!(stopped(memory.first_buffer(16, 4)) && stopped(memory.first_buffer(2, 1)));
        assert!(matches!(memory.first_buffer(0, u32::MAX), Err(Failure::Errno(Errno::NOMEM))));
    }
}
