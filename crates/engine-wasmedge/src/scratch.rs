//! The folder of an engine's units as WasmEdge reads them: private, and gone with the engine.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

const PREFIX: &str = "wasmill-wasmedge-";
/// Locked as long as the folder's process lives: what nobody holds was left by one that was killed.
const LOCK: &str = "lock";
/// A folder younger than this may just be on its way to its lock.
const YOUNG: Duration = Duration::from_secs(60);

/// A folder that nobody else can read.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: TempDir,
    /// Its path without links.
    path: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes one, and removes those that killed processes left.
    pub(crate) fn new() -> io::Result<Self> {
        sweep(&std::env::temp_dir());
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        let path = fs::canonicalize(folder.path())?;
        Ok(Scratch { folder, path, _lock: lock })
    }

    /// A folder in it, for one unit.
    pub(crate) fn room(&self) -> io::Result<Room> {
        let folder = tempfile::Builder::new().prefix("unit-").tempdir_in(self.folder.path())?;
        let path = self.path.join(folder.path().file_name().unwrap_or_default());
        Ok(Room { _folder: folder, path })
    }
}

/// A folder for the files of one unit; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _folder: TempDir,
    path: PathBuf,
}

impl Room {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn sweep(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let is_young = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|time| time.elapsed().is_ok_and(|age| age < YOUNG));
        let path = entry.path();
        let is_held = File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_err());
        if !is_young && !is_held && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            // Another user's stays.
            let _ = fs::remove_dir_all(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_a_killed_process_left_is_swept_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - 2 * YOUNG;
        let make = |name: &str, time: SystemTime| {
            let path = parent.path().join(name);
            fs::create_dir(&path).unwrap();
            let lock = File::create(path.join(LOCK)).unwrap();
            File::open(&path).unwrap().set_modified(time).unwrap();
            (path, lock)
        };
        let (left, _) = make("wasmill-wasmedge-left", old);
        let (held, lock) = make("wasmill-wasmedge-held", old);
        let (young, _) = make("wasmill-wasmedge-young", SystemTime::now());
        let (other, _) = make("somebody", old);
        lock.lock().unwrap();
        sweep(parent.path());
        assert!(!left.exists() && held.exists() && young.exists() && other.exists());
    }

    #[test]
    fn a_folder_is_gone_with_its_engine() {
        let scratch = Scratch::new().unwrap();
        let room = scratch.room().unwrap();
        fs::write(room.path().join("unit.wasm"), "").unwrap();
        let (outer, inner) = (scratch.path.clone(), room.path().to_owned());
        assert!(inner.starts_with(&outer) && inner.is_dir());
        drop(room);
        assert!(!inner.exists());
        drop(scratch);
        assert!(!outer.exists());
    }
}
