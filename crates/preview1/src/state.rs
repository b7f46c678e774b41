//! The WASI side of one call.

use std::sync::Arc;

use bytes::Bytes;
use wasmill_engine::StdoutSink;
use wasmill_engine::parts::{Capture, CaptureKind, SeededStream, Stop, VirtualTime};
use wasmill_model::{Digest, Grants, Input, Limits, Secrets, Source};

use crate::clock::Clock;
use crate::descriptor::Descriptors;
use crate::environment::Random;
use crate::interfaces::Randomness;

/// The name that a program sees as its own.
const PROGRAM: &str = "unit";

/// Everything that the WASI side of a call depends on.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// What the unit may use.
    pub grants: &'a Grants,
    /// The values of the secrets that `grants` names.
    pub secrets: &'a Secrets,
    /// What it may use at most.
    pub limits: &'a Limits,
    /// Which unit it is: with the input, the seed of its randomness.
    pub unit: Digest,
    /// What it is called with.
    pub input: &'a Input,
    /// What it reads from its stdin.
    pub stdin: Bytes,
    /// A unit that is called by function has no output stream: what it prints is log.
    pub stdout_is_log: bool,
    /// Who is told of its output at once.
    pub sink: Option<&'a Arc<dyn StdoutSink>>,
    /// Whether readings do not move the virtual clock.
    pub frozen: bool,
}

/// The WASI side of a call.
#[derive(Debug)]
pub struct Preview1 {
    /// What the guest wrote to its stdout; the same as `stderr` where that is log.
    pub stdout: Capture,
    /// What it wrote to its stderr.
    pub stderr: Capture,
    /// What is left of it.
    pub(crate) stdin: Bytes,
    /// Each without the zero byte at its end.
    pub(crate) arguments: Vec<Vec<u8>>,
    pub(crate) environment: Vec<Vec<u8>>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) insecure: Random,
    pub(crate) descriptors: Descriptors,
}

impl Preview1 {
    /// A call that has not begun.
    ///
    /// # Errors
    /// A granted folder that cannot be opened.
    pub fn new(around: &Surroundings<'_>) -> Result<Box<Preview1>, Stop> {
        let Surroundings { grants, secrets, limits, .. } = around;
        let stderr = Capture::new(CaptureKind::Log, limits.log);
        let stdout = if around.stdout_is_log {
            stderr.clone()
        } else {
            Capture::told(CaptureKind::Output, limits.output, around.sink.cloned())
        };
        let arguments = [PROGRAM].into_iter().chain(grants.args.iter().map(String::as_str));
        let secret = |name: &String| secrets.get(name).map(|value| format!("{name}={value}").into_bytes());
        let environment = grants.env.iter().map(|(name, value)| format!("{name}={value}").into_bytes());
        let random = |of: Randomness| match grants.random {
            Source::Virtual => Random::Seeded(SeededStream::new(around.unit, around.input.clone(), of.stream())),
            Source::Real => Random::Real,
        };
        Ok(Box::new(Preview1 {
            stdout,
            stderr,
            stdin: around.stdin.clone(),
            arguments: arguments.map(|argument| argument.as_bytes().to_vec()).collect(),
            environment: environment.chain(grants.secrets.iter().filter_map(secret)).collect(),
            clock: Clock::new(VirtualTime::granted(grants, around.frozen)),
            random: random(Randomness::Secure),
            insecure: random(Randomness::Insecure),
            descriptors: Descriptors::new(grants)?,
        }))
    }
}
