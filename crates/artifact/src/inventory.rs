//! What is in the cache, for the people who own it: listing, checking, removing, and keeping it within its size.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::code_cache::LEFTOVER_AGE;
use crate::entry::{self, About};
use crate::folder::{self, UNFINISHED};
use crate::{CodeCache, stamp};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryInfo {
    /// Its name: 64 hexadecimal digits, in whatever its code depends on.
    pub name: String,
    /// Bytes of its file.
    pub size: u64,
    /// When it was made.
    pub created: SystemTime,
    /// When it was used last, to the hour.
    pub used: SystemTime,
    /// What it was made of; none where it carries no seal of this installation: of another format or key, or damaged.
    pub about: Option<About>,
}

/// What a full check of everything found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Entries whose every byte is as it was written.
    pub good: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Entries that were damaged, or never ours. They were removed.
    pub damaged: Vec<EntryInfo>,
    /// Entries in the format of another version of Wasmill. They were removed.
    pub outdated: u64,
    /// Entries that are damaged, or of another version, and could not be removed.
    pub stuck: Vec<String>,
    /// Entries that could not be read; they were left alone.
    pub unreadable: Vec<String>,
    /// Files of killed processes, and stamps without an entry, that were removed.
    pub leftovers: u64,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Entries.
    pub entries: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Entries that could not be removed.
    pub stuck: u64,
    /// Files of killed processes, and stamps without an entry.
    pub leftovers: u64,
}

impl CodeCache {
    /// Every entry, the one that was used last first. Reads the end of each, not its code.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn entries(&self) -> io::Result<Vec<EntryInfo>> {
        let mut entries: Vec<EntryInfo> = self.names()?.into_iter().filter_map(|name| self.entry(name)).collect();
        entries.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.name.cmp(&b.name)));
        Ok(entries)
    }

    /// Reads every byte of every entry, whatever the stamps say. Removes what is damaged, and what killed processes left.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn verify(&self) -> io::Result<Verified> {
        let mut found = Verified::default();
        for info in self.entries()? {
            let path = entry::path_of(&self.folder, &info.name);
            let checked = folder::open(&path).and_then(|file| {
                let Some(mut file) = file else { return Ok(State::Damaged) };
                Ok(match entry::read_footer(&self.key, &info.name, &mut file)? {
                    Some(footer) if entry::check_code(&self.key, &footer, &mut file)? => State::Good,
                    None if entry::is_outdated(&mut file) => State::Outdated,
                    _ => State::Damaged,
                })
            });
            match checked {
                Ok(State::Good) => {
                    found.good += 1;
                    found.bytes += info.size;
                }
                // Another process removed it.
                Ok(State::Outdated | State::Damaged) if fs::symlink_metadata(&path).is_err() => {}
                Ok(State::Outdated | State::Damaged) if !self.discard(&info.name) => found.stuck.push(info.name),
                Ok(State::Outdated) => found.outdated += 1,
                Ok(State::Damaged) => found.damaged.push(info),
                Err(_) => found.unreadable.push(info.name),
            }
        }
        found.leftovers = self.sweep() + self.remove_orphans()?;
        Ok(found)
    }

    /// Removes the entries that `unwanted` names, which is asked about the one that was used last first, and what killed processes left.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn clean(&self, mut unwanted: impl FnMut(&EntryInfo) -> bool) -> io::Result<Cleaned> {
        let mut cleaned = Cleaned::default();
        for info in self.entries()?.iter().filter(|info| unwanted(info)) {
            if self.discard(&info.name) {
                cleaned.entries += 1;
                cleaned.bytes += info.size;
            } else if fs::symlink_metadata(entry::path_of(&self.folder, &info.name)).is_ok() {
                cleaned.stuck += 1;
            }
        }
        cleaned.leftovers = self.sweep() + self.remove_orphans()?;
        Ok(cleaned)
    }

    /// Removes what was not used for longest until the rest fits; gives how many entries that were.
    pub(crate) fn make_room(&self, capacity: u64) -> u64 {
        let Ok(names) = self.names() else { return 0 };
        let mut entries: Vec<(SystemTime, u64, String)> =
            names.into_iter().filter_map(|name| self.times(&name).map(|(size, _, used)| (used, size, name))).collect();
        let mut total: u64 = entries.iter().map(|(_, size, _)| size).sum();
        if total <= capacity {
            return 0;
        }
        entries.sort();
        let mut removed = 0;
        // The last one was just stored, or used: it stays however large it is.
        entries.pop();
        for (_, size, name) in entries {
            if total <= capacity {
                break;
            }
            if self.discard(&name) {
                total = total.saturating_sub(size);
                removed += 1;
            }
        }
        removed
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.files_ending(entry::EXTENSION)?.into_iter().collect())
    }

    fn files_ending(&self, extension: &str) -> io::Result<HashSet<String>> {
        let mut names = HashSet::new();
        for file in fs::read_dir(&self.folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|found| found == extension)
                && let Some(name) = path.file_stem().and_then(|name| name.to_str())
                && name.len() == 64
                && name.bytes().all(|byte| byte.is_ascii_hexdigit())
            {
                names.insert(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Stamps whose entries are gone.
    fn remove_orphans(&self) -> io::Result<u64> {
        let entries = self.files_ending(entry::EXTENSION)?;
        let orphans = self.files_ending(stamp::EXTENSION)?.into_iter().filter(|name| !entries.contains(name));
        Ok(orphans.filter(|name| fs::remove_file(stamp::path_of(&self.folder, name)).is_ok()).count() as u64)
    }

    fn entry(&self, name: String) -> Option<EntryInfo> {
        let (size, created, used) = self.times(&name)?;
        let about = folder::open(&entry::path_of(&self.folder, &name)).ok().flatten().and_then(|mut file| {
            let footer = entry::read_footer(&self.key, &name, &mut file).ok()?;
            footer.map(|footer| footer.about)
        });
        Some(EntryInfo { name, size, created, used, about })
    }

    /// Size, and times of making and of the last use.
    fn times(&self, name: &str) -> Option<(u64, SystemTime, SystemTime)> {
        let metadata = fs::symlink_metadata(entry::path_of(&self.folder, name)).ok()?;
        let created = metadata.modified().ok()?;
        let used = stamp::last_use(&stamp::path_of(&self.folder, name)).map_or(created, |used| used.max(created));
        Some((metadata.len(), created, used))
    }
}

/// What a full check found.
enum State {
    Good,
    Outdated,
    Damaged,
}

/// How long ago; nothing where it lies in the future.
pub(crate) fn age(time: SystemTime) -> Duration {
    time.elapsed().unwrap_or_default()
}

/// Whether it is a file that was to be renamed to its place.
pub(crate) fn is_unfinished(file: &fs::DirEntry) -> bool {
    file.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED))
        && file.file_type().is_ok_and(|kind| kind.is_file())
}

/// Removes what killed processes left in `incoming`; gives how many files that were.
pub(crate) fn sweep(incoming: &Path) -> u64 {
    let Ok(files) = fs::read_dir(incoming) else { return 0 };
    let old = |file: &fs::DirEntry| {
        is_unfinished(file)
            && file.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|time| age(time) > LEFTOVER_AGE)
    };
    files.filter_map(Result::ok).filter(|file| old(file) && fs::remove_file(file.path()).is_ok()).count() as u64
}

/// Unfinished files in a folder that are older than this.
pub(crate) fn older_than(folder: &Path, limit: Duration) -> u64 {
    let Ok(files) = fs::read_dir(folder) else { return 0 };
    let old = |file: fs::DirEntry| {
        is_unfinished(&file)
            && file.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|time| age(time) > limit)
    };
    files.filter_map(Result::ok).map(old).filter(|old| *old).count() as u64
}
