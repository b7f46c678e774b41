//! Compiled code that outlives the process.

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tempfile::NamedTempFile;
use wasmill_model::Digest;
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::entry::{self, Authenticated, Checked, Key};
use crate::mapped;

/// Goes into every name, so that entries of another format are never looked at.
const FORMAT: u64 = 1;
/// The file with the installation's key.
const KEY_FILE: &str = "key";
/// The folder where files are written before they are renamed to their places.
const INCOMING: &str = "incoming";
/// What a killed process left in `incoming` is swept when it is older than this.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodeKind {
    /// A core module.
    Module,
    /// A component.
    Component,
}

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The folder cannot be made, read or written.
    #[error("the cache folder `{}` cannot be used: {error}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// Others could put code there.
    #[error("the cache folder `{}` is not safe: {reason}", path.display())]
    Unsafe {
        /// The folder.
        path: PathBuf,
        /// Who could write to it.
        reason: &'static str,
    },
    /// The system has no random numbers for a key.
    #[error("no key could be made: {message}")]
    NoRandom {
        /// The system's words.
        message: String,
    },
}

impl CacheError {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            CacheError::Io { path, .. } => {
                format!("make `{}` a folder that you can write to, or name another", path.display())
            }
            CacheError::Unsafe { path, .. } => {
                format!("`chmod 700 {0}` if it is yours, or remove it and Wasmill makes a new one", path.display())
            }
            CacheError::NoRandom { .. } => "run without a cache of compiled code".to_owned(),
        }
    }
}

/// What a cache did since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Entries that were loaded.
    pub hits: u64,
    /// Entries that were not there.
    pub misses: u64,
    /// Entries that were there, but damaged or not ours; they were removed.
    pub rejected: u64,
    /// Entries that were written.
    pub stored: u64,
    /// Times that the file system failed; each was a miss, or an entry that was not written.
    pub failures: u64,
}

/// A folder of compiled code.
///
/// An entry's name is a digest of the unit's digest, the engine's settings, wasmtime's version and what it holds. Processes may share
/// the folder: an entry appears in one rename, and a process that is killed leaves nothing but a file that is swept later. What
/// cannot be authenticated is removed and compiled again. No method fails: without its files the cache only misses.
#[derive(Debug)]
pub struct CodeCache {
    folder: PathBuf,
    incoming: PathBuf,
    key: Key,
    hits: AtomicU64,
    misses: AtomicU64,
    rejected: AtomicU64,
    stored: AtomicU64,
    failures: AtomicU64,
}

impl CodeCache {
    /// Opens a folder, and makes it with a key of its own where it is new.
    ///
    /// # Errors
    /// The folder cannot be written, belongs to another user, or can be written by others.
    pub fn open(dir: PathBuf) -> Result<Self, CacheError> {
        let incoming = dir.join(INCOMING);
        prepare(&dir, &incoming).map_err(|error| CacheError::Io { path: dir.clone(), error })?;
        for folder in [&dir, &incoming] {
            let reason = distrust(folder, &incoming).map_err(|error| CacheError::Io { path: folder.clone(), error })?;
            if let Some(reason) = reason {
                return Err(CacheError::Unsafe { path: folder.clone(), reason });
            }
        }
        let key = key(&dir, &incoming)?;
        Ok(CodeCache {
            folder: dir,
            incoming,
            key,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The compiled code of a core module, mapped.
    pub fn load_module(&self, engine: &Engine, unit: &Digest) -> Option<Module> {
        self.load(engine, unit, CodeKind::Module, mapped::module)
    }

    /// The compiled code of a component, mapped.
    pub fn load_component(&self, engine: &Engine, unit: &Digest) -> Option<Component> {
        self.load(engine, unit, CodeKind::Component, mapped::component)
    }

    /// Keeps compiled code: what [`Module::serialize`] or [`Component::serialize`] gave for this unit and engine.
    pub fn store(&self, engine: &Engine, unit: &Digest, kind: CodeKind, serialized: &[u8]) {
        let name = name(engine, unit, kind);
        let path = entry::path_of(&self.folder, &name);
        match entry::write(&self.key, &name, &path, &self.incoming, serialized) {
            Ok(()) => count(&self.stored),
            Err(_) => count(&self.failures),
        }
        self.sweep();
    }

    /// What was loaded, missed and written since the cache was opened.
    pub fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            stored: self.stored.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    fn load<T>(
        &self,
        engine: &Engine,
        unit: &Digest,
        kind: CodeKind,
        map: impl Fn(&Engine, &Authenticated<'_>) -> wasmtime::Result<T>,
    ) -> Option<T> {
        let name = name(engine, unit, kind);
        let path = entry::path_of(&self.folder, &name);
        match entry::check(&self.key, &name, &path) {
            Checked::Good(authenticated) => {
                if let Ok(code) = map(engine, &authenticated) {
                    count(&self.hits);
                    return Some(code);
                }
                // Made by us, and yet not for this machine: the folder moved here with its key.
                self.reject(&path);
            }
            Checked::Bad => self.reject(&path),
            Checked::Absent => count(&self.misses),
            Checked::Failed => count(&self.failures),
        }
        None
    }

    fn reject(&self, path: &Path) {
        count(&self.rejected);
        // Another process may have removed it already.
        let _ = fs::remove_file(path);
    }

    /// Removes what killed processes left.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.incoming) else { return };
        for entry in entries.filter_map(Result::ok) {
            let age =
                entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
            if age.is_some_and(|age| age > LEFTOVER_AGE) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What compiled code depends on besides the unit: wasmtime's version, its settings and the machine. Engines with the same
/// fingerprint take each other's code.
pub fn fingerprint(engine: &Engine) -> [u8; 32] {
    struct Blake3(blake3::Hasher);

    impl Hasher for Blake3 {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            // Never asked for: the whole digest is taken.
            0
        }
    }

    let mut hasher = Blake3(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    *hasher.0.finalize().as_bytes()
}

/// Whatever code depends on, in one name.
fn name(engine: &Engine, unit: &Digest, kind: CodeKind) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&FORMAT.to_le_bytes());
    hasher.update(unit.as_bytes());
    hasher.update(&[kind as u8]);
    hasher.update(&fingerprint(engine));
    hasher.finalize().to_hex().to_string()
}

fn prepare(dir: &Path, incoming: &Path) -> io::Result<()> {
    // The usual start of a process: both are there.
    if incoming.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)?;
    builder.create(incoming)
}

/// Why a folder cannot be trusted with code, if it cannot.
#[cfg(unix)]
fn distrust(folder: &Path, incoming: &Path) -> io::Result<Option<&'static str>> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = fs::metadata(folder)?;
    if metadata.mode() & 0o022 != 0 {
        return Ok(Some("others can write to it"));
    }
    // A file that is made now belongs to whom this process runs as.
    let probe = tempfile::tempfile_in(incoming)?;
    Ok((probe.metadata()?.uid() != metadata.uid()).then_some("it belongs to another user"))
}

#[cfg(not(unix))]
fn distrust(_folder: &Path, _incoming: &Path) -> io::Result<Option<&'static str>> {
    Ok(None)
}

/// The installation's key: read, or made where there is none or where it is damaged.
fn key(dir: &Path, incoming: &Path) -> Result<Key, CacheError> {
    let path = dir.join(KEY_FILE);
    let fail = |error: io::Error| CacheError::Io { path: path.clone(), error };
    if let Some(key) = read_key(&path).map_err(fail)? {
        return Ok(key);
    }
    let mut key: Key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| CacheError::NoRandom { message: error.to_string() })?;
    let mut file = NamedTempFile::new_in(incoming).map_err(fail)?;
    file.write_all(&key).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(key),
        // Another process was faster, or a damaged key is in the way.
        Err(error) => match read_key(&path).map_err(fail)? {
            Some(key) => Ok(key),
            None => {
                error.file.persist(&path).map_err(|error| fail(error.error))?;
                Ok(key)
            }
        },
    }
}

/// None where there is no key, or none that can be trusted: of another length, or readable by others.
fn read_key(path: &Path) -> io::Result<Option<Key>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::mode(&file.metadata()?) & 0o077 != 0 {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(33);
    file.take(33).read_to_end(&mut bytes)?;
    Ok(Key::try_from(bytes).ok())
}
