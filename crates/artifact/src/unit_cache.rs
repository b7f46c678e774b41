//! Fetched units that outlive the process.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use wasmill_model::Digest;

use crate::folder::{self, Holds, open_dir};
use crate::{CacheError, MAX_UNIT_SIZE, inventory};

/// The ending of a unit's file.
const EXTENSION: &str = "wasm";
/// The most bytes of all units together.
const CAPACITY: u64 = 4 << 30;

/// A folder of units that were fetched, each a file by its digest.
///
/// The folder is held to what [`CodeCache`](crate::CodeCache) holds its own to: this user's, not writable by others, and nothing but a cache. A unit
/// appears in one rename, so processes may share it. Nothing in it is believed: whoever reads a unit compares its digest. No method but
/// [`UnitCache::open`] fails a load: without its files the cache only misses.
#[derive(Debug)]
pub struct UnitCache {
    folder: PathBuf,
    incoming: PathBuf,
    capacity: u64,
    last_failure: Mutex<Option<String>>,
}

/// A unit in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedUnit {
    /// The digest that it is kept by.
    pub digest: Digest,
    /// Bytes of its file.
    pub size: u64,
    /// When it was fetched or used last.
    pub used: SystemTime,
}

impl UnitCache {
    /// Opens a folder, and makes it where it is new. It keeps 4 GiB: beyond that, what was not used for longest is removed.
    ///
    /// # Errors
    /// The folder is not there and cannot be made, belongs to another user, can be written by others, or is somebody's.
    pub fn open(dir: PathBuf) -> Result<Self, CacheError> {
        Self::open_with(dir, CAPACITY)
    }

    /// … which keeps at most so many bytes.
    ///
    /// # Errors
    /// As [`UnitCache::open`].
    pub fn open_with(dir: PathBuf, capacity: u64) -> Result<Self, CacheError> {
        let incoming = open_dir(&dir, Holds::Units)?;
        Ok(UnitCache { folder: dir, incoming, capacity, last_failure: Mutex::new(None) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The system's words when a unit could not be kept or read last, if that happened.
    pub fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every unit, the one that was used last first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn entries(&self) -> io::Result<Vec<FetchedUnit>> {
        let mut units = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            if let Some(digest) = digest_of(Path::new(&file.file_name()))
                && let Ok(metadata) = file.metadata()
                && let Ok(used) = metadata.modified()
            {
                units.push(FetchedUnit { digest, size: metadata.len(), used });
            }
        }
        units.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.digest.cmp(&b.digest)));
        Ok(units)
    }

    /// Forgets a unit; gives whether it was there.
    pub fn remove(&self, digest: &Digest) -> bool {
        fs::remove_file(self.path(digest)).is_ok()
    }

    /// What is kept under this digest, which the caller compares.
    pub(crate) fn read(&self, digest: &Digest) -> Option<Bytes> {
        self.try_read(digest).unwrap_or_else(|error| {
            self.failed(&error);
            None
        })
    }

    /// Keeps a binary that has this digest.
    pub(crate) fn store(&self, digest: &Digest, binary: &[u8]) {
        if let Err(error) = self.try_store(digest, binary) {
            self.failed(&error);
        }
        inventory::sweep(&self.incoming);
        self.make_room();
    }

    fn try_read(&self, digest: &Digest) -> io::Result<Option<Bytes>> {
        let Some(file) = folder::open(&self.path(digest))? else { return Ok(None) };
        let length = file.metadata()?.len();
        if length > MAX_UNIT_SIZE {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        (&file).take(MAX_UNIT_SIZE).read_to_end(&mut bytes)?;
        mark_used(&file);
        Ok(Some(bytes.into()))
    }

    fn try_store(&self, digest: &Digest, binary: &[u8]) -> io::Result<()> {
        let file = folder::new_file(&self.incoming)?;
        file.as_file().write_all(binary)?;
        file.as_file().sync_all()?;
        file.into_temp_path().persist(self.path(digest)).map_err(|error| error.error)
    }

    /// Removes what was not used for longest until the rest fits; the one that was used last stays however large it is.
    fn make_room(&self) {
        let Ok(units) = self.entries() else { return };
        let mut total: u64 = 0;
        for (place, unit) in units.iter().enumerate() {
            total = total.saturating_add(unit.size);
            if place > 0 && total > self.capacity && self.remove(&unit.digest) {
                total -= unit.size;
            }
        }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{digest}.{EXTENSION}"))
    }

    fn failed(&self, error: &io::Error) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}

/// The digest that a file of the cache is named by.
pub(crate) fn digest_of(name: &Path) -> Option<Digest> {
    let stem = name.file_stem()?.to_str()?;
    (name.extension()? == EXTENSION && stem.len() == 64).then(|| stem.parse().ok())?
}

/// Its file's time is the time of its last use. Only who wrote it can say so; else it goes earlier.
fn mark_used(file: &File) {
    let _ = file.set_modified(SystemTime::now());
}
