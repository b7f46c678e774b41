//! Files about a call. Core dumps are as <https://github.com/WebAssembly/tool-conventions/blob/main/Coredump.md> lays them out; `wasmgdb` and
//! other debuggers read them. Profiles are what <https://profiler.firefox.com> opens.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Writes one under a name of its own. Without it an attempt is as good as with it, so a file system that fails is no error.
pub(super) fn write(folder: &Path, unit: &str, extension: &str, bytes: &[u8]) -> Option<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);

    fs::create_dir_all(folder).ok()?;
    let unit = unit.get(..12).unwrap_or(unit);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{unit}-{}-{number}.{extension}", std::process::id()));
        match options.open(&path) {
            Ok(mut file) => {
                if file.write_all(bytes).is_ok() {
                    return Some(path);
                }
                let _ = fs::remove_file(&path);
                return None;
            }
            // Of an earlier process with the same number.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(_) => return None,
        }
    }
}
