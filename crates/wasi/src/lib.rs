//! The executor as a program that runs within WebAssembly: one JSON document on stdin says what is run, one on stdout says what came of it.
//!
//! All of it is here rather than in the binary, so that it can be tested on any machine: it is given its arguments and streams.
//!
//! Invariants: stdout is given exactly one JSON document, whatever happens (but `--help` and `--version`); no file is opened but in the
//! folder of `--units`; nothing is waited for but the end of stdin, and sleeps of the pipeline.
#![forbid(unsafe_code)]

mod answer;
mod arguments;
mod request;

use std::io::{Read, Write};
use std::sync::Arc;

use wasmill_engine::{Engine, EngineSource, Router};
use wasmill_engine_wasmi::{Settings, WasmiEngine};
use wasmill_model::ExitCode;
use wasmill_request::{Failure, Folder, Job, elsewhere};
use wasmill_runtime::{Executor, Host, InlineSpawner, SystemClock};

pub use crate::answer::printed;
use crate::arguments::Arguments;
pub use wasmill_request::panic_document;

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
    let router = router();
    let request = {
        let names: Vec<&str> = router.engines().iter().map(|engine| &*engine.name.name).collect();
        request::read(stdin, &names)?
    };
    let folder = units.map_or(Folder::Argument("--units DIR"), Folder::Open);
    let job = Job::new(request, folder, &router)?;
    let executor = Executor::with_host(Host {
        router,
        policy: job.policy.clone(),
        secrets: job.secrets.clone(),
        clock: Arc::new(SystemClock::new()),
        spawner: Arc::new(InlineSpawner::new()),
    });
    let executor = executor.overriding(job.overrides.clone());
    job.answer(&executor.execute_with_input_sync(&job.bundle, job.inputs.clone())?)
}

/// The engines, in the order in which they are tried: wasmi, and the names of those that there are elsewhere.
fn router() -> Router {
    let wasmi = EngineSource::new(WasmiEngine::description(), || {
        Ok(Arc::new(WasmiEngine::new(Settings::default())) as Arc<dyn Engine>)
    });
    Router::new([wasmi].into_iter().chain(elsewhere("wasmi")))
}
