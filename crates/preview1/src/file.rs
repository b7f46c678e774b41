//! Files: sizes, times and what is known of them.

use super::descriptor::Descriptor;
use super::entry::{FileKind, NewTime, Stat};
use super::{Answer, Errno, GuestMemory, Preview1, known};

/// The device that every file is on, as guests see it.
const DEVICE: u64 = 1;

/// Bits of `fstflags`.
mod times {
    pub(super) const ACCESSED: u32 = 1 << 0;
    pub(super) const ACCESSED_NOW: u32 = 1 << 1;
    pub(super) const MODIFIED: u32 = 1 << 2;
    pub(super) const MODIFIED_NOW: u32 = 1 << 3;
    pub(super) const ALL: u32 = 0xf;
}

/// The two times that a guest sets: when a file was last read, and when last written.
pub(super) fn read_times(accessed: u64, modified: u64, flags: u32) -> Answer<[NewTime; 2]> {
    known(flags & !times::ALL == 0, "fstflags")?;
    let time = |nanos, set, now| match (flags & set != 0, flags & now != 0) {
        (true, true) => Err(Errno::INVAL),
        (true, false) => Ok(NewTime::At(nanos)),
        (false, true) => Ok(NewTime::Now),
        (false, false) => Ok(NewTime::Same),
    };
    Ok([time(accessed, times::ACCESSED, times::ACCESSED_NOW)?, time(modified, times::MODIFIED, times::MODIFIED_NOW)?])
}

/// Writes a `filestat`.
pub(super) fn write_stat(memory: &mut GuestMemory<'_>, at: u32, stat: &Stat) -> Answer {
    let fields =
        [stat.device, stat.inode, stat.kind as u64, stat.links, stat.size, stat.accessed, stat.modified, stat.created];
    let bytes: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
    memory.write(at, 8, &bytes)
}

pub(super) fn fd_filestat_get(preview1: &mut Preview1, memory: &mut GuestMemory<'_>, fd: u32, stat: u32) -> Answer {
    let found = match preview1.descriptors.get(fd)? {
        Descriptor::Stdin | Descriptor::Stdout | Descriptor::Stderr => Stat::of_a_stream(),
        Descriptor::Folder { folder, .. } => Stat { device: DEVICE, ..folder.stat()? },
        Descriptor::File(open) => Stat { device: DEVICE, ..open.file.stat()? },
    };
    write_stat(memory, stat, &found)
}

impl Stat {
    fn of_a_stream() -> Self {
        Stat { device: 0, inode: 0, kind: FileKind::Unknown, links: 0, size: 0, accessed: 0, modified: 0, created: 0 }
    }
}

pub(super) fn fd_advise(
    preview1: &mut Preview1,
    _: &mut GuestMemory<'_>,
    fd: u32,
    _offset: u64,
    _length: u64,
    advice: u32,
) -> Answer {
    const ADVICES: u32 = 6;
    known(advice < ADVICES, "advice")?;
    // It is only advice.
    preview1.descriptors.file(fd)?;
    Ok(())
}

pub(super) fn fd_allocate(
    preview1: &mut Preview1,
    _: &mut GuestMemory<'_>,
    fd: u32,
    _offset: u64,
    _length: u64,
) -> Answer {
    preview1.descriptors.file(fd)?;
    Err(Errno::NOTSUP.into())
}

pub(super) fn fd_datasync(preview1: &mut Preview1, _: &mut GuestMemory<'_>, fd: u32) -> Answer {
    Ok(preview1.descriptors.file(fd)?.file.sync_data()?)
}

pub(super) fn fd_sync(preview1: &mut Preview1, _: &mut GuestMemory<'_>, fd: u32) -> Answer {
    Ok(preview1.descriptors.file(fd)?.file.sync()?)
}

pub(super) fn fd_filestat_set_size(preview1: &mut Preview1, _: &mut GuestMemory<'_>, fd: u32, size: u64) -> Answer {
    Ok(preview1.descriptors.file(fd)?.file.set_size(size)?)
}

pub(super) fn fd_filestat_set_times(
    preview1: &mut Preview1,
    _: &mut GuestMemory<'_>,
    fd: u32,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Answer {
    let times = read_times(accessed, modified, flags)?;
    match preview1.descriptors.get(fd)? {
        Descriptor::File(open) => Ok(open.file.set_times(times)?),
        Descriptor::Folder { folder, .. } => Ok(folder.set_times(times)?),
        Descriptor::Stdin | Descriptor::Stdout | Descriptor::Stderr => Err(Errno::BADF.into()),
    }
}
