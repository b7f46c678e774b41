//! SHA-256 of bytes and of source folders.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::failure::{During, Outcome};

/// In lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A digest over named pieces: every name and every length goes in, so that no two lists have the same bytes.
#[derive(Default)]
pub(crate) struct Pieces(Sha256);

impl Pieces {
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) {
        for part in [name.as_bytes(), bytes] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    /// Every file under `path` (or the file itself), by its path from there.
    pub(crate) fn add_files(&mut self, path: &Path) -> Outcome {
        for file in files(path)? {
            let name = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().replace('\\', "/");
            let bytes = fs::read(&file).during(file.display())?;
            // A checkout on Windows may have other line ends; the source is the same.
            self.add(&name, String::from_utf8_lossy(&bytes).replace("\r\n", "\n").as_bytes());
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What npm installs, which is never a part of a source.
pub(crate) const PACKAGES: &str = "node_modules";

/// Every file under a folder, or the file itself, in a fixed order; `target`, packages and hidden ones are left out.
pub(crate) fn files(path: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(path, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> Outcome {
    if path.is_file() {
        found.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).during(path.display())? {
        let entry = entry.during(path.display())?;
        let name = entry.file_name();
        if name != "target" && name != PACKAGES && !name.to_string_lossy().starts_with('.') {
            collect(&entry.path(), found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Pieces, files, sha256};

    #[test]
    fn the_digest_is_sha_256() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn pieces_cannot_be_moved_into_each_other() {
        let digest = |name: &str, bytes: &[u8]| {
            let mut pieces = Pieces::default();
            pieces.add(name, bytes);
            pieces.finish()
        };
        assert_ne!(digest("ab", b"c"), digest("a", b"bc"));
    }

    #[test]
    fn every_file_counts_with_its_name_but_build_output_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let digest = || {
            let mut pieces = Pieces::default();
            pieces.add_files(folder.path()).unwrap();
            pieces.finish()
        };
        fs::write(folder.path().join("a.c"), "x").unwrap();
        let first = digest();
        fs::create_dir(folder.path().join("target")).unwrap();
        fs::write(folder.path().join("target/b.c"), "x").unwrap();
        assert_eq!(digest(), first);
        fs::write(folder.path().join("a.c"), "y").unwrap();
        assert_ne!(digest(), first);
        fs::write(folder.path().join("a.c"), "x").unwrap();
        fs::rename(folder.path().join("a.c"), folder.path().join("b.c")).unwrap();
        assert_ne!(digest(), first);
        assert_eq!(files(folder.path()).unwrap().len(), 1);
    }
}
