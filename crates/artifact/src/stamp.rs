//! The stamp beside an entry: "this very file, unchanged since, was checked in full".
//!
//! Hashing a megabyte costs as much as mapping it. So after a full check a stamp is left: a MAC over the entry's name and what the
//! system says of the file (device, inode, length, time of change of contents and of status, in nanoseconds). Whoever writes to the
//! file, replaces it or renames another into its place changes its status time, which no program can set; then the stamp does
//! not fit, and the file is checked in full again. It does so anyway when the stamp is a day old.
//!
//! A stamp is only left when the file has been at rest for some time: a change within the same tick of the clock as the one before
//! would not show in its times.
//!
//! What a stamp does not see: bits that flip on the disk beneath the file system, writes around it (to the block device), and writes
//! through a shared mapping that was made and written to before: until the system writes its pages back, they change no time. Those
//! are found within the day, and by [`CodeCache::verify`](crate::CodeCache::verify) at once. Nor does it see a clock that was set back
//! for the write. Only the user and root can do any of that, and both can read the key.

use std::fs::{self, File, Metadata};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::entry::Key;
use crate::folder;

/// The ending of a stamp's file.
pub(crate) const EXTENSION: &str = "checked";
/// MAC and time.
const LENGTH: usize = 40;
/// How exactly the time of the last use is kept, for the order in which entries are removed.
const USE_INTERVAL: Duration = Duration::from_secs(3600);

/// What the system says of a file, as far as it changes with the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    numbers: [i128; 7],
    /// When its status changed last, in nanoseconds since 1970.
    changed: i128,
}

impl Facts {
    /// None where the system has no times of status.
    #[cfg(unix)]
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Some(Facts {
            numbers: [
                metadata.dev().into(),
                metadata.ino().into(),
                metadata.len().into(),
                metadata.mtime().into(),
                metadata.mtime_nsec().into(),
                metadata.ctime().into(),
                metadata.ctime_nsec().into(),
            ],
            changed: i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec()),
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn of(_metadata: &Metadata) -> Option<Self> {
        None
    }

    /// Whether the file has not changed for so long.
    pub(crate) fn at_rest(&self, settle: Duration, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_nanos() as i128 - self.changed >= settle.as_nanos() as i128
    }
}

fn mac(key: &Key, name: &str, facts: &Facts, checked_at: u64) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(b"stamp");
    hasher.update(name.as_bytes());
    for number in facts.numbers {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(&checked_at.to_le_bytes());
    hasher.finalize()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Whether there is a stamp for exactly this file, younger than `trust`.
pub(crate) fn fits(key: &Key, name: &str, path: &Path, facts: &Facts, trust: Duration, now: SystemTime) -> bool {
    let Ok(Some(mut file)) = folder::open(path) else { return false };
    let mut stamp = [0; LENGTH];
    if file.read_exact(&mut stamp).is_err() {
        return false;
    }
    let (expected, time) = stamp.split_at(32);
    let (Ok(expected), Ok(time)) = (<[u8; 32]>::try_from(expected), <[u8; 8]>::try_from(time)) else { return false };
    let checked_at = u64::from_le_bytes(time);
    // A stamp of the future was made under another clock.
    let fresh = seconds(now).checked_sub(checked_at).is_some_and(|age| age < trust.as_secs());
    if !fresh || mac(key, name, facts, checked_at) != blake3::Hash::from_bytes(expected) {
        return false;
    }
    note_use(&file, now);
    true
}

/// The time of the stamp's file is that of the entry's last use; nothing else depends on it.
fn note_use(file: &File, now: SystemTime) {
    let stale = file
        .metadata()
        .and_then(|metadata| metadata.modified())
        .is_ok_and(|used| now.duration_since(used).is_ok_and(|age| age > USE_INTERVAL));
    if stale {
        // Needs no right to write: only to be the owner. Where it fails the entry looks older than it is.
        let _ = file.set_modified(now);
    }
}

/// Leaves a stamp. Where that fails the entry is checked in full again.
pub(crate) fn leave(key: &Key, name: &str, path: &Path, incoming: &Path, facts: &Facts, now: SystemTime) {
    let checked_at = seconds(now);
    let mac = mac(key, name, facts, checked_at);
    let written = folder::new_file(incoming).and_then(|file| {
        file.as_file().write_all(mac.as_bytes())?;
        file.as_file().write_all(&checked_at.to_le_bytes())?;
        // Not synced: a stamp that is cut off after a power failure fits nothing.
        file.into_temp_path().persist(path).map_err(|error| error.error)
    });
    drop(written);
}

/// The path of an entry's stamp.
pub(crate) fn path_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{EXTENSION}"))
}

/// When the entry was used last, as its stamp tells it.
pub(crate) fn last_use(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const FACTS: Facts = Facts { numbers: [1, 2, 3, 4, 5, 6, 7], changed: 6_000_000_007 };

    #[test]
    fn a_stamp_is_for_one_file_one_name_one_key_and_one_day() {
        let folder = tempfile::tempdir().unwrap();
        let path = path_of(folder.path(), "a");
        let (key, day) = ([1; 32], Duration::from_secs(86_400));
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        assert!(!fits(&key, "a", &path, &FACTS, day, now));
        leave(&key, "a", &path, folder.path(), &FACTS, now);
        let fits_at = |key: &Key, name: &str, facts: &Facts, at| fits(key, name, &path, facts, day, at);
        assert!(fits_at(&key, "a", &FACTS, now));
        assert!(fits_at(&key, "a", &FACTS, now + day - Duration::from_secs(1)));
        assert!(!fits_at(&key, "a", &FACTS, now + day));
        assert!(!fits_at(&key, "a", &FACTS, now - Duration::from_secs(1)), "of the future");
        assert!(!fits_at(&[2; 32], "a", &FACTS, now));
        assert!(!fits_at(&key, "b", &FACTS, now));
        for index in 0..FACTS.numbers.len() {
            let mut other = FACTS;
            other.numbers[index] += 1;
            assert!(!fits_at(&key, "a", &other, now), "fact {index}");
        }
        let mut bytes = fs::read(&path).unwrap();
        for index in 0..bytes.len() {
            bytes[index] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(!fits_at(&key, "a", &FACTS, now), "byte {index}");
            bytes[index] ^= 1;
        }
        fs::write(&path, &bytes[..20]).unwrap();
        assert!(!fits_at(&key, "a", &FACTS, now), "cut off");
    }

    #[test]
    fn a_file_is_at_rest_after_a_while() {
        let at = |nanos| UNIX_EPOCH + Duration::from_nanos(nanos);
        let settle = Duration::from_secs(2);
        assert!(!FACTS.at_rest(settle, at(6_000_000_007)));
        assert!(!FACTS.at_rest(settle, at(8_000_000_006)));
        assert!(FACTS.at_rest(settle, at(8_000_000_007)));
        assert!(!FACTS.at_rest(settle, at(0)), "changed in the future: the clock was set back");
    }
}
