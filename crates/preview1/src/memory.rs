//! The guest's memory, through which functions take and give: every pointer is checked before anything is read or written.

use std::borrow::Cow;
use std::fmt;

use wasmill_engine::parts::Stop;

use super::{Answer, Errno, Failure, MOST_COPIED, Meter};

/// Bytes of one buffer's description: a pointer and a length.
const BUFFER: u64 = 8;
/// A path with more bytes than this is too long for any system.
const LONGEST_TEXT: u32 = 64 << 10;
/// Bytes that are moved in one go; then the clock is looked at.
const PIECE: u32 = 64 << 10;

/// A guest's linear memory, for as long as a function runs.
pub enum Memory<'a> {
    /// The bytes themselves.
    Slice(&'a mut [u8]),
    /// Bytes that are somewhere else, and copied.
    Remote(&'a mut (dyn RemoteMemory + 'static)),
}

/// A memory of which nothing can be borrowed: a browser's, seen from a module that has a memory of its own.
pub trait RemoteMemory {
    /// Bytes that it has.
    fn size(&self) -> u64;
    /// Copies bytes out of it; they are within its size.
    fn read(&self, at: u32, into: &mut [u8]);
    /// Copies bytes into it; they are within its size.
    fn write(&mut self, at: u32, bytes: &[u8]);
}

impl fmt::Debug for Memory<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.size())
    }
}

impl Memory<'_> {
    /// Bytes that it has.
    pub fn size(&self) -> u64 {
        match self {
            Memory::Slice(data) => data.len() as u64,
            Memory::Remote(memory) => memory.size(),
        }
    }

    /// Whether these bytes are in there.
    pub fn has(&self, pointer: u32, length: u32) -> bool {
        u64::from(pointer) + u64::from(length) <= self.size()
    }

    /// The bytes there; none where they are not in the memory.
    pub fn bytes(&self, pointer: u32, length: u32) -> Option<Cow<'_, [u8]>> {
        if !self.has(pointer, length) {
            return None;
        }
        match self {
            Memory::Slice(data) => data.get(pointer as usize..)?.get(..length as usize).map(Cow::Borrowed),
            Memory::Remote(memory) => {
                let mut bytes = vec![0; length as usize];
                memory.read(pointer, &mut bytes);
                Some(Cow::Owned(bytes))
            }
        }
    }

    /// Copies bytes out of it: false where they are not in the memory.
    fn read(&self, pointer: u32, into: &mut [u8]) -> bool {
        match self {
            Memory::Slice(data) => {
                let there = data.get(pointer as usize..).and_then(|rest| rest.get(..into.len()));
                if let Some(there) = there {
                    into.copy_from_slice(there);
                }
                there.is_some()
            }
            Memory::Remote(memory) => {
                let is_there = u64::from(pointer) + into.len() as u64 <= memory.size();
                if is_there {
                    memory.read(pointer, into);
                }
                is_there
            }
        }
    }

    /// Copies bytes into it: false where they have no place there.
    pub fn write(&mut self, pointer: u32, bytes: &[u8]) -> bool {
        match self {
            Memory::Slice(data) => {
                let there = data.get_mut(pointer as usize..).and_then(|rest| rest.get_mut(..bytes.len()));
                let is_there = there.is_some();
                if let Some(there) = there {
                    there.copy_from_slice(bytes);
                }
                is_there
            }
            Memory::Remote(memory) => {
                let is_there = u64::from(pointer) + bytes.len() as u64 <= memory.size();
                if is_there {
                    memory.write(pointer, bytes);
                }
                is_there
            }
        }
    }
}

/// Linear memory, what of it may still be copied in this call, and who counts that.
pub(super) struct GuestMemory<'a> {
    data: Memory<'a>,
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
    pub(super) fn new(data: Memory<'a>, meter: &'a mut Meter) -> Self {
        GuestMemory { data, rest: MOST_COPIED, meter }
    }

    /// Takes note of what is about to be copied.
    pub(super) fn copies(&mut self, bytes: u64) -> Answer {
        self.rest = self.rest.checked_sub(bytes).ok_or(Errno::NOMEM)?;
        Ok(())
    }

    /// Whether the bytes are there.
    pub(super) fn check(&self, Buffer { pointer, length }: Buffer) -> Answer {
        if self.data.has(pointer, length) { Ok(()) } else { Err(outside(pointer, length).into()) }
    }

    /// The bytes there.
    pub(super) fn bytes(&self, Buffer { pointer, length }: Buffer) -> Answer<Cow<'_, [u8]>> {
        Ok(self.data.bytes(pointer, length).ok_or_else(|| outside(pointer, length))?)
    }

    /// Has the bytes there written, from the first on, by somebody who says how many of them were.
    pub(super) fn fill<E: Into<Failure>>(
        &mut self,
        buffer: Buffer,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Answer<usize> {
        self.check(buffer)?;
        let Buffer { pointer, length } = buffer;
        match &mut self.data {
            Memory::Slice(data) => {
                let there = data.get_mut(pointer as usize..).and_then(|rest| rest.get_mut(..length as usize));
                fill(there.ok_or_else(|| outside(pointer, length))?).map_err(Into::into)
            }
            Memory::Remote(memory) => {
                let mut bytes = vec![0; length as usize];
                let filled = fill(&mut bytes).map_err(Into::into)?;
                memory.write(pointer, bytes.get(..filled).unwrap_or(&bytes));
                Ok(filled)
            }
        }
    }

    /// Some bytes of a fixed number, at a pointer that has to be a multiple of `align`.
    pub(super) fn fixed<const COUNT: usize>(&self, pointer: u32, align: u32) -> Answer<[u8; COUNT]> {
        aligned(pointer, align)?;
        let mut bytes = [0; COUNT];
        if self.data.read(pointer, &mut bytes) { Ok(bytes) } else { Err(outside(pointer, COUNT as u32).into()) }
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
        if self.data.write(pointer, bytes) { Ok(()) } else { Err(outside(pointer, length).into()) }
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
        self.check(Buffer { pointer, length })?;
        if length > LONGEST_TEXT {
            return Err(Errno::NAMETOOLONG.into());
        }
        self.meter.moves(u64::from(length))?;
        let bytes = self.bytes(Buffer { pointer, length })?;
        Ok(str::from_utf8(&bytes).map_err(|_| Errno::ILSEQ)?.to_owned())
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
    use crate::End;

    fn meter() -> Meter {
        Meter::new(&Deadline::new(Duration::from_secs(60), &Cancel::new()))
    }

    fn stopped<T>(answer: Answer<T>) -> bool {
        matches!(answer, Err(Failure::End(End::Stop(Stop::Abi(_)))))
    }

    /// A memory that panics where it is asked for what it does not have, as a browser throws.
    struct Elsewhere(Vec<u8>);

    impl RemoteMemory for Elsewhere {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn read(&self, at: u32, into: &mut [u8]) {
            into.copy_from_slice(&self.0[at as usize..][..into.len()]);
        }

        fn write(&mut self, at: u32, bytes: &[u8]) {
            self.0[at as usize..][..bytes.len()].copy_from_slice(bytes);
        }
    }

    /// A test is the same for bytes that are here and for those that are somewhere else.
    fn with_both(data: &[u8], test: impl Fn(GuestMemory<'_>)) {
        let (mut here, mut elsewhere) = (data.to_vec(), Elsewhere(data.to_vec()));
        test(GuestMemory::new(Memory::Slice(&mut here), &mut meter()));
        test(GuestMemory::new(Memory::Remote(&mut elsewhere), &mut meter()));
        assert_eq!(here, elsewhere.0);
    }

    #[test]
    fn no_pointer_is_believed() {
        with_both(&[7; 16], |mut memory| {
            assert_eq!(memory.bytes(Buffer { pointer: 12, length: 4 }).ok().as_deref(), Some(&[7; 4][..]));
            for (pointer, length) in [(13, 4), (0, 17), (u32::MAX, 1), (u32::MAX, u32::MAX), (17, 0)] {
                let buffer = Buffer { pointer, length };
                assert!(stopped(memory.bytes(buffer)) && stopped(memory.check(buffer)), "{length} at {pointer}");
                assert!(stopped(memory.fill(buffer, |bytes| Ok::<_, Errno>(bytes.len()))));
            }
            assert!(stopped(memory.read_u32(2)) && stopped(memory.read_u32(16)) && stopped(memory.write_u64(4, 0)));
            assert!(stopped(memory.write(14, 1, &[0; 3])) && stopped(memory.write(u32::MAX, 1, &[0])));
            assert!(stopped(memory.text(10, 10)));
        });
    }

    #[test]
    fn what_is_written_is_there_and_nothing_else() {
        with_both(&[7; 16], |mut memory| {
            assert!(memory.write_u32(4, 1).is_ok());
            let filled = memory.fill(Buffer { pointer: 8, length: 4 }, |bytes| {
                bytes[..2].fill(9);
                Ok::<_, Errno>(2)
            });
            assert_eq!(filled.ok(), Some(2));
            let all = memory.bytes(Buffer { pointer: 0, length: 16 }).unwrap_or_default();
            assert_eq!(*all, [7, 7, 7, 7, 1, 0, 0, 0, 9, 9, 7, 7, 7, 7, 7, 7]);
        });
    }

    #[test]
    fn of_many_buffers_the_first_that_is_not_empty_counts() {
        let mut data = vec![0; 32];
        data[8] = 5;
        data[12] = 3;
        with_both(&data, |mut memory| {
            let first = memory.first_buffer(0, 4).unwrap_or(Buffer { pointer: 0, length: 0 });
            assert_eq!((first.pointer, first.length), (5, 3));
            assert_eq!(memory.first_buffer(0, 1).map(|buffer| buffer.length).ok(), Some(0));
            assert!(stopped(memory.first_buffer(16, 4)) && stopped(memory.first_buffer(2, 1)));
            assert!(matches!(memory.first_buffer(0, u32::MAX), Err(Failure::Errno(Errno::NOMEM))));
        });
    }
}
