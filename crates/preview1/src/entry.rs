//! What is said of files and folders, on every machine.
#![cfg_attr(not(unix), allow(dead_code, reason = "where there are no files, nobody reads it"))]

/// What a file is, by its number in preview 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FileKind {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Folder = 3,
    Regular = 4,
    Link = 7,
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
pub(super) enum NewTime {
    Same,
    Now,
    /// Nanoseconds since 1970.
    At(u64),
}

/// How something is opened.
#[derive(Clone, Copy, Debug)]
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

impl How {
    /// Whether anything of the machine changes, or could through what is opened.
    pub(super) fn changes(self) -> bool {
        self.create || self.truncate || self.write
    }
}

/// What is known of an entry.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) inode: u64,
    pub(super) kind: FileKind,
}
