//! Fetched units that outlive the process.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use wasmill_model::Digest;

use crate::digest_folder::{DigestFolder, Kept};
use crate::folder::Holds;
use crate::{CacheError, Cleaned, MAX_UNIT_SIZE, Verified};

/// A folder of units that were fetched, each a file by its digest.
///
/// The folder is held to what [`CodeCache`](crate::CodeCache) holds its own to: this user's, not writable by others, and nothing but a cache. A unit
/// appears in one rename, so processes may share it. Nothing in it is believed: whoever reads a unit compares its digest. No method that
/// loads or keeps a unit fails: without its files the cache only misses.
#[derive(Debug)]
pub struct UnitCache {
    files: DigestFolder,
    capacity: u64,
    last_failure: Mutex<Option<String>>,
}

impl UnitCache {
    /// The most bytes of all units together: 4 GiB.
    pub const CAPACITY: u64 = 4 << 30;

    /// Opens a folder, and makes it where it is new. It keeps 4 GiB: beyond that, what was not used for longest is removed.
    ///
    /// # Errors
    /// The folder is not there and cannot be made, belongs to another user, can be written by others, or is somebody's.
    pub fn open(dir: PathBuf) -> Result<Self, CacheError> {
        Self::open_with(dir, Self::CAPACITY)
    }

    /// … which keeps at most so many bytes.
    ///
    /// # Errors
    /// As [`UnitCache::open`].
    pub fn open_with(dir: PathBuf, capacity: u64) -> Result<Self, CacheError> {
        let files = DigestFolder::open(dir, Holds::Units)?;
        Ok(UnitCache { files, capacity, last_failure: Mutex::new(None) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.files.folder()
    }

    /// The system's words when a unit could not be kept or read last, if that happened.
    pub fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every unit, the one that was used last first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn entries(&self) -> io::Result<Vec<Kept>> {
        self.files.entries()
    }

    /// Removes the units that `unwanted` names, and what killed processes left.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn clean(&self, unwanted: impl FnMut(&Kept) -> bool) -> io::Result<Cleaned> {
        self.files.clean(unwanted)
    }

    /// Compares every unit with its digest. Removes what is damaged, and what killed processes left.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn verify(&self) -> io::Result<Verified> {
        self.files.verify()
    }

    /// Forgets a unit; gives whether it was there.
    pub fn remove(&self, digest: &Digest) -> bool {
        self.files.remove(digest)
    }

    /// What is kept under this digest, which the caller compares.
    pub(crate) fn read(&self, digest: &Digest) -> Option<Bytes> {
        self.files.read(digest, MAX_UNIT_SIZE).unwrap_or_else(|error| {
            self.failed(&error);
            None
        })
    }

    /// Keeps a binary that has this digest.
    pub(crate) fn store(&self, digest: &Digest, binary: &[u8]) {
        if let Err(error) = self.files.store(digest, binary) {
            self.failed(&error);
        }
        self.files.make_room(self.capacity);
    }

    fn failed(&self, error: &io::Error) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}
