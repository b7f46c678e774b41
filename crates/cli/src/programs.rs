//! Where other people's programs are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use crate::env_vars::WASMILL_TOOLS;

/// Folders below the folder of tools that are looked through: `<tool>/bin`, `<tool>/<package>/bin`.
const DEPTH: usize = 3;

/// The most folders that are looked through there.
const MOST_FOLDERS: usize = 2_000;

/// Where programs may be: the PATH, then the folder that `cargo xtask setup` installs into.
pub(crate) struct Places {
    pub(crate) folders: Vec<PathBuf>,
}

impl Places {
    pub(crate) fn find() -> Self {
        let mut folders: Vec<PathBuf> =
            env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
        let tools = match env::var_os(WASMILL_TOOLS).filter(|folder| !folder.is_empty()) {
            Some(folder) => Some(PathBuf::from(folder)),
            None => etcetera::choose_base_strategy().ok().map(|base| base.cache_dir().join("wasmill").join("tools")),
        };
        if let Some(tools) = tools {
            let mut found = vec![tools];
            let mut from = 0;
            for _ in 0..DEPTH {
                let until = found.len();
                let below: Vec<PathBuf> =
                    found.get(from..until).unwrap_or_default().iter().flat_map(|f| children(f)).collect();
                found.extend(below.into_iter().take(MOST_FOLDERS));
                from = until;
            }
            folders.extend(found);
        }
        Places { folders }
    }

    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        let file = format!("{name}{}", env::consts::EXE_SUFFIX);
        self.folders.iter().map(|folder| folder.join(&file)).find(|path| is_program(path))
    }
}

/// Folders in a folder, in the order of their names.
fn children(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}
