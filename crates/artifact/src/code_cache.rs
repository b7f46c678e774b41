//! Compiled code that outlives the process.

use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use wasmill_model::{Digest, Profile};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::entry::{self, About, Authenticated, Key};
use crate::fingerprint::{name, object_name};
use crate::folder::{self, Distrust, Holds, key, open_dir};
use crate::inventory;
use crate::mapped;
use crate::stamp::{self, Facts};

/// What a killed process left in `incoming` is swept when it is older than this.
pub(crate) const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CodeKind {
    /// A core module.
    Module,
    /// A component.
    Component,
}

impl CodeKind {
    pub(crate) fn number(self) -> u8 {
        match self {
            CodeKind::Module => 0,
            CodeKind::Component => 1,
        }
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        [CodeKind::Module, CodeKind::Component].into_iter().find(|kind| kind.number() == number)
    }

    /// `module` or `component`.
    pub const fn as_str(self) -> &'static str {
        match self {
            CodeKind::Module => "module",
            CodeKind::Component => "component",
        }
    }
}

/// How a cache is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The most bytes of all entries together. When more is stored, those that were not used for longest are removed.
    pub capacity: u64,
    /// How long a file that was checked in full need not be checked in full again while the system says that it did not change.
    /// Zero: every load checks every byte.
    pub trust: Duration,
    /// How long a file must have been at rest before it is trusted at all: longer than one tick of the file system's clock.
    pub settle: Duration,
}

impl Default for CacheOptions {
    /// 4 GiB; a day; 2 s.
    fn default() -> Self {
        CacheOptions { capacity: 4 << 30, trust: Duration::from_secs(86_400), settle: Duration::from_secs(2) }
    }
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
        /// Why.
        reason: Distrust,
    },
    /// The folder is there, and is somebody's, not a cache.
    #[error("the folder `{}` has other things in it (`{}`), and the cache needs one of its own", path.display(), other.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Something in it.
        other: PathBuf,
    },
    /// The key in the folder can neither be read nor replaced.
    #[error("the cache's key `{}` cannot be used: {error}", path.display())]
    Key {
        /// The key's file, or what is in its place.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
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
            CacheError::Io { error, .. } if error.kind() == io::ErrorKind::StorageFull => {
                "make room on the disk, or name a folder on another one".to_owned()
            }
            CacheError::Io { path, .. } => {
                format!("make `{}` a folder that you can write to, or name another", path.display())
            }
            CacheError::Unsafe { path, reason: Distrust::Writable } => {
                format!("`chmod 700 {}`, if nobody else is to write to it", path.display())
            }
            CacheError::Unsafe { path, reason: Distrust::Owner } => {
                format!("name a folder of your own, or remove `{}` and Wasmill makes a new one", path.display())
            }
            CacheError::Unsafe { path, .. } => {
                format!("remove `{}`, and Wasmill makes a new one", path.display())
            }
            CacheError::Foreign { .. } => "name a folder that is empty, or not there yet".to_owned(),
            CacheError::Key { path, .. } => {
                format!("remove `{}`: Wasmill makes a new one, and compiles everything again", path.display())
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
    /// Those of them whose every byte was read; the others had been before, and did not change since.
    pub full_checks: u64,
    /// Entries that were not there.
    pub misses: u64,
    /// Entries that were there, but damaged or not ours; they were removed.
    pub rejected: u64,
    /// Entries that were written.
    pub stored: u64,
    /// Entries that were removed to make room.
    pub evicted: u64,
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
    pub(crate) folder: PathBuf,
    pub(crate) incoming: PathBuf,
    pub(crate) key: Key,
    options: CacheOptions,
    hits: AtomicU64,
    full_checks: AtomicU64,
    misses: AtomicU64,
    rejected: AtomicU64,
    stored: AtomicU64,
    evicted: AtomicU64,
    failures: AtomicU64,
    last_failure: Mutex<Option<String>>,
}

impl CodeCache {
    /// Opens a folder, and makes it with a key of its own where it is new.
    ///
    /// # Errors
    /// The folder is not there and cannot be made, belongs to another user, can be written by others, or is no cache. One that
    /// can only be read is opened, where its key is in it: nothing new is kept then.
    pub fn open(dir: PathBuf) -> Result<Self, CacheError> {
        Self::open_with(dir, CacheOptions::default())
    }

    /// … kept in another way.
    ///
    /// # Errors
    /// As [`CodeCache::open`].
    pub fn open_with(dir: PathBuf, options: CacheOptions) -> Result<Self, CacheError> {
        let incoming = open_dir(&dir, Holds::Code)?;
        let key = key(&dir, &incoming)?;
        Ok(CodeCache {
            folder: dir,
            incoming,
            key,
            options,
            hits: AtomicU64::new(0),
            full_checks: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            last_failure: Mutex::new(None),
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The compiled code of a core module, mapped; none where it is not there.
    ///
    /// # Errors
    /// It is there, but this engine does not take it: the unit does not fit its pool.
    pub fn load_module(&self, engine: &Engine, unit: &Digest) -> wasmtime::Result<Option<Module>> {
        self.load(engine, unit, CodeKind::Module, mapped::module)
    }

    /// The compiled code of a component, mapped; none where it is not there.
    ///
    /// # Errors
    /// As [`CodeCache::load_module`].
    pub fn load_component(&self, engine: &Engine, unit: &Digest) -> wasmtime::Result<Option<Component>> {
        self.load(engine, unit, CodeKind::Component, mapped::component)
    }

    /// Keeps compiled code: what [`Module::serialize`] or [`Component::serialize`] gave for this unit and engine. `profile` is what
    /// people are told about it.
    pub fn store(&self, engine: &Engine, unit: &Digest, kind: CodeKind, profile: Profile, serialized: &[u8]) {
        let about = About { unit: *unit, kind, profile, wasmtime: wasmtime_environ::VERSION.to_owned() };
        self.keep(&name(engine, unit, kind), &about, serialized);
    }

    fn keep(&self, name: &str, about: &About, code: &[u8]) {
        let path = entry::path_of(&self.folder, name);
        match entry::write(&self.key, name, &path, &self.incoming, about, code) {
            Ok(()) => count(&self.stored),
            Err(error) => self.failed(&error),
        }
        self.sweep();
        let removed = self.make_room(self.options.capacity);
        self.evicted.fetch_add(removed, Ordering::Relaxed);
    }

    /// What another compiler made of a unit, by the digest of all that went into it: the unit, the very compiler, its options.
    pub fn load_object(&self, key: &Digest) -> Option<Vec<u8>> {
        let name = object_name(key);
        let read = |authenticated: Authenticated| {
            let mut file = authenticated.into_file();
            let length = file.metadata()?.len().saturating_sub(entry::FOOTER as u64);
            io::Seek::rewind(&mut file)?;
            let mut object = Vec::new();
            io::Read::take(file, length).read_to_end(&mut object)?;
            Ok::<_, io::Error>(object)
        };
        let found = self.find(&name)?;
        read(found).inspect(|_| count(&self.hits)).inspect_err(|error| self.failed(error)).ok()
    }

    /// Keeps what another compiler made. `unit`, `profile` and `compiler` (`wasmedge 0.17.1`) are what people are told about it.
    pub fn store_object(&self, key: &Digest, unit: &Digest, profile: Profile, compiler: &str, object: &[u8]) {
        let about = About { unit: *unit, kind: CodeKind::Module, profile, wasmtime: compiler.to_owned() };
        self.keep(&object_name(key), &about, object);
    }

    /// Forgets what is kept for this unit and engine.
    pub fn remove(&self, engine: &Engine, unit: &Digest, kind: CodeKind) {
        self.discard(&name(engine, unit, kind));
    }

    /// What was loaded, missed and written since the cache was opened.
    pub fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            full_checks: self.full_checks.load(Ordering::Relaxed),
            evicted: self.evicted.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            stored: self.stored.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    /// The system's words when the file system failed last, if it did.
    pub fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, error: &io::Error) {
        count(&self.failures);
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }

    fn load<T>(
        &self,
        engine: &Engine,
        unit: &Digest,
        kind: CodeKind,
        map: impl Fn(&Engine, Authenticated) -> wasmtime::Result<T>,
    ) -> wasmtime::Result<Option<T>> {
        let Some(authenticated) = self.find(&name(engine, unit, kind)) else { return Ok(None) };
        let code = map(engine, authenticated)?;
        count(&self.hits);
        Ok(Some(code))
    }

    /// An entry that is ours; one that is not is removed.
    fn find(&self, name: &str) -> Option<Authenticated> {
        match self.authenticate(name) {
            Checked::Good(authenticated) => return Some(authenticated),
            Checked::Bad => {
                count(&self.rejected);
                self.discard(name);
            }
            Checked::Absent => count(&self.misses),
            Checked::Failed(error) => self.failed(&error),
        }
        None
    }

    /// By its stamp where that fits, else by reading every byte.
    fn authenticate(&self, name: &str) -> Checked {
        let path = entry::path_of(&self.folder, name);
        let now = SystemTime::now();
        let mut file = match folder::open(&path) {
            Ok(Some(file)) => file,
            // A file may have come since: that is somebody's good entry.
            Ok(None) if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) => return Checked::Bad,
            Ok(None) => return Checked::Absent,
            Err(error) => return Checked::Failed(error),
        };
        // All that is asked is asked of the open file, which is what is mapped in the end: what happens to the path is no matter.
        let before = file.metadata().ok().filter(Metadata::is_file).as_ref().and_then(Facts::of);
        let stamp = stamp::path_of(&self.folder, name);
        if let Some(facts) = &before
            && stamp::fits(&self.key, name, &stamp, facts, self.options.trust, now)
        {
            return Checked::Good(Authenticated::vouch(file, &path));
        }
        count(&self.full_checks);
        let footer = match entry::read_footer(&self.key, name, &mut file) {
            Ok(Some(footer)) => footer,
            Ok(None) => return Checked::Bad,
            Err(error) => return Checked::Failed(error),
        };
        match entry::check_code(&self.key, &footer, &mut file) {
            Ok(true) => {}
            Ok(false) => return Checked::Bad,
            Err(error) => return Checked::Failed(error),
        }
        // The stamp is for the file as it was before: if somebody wrote to it meanwhile, it does not fit.
        if let Some(facts) = before
            && !self.options.trust.is_zero()
            && facts.at_rest(self.options.settle, now)
        {
            stamp::leave(&self.key, name, &stamp, &self.incoming, &facts, now);
        }
        Checked::Good(Authenticated::vouch(file, &path))
    }

    /// Removes an entry with its stamp.
    pub(crate) fn discard(&self, name: &str) -> bool {
        // Another process may have removed them already.
        let _ = fs::remove_file(stamp::path_of(&self.folder, name));
        let path = entry::path_of(&self.folder, name);
        // An empty folder goes as well; what somebody keeps in one stays.
        fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).is_ok()
    }

    /// Removes what killed processes left.
    pub(crate) fn sweep(&self) -> u64 {
        inventory::sweep(&self.incoming)
    }
}

/// What an entry's file was found to be.
enum Checked {
    Good(Authenticated),
    /// No such entry.
    Absent,
    /// Damaged, cut off, or made with another key.
    Bad,
    /// The file system failed.
    Failed(io::Error),
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
