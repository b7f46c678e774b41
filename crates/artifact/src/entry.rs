//! One entry of the cache: compiled code, what it was made of, and the proof that this installation made it.
//!
//! A file is the serialized code as wasmtime gave it, then 144 bytes: what it is (64: the unit's digest, kind, profile, 6 zeros,
//! wasmtime's version in 24), the keyed BLAKE3 of the code (32), the seal (32), the length of the code (8, little endian) and a
//! magic number (8). The seal is keyed BLAKE3 over the entry's name, the length, what it is and the code's hash: an entry is
//! neither changed nor put in another's place, and what it is can be believed without reading the code. One file, so that code and
//! proof appear in one rename.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use wasmill_model::{Digest, Profile};

use crate::{CodeKind, folder};

/// The secret of an installation.
pub(crate) type Key = [u8; 32];

const MAGIC: [u8; 8] = *b"WMCODE\x00\x02";
const HASH: usize = 32;
const ABOUT: usize = 64;
const VERSION: usize = 24;
/// Bytes behind the code.
pub(crate) const FOOTER: usize = ABOUT + HASH + HASH + 8 + MAGIC.len();
/// Read and hashed at a time: fits the second-level cache.
const CHUNK: usize = 128 << 10;
/// The ending of an entry's file.
pub(crate) const EXTENSION: &str = "cwasm";

/// What an entry was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The digest of the unit's binary.
    pub unit: Digest,
    /// What it holds.
    pub kind: CodeKind,
    /// How the code is metered.
    pub profile: Profile,
    /// The version of wasmtime that made it.
    pub wasmtime: String,
}

impl About {
    fn to_bytes(&self) -> [u8; ABOUT] {
        let profile = Profile::ALL.iter().position(|profile| *profile == self.profile).unwrap_or_default() as u8;
        let mut bytes = [0; ABOUT];
        let head = self.unit.as_bytes().iter().copied().chain([self.kind.number(), profile, 0, 0, 0, 0, 0, 0]);
        for (to, from) in bytes.iter_mut().zip(head.chain(self.wasmtime.bytes().take(VERSION))) {
            *to = from;
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let version = bytes.get(ABOUT - VERSION..ABOUT)?.split(|byte| *byte == 0).next()?;
        Some(About {
            unit: Digest::from_bytes(bytes.get(..32)?.try_into().ok()?),
            kind: CodeKind::from_number(*bytes.get(32)?)?,
            profile: *Profile::ALL.get(usize::from(*bytes.get(33)?))?,
            wasmtime: String::from_utf8_lossy(version).into_owned(),
        })
    }
}

/// A file that carries the seal of this installation, and whose code was found to be what the seal is over. Open, so that the file
/// that was checked is the file that is mapped.
pub(crate) struct Authenticated {
    file: File,
    path: PathBuf,
}

impl Authenticated {
    /// Only for files that were checked: by [`check_code`], or by a stamp that says that they were.
    pub(crate) fn vouch(file: File, path: &Path) -> Self {
        Authenticated { file, path: path.to_owned() }
    }

    pub(crate) fn into_file(self) -> File {
        self.file
    }

    /// A name of the open file itself where the system has one, else the path that it was opened by.
    pub(crate) fn name(&self) -> PathBuf {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd as _;
            let own = PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
            if own.exists() {
                return own;
            }
        }
        self.path.clone()
    }
}

/// The proof at the end of an entry, whose seal was found to be ours.
pub(crate) struct Footer {
    pub(crate) about: About,
    code_hash: [u8; HASH],
    length: u64,
}

fn seal(key: &Key, name: &str, length: u64, about: &[u8], code_hash: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in [&b"entry"[..], name.as_bytes(), &length.to_le_bytes(), about, code_hash] {
        hasher.update(part);
    }
    hasher.finalize()
}

/// Reads the end of an entry. None where it is no entry of this name and installation.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read_footer(key: &Key, name: &str, file: &mut File) -> io::Result<Option<Footer>> {
    let metadata = file.metadata()?;
    let Some(length) = metadata.len().checked_sub(FOOTER as u64) else { return Ok(None) };
    if !metadata.is_file() {
        return Ok(None);
    }
    let mut footer = [0; FOOTER];
    file.seek(SeekFrom::Start(length))?;
    match file.read_exact(&mut footer) {
        Ok(()) => {}
        // It shrank meanwhile.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let (about, rest) = footer.split_at(ABOUT);
    let (code_hash, rest) = rest.split_at(HASH);
    let (sealed, rest) = rest.split_at(HASH);
    let (stored_length, magic) = rest.split_at(8);
    if magic != MAGIC || stored_length != length.to_le_bytes() {
        return Ok(None);
    }
    let (Ok(sealed), Ok(code_hash)) = (<[u8; HASH]>::try_from(sealed), <[u8; HASH]>::try_from(code_hash)) else {
        return Ok(None);
    };
    // `blake3::Hash` compares in constant time.
    if seal(key, name, length, about, &code_hash) != blake3::Hash::from_bytes(sealed) {
        return Ok(None);
    }
    Ok(About::from_bytes(about).map(|about| Footer { about, code_hash, length }))
}

/// Whether the file is an entry in the format of another version of Wasmill, by its last bytes.
pub(crate) fn is_outdated(file: &mut File) -> bool {
    let mut magic = [0; MAGIC.len()];
    let read = file.seek(SeekFrom::End(-(MAGIC.len() as i64))).and_then(|_| file.read_exact(&mut magic));
    read.is_ok() && magic != MAGIC && magic.starts_with(b"WMCODE")
}

/// Whether every byte of the code is what the seal is over.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn check_code(key: &Key, footer: &Footer, file: &mut File) -> io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = blake3::Hasher::new_keyed(key);
    let mut code = file.take(footer.length);
    let mut chunk = vec![0; CHUNK];
    loop {
        match code.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(chunk.get(..read).unwrap_or_default());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hasher.finalize() == blake3::Hash::from_bytes(footer.code_hash))
}

/// Writes an entry beside its place, syncs it, and renames it into its place.
///
/// Whenever the process is killed, the old entry or the new one is there, or none.
pub(crate) fn write(key: &Key, name: &str, path: &Path, incoming: &Path, about: &About, code: &[u8]) -> io::Result<()> {
    let length = code.len() as u64;
    let about = about.to_bytes();
    let code_hash = blake3::keyed_hash(key, code);
    let file = folder::new_file(incoming)?;
    file.as_file().write_all(code)?;
    file.as_file().write_all(&about)?;
    file.as_file().write_all(code_hash.as_bytes())?;
    file.as_file().write_all(seal(key, name, length, &about, code_hash.as_bytes()).as_bytes())?;
    file.as_file().write_all(&length.to_le_bytes())?;
    file.as_file().write_all(&MAGIC)?;
    file.as_file().sync_all()?;
    let temporary = file.into_temp_path();
    temporary.persist(path).map_err(|error| error.error)
}

/// The path of an entry, whose name is hexadecimal.
pub(crate) fn path_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{EXTENSION}"))
}
