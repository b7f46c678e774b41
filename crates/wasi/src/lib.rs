//! The executor as a program that runs within WebAssembly: one JSON document on stdin says what is run, one on stdout says what came of it.
//!
//! All of it is here rather than in the binary, so that it can be tested on any machine: it is given its arguments and streams.
//!
//! Invariants: stdout is given exactly one JSON document, whatever happens (but `--help` and `--version`); no file is opened but in the
//! folder of `--units`; nothing is waited for but the end of stdin, and sleeps of the pipeline.
#![forbid(unsafe_code)]

mod answer;
mod arguments;
mod engines;
mod files;
mod request;

use std::io::{Read, Write};
use std::sync::Arc;

use wasmill_manifest::{Answer, Request};
use wasmill_model::ExitCode;
use wasmill_runtime::{BundleReader, Executor, Host, InlineSpawner, Overrides, SystemClock};

use crate::answer::Failure;
pub use crate::answer::{panic_document, printed};
use crate::arguments::Arguments;
use crate::files::Files;

/// Reads a request, runs it, and writes what came of it.
pub fn run(
    arguments: impl IntoIterator<Item = String>,
    stdin: impl Read,
    stdout: impl Write,
    stderr: impl Write,
) -> ExitCode {
    let (document, code) = match answer(arguments, stdin) {
        Ok(answer) => answer,
        Err(failure) => failure.document(),
    };
    printed(&document, code, stdout, stderr)
}

/// What is written, and how the process ends.
fn answer(arguments: impl IntoIterator<Item = String>, stdin: impl Read) -> Result<(Vec<u8>, ExitCode), Failure> {
    let units = match Arguments::parse(arguments)? {
        Arguments::Run { units } => units,
        Arguments::Say(text) => return Ok((text.into_bytes(), ExitCode::Success)),
    };
    let router = engines::router();
    let Request { mut pipeline, kind, inputs, limits, profile, engines, policy, secrets, pipelines, recorded } = {
        let names: Vec<&str> = router.engines().iter().map(|engine| &*engine.name.name).collect();
        request::read(stdin, &names)?
    };
    let overrides = Overrides { limits, engines, allow_weaker: false, profile, cache: None };
    let mut files = Files::new(units);
    files.place(&mut pipeline);
    let policy = policy.unwrap_or_default();

    let reader = BundleReader::new(&mut files, &policy, router.engines(), &overrides);
    let bundle = reader.including(pipelines).pipeline(pipeline)?;
    let executor = Executor::with_host(Host {
        router,
        policy,
        secrets,
        clock: Arc::new(SystemClock::new()),
        spawner: Arc::new(InlineSpawner::new()),
    });
    let document = executor.overriding(overrides).execute_with_input_sync(&bundle, inputs)?;
    let code = document.exit_code();
    Ok((answer::json(&Answer::of(kind, &document, &bundle.pipeline))?, code))
}
