//! Large values that documents refer to, outside of them.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use wasmill_model::{Blob, Digest};

use crate::digest_folder::{DigestFolder, Kept};
use crate::folder::Holds;
use crate::{CacheError, Cleaned, Verified};

/// A folder of large values, each a file by the SHA-256 of its contents.
///
/// The folder is held to what [`CodeCache`](crate::CodeCache) holds its own to, since what stands in it may be as private as what a unit
/// gave. A value appears in one rename, whole and synced, so processes may share the folder; the same value is kept once. What is read has
/// its digest, or is an error. Nothing is removed unasked: documents may still refer to it.
#[derive(Debug)]
pub struct BlobStore {
    files: DigestFolder,
}

/// Why a large value cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobStoreError {
    /// There is none.
    #[error("is not in `{}`", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// It has another digest than its name says.
    #[error("is damaged: what stands in `{}` has another digest", path.display())]
    Damaged {
        /// Its file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot be read from `{}`: {error}", path.display())]
    Io {
        /// Its file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

impl BlobStore {
    /// Opens a folder, and makes it where it is new.
    ///
    /// # Errors
    /// The folder is not there and cannot be made, belongs to another user, can be written by others, or is somebody's.
    pub fn open(dir: PathBuf) -> Result<Self, CacheError> {
        Ok(BlobStore { files: DigestFolder::open(dir, Holds::Blobs)? })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.files.folder()
    }

    /// Keeps a value, as what its reference says it is. One that is there already, undamaged, is not written again.
    ///
    /// # Errors
    /// It could not be written; then nothing of it is there.
    pub fn store(&self, blob: &Blob) -> Result<(), CacheError> {
        let digest = &blob.reference.digest;
        if self.files.has(digest, blob.contents.len() as u64).unwrap_or(false) {
            return Ok(());
        }
        let failed = |error| CacheError::Io { path: self.folder().to_owned(), error };
        self.files.store(digest, &blob.contents).map_err(failed)
    }

    /// The contents that have this digest.
    ///
    /// # Errors
    /// They are not there, are damaged, or cannot be read.
    pub fn read(&self, digest: &Digest) -> Result<Bytes, BlobStoreError> {
        let path = || self.path(digest);
        match self.files.read(digest, u64::MAX) {
            Ok(Some(contents)) if Digest::of(&contents) == *digest => Ok(contents),
            Ok(Some(_)) => Err(BlobStoreError::Damaged { path: path() }),
            Ok(None) => Err(BlobStoreError::Missing { folder: self.folder().to_owned() }),
            Err(error) => Err(BlobStoreError::Io { path: path(), error }),
        }
    }

    /// The file of what has this digest, whether it is there or not.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.files.path(digest)
    }

    /// Every value, the one that was used last first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn entries(&self) -> io::Result<Vec<Kept>> {
        self.files.entries()
    }

    /// Removes the values that `unwanted` names, and what killed processes left.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn clean(&self, unwanted: impl FnMut(&Kept) -> bool) -> io::Result<Cleaned> {
        self.files.clean(unwanted)
    }

    /// Compares every value with its digest. Removes what is damaged, and what killed processes left.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn verify(&self) -> io::Result<Verified> {
        self.files.verify()
    }
}
