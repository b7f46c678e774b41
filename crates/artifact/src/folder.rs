//! A folder of ours: whose it is, who may write to it, and the key that is made in it.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::digest_folder::digest_of;
use crate::entry::Key;
use crate::{CacheError, entry, stamp};

/// The file with the installation's key.
pub(crate) const KEY_FILE: &str = "key";
/// The folder where files are written before they are renamed to their places.
pub(crate) const INCOMING: &str = "incoming";
/// How the names of files begin that are written there; nothing else is ever swept from it.
pub(crate) const UNFINISHED: &str = ".tmp";

/// What a folder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Compiled code: see [`CodeCache`](crate::CodeCache).
    Code,
    /// Units that were fetched: see [`UnitCache`](crate::UnitCache).
    Units,
    /// Large values: see [`BlobStore`](crate::BlobStore).
    Blobs,
    /// What compilers made: see [`BuildCache`](crate::BuildCache).
    Builds,
    /// What pure calls gave: see [`ResultCache`](crate::ResultCache).
    Results,
}

impl Holds {
    /// The ending of its files.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Holds::Code => entry::EXTENSION,
            Holds::Units => "wasm",
            Holds::Blobs => "blob",
            Holds::Builds => "build",
            Holds::Results => "result",
        }
    }

    fn has(self, name: &Path) -> bool {
        match self {
            _ if name.as_os_str() == INCOMING => true,
            Holds::Code => {
                name.as_os_str() == KEY_FILE
                    || name.extension().is_some_and(|end| end == entry::EXTENSION || end == stamp::EXTENSION)
            }
            Holds::Units | Holds::Blobs | Holds::Builds | Holds::Results => digest_of(name, self.extension()).is_some(),
        }
    }
}

/// Why a folder cannot be trusted with code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Distrust {
    /// Others than its owner can write to it.
    Writable,
    /// Its owner is another user.
    Owner,
    /// It leads to a folder somewhere else.
    Link,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Distrust::Writable => "others can write to it",
            Distrust::Owner => "it belongs to another user",
            Distrust::Link => "it is a link to another folder",
        })
    }
}

/// Makes the folder where it is not there. One that is there is taken only where it is empty, or a cache already.
pub(crate) fn prepare(dir: &Path, incoming: &Path, holds: Holds) -> Result<(), CacheError> {
    // The usual start of a process: both are there.
    if incoming.is_dir() {
        return Ok(());
    }
    let fail = |error| CacheError::Io { path: dir.to_owned(), error };
    if let Some(other) = stranger(dir, holds).map_err(fail)? {
        return Err(CacheError::Foreign { path: dir.to_owned(), other });
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).and_then(|()| builder.create(incoming)).map_err(fail)
}

/// Something in a folder without `incoming` that no cache has: then it is somebody's folder, and nothing of it is to be changed.
pub(crate) fn stranger(dir: &Path, holds: Holds) -> io::Result<Option<PathBuf>> {
    let files = match fs::read_dir(dir) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    for file in files {
        let name = PathBuf::from(file?.file_name());
        if !holds.has(&name) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Makes the folder where it is new, and gives the one in it where files are written first.
///
/// # Errors
/// It cannot be made, belongs to another user, can be written by others, or is somebody's.
pub(crate) fn open_dir(dir: &Path, holds: Holds) -> Result<PathBuf, CacheError> {
    let incoming = dir.join(INCOMING);
    prepare(dir, &incoming, holds)?;
    for folder in [dir, &incoming] {
        let reason = distrust(folder, &incoming).map_err(|error| CacheError::Io { path: folder.to_owned(), error })?;
        if let Some(reason) = reason {
            return Err(CacheError::Unsafe { path: folder.to_owned(), reason });
        }
    }
    Ok(incoming)
}

/// Why a folder cannot be trusted with code, if it cannot. The folder itself may be a link; `incoming` in it may not.
#[cfg(unix)]
pub(crate) fn distrust(folder: &Path, incoming: &Path) -> io::Result<Option<Distrust>> {
    use std::os::unix::fs::MetadataExt as _;

    if folder == incoming && fs::symlink_metadata(folder)?.is_symlink() {
        return Ok(Some(Distrust::Link));
    }
    let metadata = fs::metadata(folder)?;
    // A file that is made now belongs to whom this process runs as, also where a file server knows users by other numbers.
    let own = match tempfile::tempfile_in(incoming).and_then(|probe| probe.metadata()) {
        Ok(probe) => probe.uid(),
        // Nothing can be made here. What is there can still be read.
        Err(_) => rustix::process::geteuid().as_raw(),
    };
    if own != metadata.uid() {
        return Ok(Some(Distrust::Owner));
    }
    Ok((metadata.mode() & 0o022 != 0).then_some(Distrust::Writable))
}

#[cfg(not(unix))]
pub(crate) fn distrust(_folder: &Path, _incoming: &Path) -> io::Result<Option<Distrust>> {
    Ok(None)
}

/// The installation's key: read, or made where there is none or where it is damaged.
pub(crate) fn key(dir: &Path, incoming: &Path) -> Result<Key, CacheError> {
    let path = dir.join(KEY_FILE);
    let unreadable = |error: io::Error| CacheError::Key { path: path.clone(), error };
    let unwritable = |error: io::Error| CacheError::Io { path: dir.to_owned(), error };
    if let Some(key) = read_key(dir).map_err(unreadable)? {
        return Ok(key);
    }
    let mut key: Key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| CacheError::NoRandom { message: error.to_string() })?;
    let file = new_file(incoming).map_err(unwritable)?;
    file.as_file().write_all(&key).map_err(unwritable)?;
    file.as_file().sync_all().map_err(unwritable)?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(key),
        // Another process was faster, or a damaged key is in the way.
        Err(error) => match read_key(dir).map_err(unreadable)? {
            Some(key) => Ok(key),
            None => {
                error.file.persist(&path).map_err(|error| unreadable(error.error))?;
                Ok(key)
            }
        },
    }
}

/// None where there is no key, or none that can be trusted: of another length, of another owner than the folder, readable by
/// others, or no file.
pub(crate) fn read_key(dir: &Path) -> io::Result<Option<Key>> {
    let Some(file) = open(&dir.join(KEY_FILE))? else { return Ok(None) };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = file.metadata()?;
        // Whoever could write to the folder once could leave a key of their own there.
        if metadata.mode() & 0o077 != 0 || metadata.uid() != fs::metadata(dir)?.uid() {
            return Ok(None);
        }
    }
    let mut bytes = Vec::with_capacity(33);
    file.take(33).read_to_end(&mut bytes)?;
    Ok(Key::try_from(bytes).ok())
}

/// Opens a file of the cache for reading. None where there is none, or something that no cache makes: a link, a pipe, a folder.
pub(crate) fn open(path: &Path) -> io::Result<Option<File>> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // A pipe without a writer would be waited for.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits() as i32);
    }
    match options.open(path) {
        Ok(file) => Ok(file.metadata()?.is_file().then_some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => match fs::symlink_metadata(path).as_ref().map(Metadata::is_file) {
            Ok(false) => Ok(None),
            _ => Err(error),
        },
    }
}

/// A file that is not in its place yet.
pub(crate) fn new_file(incoming: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(incoming).map_err(plain)
}

/// The system's own error, without the name of a file that nobody knows.
pub(crate) fn plain(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() { error } else { error.kind().into() }
}
