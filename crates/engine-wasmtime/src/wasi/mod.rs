//! What a guest sees through WASI: the streams of its step, what it was granted, and a clock and randomness that are the same for
//! every run unless the real ones were granted.

mod clock;
mod network;
mod streams;

use std::sync::Arc;

use bytes::Bytes;
use wasmill_engine::StdoutSink;
use wasmill_engine::parts::{Capture, CaptureKind, SeededStream, Stop};
use wasmill_model::{Digest, DirMode, Grants, Input, Limits, Secrets, Source};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, WasiView as _};
use wasmtime_wasi_http::WasiHttpCtx;

pub(crate) use clock::{MonotonicClock, MonotonicClockView, poll_oneoff};
pub(crate) use network::{HttpHooks, NameLookup, NameLookupView, Network};

use self::streams::Stream;
use crate::state::{HostSide, Wasi};

/// Handles (files, streams, pollables) that a guest may hold at once.
const MAX_HANDLES: usize = 10_000;
/// Bytes of randomness that a guest may ask for in one call.
const MAX_RANDOM: u64 = 16 << 20;

/// Everything that a call's WASI side depends on.
pub(crate) struct WasiInput<'a> {
    pub(crate) grants: &'a Grants,
    pub(crate) secrets: &'a Secrets,
    pub(crate) limits: &'a Limits,
    pub(crate) unit: Digest,
    pub(crate) program: &'a str,
    /// What the unit is called with: the seed of its randomness.
    pub(crate) input: &'a Input,
    pub(crate) stdin: Bytes,
    /// A unit that is called by function has no output stream: what it prints is log.
    pub(crate) stdout_is_log: bool,
    /// Who is told of its output at once.
    pub(crate) sink: Option<&'a Arc<dyn StdoutSink>>,
}

impl Wasi {
    /// # Errors
    /// A granted folder that cannot be opened.
    pub(crate) fn new(input: &WasiInput<'_>, host: &HostSide) -> Result<Box<Wasi>, Stop> {
        let stderr = Capture::new(CaptureKind::Log, input.limits.log);
        let stdout = if input.stdout_is_log {
            stderr.clone()
        } else {
            Capture::told(CaptureKind::Output, input.limits.output, input.sink.cloned())
        };

        let mut builder = WasiCtxBuilder::new();
        builder
            .stdin(MemoryInputPipe::new(input.stdin.clone()))
            .stdout(Stream(stdout.clone()))
            .stderr(Stream(stderr.clone()))
            .arg(input.program)
            .args(&input.grants.args)
            .max_random_size(MAX_RANDOM);
        for (name, value) in &input.grants.env {
            builder.env(name, value);
        }
        for name in &input.grants.secrets {
            if let Some(value) = input.secrets.get(name) {
                builder.env(name, value);
            }
        }
        for (folder, grant) in &input.grants.dirs {
            let access = match grant.mode {
                DirMode::Ro => FsPerms::ReadOnly,
                DirMode::Rw => FsPerms::ReadWrite,
            };
            builder.preopened_dir(folder, &grant.at, access).map_err(|error| {
                Stop::Host(format!(
                    "the granted folder `{}` cannot be opened: {}",
                    folder.display(),
                    error.root_cause()
                ))
            })?;
        }
        host.network.allow(&mut builder);
        if let Some(time) = &host.time {
            builder.wall_clock(clock::Reader(time.clone())).monotonic_clock(clock::Reader(time.clone()));
        }
        if input.grants.random == Source::Virtual {
            let seed = |stream| SeededStream::new(input.unit, input.input.clone(), stream);
            builder
                .secure_random(seed(SeededStream::SECURE))
                .insecure_random(seed(SeededStream::INSECURE))
                .insecure_random_seed(0);
        }
        let mut context = builder.build_p1();
        context.ctx().table.set_max_capacity(MAX_HANDLES);
        let http = (WasiHttpCtx::new(), HttpHooks(host.network.clone()));
        Ok(Box::new(Wasi { context, stdout, stderr, http }))
    }
}

impl Wasi {
    /// A context without input, arguments or grants.
    pub(crate) fn empty() -> Box<Wasi> {
        let (stdout, stderr) = (Capture::new(CaptureKind::Log, 0), Capture::new(CaptureKind::Log, 0));
        let denied = Arc::default();
        let http = (WasiHttpCtx::new(), HttpHooks(Network::new(&[], &denied)));
        Box::new(Wasi { context: WasiCtxBuilder::new().build_p1(), stdout, stderr, http })
    }
}
