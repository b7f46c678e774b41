//! A machine without files: where Wasmill itself runs as WebAssembly. No folder can be granted there, so nothing is ever opened.

use std::io;
use std::path::Path;

use super::Errno;
use super::entry::{Entry, How, NewTime, Stat};

/// Whether folders can be granted here.
pub(super) const HAS_FOLDERS: bool = false;

type Result<T, E = Errno> = std::result::Result<T, E>;

/// What was opened.
pub(super) enum Opened {
    #[allow(dead_code, reason = "nothing is")]
    File(File),
    #[allow(dead_code, reason = "nothing is")]
    Folder(Folder),
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
