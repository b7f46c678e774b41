//! Paths in the folders that a guest was granted: nothing leads out of them, neither `..` nor links.

use super::descriptor::{self, Descriptor, OpenFile, access, check_flags, check_rights};
use super::entry::{Entry, How, Stat};
use super::file::{read_times, write_stat};
use super::system::Opened;
use super::{Answer, Errno, GuestMemory, Preview1, known};

/// The device that every file is on, as guests see it.
const DEVICE: u64 = 1;

/// Bits of `oflags`.
mod open {
    pub(super) const CREATE: u32 = 1 << 0;
    pub(super) const FOLDER: u32 = 1 << 1;
    pub(super) const EXCLUSIVE: u32 = 1 << 2;
    pub(super) const TRUNCATE: u32 = 1 << 3;
    pub(super) const ALL: u32 = 0xf;
}

/// Whether a link at the end of a path is followed.
fn follows(flags: u32) -> Answer<bool> {
    known(flags < 2, "lookupflags")?;
    Ok(flags == 1)
}

pub(super) fn path_open(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    follow: u32,
    path: u32,
    length: u32,
    how: u32,
    rights: u64,
    inheriting: u64,
    flags: u32,
    opened: u32,
) -> Answer {
    let follow = follows(follow)?;
    known(how & !open::ALL == 0, "oflags")?;
    check_rights(rights)?;
    check_rights(inheriting)?;
    check_flags(flags)?;
    let path = memory.text(path, length)?;
    let folder = match preview1.descriptors.get(fd)? {
        Descriptor::Folder { folder, .. } => folder,
        Descriptor::File(_) => return Err(Errno::NOTDIR.into()),
        _ => return Err(Errno::BADF.into()),
    };
    let (read, write) = access(rights);
    let has = |bit| how & bit != 0;
    let how = How {
        follow,
        read,
        write,
        create: has(open::CREATE),
        exclusive: has(open::EXCLUSIVE),
        truncate: has(open::TRUNCATE),
        folder: has(open::FOLDER),
    };
    if flags & (descriptor::flags::SYNC | descriptor::flags::DSYNC | descriptor::flags::RSYNC) != 0 {
        return Err(Errno::NOTSUP.into());
    }
    let descriptor = match folder.open(&path, how)? {
        Opened::Folder(folder) => Descriptor::Folder { folder, granted: None },
        Opened::File(file) => Descriptor::File(OpenFile {
            file,
            position: 0,
            append: flags & descriptor::flags::APPEND != 0,
            nonblock: flags & descriptor::flags::NONBLOCK != 0,
        }),
    };
    let number = preview1.descriptors.push(descriptor)?;
    memory.write_u32(opened, number)
}

pub(super) fn path_create_directory(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Answer {
    let folder = preview1.descriptors.folder(fd)?;
    Ok(folder.create_folder(&memory.text(path, length)?)?)
}

pub(super) fn path_remove_directory(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Answer {
    let folder = preview1.descriptors.folder(fd)?;
    Ok(folder.remove_folder(&memory.text(path, length)?)?)
}

pub(super) fn path_unlink_file(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Answer {
    let folder = preview1.descriptors.folder(fd)?;
    Ok(folder.remove_file(&memory.text(path, length)?)?)
}

pub(super) fn path_filestat_get(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    follow: u32,
    path: u32,
    length: u32,
    stat: u32,
) -> Answer {
    let follow = follows(follow)?;
    let folder = preview1.descriptors.folder(fd)?;
    let found = folder.stat_at(&memory.text(path, length)?, follow)?;
    write_stat(memory, stat, &Stat { device: DEVICE, ..found })
}

pub(super) fn path_filestat_set_times(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    follow: u32,
    path: u32,
    length: u32,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Answer {
    let follow = follows(follow)?;
    let times = read_times(accessed, modified, flags)?;
    let folder = preview1.descriptors.folder(fd)?;
    Ok(folder.set_times_at(&memory.text(path, length)?, follow, times)?)
}

pub(super) fn path_link(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    from: u32,
    follow: u32,
    old_path: u32,
    old_length: u32,
    to: u32,
    new_path: u32,
    new_length: u32,
) -> Answer {
    let follow = follows(follow)?;
    let (old, new) = (preview1.descriptors.folder(from)?, preview1.descriptors.folder(to)?);
    let (old_path, new_path) = (memory.text(old_path, old_length)?, memory.text(new_path, new_length)?);
    Ok(old.link(&old_path, follow, new, &new_path)?)
}

pub(super) fn path_rename(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    from: u32,
    old_path: u32,
    old_length: u32,
    to: u32,
    new_path: u32,
    new_length: u32,
) -> Answer {
    let (old, new) = (preview1.descriptors.folder(from)?, preview1.descriptors.folder(to)?);
    let (old_path, new_path) = (memory.text(old_path, old_length)?, memory.text(new_path, new_length)?);
    Ok(old.rename(&old_path, new, &new_path)?)
}

pub(super) fn path_symlink(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    target: u32,
    target_length: u32,
    fd: u32,
    path: u32,
    length: u32,
) -> Answer {
    let folder = preview1.descriptors.folder(fd)?;
    let (target, path) = (memory.text(target, target_length)?, memory.text(path, length)?);
    Ok(folder.symlink(&target, &path)?)
}

pub(super) fn path_readlink(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    path: u32,
    length: u32,
    buffer: u32,
    room: u32,
    used: u32,
) -> Answer {
    let folder = preview1.descriptors.folder(fd)?;
    let target = folder.read_link(&memory.text(path, length)?)?;
    let target = target.as_bytes();
    let target = target.get(..room as usize).unwrap_or(target);
    memory.write(buffer, 1, target)?;
    memory.write_u32(used, u32::try_from(target.len()).map_err(|_| Errno::OVERFLOW)?)
}

/// Lists a folder into a buffer, from the entry on that a cookie says: its place, where `.` and `..` are the first two.
pub(super) fn fd_readdir(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    fd: u32,
    buffer: u32,
    length: u32,
    cookie: u64,
    used: u32,
) -> Answer {
    let folder = preview1.descriptors.folder(fd)?;
    let skipped = usize::try_from(cookie).map_err(|_| Errno::OVERFLOW)?;
    let mut list = List { memory, buffer, room: length, written: 0 };
    for (place, entry) in folder.entries()?.enumerate() {
        list.memory.meter.charge(1)?;
        if place >= skipped && !list.add(place as u64 + 1, &entry?.entry()?)? {
            break;
        }
    }
    let written = list.written;
    memory.meter.moves(u64::from(written))?;
    memory.write_u32(used, written)
}

/// The buffer of `fd_readdir`: entries one after the other, the last one cut off where there is no room for it.
struct List<'a, 'b> {
    memory: &'a mut GuestMemory<'b>,
    buffer: u32,
    room: u32,
    written: u32,
}

impl List<'_, '_> {
    /// Whether there is room for more.
    fn add(&mut self, next: u64, entry: &Entry) -> Answer<bool> {
        let name = entry.name.as_bytes();
        let mut head = Vec::with_capacity(24);
        head.extend_from_slice(&next.to_le_bytes());
        head.extend_from_slice(&entry.inode.to_le_bytes());
        head.extend_from_slice(&u32::try_from(name.len()).map_err(|_| Errno::OVERFLOW)?.to_le_bytes());
        head.extend_from_slice(&(entry.kind as u32).to_le_bytes());
        Ok(self.write(&head)? && self.write(name)?)
    }

    fn write(&mut self, bytes: &[u8]) -> Answer<bool> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(self.room);
        let fitting = bytes.get(..length as usize).unwrap_or(bytes);
        self.memory.write(self.buffer.wrapping_add(self.written), 1, fitting)?;
        self.room -= length;
        self.written += length;
        Ok(self.room > 0)
    }
}
