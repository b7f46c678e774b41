//! The folder that tools are installed in: one subfolder a recipe, each with the stamp of the recipe that filled it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::digest::sha256;
use crate::failure::{During, Outcome};

const STAMP: &str = ".recipe";

pub(crate) struct Prefix {
    path: PathBuf,
}

impl Prefix {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Where a recipe keeps its files.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether the folder was filled by exactly this recipe, to the end.
    pub(crate) fn is_filled(&self, name: &str, recipe: &str) -> bool {
        fs::read_to_string(self.folder(name).join(STAMP)).is_ok_and(|stamp| stamp.trim() == sha256(recipe.as_bytes()))
    }

    /// The folder, emptied of what another recipe or a broken-off run left.
    pub(crate) fn emptied(&self, name: &str) -> Outcome<PathBuf> {
        let folder = self.folder(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).during(folder.display())?;
        }
        fs::create_dir_all(&folder).during(folder.display())?;
        Ok(folder)
    }

    /// Says that the folder is complete. The last thing that a recipe does.
    pub(crate) fn stamp(&self, name: &str, recipe: &str) -> Outcome {
        let path = self.folder(name).join(STAMP);
        fs::write(&path, sha256(recipe.as_bytes())).during(path.display())
    }

    /// Held while something is installed.
    pub(crate) fn lock(&self) -> Outcome<File> {
        fs::create_dir_all(&self.path).during(self.path.display())?;
        let path = self.path.join(".lock");
        let file = File::create(&path).during(path.display())?;
        file.lock().during(path.display())?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::Prefix;

    #[test]
    fn a_changed_recipe_and_a_broken_off_run_count_as_empty() {
        let folder = tempfile::tempdir().unwrap();
        let prefix = Prefix::new(folder.path());
        assert!(!prefix.is_filled("zig", "one"));
        prefix.emptied("zig").unwrap();
        assert!(!prefix.is_filled("zig", "one"));
        prefix.stamp("zig", "one").unwrap();
        assert!(prefix.is_filled("zig", "one"));
        assert!(!prefix.is_filled("zig", "two"));
        prefix.emptied("zig").unwrap();
        assert!(!prefix.is_filled("zig", "one"));
    }
}
