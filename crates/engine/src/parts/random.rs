//! Randomness that is the same for every run and every engine: ChaCha12, seeded by the unit and its input.

use std::convert::Infallible;

use chacha20::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _, TryRng};
use sha2::{Digest as _, Sha256};
use wasmill_model::{Digest, Input};

/// The same stream for the same unit, input and number, on every machine. Seeded when it is first read.
#[derive(Debug)]
pub struct SeededStream {
    unit: Digest,
    input: Input,
    stream: u8,
    generator: Option<Box<ChaCha12Rng>>,
}

impl SeededStream {
    /// What `random_get` and `wasi:random/random` give.
    pub const SECURE: u8 = 0;
    /// What `wasi:random/insecure` gives.
    pub const INSECURE: u8 = 1;

    /// One of the streams of a unit that is called with this input.
    pub fn new(unit: Digest, input: Input, stream: u8) -> Self {
        SeededStream { unit, input, stream, generator: None }
    }

    /// The next bytes: one of each word, as wasmtime-wasi hands them to guests.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        let generator = self.generator();
        for byte in bytes {
            *byte = generator.next_u32() as u8;
        }
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.generator().next_u64()
    }

    fn generator(&mut self) -> &mut ChaCha12Rng {
        self.generator.get_or_insert_with(|| {
            let mut hasher = Sha256::new();
            hasher.update(b"wasmill random 1");
            hasher.update([self.stream]);
            hasher.update(self.unit.as_bytes());
            hasher.update(self.input.digest().as_bytes());
            Box::new(ChaCha12Rng::from_seed(hasher.finalize().into()))
        })
    }
}

impl TryRng for SeededStream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.generator().next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.generator().next_u64())
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        self.generator().fill_bytes(destination);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_its_units_its_inputs_and_its_own() {
        let read = |unit: &[u8], input: &str, stream| {
            let mut bytes = [0; 16];
            SeededStream::new(Digest::of(unit), Input::from(input), stream).fill(&mut bytes);
            bytes
        };
        assert_eq!(read(b"one", "in", 0), read(b"one", "in", 0));
        let streams = [read(b"one", "in", 0), read(b"two", "in", 0), read(b"one", "other", 0), read(b"one", "in", 1)];
        for (index, stream) in streams.iter().enumerate() {
            assert!(!streams[index + 1..].contains(stream), "{index}");
        }
    }
}
