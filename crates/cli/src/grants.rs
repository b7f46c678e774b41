//! What the unit of a `call` is granted, by its flags.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use wasmill_manifest::normal_guest_path;
use wasmill_model::{DirGrant, DirMode, Grants};

use crate::args::GrantArgs;
use crate::failure::Failure;

/// The grants that the flags spell.
///
/// # Errors
/// An `--env` without `=`, or a `--dir` that names no place.
pub(crate) fn read(args: GrantArgs) -> Result<Grants, Failure> {
    let mut grants = Grants::default();
    grants.env = env(args.env)?;
    grants.dirs = dirs(&args.dir)?;
    grants.net = args.net;
    grants.clock = args.clock.into();
    grants.random = args.random.into();
    Ok(grants)
}

fn env(items: Vec<String>) -> Result<IndexMap<String, String>, Failure> {
    let mut env = IndexMap::new();
    for item in items {
        match item.split_once('=') {
            Some((name, value)) if !name.is_empty() => env.insert(name.to_owned(), value.to_owned()),
            _ => {
                let message = format!("`--env {item}` names no variable and value");
                return Err(Failure::usage(message, "write `--env NAME=VALUE`"));
            }
        };
    }
    Ok(env)
}

fn dirs(items: &[String]) -> Result<IndexMap<PathBuf, DirGrant>, Failure> {
    let mut dirs: IndexMap<PathBuf, DirGrant> = IndexMap::new();
    for item in items {
        let (host, dir) = dir(item).map_err(|reason| {
            Failure::usage(
                format!("`--dir {item}`: {reason}"),
                "write `--dir ./data`, `--dir ./data:/data` or `--dir ./data:/data:rw`",
            )
        })?;
        if let Some((other, _)) = dirs.iter().find(|(_, other)| other.at == dir.at) {
            let message =
                format!("two folders are seen at `{}`: `{}` and `{}`", dir.at, other.display(), host.display());
            return Err(Failure::usage(message, "give one of them another place: `--dir HOST:GUEST`"));
        }
        dirs.insert(host, dir);
    }
    Ok(dirs)
}

/// `HOST[:GUEST[:rw]]`
fn dir(text: &str) -> Result<(PathBuf, DirGrant), &'static str> {
    let (text, mode) = match (text.strip_suffix(":rw"), text.strip_suffix(":ro")) {
        (Some(text), _) => (text, DirMode::Rw),
        (None, Some(text)) => (text, DirMode::Ro),
        (None, None) => (text, DirMode::Ro),
    };
    // A guest's path begins with `/`; a host's path may hold a colon.
    let (host, at) = match text.rfind(":/").and_then(|colon| Some((text.get(..colon)?, text.get(colon + 1..)?))) {
        Some((_, guest)) if guest.contains(':') => return Err("the mode is `ro` or `rw`"),
        Some((host, guest)) => (host, normal_guest_path(guest)?),
        None if text.contains(':') && !Path::new(text).exists() => return Err("the unit's path begins with `/`"),
        None => (text, default_place(Path::new(text))),
    };
    if host.is_empty() {
        return Err("it names no folder");
    }
    Ok((host.into(), DirGrant { at, mode }))
}

/// `/data` for `./data`, `/` for `.` and `..`.
fn default_place(host: &Path) -> String {
    host.file_name().map_or_else(|| "/".to_owned(), |name| format!("/{}", name.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_a_place_and_a_mode() {
        for (text, host, at, mode) in [
            ("./data", "./data", "/data", DirMode::Ro),
            (".", ".", "/", DirMode::Ro),
            ("..", "..", "/", DirMode::Ro),
            ("/var/lib/x/", "/var/lib/x/", "/x", DirMode::Ro),
            ("data:/models", "data", "/models", DirMode::Ro),
            ("data:/models:rw", "data", "/models", DirMode::Rw),
            ("data:/models:ro", "data", "/models", DirMode::Ro),
            ("data:rw", "data", "/data", DirMode::Rw),
            ("/a:/b", "/a", "/b", DirMode::Ro),
        ] {
            assert_eq!(dir(text), Ok((host.into(), DirGrant { at: at.to_owned(), mode })), "{text}");
        }
        for text in ["", ":/models", "data:models", "data:/a/../b", "data:/x:wr"] {
            assert!(dir(text).is_err(), "{text}");
        }
    }
}
