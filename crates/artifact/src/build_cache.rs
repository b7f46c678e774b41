//! What compilers made of sources, kept between processes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use wasmill_model::Digest;
use wasmill_unit::HashedBytes;

use crate::digest_folder::{DigestFolder, Kept};
use crate::folder::{self, Holds};
use crate::{CacheError, Cleaned, MAX_UNIT_SIZE, Verified};

/// Magic, seconds since 1970 when it was built, SHA-256 of these and of the contents' own SHA-256, which whoever reads a build needs as well.
const MAGIC: [u8; 8] = *b"WMBUILD\x02";
const HEADER: usize = 8 + 8 + 32;

/// A folder of builds, each a file by the digest of all that went into it.
///
/// The folder is held to what [`CodeCache`](crate::CodeCache) holds its own to. A build appears in one rename; one that was damaged is as if it were
/// not there. No method that loads or keeps a build fails: without its files everything is built again.
#[derive(Debug)]
pub struct BuildCache {
    files: DigestFolder,
    capacity: u64,
    /// How long after it was made a build is used.
    time_to_live: Option<Duration>,
    last_failure: Mutex<Option<String>>,
}

/// The right to build what has this key, of all processes.
#[derive(Debug)]
pub struct BuildLock {
    /// Closing it gives the right to the next. None: the system has no locks, and the same may be built twice.
    _file: Option<File>,
}

impl BuildCache {
    /// The most bytes of all builds together: 1 GiB.
    pub const CAPACITY: u64 = 1 << 30;

    /// Opens a folder, and makes it where it is new. It keeps 1 GiB: beyond that, what was not used for longest is removed.
    ///
    /// # Errors
    /// The folder is not there and cannot be made, belongs to another user, can be written by others, or is somebody's.
    pub fn open(dir: PathBuf) -> Result<Self, CacheError> {
        Self::open_with(dir, Self::CAPACITY, None)
    }

    /// … which keeps at most so many bytes, and uses a build so long.
    ///
    /// # Errors
    /// As [`BuildCache::open`].
    pub fn open_with(dir: PathBuf, capacity: u64, time_to_live: Option<Duration>) -> Result<Self, CacheError> {
        let files = DigestFolder::open(dir, Holds::Builds)?;
        Ok(BuildCache { files, capacity, time_to_live, last_failure: Mutex::new(None) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.files.folder()
    }

    /// The system's words when a build could not be kept or read last, if that happened.
    pub fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was built with this key, if it was made not too long ago.
    pub fn read(&self, key: &Digest) -> Option<HashedBytes> {
        let file = self.files.read(key, MAX_UNIT_SIZE + HEADER as u64).unwrap_or_else(|error| {
            self.failed(&error);
            None
        })?;
        let fresh = contents(&file).filter(|(built, _)| self.time_to_live.is_none_or(|most| age(*built) < most));
        if fresh.is_none() {
            self.files.remove(key);
        }
        fresh.map(|(_, contents)| contents)
    }

    /// Keeps what was built with this key.
    pub fn store(&self, key: &Digest, contents: &HashedBytes) {
        if let Err(error) = self.files.store(key, &sealed(contents)) {
            self.failed(&error);
        }
        self.files.make_room(self.capacity);
    }

    /// Waits until no other process builds what has this key.
    pub fn lock(&self, key: &Digest) -> BuildLock {
        // Enough files to keep builds apart, and few enough to stay.
        let [high, low] = [0, 1].map(|place| key.as_bytes().get(place).copied().unwrap_or_default());
        let name = format!("lock-{:03x}", (u16::from(high) << 8 | u16::from(low)) % 2048);
        let open = || {
            let mut options = File::options();
            options.create(true).truncate(false).write(true);
            let file = options.open(self.files.incoming().join(name))?;
            file.lock()?;
            Ok::<_, io::Error>(file)
        };
        BuildLock { _file: open().inspect_err(|error| self.failed(error)).ok() }
    }

    /// Every build, the one that was used last first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn entries(&self) -> io::Result<Vec<Kept>> {
        self.files.entries()
    }

    /// Removes the builds that `unwanted` names, and what killed processes left.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn clean(&self, unwanted: impl FnMut(&Kept) -> bool) -> io::Result<Cleaned> {
        self.files.clean(unwanted)
    }

    /// Reads every build in full. Removes what is damaged, and what killed processes left.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn verify(&self) -> io::Result<Verified> {
        self.files.verify_whole(|bytes| contents(bytes).is_some())
    }

    /// Forgets a build; gives whether it was there.
    pub fn remove(&self, key: &Digest) -> bool {
        self.files.remove(key)
    }

    fn failed(&self, error: &io::Error) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}

/// A file of these contents, made now.
pub(crate) fn sealed(contents: &HashedBytes) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_le_bytes();
    [&MAGIC[..], &now, &seal(&now, contents), contents.bytes()].concat()
}

/// When a file was made and what is in it, where it is whole.
pub(crate) fn contents(file: &Bytes) -> Option<(SystemTime, HashedBytes)> {
    let header = file.get(..HEADER)?;
    let contents = HashedBytes::new(file.slice(HEADER..));
    let (magic, rest) = header.split_at_checked(8)?;
    let (built, sealed) = rest.split_at_checked(8)?;
    if magic != MAGIC || seal(built, &contents) != sealed {
        return None;
    }
    let built = UNIX_EPOCH.checked_add(Duration::from_secs(u64::from_le_bytes(built.try_into().ok()?)))?;
    Some((built, contents))
}

fn seal(built: &[u8], contents: &HashedBytes) -> [u8; 32] {
    Sha256::new().chain_update(MAGIC).chain_update(built).chain_update(contents.digest().as_bytes()).finalize().into()
}

/// A clock that was put back makes nothing old.
fn age(built: SystemTime) -> Duration {
    SystemTime::now().duration_since(built).unwrap_or_default()
}

/// Makes a folder that nobody else can read, for what compilers keep of their own.
///
/// # Errors
/// The folder is not there and cannot be made, belongs to another user, or can be written by others.
pub fn private_folder(dir: &Path) -> Result<(), CacheError> {
    let fail = |error| CacheError::Io { path: dir.to_owned(), error };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(fail)?;
    match folder::distrust(dir, dir).map_err(fail)? {
        Some(reason) => Err(CacheError::Unsafe { path: dir.to_owned(), reason }),
        None => Ok(()),
    }
}
