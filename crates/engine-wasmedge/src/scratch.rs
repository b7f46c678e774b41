//! The folder of an engine's units as WasmEdge reads them: private, and gone with the engine.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

const PREFIX: &str = "wasmill-wasmedge-";
/// Locked as long as the folder's process lives: what nobody holds was left by one that was killed.
const LOCK: &str = "lock";
/// A folder without a lock that is younger than this may just be on its way to it.
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
        // It is there when it is held: whoever finds it free finds it left.
        let unnamed = folder.path().join("new");
        let lock = File::create(&unnamed)?;
        lock.lock()?;
        fs::rename(unnamed, folder.path().join(LOCK))?;
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

/// Removes what killed processes left. Anybody may make anything of that name in a folder that all share: so only folders of this user are
/// looked into, and nothing there is waited for or followed.
fn sweep(parent: &Path) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let path = entry.path();
        if fs::symlink_metadata(&path).is_ok_and(|folder| folder.is_dir() && is_own(&folder) && is_left(&path, &folder))
        {
            // What cannot be removed stays.
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// Whether nobody holds its lock, and nobody is about to.
fn is_left(path: &Path, folder: &Metadata) -> bool {
    match open(&path.join(LOCK)) {
        // It was held before it had this name.
        Ok(lock) => lock.metadata().is_ok_and(|file| file.is_file()) && lock.try_lock().is_ok(),
        Err(error) => {
            let age = folder.modified().ok().and_then(|time| time.elapsed().ok());
            error.kind() == io::ErrorKind::NotFound && age.is_some_and(|age| age >= YOUNG)
        }
    }
}

#[cfg(unix)]
fn is_own(folder: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(folder) == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_own(_: &Metadata) -> bool {
    true
}

/// Opens a file, if it is one: no link, and nothing that waits for somebody at its other end.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};

    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
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
        let (left, _) = make("wasmill-wasmedge-left", SystemTime::now());
        let (held, lock) = make("wasmill-wasmedge-held", old);
        let (young, _) = make("wasmill-wasmedge-young", SystemTime::now());
        let (crashed, _) = make("wasmill-wasmedge-crashed", old);
        let (other, _) = make("somebody", old);
        lock.lock().unwrap();
        for (path, time) in [(&young, SystemTime::now()), (&crashed, old)] {
            fs::remove_file(path.join(LOCK)).unwrap();
            File::open(path).unwrap().set_modified(time).unwrap();
        }
        sweep(parent.path());
        assert!(!left.exists() && !crashed.exists() && held.exists() && young.exists() && other.exists());
    }

    #[cfg(unix)]
    #[test]
    fn what_others_put_there_is_neither_waited_for_nor_followed() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let parent = tempfile::tempdir().unwrap();
        let target = tempfile::tempdir().unwrap();
        fs::write(target.path().join(LOCK), "").unwrap();
        let path = |name: &str| parent.path().join(format!("{PREFIX}{name}"));
        for name in ["pipe", "link"] {
            fs::create_dir(path(name)).unwrap();
        }
        mknodat(CWD, path("pipe").join(LOCK), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::os::unix::fs::symlink(target.path().join(LOCK), path("link").join(LOCK)).unwrap();
        std::os::unix::fs::symlink(target.path(), path("folder")).unwrap();
        fs::write(path("file"), "").unwrap();
        sweep(parent.path());
        for name in ["pipe", "link", "folder", "file"] {
            assert!(fs::symlink_metadata(path(name)).is_ok(), "{name}");
        }
        assert!(target.path().join(LOCK).exists());
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
