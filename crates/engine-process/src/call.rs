//! One call: one process, from its slot to the verdict.

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::SemaphorePermit;
use wasmill_artifact::{Ended, Environment, Launch, Stopped, Stopper, Watched, Worker, WorkerError, on_thread};
use wasmill_engine::parts::{
    Capture, CaptureKind, Deadline, Stop, exit_verdict, log_text, panic_message, with_last_words,
};
use wasmill_engine::{Binding, BoxFuture, Call, Outcome, PreparedUnit, convert_output};
use wasmill_model::{Limits, TrapKind, Usage, Value, Verdict};

use crate::engine::{Shared, Stamp};

/// What ends a program from outside: its user, the system that ran out of memory, an operator.
const KILLED: [i32; 2] = [9, 15];

/// A program that was looked at.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) shared: Arc<Shared>,
    pub(crate) program: Arc<Path>,
    pub(crate) stamp: Stamp,
    pub(crate) binding: Binding,
}

impl PreparedUnit for Prepared {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let caught = AssertUnwindSafe(self.run(call)).catch_unwind().await;
            caught.unwrap_or_else(|panic| {
                let message = format!("the host's side of the call panicked: {}", panic_message(&*panic));
                Outcome::failed(Verdict::HostError { message }, Usage::default())
            })
        })
    }
}

impl Prepared {
    async fn run(&self, call: Call<'_>) -> Outcome {
        let input = call.input.to_bytes();
        let mut usage = Usage { bytes_in: input.len() as u64, ..Usage::default() };
        let Ok(_slot) = self.slot(call).await else { return Outcome::failed(Verdict::Cancelled, usage) };
        let limits = call.limits;
        let deadline = Deadline::new(limits.timeout, call.cancel);
        let stdout = Capture::told(CaptureKind::Output, limits.output, call.stdout.cloned());
        let stderr = Capture::new(CaptureKind::Log, limits.log);
        let result = match self.start(call, &deadline, &input, &stdout, &stderr).await {
            Ok(watched) => judge(watched, &stdout, &stderr, limits),
            Err(verdict) => Err(verdict),
        };
        let log = stderr.take();
        usage.log_bytes = log.len() as u64;
        let log = log_text(&log, limits.log);
        let result = result.and_then(|()| {
            let written = stdout.take();
            usage.bytes_out = written.len() as u64;
            convert_output(written, self.binding.output).map_err(|message| Verdict::GuestError { message })
        });
        usage.wall = deadline.elapsed();
        match result {
            Ok(_) if usage.wall >= limits.timeout => failed(Stop::Deadline.verdict(limits, &deadline), usage, log),
            Ok(value) => succeeded(value, usage, log),
            Err(verdict) => failed(with_last_words(verdict, &log), Usage { bytes_out: 0, ..usage }, log),
        }
    }

    async fn slot(&self, call: Call<'_>) -> Result<SemaphorePermit<'_>, Stop> {
        tokio::select! {
            biased;
            () = call.cancel.cancelled() => Err(Stop::Cancelled),
            permit = self.shared.slots.acquire() => permit.map_err(|_| Stop::Cancelled),
        }
    }

    /// Runs the program to its end, or to the end of its time.
    async fn start(
        &self,
        call: Call<'_>,
        deadline: &Deadline,
        input: &bytes::Bytes,
        stdout: &Capture,
        stderr: &Capture,
    ) -> Result<Watched, Verdict> {
        let host = |message: String| Verdict::HostError { message };
        deadline.check().map_err(|stop| stop.verdict(call.limits, deadline))?;
        match Stamp::of(&self.program) {
            Ok(stamp) if stamp == self.stamp => {}
            Ok(_) => {
                let message = format!("`{}` is another program than when it was loaded", self.program.display());
                return Err(Verdict::InvalidUnit { message });
            }
            Err(message) => return Err(Verdict::InvalidUnit { message }),
        }
        // A folder of its own, gone with the call: what a program leaves in the folder that it works in is nobody else's.
        let room = tempfile::Builder::new()
            .prefix("wasmill-process-")
            .tempdir()
            .map_err(|error| host(format!("a scratch folder cannot be made: {error}")))?;
        let worker = self.worker(call.limits, deadline, room.path());
        let stopper = Stopper::default();
        let (own, input) = (stopper.clone(), input.clone());
        let (out, err) = (stdout.clone(), stderr.clone());
        let watched = on_thread("process", stopper.clone(), move || {
            worker.watch(&[&input], &mut |piece| out.write(piece).is_ok(), &mut |piece| err.write(piece).is_ok(), &own)
        });
        let mut watched = std::pin::pin!(watched);
        let watched = tokio::select! {
            biased;
            watched = &mut watched => watched,
            () = call.cancel.cancelled() => {
                stopper.stop();
                watched.await
            }
        };
        // Only now, when nothing of it runs any more.
        drop(room);
        match watched.map_err(|error| host(format!("no thread could be started: {error}")))? {
            Ok(Watched { stopped: Some(Stopped::TimedOut), .. }) => Err(Stop::Deadline.verdict(call.limits, deadline)),
            Ok(Watched { stopped: Some(Stopped::Asked), .. }) => Err(Verdict::Cancelled),
            Ok(watched) => Ok(watched),
            Err(error @ WorkerError::NotStarted { .. }) => {
                Err(Verdict::EngineUnavailable { message: error.to_string() })
            }
            Err(error) => Err(host(error.to_string())),
        }
    }

    fn worker(&self, limits: &Limits, deadline: &Deadline, folder: &Path) -> Worker {
        let Binding { grants, secrets, .. } = &self.binding;
        let args = grants.args.iter().map(Into::into).collect();
        let (program, args) = match &self.shared.launcher {
            None => (self.program.to_path_buf(), args),
            Some((launcher, first)) => {
                let launch = Launch {
                    program: self.program.to_path_buf(),
                    args,
                    memory: limits.memory,
                    // The wall clock ends it; this is for what outlives a host that was killed.
                    cpu_seconds: deadline.remaining().as_secs().saturating_add(2),
                    file_size: u64::MAX,
                    readable: Vec::new(),
                    writable: Vec::new(),
                    network: true,
                    all_files: true,
                };
                (launcher.clone(), first.iter().cloned().chain(launch.args()).collect())
            }
        };
        let given = grants.env.iter().map(|(name, value)| (name.into(), value.into()));
        let secret =
            grants.secrets.iter().filter_map(|name| Some((name.into(), OsString::from(&**secrets.get(name)?))));
        Worker {
            program,
            args,
            environment: Environment::Only(given.chain(secret).collect()),
            timeout: deadline.remaining(),
            most_output: limits.output,
            most_said: limits.log,
            folder: Some(folder.to_owned()),
        }
    }
}

fn judge(watched: Watched, stdout: &Capture, stderr: &Capture, limits: &Limits) -> Result<(), Verdict> {
    if stderr.is_over() {
        return Err(Verdict::LogExceeded { limit: limits.log });
    }
    if stdout.is_over() {
        return Err(Verdict::OutputExceeded { limit: limits.output, produced: limits.output.saturating_add(1) });
    }
    match watched.ended {
        Ended::Exit(0) => Ok(()),
        Ended::Exit(code) => Err(exit_verdict(code)),
        Ended::Signal(signal) if KILLED.contains(&signal) => {
            Err(Verdict::HostError { message: format!("the program was ended by somebody else (signal {signal})") })
        }
        Ended::Signal(signal) => {
            Err(Verdict::Trap { kind: TrapKind::Other, detail: format!("the program crashed (signal {signal})") })
        }
    }
}

fn failed(verdict: Verdict, usage: Usage, log: String) -> Outcome {
    Outcome { log, ..Outcome::failed(verdict, usage) }
}

fn succeeded(value: Value, usage: Usage, log: String) -> Outcome {
    Outcome { output: Some(value), log, ..Outcome::failed(Verdict::Ok, usage) }
}
