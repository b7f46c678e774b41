//! From a source to a unit: the one way of every build.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use serde::Serialize;
use wasmill_artifact::BuildCache;
use wasmill_model::{Digest, Language, SourceUnit};
use wasmill_unit::{BuiltFunction, HashedBytes, Unit};

use crate::interpreters::{Interpret, Interpreters};
use crate::job::{Job, Run, TEMPORARY};
use crate::languages::{self, Compiled};
use crate::{BuildError, Confinement, Mode, SourceFiles, ToolName, Tools, script};

/// The version of this crate's own part in what is built.
pub(crate) const GLUE: &str = env!("WASMILL_GLUE");

/// How units are built.
#[derive(Clone, Default)]
pub struct Settings {
    /// Where programs are looked for.
    pub tools: Tools,
    /// How compilers are kept in.
    pub confinement: Confinement,
    /// For speed, or for finding faults.
    pub mode: Mode,
    /// Whether what a compiler made is made smaller and faster by wasm-opt, where it is there.
    pub optimize: bool,
    /// Whether every source is trusted.
    pub trust: bool,
    /// Where builds are kept; none: everything is built anew.
    pub cache: Option<Arc<BuildCache>>,
    /// What runs interpreters; none: scripts cannot be built.
    pub interpret: Option<Arc<dyn Interpret>>,
    /// Whether what is kept is built again.
    pub again: bool,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("tools", &self.tools)
            .field("confinement", &self.confinement)
            .field("mode", &self.mode)
            .field("optimize", &self.optimize)
            .field("trust", &self.trust)
            .field("cache", &self.cache)
            .field("again", &self.again)
            .finish_non_exhaustive()
    }
}

/// Builds units from source. A clone costs little, and shares the interpreters.
#[derive(Clone, Debug)]
pub struct Toolchain {
    settings: Arc<Settings>,
    interpreters: Arc<Interpreters>,
}

/// A unit, and how it came about.
#[derive(Clone, Debug)]
pub struct Built {
    /// The unit.
    pub unit: Unit,
    /// What it was written in.
    pub language: Language,
    /// What it was built with, with its version.
    pub tool: String,
    /// Whether it was built before, and kept.
    pub cached: bool,
    /// How long it took.
    pub took: Duration,
}

/// All that a build depends on.
#[derive(Serialize)]
struct Ingredients<'a> {
    glue: &'a str,
    language: Language,
    tool: &'a str,
    function: Option<&'a str>,
    mode: &'a str,
    optimize: Option<&'a str>,
    trusted: bool,
    main: &'a str,
    files: Vec<(&'a str, Digest)>,
}

impl Toolchain {
    /// A toolchain with these settings.
    pub fn new(settings: Settings) -> Self {
        Toolchain { settings: Arc::new(settings), interpreters: Arc::default() }
    }

    /// The same, with the interpreters that another one has loaded.
    #[must_use]
    pub fn sharing_interpreters(mut self, other: &Toolchain) -> Self {
        self.interpreters = other.interpreters.clone();
        self
    }

    /// How units are built.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same, where a manifest names programs; paths are relative to `base`. What the environment names is stronger.
    #[must_use]
    pub fn with_programs(&self, programs: &IndexMap<Language, std::path::PathBuf>, base: &Path) -> Self {
        if programs.is_empty() {
            return self.clone();
        }
        let mut settings = Settings::clone(&self.settings);
        for (language, program) in programs {
            let Some(tool) = ToolName::of(*language) else { continue };
            // A bare name is looked for on the PATH.
            let path = if program.components().count() > 1 { base.join(program) } else { program.clone() };
            settings.tools.named.entry(tool).or_insert(path);
        }
        Toolchain { settings: Arc::new(settings), interpreters: self.interpreters.clone() }
    }

    /// Builds a unit, or takes the one that was built before. A path is relative to `base`.
    ///
    /// Blocks for as long as the compiler takes, at most [`Confinement::timeout`]; several are built on several threads.
    ///
    /// # Errors
    /// Why there is no unit.
    pub fn build(&self, source: &SourceUnit, base: &Path) -> Result<Built, BuildError> {
        let files = SourceFiles::read(source, base)?;
        self.build_files(source, &files)
    }

    /// … of files that were read.
    ///
    /// # Errors
    /// As [`Toolchain::build`].
    pub fn build_files(&self, source: &SourceUnit, files: &SourceFiles) -> Result<Built, BuildError> {
        let began = Instant::now();
        let source = &SourceUnit { trusted: source.trusted || self.settings.trust, ..source.clone() };
        if source.language.is_script() {
            return script::build(self, &self.interpreters, source, files, began);
        }
        let (tool, identity) = match ToolName::of(source.language) {
            Some(name) => {
                let tool = self.settings.tools.find(name, source.language)?;
                (tool.version, tool.identity)
            }
            None => (format!("wasmill {}", env!("CARGO_PKG_VERSION")), String::new()),
        };
        let (bytes, cached) = self.kept(&self.key(source, files, &identity, GLUE), || self.compiled(source, files))?;
        let unit = Unit::from_hashed(&bytes).map_err(|error| BuildError::NoUnit { message: error.to_string() })?;
        Ok(Built { unit, language: source.language, tool, cached, took: began.elapsed() })
    }

    /// The digest of all that a build depends on.
    pub(crate) fn key(&self, source: &SourceUnit, files: &SourceFiles, tool: &str, glue: &str) -> Digest {
        let optimizer = self.settings.optimize.then(|| match self.settings.tools.look(ToolName::WasmOpt) {
            crate::Looked::Found(tool) => tool.identity,
            _ => String::new(),
        });
        let ingredients = Ingredients {
            glue,
            language: source.language,
            tool,
            function: source.function.as_deref(),
            mode: self.settings.mode.as_str(),
            optimize: optimizer.as_deref(),
            trusted: source.trusted,
            main: &files.main,
            files: files.files.iter().map(|(name, contents)| (name.as_str(), Digest::of(contents))).collect(),
        };
        // String keys and no failing member.
        Digest::of(&serde_json::to_vec(&ingredients).unwrap_or_default())
    }

    /// What is kept under the key; else it is made, once however many processes and threads ask.
    pub(crate) fn kept(
        &self,
        key: &Digest,
        make: impl FnOnce() -> Result<Vec<u8>, BuildError>,
    ) -> Result<(HashedBytes, bool), BuildError> {
        let Some(cache) = &self.settings.cache else { return Ok((HashedBytes::new(make()?), false)) };
        let look = || if self.settings.again { None } else { cache.read(key) };
        if let Some(kept) = look() {
            return Ok((kept, true));
        }
        let _turn = cache.lock(key);
        // Whoever had the turn before may have built just this.
        if let Some(kept) = look() {
            return Ok((kept, true));
        }
        let made = HashedBytes::new(make()?);
        cache.store(key, &made);
        Ok((made, false))
    }

    /// The unit with its section, compiled now.
    fn compiled(&self, source: &SourceUnit, files: &SourceFiles) -> Result<Vec<u8>, BuildError> {
        self.in_job(source, files, |job| {
            let Compiled { mut binary, function } = languages::of(source.language)(job)?;
            if self.settings.optimize {
                binary = optimized(job, binary)?;
            }
            if let Some(function) = function {
                let built = BuiltFunction {
                    params: function.params.into_iter().map(languages::Parameter::into_unit).collect(),
                    result: function.result,
                    ..BuiltFunction::new(source.language, Some(function.name))
                };
                binary.extend(built.to_section());
            }
            Ok(binary)
        })
    }

    /// Does the work in a scratch folder with the files in it.
    pub(crate) fn in_job<T>(
        &self,
        source: &SourceUnit,
        files: &SourceFiles,
        work: impl FnOnce(&Job<'_>) -> Result<T, BuildError>,
    ) -> Result<T, BuildError> {
        sweep();
        let scratch = tempfile::Builder::new()
            .prefix(SCRATCH)
            .tempdir()
            .map_err(|error| BuildError::host("a scratch folder cannot be made", error))?;
        let folder = fs::canonicalize(scratch.path())
            .map_err(|error| BuildError::host("the scratch folder cannot be used", error))?;
        let job = Job {
            language: source.language,
            source: files,
            function: source.function.as_deref(),
            mode: self.settings.mode,
            trusted: source.trusted,
            tools: &self.settings.tools,
            confinement: &self.settings.confinement,
            folder: &folder,
            deadline: Instant::now() + self.settings.confinement.timeout,
        };
        fs::create_dir(folder.join(TEMPORARY))
            .map_err(|error| BuildError::host("the scratch folder cannot be written", error))?;
        for (name, contents) in &files.files {
            job.write(name, contents)?;
        }
        work(&job)
    }
}

/// How scratch folders are called.
const SCRATCH: &str = "wasmill-build-";

/// Removes, once a process, the scratch folders of processes that were killed: nothing is built for a day.
fn sweep() {
    const OLD: Duration = Duration::from_secs(24 * 60 * 60);
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| {
        let is_old = |entry: &fs::DirEntry| {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            entry.file_name().to_string_lossy().starts_with(SCRATCH)
                && entry.file_type().is_ok_and(|kind| kind.is_dir())
                && modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > OLD))
        };
        let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
        for entry in entries.filter(is_old) {
            // Another user's stays.
            let _ = fs::remove_dir_all(entry.path());
        }
    });
}

/// What wasm-opt makes of a module; the module itself where wasm-opt is not there, or for a component.
fn optimized(job: &Job<'_>, binary: Vec<u8>) -> Result<Vec<u8>, BuildError> {
    const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];
    let crate::Looked::Found(tool) = job.tools.look(ToolName::WasmOpt) else { return Ok(binary) };
    if binary.get(4..8) == Some(&COMPONENT) {
        return Ok(binary);
    }
    job.write("wasmill-in.wasm", &binary)?;
    let args = ["wasmill-in.wasm", "-O3", "-g", "--all-features", "--disable-gc", "-o", "wasmill-out.wasm"];
    let ran = job.run(Run::new(&tool, args))?;
    if !ran.succeeded {
        let words = ran.stderr.lines().next().unwrap_or(&ran.ended).to_owned();
        return Err(BuildError::Broken {
            program: tool.program,
            message: words,
            install: ToolName::WasmOpt.install().to_owned(),
        });
    }
    job.read("wasmill-out.wasm")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use wasmill_model::SourceText;

    use super::*;

    #[test]
    fn what_many_ask_for_is_built_once() {
        let folder = tempfile::tempdir().unwrap();
        let caches = [0, 1].map(|_| Arc::new(BuildCache::open(folder.path().join("builds")).unwrap()));
        let (key, built) = (Digest::of(b"a"), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for place in 0..8 {
                // As of two processes.
                let cache = Some(caches[place % 2].clone());
                let toolchain = Toolchain::new(Settings { cache, ..Settings::default() });
                let (key, built) = (&key, &built);
                scope.spawn(move || {
                    let make = || {
                        built.fetch_add(1, Ordering::SeqCst);
                        Ok(b"unit".to_vec())
                    };
                    assert_eq!(toolchain.kept(key, make).unwrap().0.bytes(), &b"unit"[..]);
                });
            }
        });
        assert_eq!(built.into_inner(), 1);
    }

    #[test]
    fn a_key_is_of_all_that_goes_into_a_build() {
        let files = |main: &str, text: &str| SourceFiles {
            main: main.to_owned(),
            files: BTreeMap::from([(main.to_owned(), bytes::Bytes::copy_from_slice(text.as_bytes()))]),
            is_folder: false,
        };
        let source = |language, function: Option<&str>, trusted| SourceUnit {
            language,
            text: SourceText::Code("".into()),
            function: function.map(Into::into),
            trusted,
        };
        let plain = Toolchain::new(Settings::default());
        let debug = Toolchain::new(Settings { mode: Mode::Debug, ..Settings::default() });
        let small = Toolchain::new(Settings { optimize: true, ..Settings::default() });
        let rust = || source(Language::Rust, None, false);
        let keys = [
            plain.key(&rust(), &files("a.rs", "x"), "rustc 1", GLUE),
            plain.key(&rust(), &files("a.rs", "y"), "rustc 1", GLUE),
            plain.key(&rust(), &files("b.rs", "x"), "rustc 1", GLUE),
            plain.key(&rust(), &files("a.rs", "x"), "rustc 2", GLUE),
            plain.key(&rust(), &files("a.rs", "x"), "rustc 1", "other glue"),
            plain.key(&source(Language::C, None, false), &files("a.rs", "x"), "rustc 1", GLUE),
            plain.key(&source(Language::Rust, Some("f"), false), &files("a.rs", "x"), "rustc 1", GLUE),
            plain.key(&source(Language::Rust, None, true), &files("a.rs", "x"), "rustc 1", GLUE),
            debug.key(&rust(), &files("a.rs", "x"), "rustc 1", GLUE),
            small.key(&rust(), &files("a.rs", "x"), "rustc 1", GLUE),
        ];
        let distinct: std::collections::BTreeSet<String> = keys.iter().map(ToString::to_string).collect();
        assert_eq!(distinct.len(), keys.len());
        assert_eq!(keys[0], plain.key(&rust(), &files("a.rs", "x"), "rustc 1", GLUE));
    }
}
