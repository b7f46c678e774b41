//! Files that change: noticed by the system, and believed when their content is another.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{self, Receiver};
use wasmill_model::Digest;

/// A change counts when nothing has happened for so long: an editor or a compiler writes in several steps.
const QUIET: Duration = Duration::from_millis(50);
/// A file that never comes to rest is taken as it is after this.
const PATIENCE: Duration = Duration::from_secs(2);
/// A folder that comes and goes while it is looked for.
const TRIES: usize = 8;

/// Some files, and what was in them.
pub(crate) struct Changes {
    watcher: RecommendedWatcher,
    /// Something happened that may concern the files.
    wakes: Receiver<()>,
    /// The paths that concern them, as the system spells them.
    places: Arc<Mutex<BTreeSet<PathBuf>>>,
    /// What is watched: the folders of the files, since most programs replace a file when they save it.
    folders: BTreeSet<PathBuf>,
    /// None for a file that cannot be read: it may come to be.
    seen: BTreeMap<PathBuf, Option<Digest>>,
}

impl Changes {
    /// Of no files yet.
    ///
    /// # Errors
    /// A system that cannot watch.
    pub(crate) fn new() -> notify::Result<Self> {
        let places = Arc::new(Mutex::new(BTreeSet::new()));
        let (sender, wakes) = mpsc::channel(1);
        let concerned = places.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let places = concerned.lock().unwrap_or_else(PoisonError::into_inner);
            if event.map_or(true, |event| concerns(&event, &places)) {
                // Where one is waiting already, that is enough.
                let _ = sender.try_send(());
            }
        })?;
        Ok(Changes { watcher, wakes, places, folders: BTreeSet::new(), seen: BTreeMap::new() })
    }

    /// From here on it is about these files, with what is in them now.
    ///
    /// # Errors
    /// A folder that cannot be watched.
    pub(crate) fn look_at(&mut self, files: Vec<PathBuf>) -> notify::Result<()> {
        self.seen = files.into_iter().map(|file| (file, None)).collect();
        self.follow()?;
        for (file, seen) in &mut self.seen {
            *seen = digest(file);
        }
        Ok(())
    }

    /// Waits until the content of a file is another; gives those of which it is.
    ///
    /// # Errors
    /// A folder that cannot be watched any more.
    pub(crate) async fn next(&mut self) -> notify::Result<Vec<PathBuf>> {
        loop {
            if !self.changed().is_empty() {
                let wakes = &mut self.wakes;
                let quiet = async { while let Ok(Some(())) = tokio::time::timeout(QUIET, wakes.recv()).await {} };
                let _ = tokio::time::timeout(PATIENCE, quiet).await;
                let changed = self.changed();
                if !changed.is_empty() {
                    return Ok(changed);
                }
            }
            self.wakes.recv().await;
            // A folder may have come, gone, or been replaced by another of its name.
            self.follow()?;
        }
    }

    fn changed(&self) -> Vec<PathBuf> {
        self.seen.iter().filter(|(file, seen)| digest(file) != **seen).map(|(file, _)| file.clone()).collect()
    }

    /// Watches wherever something can happen to the files.
    fn follow(&mut self) -> notify::Result<()> {
        for folder in std::mem::take(&mut self.folders) {
            // It may be gone.
            let _ = self.watcher.unwatch(&folder);
        }
        let mut found = BTreeSet::new();
        for file in self.seen.keys() {
            for _ in 0..TRIES {
                let places = places(file);
                let folders: Vec<&Path> = places.iter().filter_map(|place| place.parent()).collect();
                if watch(&mut self.watcher, &folders, &mut self.folders)? {
                    found.extend(folders.into_iter().map(Path::to_owned));
                    found.extend(places);
                    break;
                }
            }
        }
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }
}

/// Watches these folders; false where one was there a moment ago, and is not any more.
fn watch(watcher: &mut RecommendedWatcher, folders: &[&Path], watched: &mut BTreeSet<PathBuf>) -> notify::Result<bool> {
    for folder in folders {
        if !watched.contains(*folder) {
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert((*folder).to_owned())),
                Err(error) if is_gone(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(true)
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Where something happens when something happens to the file: the file, or the first folder on its way that is not there; and what a
/// link leads to.
fn places(file: &Path) -> Vec<PathBuf> {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let mut places = Vec::new();
    let mut name: Option<&OsStr> = file.file_name();
    for folder in file.ancestors().skip(1) {
        if let (Ok(folder), Some(name)) = (folder.canonicalize(), name) {
            places.push(folder.join(name));
            break;
        }
        name = folder.file_name();
    }
    places.extend(file.canonicalize().ok().filter(|real| !places.contains(real)));
    places
}

fn concerns(event: &Event, places: &BTreeSet<PathBuf>) -> bool {
    let may_change = match event.kind {
        // Whoever compares files opens them.
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    event.need_rescan() || may_change && event.paths.iter().any(|path| places.contains(path))
}

/// Of what is in it. A pipe is not looked into: what is read from it is gone.
fn digest(file: &Path) -> Option<Digest> {
    let is_file = std::fs::metadata(file).ok()?.is_file();
    is_file.then(|| std::fs::read(file).ok().map(|bytes| Digest::of(&bytes)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_a_folder_that_is_not_there_is_waited_for_above_it() {
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        assert_eq!(places(Path::new("Cargo.toml")), [here.join("Cargo.toml")]);
        assert_eq!(places(Path::new("no/such/file.wasm")), [here.join("no")]);
    }

    #[test]
    fn to_be_read_is_no_change() {
        let places = BTreeSet::from([PathBuf::from("/a/b")]);
        let event = |kind, path: &str| Event::new(kind).add_path(path.into());
        assert!(!concerns(&event(EventKind::Access(AccessKind::Open(AccessMode::Any)), "/a/b"), &places));
        assert!(concerns(&event(EventKind::Access(AccessKind::Close(AccessMode::Write)), "/a/b"), &places));
        assert!(concerns(&event(EventKind::Any, "/a/b"), &places));
        assert!(!concerns(&event(EventKind::Any, "/a/c"), &places));
    }
}
