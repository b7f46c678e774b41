//! One entry of the cache: compiled code, and the proof that this installation made it.
//!
//! A file is the serialized code as wasmtime gave it, then 48 bytes: the MAC (32), the length of the code (8, little endian) and a
//! magic number (8). The MAC is keyed BLAKE3 over the entry's name, the length and the code, so that an entry is neither changed
//! nor put in another's place. One file, so that code and proof appear in one rename.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The secret of an installation.
pub(crate) type Key = [u8; 32];

const MAGIC: [u8; 8] = *b"WMCODE\x00\x01";
const MAC: usize = 32;
/// Bytes behind the code.
const FOOTER: usize = MAC + 8 + MAGIC.len();
/// Read and hashed at a time: fits the second-level cache.
const CHUNK: usize = 128 << 10;

/// A file whose every byte was authenticated.
pub(crate) struct Authenticated<'a> {
    path: &'a Path,
}

impl Authenticated<'_> {
    pub(crate) fn path(&self) -> &Path {
        self.path
    }
}

/// What an entry's file was found to be.
pub(crate) enum Checked<'a> {
    Good(Authenticated<'a>),
    /// No such entry.
    Absent,
    /// Damaged, cut off, or made with another key.
    Bad,
    /// The file system failed.
    Failed,
}

fn mac(key: &Key, name: &str, length: u64) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(name.as_bytes());
    hasher.update(&length.to_le_bytes());
    hasher
}

/// Reads and authenticates a file.
pub(crate) fn check<'a>(key: &Key, name: &str, path: &'a Path) -> Checked<'a> {
    match try_check(key, name, path) {
        Ok(true) => Checked::Good(Authenticated { path }),
        Ok(false) => Checked::Bad,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Checked::Absent,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Checked::Bad,
        Err(_) => Checked::Failed,
    }
}

fn try_check(key: &Key, name: &str, path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let Some(length) = metadata.len().checked_sub(FOOTER as u64) else { return Ok(false) };
    if !metadata.is_file() {
        return Ok(false);
    }

    let mut footer = [0; FOOTER];
    file.seek(SeekFrom::Start(length))?;
    file.read_exact(&mut footer)?;
    let (expected, rest) = footer.split_at(MAC);
    let (stored_length, magic) = rest.split_at(8);
    if magic != MAGIC || stored_length != length.to_le_bytes() {
        return Ok(false);
    }
    let Ok(expected) = <[u8; MAC]>::try_from(expected) else { return Ok(false) };

    file.seek(SeekFrom::Start(0))?;
    let mut hasher = mac(key, name, length);
    let mut code = file.take(length);
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
    // `blake3::Hash` compares in constant time.
    Ok(hasher.finalize() == blake3::Hash::from_bytes(expected))
}

/// Writes an entry beside its place, syncs it, and renames it into its place.
///
/// Whenever the process is killed, the old entry or the new one is there, or none.
pub(crate) fn write(key: &Key, name: &str, path: &Path, incoming: &Path, code: &[u8]) -> io::Result<()> {
    let length = code.len() as u64;
    let mut hasher = mac(key, name, length);
    hasher.update(code);
    let mut file = NamedTempFile::new_in(incoming)?;
    file.write_all(code)?;
    file.write_all(hasher.finalize().as_bytes())?;
    file.write_all(&length.to_le_bytes())?;
    file.write_all(&MAGIC)?;
    file.as_file().sync_all()?;
    let temporary = file.into_temp_path();
    temporary.persist(path).map_err(|error| error.error)
}

/// The path of an entry, whose name is hexadecimal.
pub(crate) fn path_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.cwasm"))
}
