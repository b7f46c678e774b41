//! What is wrong with a folder of ours, also where it cannot be opened, and what can be put right without asking.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::code_cache::LEFTOVER_AGE;
use crate::digest_folder::DigestFolder;
use crate::folder::{Distrust, Holds, INCOMING, KEY_FILE, distrust, plain, prepare, read_key, stranger};
use crate::{BuildCache, CacheError, CodeCache, ResultCache, Verified, inventory};

/// Bytes that are written to see whether there is room for more.
const PROBE: usize = 64 << 10;

/// One thing that is wrong with the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// There is no folder yet: the first run makes it.
    Missing,
    /// Something else is in its place, or it cannot be read.
    Unusable {
        /// The system's words.
        message: String,
    },
    /// Others can write to this folder, or it belongs to another user.
    Unsafe {
        /// Which one: the folder, or the one in it where files are written first.
        folder: PathBuf,
        /// Why.
        reason: Distrust,
    },
    /// It is there, and is somebody's, not a cache; nothing in it is touched.
    Foreign {
        /// Something in it.
        other: PathBuf,
    },
    /// What is in it can be used, and nothing new can be kept.
    ReadOnly {
        /// The system's words.
        message: String,
    },
    /// The key cannot be read, and is in the way of a new one.
    KeyUnreadable {
        /// The system's words.
        message: String,
    },
    /// The key is of another length, belongs to somebody else, or others have been able to read it. The next run makes a new one, and all entries are lost.
    Key,
    /// Entries that are damaged, or made with another key.
    Damaged {
        /// How many.
        entries: u64,
    },
    /// Files that killed processes left.
    Leftovers {
        /// How many.
        files: u64,
    },
}

/// The state of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// All that is wrong.
    pub troubles: Vec<Trouble>,
    /// Entries.
    pub entries: u64,
    /// Bytes of those.
    pub bytes: u64,
}

/// Looks at a folder and changes nothing. Of compiled code the seals of entries are checked, of nothing the contents: that is
/// [`CodeCache::verify`] and its likes.
pub fn examine(dir: &Path, holds: Holds) -> Condition {
    let mut condition = Condition::default();
    let metadata = match fs::metadata(dir) {
        Ok(metadata) => metadata,
        Err(error) => {
            condition.troubles.push(match error.kind() {
                io::ErrorKind::NotFound => Trouble::Missing,
                _ => Trouble::Unusable { message: error.to_string() },
            });
            return condition;
        }
    };
    if !metadata.is_dir() {
        condition.troubles.push(Trouble::Unusable { message: "it is not a folder".to_owned() });
        return condition;
    }
    let incoming = dir.join(INCOMING);
    match fs::metadata(&incoming) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            let message = format!("`{INCOMING}` in it is no folder; remove that");
            condition.troubles.push(Trouble::Unusable { message });
            return condition;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            condition.troubles.push(match stranger(dir, holds) {
                Ok(Some(other)) => Trouble::Foreign { other },
                Ok(None) => Trouble::Missing,
                Err(error) => Trouble::Unusable { message: error.to_string() },
            });
            return condition;
        }
        Err(error) => {
            condition.troubles.push(Trouble::Unusable { message: error.to_string() });
            return condition;
        }
    }
    for folder in [dir, &incoming] {
        match distrust(folder, &incoming) {
            Ok(None) => {}
            Ok(Some(reason)) => condition.troubles.push(Trouble::Unsafe { folder: folder.to_owned(), reason }),
            Err(error) => condition.troubles.push(Trouble::Unusable { message: error.to_string() }),
        }
    }
    // Nothing in what is another's is this user's matter.
    if condition.troubles.iter().any(|trouble| match trouble {
        Trouble::Unsafe { reason, .. } => *reason != Distrust::Writable,
        _ => false,
    }) {
        return condition;
    }
    let leftovers = inventory::older_than(&incoming, LEFTOVER_AGE);
    if leftovers > 0 {
        condition.troubles.push(Trouble::Leftovers { files: leftovers });
    }
    match holds {
        Holds::Code => entries_of_code(dir, &mut condition),
        Holds::Units | Holds::Blobs | Holds::Builds | Holds::Results => entries_by_digest(dir, holds, &mut condition),
    }
    if !condition.troubles.iter().any(|trouble| matches!(trouble, Trouble::Unsafe { .. } | Trouble::Unusable { .. }))
        && let Err(error) = [dir, &incoming].into_iter().try_for_each(can_write)
    {
        condition.troubles.push(Trouble::ReadOnly { message: error.to_string() });
    }
    condition
}

fn entries_by_digest(dir: &Path, holds: Holds, condition: &mut Condition) {
    // One that others can write to cannot be opened, and is told of already.
    let Ok(folder) = DigestFolder::open(dir.to_owned(), holds) else { return };
    match folder.entries() {
        Ok(entries) => {
            condition.entries = entries.len() as u64;
            condition.bytes = entries.iter().map(|entry| entry.size).sum();
        }
        Err(error) => condition.troubles.push(Trouble::Unusable { message: error.to_string() }),
    }
}

fn entries_of_code(dir: &Path, condition: &mut Condition) {
    let in_keys_place = fs::symlink_metadata(dir.join(KEY_FILE)).ok();
    let has_key = in_keys_place.is_some();
    match read_key(dir) {
        // No file can be renamed to where a folder is.
        Ok(None) if in_keys_place.is_some_and(|found| found.is_dir()) => {
            condition.troubles.push(Trouble::KeyUnreadable { message: "it is a folder".to_owned() });
        }
        Ok(None) if has_key => condition.troubles.push(Trouble::Key),
        Ok(_) => {}
        Err(error) => condition.troubles.push(Trouble::KeyUnreadable { message: error.to_string() }),
    }
    // Only a folder in which nothing is wrong so far can be opened without making something in it.
    if condition.troubles.iter().all(|trouble| matches!(trouble, Trouble::Leftovers { .. })) && has_key {
        match CodeCache::open(dir.to_owned()).map(|cache| cache.entries()) {
            Ok(Ok(entries)) => {
                condition.entries = entries.len() as u64;
                condition.bytes = entries.iter().map(|entry| entry.size).sum();
                let damaged = entries.iter().filter(|entry| entry.about.is_none()).count() as u64;
                if damaged > 0 {
                    condition.troubles.push(Trouble::Damaged { entries: damaged });
                }
            }
            Ok(Err(error)) => condition.troubles.push(Trouble::Unusable { message: error.to_string() }),
            Err(error) => condition.troubles.push(Trouble::Unusable { message: error.to_string() }),
        }
    }
}

/// Tries to write as much as a small unit takes, to a file that nobody sees and that is gone afterwards.
fn can_write(folder: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(folder).map_err(plain)?;
    file.write_all(&[0; PROBE])
}

/// Puts right what can be without asking: makes the folder, takes the rights of others away where it is the user's own, and removes
/// entries that are damaged (every byte is read) and files that killed processes left.
///
/// # Errors
/// What could not be put right: the folder belongs to somebody else, or something else is in its place.
pub fn repair(dir: &Path, holds: Holds) -> Result<Verified, CacheError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| CacheError::Io { path, error }
    };
    let incoming = dir.join(INCOMING);
    prepare(dir, &incoming, holds)?;
    #[cfg(unix)]
    for folder in [dir, &incoming] {
        use std::os::unix::fs::PermissionsExt as _;
        // The system would let root change what is another's, or where a link leads.
        if let Some(reason @ (Distrust::Owner | Distrust::Link)) = distrust(folder, &incoming).map_err(fail(folder))? {
            return Err(CacheError::Unsafe { path: folder.to_owned(), reason });
        }
        if fs::metadata(folder).map_err(fail(folder))?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(fail(folder))?;
        }
    }
    match holds {
        // Makes the key where it is missing or damaged.
        Holds::Code => CodeCache::open(dir.to_owned())?.verify().map_err(fail(dir)),
        Holds::Builds => BuildCache::open(dir.to_owned())?.verify().map_err(fail(dir)),
        Holds::Results => ResultCache::open(dir.to_owned())?.verify().map_err(fail(dir)),
        Holds::Units | Holds::Blobs => DigestFolder::open(dir.to_owned(), holds)?.verify().map_err(fail(dir)),
    }
}
