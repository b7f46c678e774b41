//! Files and folders of the machine. Paths are resolved within a folder by the system itself where it can, and else step by step
//! (`cap-primitives`): no link and no `..` leads out of it.
//!
//! What is opened are regular files and folders. Whatever else stands in a folder (pipes, devices, sockets) can make whoever opens or reads it
//! wait for ever, and is refused.

use std::fs::{File as SystemFile, FileTimes};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_primitives::ambient_authority;
use cap_primitives::fs::{
    self as confined, DirEntry, DirOptions, FileType, FileTypeExt as _, FollowSymlinks, Metadata, MetadataExt as _,
    OpenOptions, SystemTimeSpec,
};

use cap_primitives::time::SystemTime as ConfinedTime;

use super::Errno;
use super::entry::{Entry, FileKind, How, NewTime, Stat};

/// Whether folders can be granted here.
pub(super) const HAS_FOLDERS: bool = true;

type Result<T, E = Errno> = std::result::Result<T, E>;

impl From<FileType> for FileKind {
    fn from(kind: FileType) -> Self {
        if kind.is_dir() {
            FileKind::Folder
        } else if kind.is_symlink() {
            FileKind::Link
        } else if kind.is_file() {
            FileKind::Regular
        } else if kind.is_block_device() {
            FileKind::BlockDevice
        } else if kind.is_char_device() {
            FileKind::CharacterDevice
        } else {
            FileKind::Unknown
        }
    }
}

impl Stat {
    fn of(found: &Metadata) -> Self {
        let nanos = |time: io::Result<ConfinedTime>| {
            let since = time.ok().and_then(|time| time.into_std().duration_since(UNIX_EPOCH).ok());
            since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or_default()
        };
        Stat {
            device: 0,
            inode: inode(found),
            kind: found.file_type().into(),
            links: found.nlink(),
            size: found.len(),
            accessed: nanos(found.accessed()),
            modified: nanos(found.modified()),
            created: nanos(found.created()),
        }
    }
}

/// A number that the same file always has, and that does not tell which device it is on. The same as wasmtime's.
fn inode(found: &Metadata) -> u64 {
    let mut hasher = DefaultHasher::new();
    (found.dev(), found.ino()).hash(&mut hasher);
    hasher.finish()
}

impl NewTime {
    fn time(self) -> Option<SystemTime> {
        match self {
            NewTime::Same => None,
            NewTime::Now => Some(SystemTime::now()),
            NewTime::At(nanos) => Some(UNIX_EPOCH + Duration::from_nanos(nanos)),
        }
    }
}

fn file_times([accessed, modified]: [NewTime; 2]) -> FileTimes {
    let mut times = FileTimes::new();
    if let Some(time) = accessed.time() {
        times = times.set_accessed(time);
    }
    if let Some(time) = modified.time() {
        times = times.set_modified(time);
    }
    times
}

/// What was opened.
pub(super) enum Opened {
    File(File),
    Folder(Folder),
}

/// An entry of a folder that is gone through: the system is asked about it only when somebody wants to know.
pub(super) enum Listed {
    /// The folder itself, and (as if it were the same) the one that it is in.
    Own {
        name: &'static str,
        inode: u64,
    },
    Inside(DirEntry),
}

impl Listed {
    pub(super) fn entry(self) -> Result<Entry> {
        match self {
            Listed::Own { name, inode } => Ok(Entry { name: name.to_owned(), inode, kind: FileKind::Folder }),
            Listed::Inside(entry) => {
                let found = entry.metadata()?;
                let name = entry.file_name().into_string().map_err(|_| Errno::ILSEQ)?;
                Ok(Entry { name, inode: inode(&found), kind: found.file_type().into() })
            }
        }
    }
}

/// A regular file.
#[derive(Debug)]
pub(super) struct File {
    file: SystemFile,
    /// Whether its folder was granted for writing.
    writable: bool,
    read: bool,
    write: bool,
}

impl File {
    /// Whether it was opened for reading.
    pub(super) fn is_read(&self) -> bool {
        self.read
    }

    /// Whether it was opened for writing.
    pub(super) fn is_written(&self) -> bool {
        self.write
    }

    /// # Errors
    /// It stands in a folder that was granted for reading only.
    pub(super) fn may_change(&self) -> Result<()> {
        allowed(self.writable)
    }

    pub(super) fn stat(&self) -> Result<Stat> {
        Ok(Stat::of(&Metadata::from_file(&self.file)?))
    }

    pub(super) fn read_at(&self, into: &mut [u8], offset: u64) -> Result<usize> {
        Ok(self.file.read_at(into, offset)?)
    }

    pub(super) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize> {
        Ok(self.file.write_at(bytes, offset)?)
    }

    #[cfg(target_os = "linux")]
    pub(super) fn append(&self, bytes: &[u8]) -> Result<usize> {
        use rustix::io::{ReadWriteFlags, pwritev2};
        let written = pwritev2(&self.file, &[io::IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND);
        Ok(written.map_err(io::Error::from)?)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn append(&self, bytes: &[u8]) -> Result<usize> {
        self.write_at(bytes, self.stat()?.size)
    }

    pub(super) fn sync(&self) -> Result<()> {
        Ok(self.file.sync_all()?)
    }

    pub(super) fn sync_data(&self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }

    pub(super) fn set_size(&self, size: u64) -> Result<()> {
        allowed(self.writable)?;
        Ok(self.file.set_len(size)?)
    }

    pub(super) fn set_times(&self, times: [NewTime; 2]) -> Result<()> {
        allowed(self.writable)?;
        Ok(self.file.set_times(file_times(times))?)
    }
}

/// What changes something is refused where the folder was granted for reading only.
fn allowed(writable: bool) -> Result<()> {
    if writable { Ok(()) } else { Err(Errno::PERM) }
}

/// A folder, and all that is in it.
#[derive(Debug)]
pub(super) struct Folder {
    folder: SystemFile,
    writable: bool,
    read: bool,
}

impl Folder {
    /// A folder that a call was granted, by its path on the machine.
    pub(super) fn granted(path: &Path, writable: bool) -> io::Result<Self> {
        let folder = confined::open_ambient_dir(path, ambient_authority())?;
        Ok(Folder { folder, writable, read: true })
    }

    /// Whether it was opened for reading.
    pub(super) fn is_read(&self) -> bool {
        self.read
    }

    pub(super) fn stat(&self) -> Result<Stat> {
        Ok(Stat::of(&Metadata::from_file(&self.folder)?))
    }

    pub(super) fn stat_at(&self, path: &str, follow: bool) -> Result<Stat> {
        Ok(Stat::of(&confined::stat(&self.folder, path.as_ref(), follows(follow))?))
    }

    pub(super) fn open(&self, path: &str, how: How) -> Result<Opened> {
        // A file that is not written is read: then the system opens it, and what is not allowed is refused later.
        let (read, write) = (how.read || !how.write, how.write || how.create || how.truncate);
        let mut options = OpenOptions::new();
        options.read(read).write(write).truncate(how.truncate);
        match (how.create, how.exclusive) {
            (true, true) => options.create_new(true),
            (create, _) => options.create(create),
        };
        // Opening a pipe waits for its other end, unless it is told not to.
        options._cap_fs_ext_follow(follows(how.follow))._cap_fs_ext_nonblock(true);
        if how.folder && (how.create || how.exclusive || how.truncate) {
            return Err(Errno::INVAL);
        }
        allowed(self.writable || !how.changes())?;
        let opened = confined::open(&self.folder, path.as_ref(), &options)?;
        let kind = Metadata::from_file(&opened)?.file_type();
        if kind.is_dir() {
            Ok(Opened::Folder(Folder { folder: opened, writable: self.writable, read }))
        } else if how.folder {
            Err(Errno::NOTDIR)
        } else if kind.is_file() {
            Ok(Opened::File(File { file: opened, writable: self.writable, read, write }))
        } else {
            Err(Errno::NOTSUP)
        }
    }

    pub(super) fn create_folder(&self, path: &str) -> Result<()> {
        allowed(self.writable)?;
        Ok(confined::create_dir(&self.folder, path.as_ref(), &DirOptions::new())?)
    }

    pub(super) fn remove_folder(&self, path: &str) -> Result<()> {
        allowed(self.writable)?;
        Ok(confined::remove_dir(&self.folder, path.as_ref())?)
    }

    pub(super) fn remove_file(&self, path: &str) -> Result<()> {
        allowed(self.writable)?;
        Ok(confined::remove_file(&self.folder, path.as_ref())?)
    }

    pub(super) fn link(&self, old: &str, follow: bool, to: &Folder, new: &str) -> Result<()> {
        allowed(self.writable && to.writable)?;
        if follow {
            return Err(Errno::INVAL);
        }
        Ok(confined::hard_link(&self.folder, old.as_ref(), &to.folder, new.as_ref())?)
    }

    pub(super) fn rename(&self, old: &str, to: &Folder, new: &str) -> Result<()> {
        allowed(self.writable && to.writable)?;
        Ok(confined::rename(&self.folder, old.as_ref(), &to.folder, new.as_ref())?)
    }

    pub(super) fn symlink(&self, target: &str, path: &str) -> Result<()> {
        allowed(self.writable)?;
        Ok(confined::symlink(target.as_ref(), &self.folder, path.as_ref())?)
    }

    pub(super) fn read_link(&self, path: &str) -> Result<String> {
        let target = confined::read_link(&self.folder, path.as_ref())?;
        target.into_os_string().into_string().map_err(|_| Errno::ILSEQ)
    }

    pub(super) fn set_times(&self, times: [NewTime; 2]) -> Result<()> {
        allowed(self.writable)?;
        Ok(self.folder.set_times(file_times(times))?)
    }

    pub(super) fn set_times_at(&self, path: &str, follow: bool, times: [NewTime; 2]) -> Result<()> {
        allowed(self.writable)?;
        let [accessed, modified] =
            times.map(|time| time.time().map(|time| SystemTimeSpec::Absolute(ConfinedTime::from_std(time))));
        let set = if follow { confined::set_times } else { confined::set_times_nofollow };
        Ok(set(&self.folder, path.as_ref(), accessed, modified)?)
    }

    /// `.`, `..`, and what is in it, in the order in which the system has it.
    pub(super) fn entries(&self) -> Result<impl Iterator<Item = Result<Listed>> + use<>> {
        let inode = self.stat()?.inode;
        let own = move |name| Ok(Listed::Own { name, inode });
        let inside = confined::read_base_dir(&self.folder)?.map(|entry| Ok(Listed::Inside(entry?)));
        Ok([own("."), own("..")].into_iter().chain(inside))
    }
}

fn follows(follow: bool) -> FollowSymlinks {
    if follow { FollowSymlinks::Yes } else { FollowSymlinks::No }
}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        use rustix::io::Errno as System;
        let known = [
            (System::PIPE, Errno::PIPE),
            (System::PERM, Errno::PERM),
            (System::NOENT, Errno::NOENT),
            (System::NOMEM, Errno::NOMEM),
            (System::IO, Errno::IO),
            (System::BADF, Errno::BADF),
            (System::BUSY, Errno::BUSY),
            (System::ACCESS, Errno::ACCES),
            (System::NOTDIR, Errno::NOTDIR),
            (System::ISDIR, Errno::ISDIR),
            (System::INVAL, Errno::INVAL),
            (System::EXIST, Errno::EXIST),
            (System::FBIG, Errno::FBIG),
            (System::NOSPC, Errno::NOSPC),
            (System::SPIPE, Errno::SPIPE),
            (System::MLINK, Errno::MLINK),
            (System::NAMETOOLONG, Errno::NAMETOOLONG),
            (System::NOTEMPTY, Errno::NOTEMPTY),
            (System::LOOP, Errno::LOOP),
            (System::OVERFLOW, Errno::OVERFLOW),
            (System::ILSEQ, Errno::ILSEQ),
            (System::NOTSUP, Errno::NOTSUP),
            (System::ALREADY, Errno::ALREADY),
            (System::INPROGRESS, Errno::INPROGRESS),
            (System::INTR, Errno::INTR),
            (System::OPNOTSUPP, Errno::NOTSUP),
        ];
        let system = System::from_io_error(&error);
        if let Some((_, errno)) = known.iter().find(|(code, _)| Some(*code) == system) {
            return *errno;
        }
        match error.kind() {
            io::ErrorKind::NotFound => Errno::NOENT,
            // What leads out of a folder, too.
            io::ErrorKind::PermissionDenied => Errno::PERM,
            io::ErrorKind::AlreadyExists => Errno::EXIST,
            io::ErrorKind::InvalidInput => Errno::INVAL,
            _ => Errno::IO,
        }
    }
}
