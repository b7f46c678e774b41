//! The cache's folder: who may write to it, and the key that is made in it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::CacheError;
use crate::entry::Key;

/// The file with the installation's key.
pub(crate) const KEY_FILE: &str = "key";
/// The folder where files are written before they are renamed to their places.
pub(crate) const INCOMING: &str = "incoming";

pub(crate) fn prepare(dir: &Path, incoming: &Path) -> io::Result<()> {
    // The usual start of a process: both are there.
    if incoming.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)?;
    builder.create(incoming)
}

/// Why a folder cannot be trusted with code, if it cannot.
#[cfg(unix)]
pub(crate) fn distrust(folder: &Path, incoming: &Path) -> io::Result<Option<&'static str>> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = fs::metadata(folder)?;
    if metadata.mode() & 0o022 != 0 {
        return Ok(Some("others can write to it"));
    }
    // A file that is made now belongs to whom this process runs as.
    let probe = tempfile::tempfile_in(incoming)?;
    Ok((probe.metadata()?.uid() != metadata.uid()).then_some("it belongs to another user"))
}

#[cfg(not(unix))]
pub(crate) fn distrust(_folder: &Path, _incoming: &Path) -> io::Result<Option<&'static str>> {
    Ok(None)
}

/// The installation's key: read, or made where there is none or where it is damaged.
pub(crate) fn key(dir: &Path, incoming: &Path) -> Result<Key, CacheError> {
    let path = dir.join(KEY_FILE);
    let fail = |error: io::Error| CacheError::Io { path: path.clone(), error };
    if let Some(key) = read_key(&path).map_err(fail)? {
        return Ok(key);
    }
    let mut key: Key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| CacheError::NoRandom { message: error.to_string() })?;
    let mut file = NamedTempFile::new_in(incoming).map_err(fail)?;
    file.write_all(&key).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(key),
        // Another process was faster, or a damaged key is in the way.
        Err(error) => match read_key(&path).map_err(fail)? {
            Some(key) => Ok(key),
            None => {
                error.file.persist(&path).map_err(|error| fail(error.error))?;
                Ok(key)
            }
        },
    }
}

/// None where there is no key, or none that can be trusted: of another length, or readable by others.
pub(crate) fn read_key(path: &Path) -> io::Result<Option<Key>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::mode(&file.metadata()?) & 0o077 != 0 {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(33);
    file.take(33).read_to_end(&mut bytes)?;
    Ok(Key::try_from(bytes).ok())
}
