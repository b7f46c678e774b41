//! What a guest has open: its streams, the folders that it was granted, and what it opened in them.

use std::collections::{BTreeMap, BTreeSet};

use wasmill_engine::parts::Stop;
use wasmill_model::{DirMode, Grants};

use super::entry::FileKind;
use super::system::{File, Folder};
use super::{Answer, Errno, GuestMemory, Preview1, known};

/// Descriptors that a guest may have open at once.
const MAX_DESCRIPTORS: usize = 10_000;

/// Bits of `rights`.
mod rights {
    pub(super) const FD_READ: u64 = 1 << 1;
    pub(super) const FD_SEEK: u64 = 1 << 2;
    pub(super) const FD_WRITE: u64 = 1 << 6;
    pub(super) const FD_READDIR: u64 = 1 << 14;
    pub(super) const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub(super) const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub(super) const ALL: u64 = (1 << 30) - 1;
    /// What libraries expect of a folder that was granted: all that is done with paths, and its own attributes.
    pub(super) const FOLDER: u64 = 0x07b7_fe00;
    /// What they expect of files in it.
    pub(super) const IN_FOLDER: u64 = 0x08e0_01ff;
}

/// Bits of `fdflags`.
pub(super) mod flags {
    pub(crate) const APPEND: u32 = 1 << 0;
    pub(crate) const DSYNC: u32 = 1 << 1;
    pub(crate) const NONBLOCK: u32 = 1 << 2;
    pub(crate) const RSYNC: u32 = 1 << 3;
    pub(crate) const SYNC: u32 = 1 << 4;
    pub(crate) const ALL: u32 = 0x1f;
}

/// One open thing.
#[derive(Debug)]
pub(super) enum Descriptor {
    Stdin,
    Stdout,
    Stderr,
    Folder {
        folder: Folder,
        /// Where the guest sees it, if it was granted.
        granted: Option<String>,
    },
    File(OpenFile),
}

/// A file, and where in it the guest is.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) position: u64,
    pub(super) append: bool,
    /// Kept for whoever asks: files never make anybody wait.
    pub(super) nonblock: bool,
}

/// All that is open, by number.
#[derive(Debug)]
pub(super) struct Descriptors {
    used: BTreeMap<u32, Descriptor>,
    /// Numbers that were closed; the highest is taken first.
    free: BTreeSet<u32>,
}

impl Descriptors {
    /// # Errors
    /// A granted folder that cannot be opened.
    pub(super) fn new(grants: &Grants) -> Result<Self, Stop> {
        let streams = [(0, Descriptor::Stdin), (1, Descriptor::Stdout), (2, Descriptor::Stderr)];
        let mut used = BTreeMap::from(streams);
        for ((path, grant), number) in grants.dirs.iter().zip(3..) {
            let folder = Folder::granted(path, grant.mode == DirMode::Rw).map_err(|error| {
                Stop::Host(format!("the granted folder `{}` cannot be opened: {error}", path.display()))
            })?;
            used.insert(number, Descriptor::Folder { folder, granted: Some(grant.at.clone()) });
        }
        Ok(Descriptors { used, free: BTreeSet::new() })
    }

    pub(super) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.used.get(&fd).ok_or(Errno::BADF)
    }

    pub(super) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.used.get_mut(&fd).ok_or(Errno::BADF)
    }

    pub(super) fn file(&self, fd: u32) -> Result<&OpenFile, Errno> {
        match self.get(fd)? {
            Descriptor::File(file) => Ok(file),
            _ => Err(Errno::BADF),
        }
    }

    pub(super) fn folder(&self, fd: u32) -> Result<&Folder, Errno> {
        match self.get(fd)? {
            Descriptor::Folder { folder, .. } => Ok(folder),
            _ => Err(Errno::BADF),
        }
    }

    /// A file, where streams say that they have no positions.
    pub(super) fn seekable(&mut self, fd: u32) -> Result<&mut OpenFile, Errno> {
        match self.get_mut(fd)? {
            Descriptor::File(file) => Ok(file),
            Descriptor::Stdin | Descriptor::Stdout | Descriptor::Stderr => Err(Errno::SPIPE),
            Descriptor::Folder { .. } => Err(Errno::BADF),
        }
    }

    /// Adds one, and gives its number.
    pub(super) fn push(&mut self, descriptor: Descriptor) -> Answer<u32> {
        if self.used.len() >= MAX_DESCRIPTORS {
            return Err(Stop::Abi(format!("more than {MAX_DESCRIPTORS} descriptors are open")).into());
        }
        let number = match self.free.pop_last() {
            Some(number) => number,
            // Numbers are given out one after the other, and there are never as many as would use them up.
            None => self.used.last_key_value().map_or(0, |(last, _)| last.saturating_add(1)),
        };
        self.used.insert(number, descriptor);
        Ok(number)
    }

    fn close(&mut self, fd: u32) -> Result<(), Errno> {
        self.used.remove(&fd).ok_or(Errno::BADF)?;
        self.free.insert(fd);
        Ok(())
    }
}

pub(super) fn fd_close(preview1: &mut Preview1, _: &mut GuestMemory<'_>, fd: u32) -> Answer {
    Ok(preview1.descriptors.close(fd)?)
}

pub(super) fn fd_renumber(preview1: &mut Preview1, _: &mut GuestMemory<'_>, from: u32, to: u32) -> Answer {
    let descriptors = &mut preview1.descriptors;
    descriptors.get(to)?;
    descriptors.get(from)?;
    if from != to
        && let Some(moved) = descriptors.used.remove(&from)
    {
        descriptors.free.insert(from);
        descriptors.used.insert(to, moved);
    }
    Ok(())
}

pub(super) fn fd_fdstat_get(preview1: &mut Preview1, memory: &mut GuestMemory<'_>, fd: u32, stat: u32) -> Answer {
    let (kind, flags, base, inheriting) = match preview1.descriptors.get(fd)? {
        Descriptor::Stdin => (FileKind::Unknown, 0, rights::FD_READ, rights::FD_READ),
        Descriptor::Stdout | Descriptor::Stderr => (FileKind::Unknown, 0, rights::FD_WRITE, rights::FD_WRITE),
        Descriptor::Folder { granted: Some(_), .. } => {
            (FileKind::Folder, 0, rights::FOLDER, rights::FOLDER | rights::IN_FOLDER)
        }
        Descriptor::Folder { folder, granted: None } => {
            let not =
                rights::FD_SEEK | rights::FD_FILESTAT_SET_SIZE | rights::PATH_FILESTAT_SET_SIZE | rights::FD_WRITE;
            let unread = if folder.is_read() { 0 } else { rights::FD_READ | rights::FD_READDIR };
            let base = rights::ALL & !not & !unread;
            (FileKind::Folder, 0, base, base)
        }
        Descriptor::File(OpenFile { file, append, nonblock, .. }) => {
            let flag = |set: bool, bit| if set { bit } else { 0 };
            let flags = flag(*append, flags::APPEND) | flag(*nonblock, flags::NONBLOCK);
            let unread = flag64(!file.is_read(), rights::FD_READ | rights::FD_READDIR);
            let base = rights::ALL & !unread & !flag64(!file.is_written(), rights::FD_WRITE);
            (file.stat()?.kind, flags, base, base)
        }
    };
    let mut bytes = [0; 24];
    let [kind_byte, _, flags_low, flags_high, _, _, _, _, rest @ ..] = &mut bytes;
    *kind_byte = kind as u8;
    [*flags_low, *flags_high] = (flags as u16).to_le_bytes();
    let (base_bytes, inheriting_bytes) = rest.split_at_mut(8);
    base_bytes.copy_from_slice(&base.to_le_bytes());
    inheriting_bytes.copy_from_slice(&inheriting.to_le_bytes());
    memory.write(stat, 8, &bytes)
}

fn flag64(set: bool, bits: u64) -> u64 {
    if set { bits } else { 0 }
}

pub(super) fn fd_fdstat_set_flags(preview1: &mut Preview1, _: &mut GuestMemory<'_>, fd: u32, flags: u32) -> Answer {
    check_flags(flags)?;
    let Descriptor::File(file) = preview1.descriptors.get_mut(fd)? else { return Err(Errno::BADF.into()) };
    if flags & (flags::DSYNC | flags::SYNC | flags::RSYNC) != 0 {
        return Err(Errno::INVAL.into());
    }
    file.append = flags & flags::APPEND != 0;
    file.nonblock = flags & flags::NONBLOCK != 0;
    Ok(())
}

/// Whether these are `fdflags`.
pub(super) fn check_flags(flags: u32) -> Answer {
    known(flags & !flags::ALL == 0, "fdflags")
}

/// Whether these are `rights`.
pub(super) fn check_rights(bits: u64) -> Answer {
    known(bits & !rights::ALL == 0, "rights")
}

/// Whether what is opened with these rights is read and written.
pub(super) fn access(bits: u64) -> (bool, bool) {
    (bits & rights::FD_READ != 0, bits & rights::FD_WRITE != 0)
}

pub(super) fn fd_fdstat_set_rights(
    preview1: &mut Preview1,
    _: &mut GuestMemory<'_>,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Answer {
    check_rights(base)?;
    check_rights(inheriting)?;
    match preview1.descriptors.get(fd)? {
        Descriptor::File(_) | Descriptor::Folder { .. } => Err(Errno::NOTSUP.into()),
        Descriptor::Stdin | Descriptor::Stdout | Descriptor::Stderr => Err(Errno::BADF.into()),
    }
}

pub(super) fn fd_prestat_get(preview1: &mut Preview1, memory: &mut GuestMemory<'_>, fd: u32, stat: u32) -> Answer {
    let Descriptor::Folder { granted: Some(path), .. } = preview1.descriptors.get(fd)? else {
        return Err(Errno::BADF.into());
    };
    let length = u32::try_from(path.len()).map_err(|_| Errno::OVERFLOW)?;
    // The tag of a folder, then the length of its path.
    memory.write(stat, 4, &u64::from(length).wrapping_shl(32).to_le_bytes())
}

pub(super) fn fd_prestat_dir_name(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Answer {
    let Descriptor::Folder { granted: Some(granted), .. } = preview1.descriptors.get(fd)? else {
        return Err(Errno::NOTDIR.into());
    };
    let bytes = u32::try_from(granted.len()).map_err(|_| Errno::OVERFLOW)?;
    if bytes > length {
        return Err(Errno::NAMETOOLONG.into());
    }
    memory.write(path, 1, granted.as_bytes())
}
