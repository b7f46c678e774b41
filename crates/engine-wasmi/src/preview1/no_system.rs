//! A machine without files: where Wasmill itself runs as WebAssembly. No folder can be granted there, so nothing is ever opened.

use std::io;
use std::path::Path;

use super::Errno;

/// Whether folders can be granted here.
pub(super) const HAS_FOLDERS: bool = false;

type Result<T, E = Errno> = std::result::Result<T, E>;

/// What a file is, by its number in preview 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FileKind {
    Unknown = 0,
    Folder = 3,
}

/// What is known of a file; times in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stat {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) kind: FileKind,
    pub(super) links: u64,
    pub(super) size: u64,
    pub(super) accessed: u64,
    pub(super) modified: u64,
    pub(super) created: u64,
}

/// A time that is set.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "there is nobody to read it")]
pub(super) enum NewTime {
    Same,
    Now,
    /// Nanoseconds since 1970.
    At(u64),
}

/// How something is opened.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code, reason = "there is nobody to read it")]
pub(super) struct How {
    pub(super) follow: bool,
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) create: bool,
    pub(super) exclusive: bool,
    pub(super) truncate: bool,
    /// It has to be a folder.
    pub(super) folder: bool,
}

/// What was opened.
pub(super) enum Opened {
    #[allow(dead_code, reason = "nothing is")]
    File(File),
    #[allow(dead_code, reason = "nothing is")]
    Folder(Folder),
}

/// An entry of a folder.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) inode: u64,
    pub(super) kind: FileKind,
}

/// There is none.
pub(super) enum Listed {}

impl Listed {
    pub(super) fn entry(self) -> Result<Entry> {
        match self {}
    }
}

/// There is none.
#[derive(Debug)]
pub(super) enum File {}

/// There is none.
#[derive(Debug)]
pub(super) enum Folder {}

macro_rules! nothing {
    ($kind:ident { $($name:ident($($argument:ty),*) -> $answer:ty;)* }) => {
        impl $kind {
            $(pub(super) fn $name(&self $(, _: $argument)*) -> $answer {
                match *self {}
            })*
        }
    };
}

nothing!(File {
    is_read() -> bool;
    is_written() -> bool;
    may_change() -> Result<()>;
    stat() -> Result<Stat>;
    read_at(&mut [u8], u64) -> Result<usize>;
    write_at(&[u8], u64) -> Result<usize>;
    append(&[u8]) -> Result<usize>;
    sync() -> Result<()>;
    sync_data() -> Result<()>;
    set_size(u64) -> Result<()>;
    set_times([NewTime; 2]) -> Result<()>;
});

nothing!(Folder {
    is_read() -> bool;
    stat() -> Result<Stat>;
    stat_at(&str, bool) -> Result<Stat>;
    open(&str, How) -> Result<Opened>;
    create_folder(&str) -> Result<()>;
    remove_folder(&str) -> Result<()>;
    remove_file(&str) -> Result<()>;
    link(&str, bool, &Folder, &str) -> Result<()>;
    rename(&str, &Folder, &str) -> Result<()>;
    symlink(&str, &str) -> Result<()>;
    read_link(&str) -> Result<String>;
    set_times([NewTime; 2]) -> Result<()>;
    set_times_at(&str, bool, [NewTime; 2]) -> Result<()>;
    entries() -> Result<std::vec::IntoIter<Result<Listed>>>;
});

impl Folder {
    /// # Errors
    /// Always.
    pub(super) fn granted(_: &Path, _: bool) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
