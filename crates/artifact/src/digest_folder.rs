//! A folder of files, each named by the SHA-256 of what is in it.
//!
//! The folder is held to what the one of compiled code is held to: this user's, not writable by others, and nothing but what it is for. A
//! file appears in one rename, so processes may share the folder. Nothing in it is believed: whoever reads a file compares its digest.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use wasmill_model::Digest;

use crate::folder::{self, Holds, open_dir};
use crate::{CacheError, Cleaned, EntryInfo, Verified, inventory};

/// Bytes that are read at once where a file is only looked at.
const CHUNK: usize = 256 << 10;

/// A file that is kept by its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The digest that it is kept by.
    pub digest: Digest,
    /// Bytes of its file.
    pub size: u64,
    /// When it was kept or used last.
    pub used: SystemTime,
}

impl From<Kept> for EntryInfo {
    fn from(kept: Kept) -> Self {
        EntryInfo { name: kept.digest.to_string(), size: kept.size, created: kept.used, used: kept.used, about: None }
    }
}

#[derive(Debug)]
pub(crate) struct DigestFolder {
    folder: PathBuf,
    incoming: PathBuf,
    extension: &'static str,
}

impl DigestFolder {
    /// Opens a folder, and makes it where it is new.
    ///
    /// # Errors
    /// The folder is not there and cannot be made, belongs to another user, can be written by others, or is somebody's.
    pub(crate) fn open(dir: PathBuf, holds: Holds) -> Result<Self, CacheError> {
        let incoming = open_dir(&dir, holds)?;
        Ok(DigestFolder { folder: dir, incoming, extension: holds.extension() })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where files are written first.
    pub(crate) fn incoming(&self) -> &Path {
        &self.incoming
    }

    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{digest}.{}", self.extension))
    }

    /// Every file, the one that was used last first.
    pub(crate) fn entries(&self) -> io::Result<Vec<Kept>> {
        let mut kept = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let file = file?;
            if let Some(digest) = digest_of(Path::new(&file.file_name()), self.extension)
                && let Ok(metadata) = file.metadata()
                && let Ok(used) = metadata.modified()
            {
                kept.push(Kept { digest, size: metadata.len(), used });
            }
        }
        kept.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.digest.cmp(&b.digest)));
        Ok(kept)
    }

    /// What is kept under this digest, which the caller compares; none where it is not there or has more than `most` bytes.
    pub(crate) fn read(&self, digest: &Digest, most: u64) -> io::Result<Option<Bytes>> {
        let Some(file) = folder::open(&self.path(digest))? else { return Ok(None) };
        let length = file.metadata()?.len();
        if length > most {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        (&file).take(most).read_to_end(&mut bytes)?;
        mark_used(&file);
        Ok(Some(bytes.into()))
    }

    /// Whether these contents are kept, byte for byte. Then they count as used.
    pub(crate) fn has(&self, digest: &Digest, length: u64) -> io::Result<bool> {
        let Some(mut file) = folder::open(&self.path(digest))? else { return Ok(false) };
        let has = file.metadata()?.len() == length && hash(&mut file)? == *digest;
        if has {
            mark_used(&file);
        }
        Ok(has)
    }

    /// Keeps what has this digest.
    pub(crate) fn store(&self, digest: &Digest, contents: &[u8]) -> io::Result<()> {
        let stored = self.write(digest, contents, true);
        inventory::sweep(&self.incoming);
        stored
    }

    /// The same, for what may be lost when the machine stops.
    pub(crate) fn store_lazily(&self, digest: &Digest, contents: &[u8]) -> io::Result<()> {
        self.write(digest, contents, false)
    }

    fn write(&self, digest: &Digest, contents: &[u8], sync: bool) -> io::Result<()> {
        let file = folder::new_file(&self.incoming)?;
        file.as_file().write_all(contents)?;
        if sync {
            file.as_file().sync_all()?;
        }
        file.into_temp_path().persist(self.path(digest)).map_err(|error| error.error)
    }

    /// Removes what has the name of a file, whatever it is: a folder in its place would keep it from being stored for good.
    fn clear(&self, digest: &Digest) -> bool {
        let path = self.path(digest);
        self.remove(digest) || path.is_dir() && !path.is_symlink() && fs::remove_dir_all(path).is_ok()
    }

    /// Forgets a file; gives whether it was there.
    pub(crate) fn remove(&self, digest: &Digest) -> bool {
        fs::remove_file(self.path(digest)).is_ok()
    }

    /// Removes what was not used for longest until the rest fits; the one that was used last stays however large it is.
    pub(crate) fn make_room(&self, capacity: u64) {
        let Ok(kept) = self.entries() else { return };
        let mut total: u64 = 0;
        for (place, one) in kept.iter().enumerate() {
            total = total.saturating_add(one.size);
            if place > 0 && total > capacity && self.remove(&one.digest) {
                total -= one.size;
            }
        }
    }

    /// Removes the files that `unwanted` names, and what killed processes left.
    pub(crate) fn clean(&self, mut unwanted: impl FnMut(&Kept) -> bool) -> io::Result<Cleaned> {
        let mut cleaned = Cleaned::default();
        for one in self.entries()?.iter().filter(|one| unwanted(one)) {
            if self.clear(&one.digest) {
                cleaned.entries += 1;
                cleaned.bytes += one.size;
            } else if fs::symlink_metadata(self.path(&one.digest)).is_ok() {
                cleaned.stuck += 1;
            }
        }
        cleaned.leftovers = inventory::sweep(&self.incoming);
        Ok(cleaned)
    }

    /// Reads every byte of every file. Removes what has another digest than its name, and what killed processes left.
    pub(crate) fn verify(&self) -> io::Result<Verified> {
        self.verify_with(|file, digest| Ok(hash(file)? == *digest))
    }

    /// The same, where the file itself says whether it is whole.
    pub(crate) fn verify_whole(&self, is_whole: impl Fn(&Bytes) -> bool) -> io::Result<Verified> {
        self.verify_with(|file, _| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(is_whole(&bytes.into()))
        })
    }

    fn verify_with(&self, is_whole: impl Fn(&mut File, &Digest) -> io::Result<bool>) -> io::Result<Verified> {
        let mut found = Verified::default();
        for one in self.entries()? {
            let path = self.path(&one.digest);
            let good = folder::open(&path).and_then(|file| match file {
                Some(mut file) => is_whole(&mut file, &one.digest),
                None => Ok(false),
            });
            match good {
                Ok(true) => {
                    found.good += 1;
                    found.bytes += one.size;
                }
                // Another process removed it.
                Ok(false) if fs::symlink_metadata(&path).is_err() => {}
                Ok(false) if self.clear(&one.digest) => found.damaged.push(one.into()),
                Ok(false) => found.stuck.push(one.digest.to_string()),
                Err(_) => found.unreadable.push(one.digest.to_string()),
            }
        }
        found.leftovers = inventory::sweep(&self.incoming);
        Ok(found)
    }
}

/// The digest that a file is named by.
pub(crate) fn digest_of(name: &Path, extension: &str) -> Option<Digest> {
    let stem = name.file_stem()?.to_str()?;
    (name.extension()? == extension && stem.len() == 64).then(|| stem.parse().ok())?
}

fn hash(file: &mut File) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            read => hasher.update(chunk.get(..read).unwrap_or_default()),
        }
    }
}

/// Its file's time is the time of its last use. Only who wrote it can say so; else it goes earlier.
fn mark_used(file: &File) {
    let _ = file.set_modified(SystemTime::now());
}
