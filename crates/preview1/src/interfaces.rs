//! The same world for hosts of WASI 0.2, whose interfaces hand values over instead of pointers: what they ask for beside streams of bytes.

use bytes::Bytes;
use wasmill_engine::parts::{SeededStream, Stop};

use crate::clock::ClockId;
use crate::environment::Random;
use crate::{Preview1, Wait};

/// Which randomness is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Randomness {
    /// `wasi:random/random`, and preview 1's.
    Secure,
    /// `wasi:random/insecure`.
    Insecure,
}

impl Preview1 {
    /// Its arguments, the program's name first.
    pub fn arguments(&self) -> impl Iterator<Item = String> {
        self.arguments.iter().map(|argument| String::from_utf8_lossy(argument).into_owned())
    }

    /// Names and values of its environment.
    pub fn environment(&self) -> impl Iterator<Item = (String, String)> {
        self.environment.iter().filter_map(|variable| {
            let text = String::from_utf8_lossy(variable);
            text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
        })
    }

    /// Reads the monotonic clock: nanoseconds since the call began.
    ///
    /// # Errors
    /// The machine's clock is not to be believed.
    pub fn monotonic(&self) -> Result<u64, Stop> {
        self.clock.now(ClockId::Monotonic).map_err(|_| no_clock())
    }

    /// Reads the wall clock: nanoseconds since 1970.
    ///
    /// # Errors
    /// The machine's clock is not to be believed.
    pub fn wall_clock(&self) -> Result<u64, Stop> {
        self.clock.now(ClockId::Realtime).map_err(|_| no_clock())
    }

    /// What the monotonic clock is, without moving it as a reading does.
    pub fn monotonic_unread(&self) -> u64 {
        self.clock.unread()
    }

    /// Nanoseconds by which clocks move.
    pub fn resolution(&self) -> u64 {
        self.clock.resolution()
    }

    /// A guest that waits for a moment of the monotonic clock. [`Wait::over`] has nothing to tell it.
    pub fn until(&self, moment: u64) -> Wait {
        Wait::until(&self.clock, moment)
    }

    /// What of its input comes next: at most so many bytes, none where it is over.
    pub fn read_stdin(&mut self, most: usize) -> Bytes {
        let length = self.stdin.len().min(most);
        self.stdin.split_to(length)
    }

    /// Random bytes.
    ///
    /// # Errors
    /// The machine has none.
    pub fn random(&mut self, of: Randomness, bytes: &mut [u8]) -> Result<(), Stop> {
        self.source(of).fill(bytes)
    }

    /// A random number.
    ///
    /// # Errors
    /// The machine has none.
    pub fn random_number(&mut self, of: Randomness) -> Result<u64, Stop> {
        self.source(of).number()
    }

    fn source(&mut self, of: Randomness) -> &mut Random {
        match of {
            Randomness::Secure => &mut self.random,
            Randomness::Insecure => &mut self.insecure,
        }
    }
}

impl Randomness {
    pub(crate) fn stream(self) -> u8 {
        match self {
            Randomness::Secure => SeededStream::SECURE,
            Randomness::Insecure => SeededStream::INSECURE,
        }
    }
}

fn no_clock() -> Stop {
    Stop::Host("the machine's clock says a time that there is not".to_owned())
}
