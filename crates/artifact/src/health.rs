//! What is wrong with a cache's folder, also where it cannot be opened, and what can be put right without asking.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::code_cache::LEFTOVER_AGE;
use crate::folder::{INCOMING, KEY_FILE, distrust, read_key};
use crate::{CacheError, CodeCache, Verified, inventory};

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
        reason: &'static str,
    },
    /// The key is of another length, or others have been able to read it. The next run makes a new one, and all entries are lost.
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

/// Looks at a folder and changes nothing. The seals of entries are checked, not their code: that is [`CodeCache::verify`].
pub fn examine(dir: &Path) -> Condition {
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
    if !incoming.is_dir() {
        condition.troubles.push(Trouble::Missing);
        return condition;
    }
    for folder in [dir, &incoming] {
        match distrust(folder, &incoming) {
            Ok(None) => {}
            Ok(Some(reason)) => condition.troubles.push(Trouble::Unsafe { folder: folder.to_owned(), reason }),
            Err(error) => condition.troubles.push(Trouble::Unusable { message: error.to_string() }),
        }
    }
    let leftovers = inventory::older_than(&incoming, LEFTOVER_AGE);
    if leftovers > 0 {
        condition.troubles.push(Trouble::Leftovers { files: leftovers });
    }
    let key_file = dir.join(KEY_FILE);
    match read_key(&key_file) {
        Ok(Some(_)) => {}
        Ok(None) if !key_file.exists() => {}
        Ok(None) => condition.troubles.push(Trouble::Key),
        Err(error) => condition.troubles.push(Trouble::Unusable { message: format!("its key: {error}") }),
    }
    // Only a folder in which nothing is wrong so far can be opened without making something in it.
    if condition.troubles.iter().all(|trouble| matches!(trouble, Trouble::Leftovers { .. }))
        && key_file.exists()
        && let Ok(cache) = CodeCache::open(dir.to_owned())
        && let Ok(entries) = cache.entries()
    {
        condition.entries = entries.len() as u64;
        condition.bytes = entries.iter().map(|entry| entry.size).sum();
        let damaged = entries.iter().filter(|entry| entry.about.is_none()).count() as u64;
        if damaged > 0 {
            condition.troubles.push(Trouble::Damaged { entries: damaged });
        }
    }
    condition
}

/// Puts right what can be without asking: makes the folder, takes the rights of others away where it is the user's own, and removes
/// entries that are damaged (every byte is read) and files that killed processes left.
///
/// # Errors
/// What could not be put right: the folder belongs to somebody else, or something else is in its place.
pub fn repair(dir: &Path) -> Result<Verified, CacheError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| CacheError::Io { path, error }
    };
    #[cfg(unix)]
    for folder in [dir.to_owned(), dir.join(INCOMING)] {
        use std::os::unix::fs::PermissionsExt as _;
        match fs::metadata(&folder) {
            Ok(metadata) if metadata.is_dir() && metadata.permissions().mode() & 0o077 != 0 => {
                // The system lets only the owner (and root) do that.
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).map_err(fail(&folder))?;
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(CacheError::Io { path: folder, error }),
        }
    }
    // Makes the folder and the key where they are missing; still refuses what belongs to another user.
    CodeCache::open(dir.to_owned())?.verify().map_err(fail(dir))
}
