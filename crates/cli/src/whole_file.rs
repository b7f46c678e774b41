//! Files of the user's that are written whole or not at all.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::path::Path;

/// Writes a file in one rename, with the rights that it had; a new one can be read by everybody.
///
/// # Errors
/// It cannot be written; then it is as it was.
pub(crate) fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    // Through a link: what is meant is the file.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".wasmill-").tempfile_in(folder)?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    let rights = match fs::metadata(&path) {
        Ok(before) => Some(before.permissions()),
        Err(_) => readable(),
    };
    if let Some(rights) = rights {
        file.as_file().set_permissions(rights)?;
    }
    file.persist(&path).map(drop).map_err(|error| error.error)
}

#[cfg(unix)]
fn readable() -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable() -> Option<Permissions> {
    None
}
