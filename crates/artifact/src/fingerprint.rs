//! What compiled code depends on, in one number.

use std::hash::{Hash, Hasher};

use wasmill_model::Digest;
use wasmtime::Engine;

use crate::CodeKind;

/// Goes into every name, so that entries of another format are never looked at.
const FORMAT: u64 = 2;

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
pub(crate) fn name(engine: &Engine, unit: &Digest, kind: CodeKind) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&FORMAT.to_le_bytes());
    hasher.update(unit.as_bytes());
    hasher.update(&[kind.number()]);
    hasher.update(&fingerprint(engine));
    hasher.finalize().to_hex().to_string()
}

/// … of what another compiler made.
pub(crate) fn object_name(key: &Digest) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&FORMAT.to_le_bytes());
    hasher.update(key.as_bytes());
    hasher.update(b"object");
    hasher.finalize().to_hex().to_string()
}
