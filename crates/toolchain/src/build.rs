//! From a source to a unit.

use std::fs;
use std::path::Path;
use std::time::Instant;

use wasmill_model::SourceUnit;

use crate::job::Job;
use crate::languages::{self, Compiled};
use crate::{BuildError, Confinement, Mode, SourceFiles, Tools};

/// Builds units from source.
#[derive(Clone, Debug, Default)]
pub struct Toolchain {
    /// Where programs are looked for.
    pub tools: Tools,
    /// How compilers are kept in.
    pub confinement: Confinement,
    /// For speed, or for finding faults.
    pub mode: Mode,
}

impl Toolchain {
    /// Compiles, whatever was compiled before.
    pub(crate) fn compile(&self, source: &SourceUnit, files: &SourceFiles) -> Result<Compiled, BuildError> {
        let folder = tempfile::Builder::new()
            .prefix("wasmill-build-")
            .tempdir()
            .map_err(|error| BuildError::host("a scratch folder cannot be made", error))?;
        let folder = fs::canonicalize(folder.path()).map(|path| (folder, path));
        let (_kept, path) = folder.map_err(|error| BuildError::host("the scratch folder cannot be used", error))?;
        let job = Job {
            language: source.language,
            source: files,
            function: source.function.as_deref(),
            mode: self.mode,
            trusted: source.trusted,
            tools: &self.tools,
            confinement: &self.confinement,
            folder: &path,
            deadline: Instant::now() + self.confinement.timeout,
        };
        for (name, contents) in &files.files {
            job.write(name, contents)?;
        }
        languages::of(source.language)(&job)
    }

    /// Reads and compiles a source. A path is relative to `base`.
    ///
    /// # Errors
    /// Why there is no unit.
    pub fn build(&self, source: &SourceUnit, base: &Path) -> Result<Vec<u8>, BuildError> {
        let files = SourceFiles::read(source, base)?;
        Ok(self.compile(source, &files)?.binary)
    }
}
