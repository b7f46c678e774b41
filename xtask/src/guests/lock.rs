//! `guests/units.lock.toml`: what the committed units were built from, and by what.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{During, Outcome};
use crate::paths::Paths;

const HEAD: &str =
    "# Written by `cargo xtask guests --update`; `cargo xtask guests --check` compares it with sources and units.\n";

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lock {
    #[serde(default)]
    pub(crate) unit: Vec<Entry>,
}

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// From the checkout, with slashes.
    pub(crate) path: String,
    pub(crate) sha256: String,
    pub(crate) size: usize,
    /// Name and version.
    pub(crate) toolchain: String,
    pub(crate) source: Origin,
}

/// What a unit was built from.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Origin {
    pub(crate) path: String,
    /// Of the source, the packages beside it that it uses, and the versions of the others.
    pub(crate) sha256: String,
}

impl Lock {
    pub(crate) fn path(paths: &Paths) -> PathBuf {
        paths.root.join("guests").join("units.lock.toml")
    }

    /// What is recorded; nothing when the file is not there.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        toml::from_str(&fs::read_to_string(path).during(path.display())?).during(path.display())
    }

    pub(crate) fn write(&self, path: &Path) -> Outcome {
        let text = toml::to_string(self).during(path.display())?;
        fs::write(path, format!("{HEAD}\n{text}")).during(path.display())
    }

    pub(crate) fn entry(&self, path: &str) -> Option<&Entry> {
        self.unit.iter().find(|entry| entry.path == path)
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Lock, Origin};

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock.toml");
        assert!(Lock::read(&path).unwrap().unit.is_empty());
        let entry = Entry {
            path: "examples/a/units/b.wasm".to_owned(),
            sha256: "00".to_owned(),
            size: 7,
            toolchain: "zig 1".to_owned(),
            source: Origin { path: "guests/examples/a/b.c".to_owned(), sha256: "11".to_owned() },
        };
        Lock { unit: vec![entry.clone()] }.write(&path).unwrap();
        assert_eq!(Lock::read(&path).unwrap().unit, [entry]);
    }
}
