//! What pure calls gave, kept between processes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use wasmill_model::Digest;
use wasmill_unit::HashedBytes;

use crate::build_cache::{contents, sealed};
use crate::digest_folder::{DigestFolder, Kept};
use crate::folder::Holds;
use crate::{CacheError, Cleaned, Verified};

/// How often the folder is looked at for what can go: its files are small, and there may be many.
const STORES_PER_LOOK: u64 = 256;

/// A folder of results, each a file by the digest of all that it depends on.
///
/// The folder is held to what [`CodeCache`](crate::CodeCache) holds its own to. A result appears in one rename; one that was damaged, or only
/// half written when the machine stopped, is as if it were not there. No method that reads or keeps a result fails: without its files
/// everything is computed again.
#[derive(Debug)]
pub struct ResultCache {
    files: DigestFolder,
    stored: AtomicU64,
    last_failure: Mutex<Option<String>>,
}

impl ResultCache {
    /// The most bytes of all results together: 1 GiB. Beyond that, what was not used for longest is removed.
    pub const CAPACITY: u64 = 1 << 30;

    /// The most bytes of one result: a larger one is not kept. They are those of its file, in which 64 MiB of bytes are 86 MiB of base64.
    pub const LARGEST: u64 = 96 << 20;

    /// Opens a folder, and makes it where it is new.
    ///
    /// # Errors
    /// The folder is not there and cannot be made, belongs to another user, can be written by others, or is somebody's.
    pub fn open(dir: PathBuf) -> Result<Self, CacheError> {
        let files = DigestFolder::open(dir, Holds::Results)?;
        Ok(ResultCache { files, stored: AtomicU64::new(0), last_failure: Mutex::new(None) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.files.folder()
    }

    /// The system's words when a result could not be kept or read last, if that happened.
    pub fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is kept with this key.
    pub fn read(&self, key: &Digest) -> Option<Bytes> {
        let file = self.files.read(key, 2 * Self::LARGEST).unwrap_or_else(|error| {
            self.failed(&error);
            None
        })?;
        let found = contents(&file);
        if found.is_none() {
            self.files.remove(key);
        }
        found.map(|(_, contents)| contents.bytes().clone())
    }

    /// Keeps what has this key.
    pub fn store(&self, key: &Digest, result: Bytes) {
        if result.len() as u64 > Self::LARGEST {
            return;
        }
        // It is not waited for until it is on the disk: what is lost is computed again.
        if let Err(error) = self.files.store_lazily(key, &sealed(&HashedBytes::new(result))) {
            self.failed(&error);
        }
        if self.stored.fetch_add(1, Ordering::Relaxed).is_multiple_of(STORES_PER_LOOK) {
            self.files.make_room(Self::CAPACITY);
        }
    }

    /// Every result, the one that was used last first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn entries(&self) -> io::Result<Vec<Kept>> {
        self.files.entries()
    }

    /// Removes the results that `unwanted` names, and what killed processes left.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn clean(&self, unwanted: impl FnMut(&Kept) -> bool) -> io::Result<Cleaned> {
        self.files.clean(unwanted)
    }

    /// Reads every result in full. Removes what is damaged, and what killed processes left.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn verify(&self) -> io::Result<Verified> {
        self.files.verify_whole(|bytes| contents(bytes).is_some())
    }

    fn failed(&self, error: &io::Error) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}
