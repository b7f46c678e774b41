//! Files of the user's that are written whole or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// Writes a file in one rename, with the rights that it had; a new one has those that the user's new files have. What is no file (a device, a
/// pipe) is written to as it is.
///
/// # Errors
/// It cannot be written; then it is as it was.
pub(crate) fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    // Through a link: what is meant is the file.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let before = fs::metadata(&path).ok();
    if before.as_ref().is_some_and(|before| !before.is_file()) {
        return fs::write(&path, contents);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".wasmill-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    if let Some(before) = before {
        file.as_file().set_permissions(before.permissions())?;
    }
    file.persist(&path).map(drop).map_err(|error| error.error)
}
