//! Bytes that need not be hashed again.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use wasmill_model::Digest;

/// Bytes with their SHA-256. Hashing an interpreter takes as long as reading it, so whoever did it hands it on.
#[derive(Clone, Debug)]
pub struct HashedBytes {
    bytes: Bytes,
    /// After all of the bytes: what follows them can be added.
    hasher: Sha256,
}

impl HashedBytes {
    /// Hashes the bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes: Bytes = bytes.into();
        HashedBytes { hasher: Sha256::new_with_prefix(&bytes), bytes }
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Their SHA-256.
    pub fn digest(&self) -> Digest {
        Digest::from_bytes(self.hasher.clone().finalize().into())
    }

    /// The SHA-256 of the bytes with these behind them.
    pub(crate) fn digest_with(&self, tail: &[u8]) -> Digest {
        Digest::from_bytes(self.hasher.clone().chain_update(tail).finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_bytes() {
        let hashed = HashedBytes::new(&b"unit"[..]);
        assert_eq!((hashed.digest(), &hashed.bytes()[..]), (Digest::of(b"unit"), &b"unit"[..]));
        assert_eq!(hashed.digest_with(b" and tail"), Digest::of(b"unit and tail"));
    }
}
