//! What a guest sees through WASI: the streams of its step, and a clock and randomness that are the same for every run
//! unless the real ones were granted.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use chacha20::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _, TryRng};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWrite;
use wasmill_model::{Digest, Grants, Limits, Source};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder, WasiView as _};
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{OutputStream, StreamError};

use crate::state::{Capture, CaptureKind, Stop, Wasi};

/// Handles (files, streams, pollables) that a guest may hold at once.
const MAX_HANDLES: usize = 10_000;
/// Bytes of randomness that a guest may ask for in one call.
const MAX_RANDOM: u64 = 1 << 20;
/// Bytes that a guest may write to a stream in one go.
const WRITE_PERMIT: usize = 64 << 10;
/// When virtual clocks start: 2025-01-01T00:00:00Z.
const VIRTUAL_EPOCH: Duration = Duration::from_secs(1_735_689_600);
/// How far a virtual clock moves at each reading, so that a program that waits for time to pass gets on.
const VIRTUAL_STEP: Duration = Duration::from_micros(1);

/// Everything that a call's WASI side depends on.
pub(crate) struct WasiInput<'a> {
    pub(crate) grants: &'a Grants,
    pub(crate) limits: &'a Limits,
    pub(crate) unit: Digest,
    pub(crate) program: &'a str,
    pub(crate) stdin: Bytes,
    /// A component that is called by function has no output stream: what it prints is log.
    pub(crate) stdout_is_log: bool,
}

impl Wasi {
    pub(crate) fn new(input: &WasiInput<'_>) -> Box<Wasi> {
        let stderr = Capture::new(CaptureKind::Log, input.limits.log);
        let stdout =
            if input.stdout_is_log { stderr.clone() } else { Capture::new(CaptureKind::Output, input.limits.output) };

        let mut builder = WasiCtxBuilder::new();
        builder
            .stdin(MemoryInputPipe::new(input.stdin.clone()))
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .arg(input.program)
            .args(&input.grants.args)
            .max_random_size(MAX_RANDOM)
            // Nothing outside is reachable without a grant.
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        for (name, value) in &input.grants.env {
            builder.env(name, value);
        }
        if input.grants.clock == Source::Virtual {
            let now = Arc::new(AtomicU64::new(0));
            builder.wall_clock(VirtualClock(now.clone())).monotonic_clock(VirtualClock(now));
        }
        if input.grants.random == Source::Virtual {
            let seed = |stream| SeededStream { unit: input.unit, input: input.stdin.clone(), stream, generator: None };
            builder.secure_random(seed(0)).insecure_random(seed(1)).insecure_random_seed(0);
        }
        let mut context = builder.build_p1();
        context.ctx().table.set_max_capacity(MAX_HANDLES);
        Box::new(Wasi { context, stdout, stderr })
    }

    /// A context without input, arguments or grants.
    pub(crate) fn empty() -> Box<Wasi> {
        Wasi::new(&WasiInput {
            grants: &Grants::default(),
            limits: &Limits::default(),
            unit: Digest::from_bytes([0; 32]),
            program: "",
            stdin: Bytes::new(),
            stdout_is_log: true,
        })
    }
}

/// A clock that moves only when it is read.
struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    fn read(&self) -> Duration {
        let step = VIRTUAL_STEP.as_nanos() as u64;
        Duration::from_nanos(self.0.fetch_add(step, Ordering::Relaxed).saturating_add(step))
    }
}

impl HostWallClock for VirtualClock {
    fn resolution(&self) -> Duration {
        VIRTUAL_STEP
    }

    fn now(&self) -> Duration {
        VIRTUAL_EPOCH.saturating_add(self.read())
    }
}

impl HostMonotonicClock for VirtualClock {
    fn resolution(&self) -> u64 {
        VIRTUAL_STEP.as_nanos() as u64
    }

    fn now(&self) -> u64 {
        self.read().as_nanos() as u64
    }
}

/// ChaCha12, seeded by the unit and its input: the same for every run, on every machine. Seeded when it is first read.
struct SeededStream {
    unit: Digest,
    input: Bytes,
    stream: u8,
    generator: Option<Box<ChaCha12Rng>>,
}

impl SeededStream {
    fn generator(&mut self) -> &mut ChaCha12Rng {
        self.generator.get_or_insert_with(|| {
            let mut hasher = Sha256::new();
            hasher.update(b"wasmill random 1");
            hasher.update([self.stream]);
            hasher.update(self.unit.as_bytes());
            hasher.update(&self.input);
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

impl IsTerminal for Capture {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Capture {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

fn trap(stop: Stop) -> StreamError {
    StreamError::Trap(wasmtime::Error::new(stop))
}

impl OutputStream for Capture {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.shared.write(&bytes).map_err(trap)
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(WRITE_PERMIT)
    }
}

#[async_trait::async_trait]
impl Pollable for Capture {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Capture {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(match self.shared.write(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(stop) => Err(std::io::Error::other(stop)),
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
