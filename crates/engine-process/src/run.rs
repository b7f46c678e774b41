//! One call of a native program.

use std::ffi::OsString;
use std::path::PathBuf;
use std::thread;

use bytes::Bytes;
use futures_channel::oneshot;
use wasmill_artifact::{Ended, Environment, Launch, Stopped, Stopper, Watched, Worker, WorkerError};
use wasmill_engine::parts::{Capture, CaptureKind, Deadline, Stop, exit_verdict, log_text, with_last_words};
use wasmill_engine::{Call, Outcome, convert_output};
use wasmill_model::{Limits, OutputFormat, Usage, Value, Verdict};

const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;

/// A program, and what it is started with.
#[derive(Clone, Debug)]
pub struct NativeProgram {
    /// Its file.
    pub program: PathBuf,
    /// Its arguments, after its own name.
    pub args: Vec<OsString>,
    /// Its environment: nothing of this process's but what a loader needs to start it (`LD_LIBRARY_PATH`).
    pub environment: Vec<(OsString, OsString)>,
    /// The folder that it works in.
    pub folder: PathBuf,
    /// The program that calls [`wasmill_artifact::launch`] when it is started with these arguments first: it sets the limits of memory and of
    /// computing. None: only time, output and log are bounded.
    pub launcher: Option<(PathBuf, Vec<OsString>)>,
    /// How its output is read.
    pub output: OutputFormat,
}

/// Stops the program when the call is dropped.
struct StopOnDrop(Stopper);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Runs a program once, with the call's input on stdin. It needs no executor in particular; the program is watched on a thread.
///
/// Table elements, instances and fuel mean nothing to a program; its peak of memory is not known.
pub async fn run_program(program: &NativeProgram, call: Call<'_>) -> Outcome {
    let input = call.input.to_bytes();
    let limits = call.limits;
    let deadline = Deadline::new(limits.timeout, call.cancel);
    let mut usage = Usage { bytes_in: input.len() as u64, ..Usage::default() };
    if let Err(stop) = deadline.check() {
        return Outcome::failed(stop.verdict(limits, &deadline), usage);
    }
    let stdout = Capture::told(CaptureKind::Output, limits.output, call.stdout.cloned());
    let stderr = Capture::new(CaptureKind::Log, limits.log);
    let stopper = Stopper::default();
    let (done, mut finished) = oneshot::channel();
    let thread = {
        let worker = program.worker(limits, &deadline);
        let (stdout, stderr, stopper) = (stdout.clone(), stderr.clone(), stopper.clone());
        thread::Builder::new().name("process".to_owned()).spawn(move || {
            // Nobody may be there any more: the call was dropped.
            let _ = done.send(watch(&worker, &input, &stdout, &stderr, &stopper));
        })
    };
    let _on_drop = StopOnDrop(stopper.clone());
    let watched = match thread {
        Err(error) => Err(Stop::Host(format!("no thread could be started: {error}"))),
        Ok(_) => tokio::select! {
            biased;
            watched = &mut finished => watched.map_err(|_| Stop::Host("the thread that watched the program is gone".to_owned())),
            () = call.cancel.cancelled() => {
                stopper.stop();
                // Only then nothing of it is left.
                let _ = finished.await;
                Err(Stop::Cancelled)
            }
        },
    };
    let log = stderr.take();
    usage.log_bytes = log.len() as u64;
    let log = log_text(&log, limits.log);
    let result = match watched {
        Ok(watched) => program.judge(watched, &stdout, &stderr, limits, &deadline),
        Err(stop) => Err(stop.verdict(limits, &deadline)),
    };
    usage.wall = deadline.elapsed();
    match result {
        Ok((value, bytes)) => {
            usage.bytes_out = bytes;
            Outcome { output: Some(value), log, ..Outcome::failed(Verdict::Ok, usage) }
        }
        Err(verdict) => {
            let verdict = with_last_words(verdict, &log);
            Outcome { log, ..Outcome::failed(verdict, usage) }
        }
    }
}

fn watch(
    worker: &Worker,
    input: &Bytes,
    stdout: &Capture,
    stderr: &Capture,
    stopper: &Stopper,
) -> Result<Watched, WorkerError> {
    let (mut output, mut log) =
        (|piece: &[u8]| stdout.write(piece).is_ok(), |piece: &[u8]| stderr.write(piece).is_ok());
    worker.watch(&[input], &mut output, &mut log, stopper)
}

impl NativeProgram {
    fn worker(&self, limits: &Limits, deadline: &Deadline) -> Worker {
        let (program, args) = match &self.launcher {
            None => (self.program.clone(), self.args.clone()),
            Some((launcher, first)) => {
                let launch = Launch {
                    program: self.program.clone(),
                    args: self.args.clone(),
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
        Worker {
            program,
            args,
            environment: Environment::Only(self.environment.clone()),
            timeout: deadline.remaining(),
            most_output: limits.output,
            most_said: limits.log,
            folder: Some(self.folder.clone()),
        }
    }

    /// What became of the call: the output and its size, or the verdict.
    fn judge(
        &self,
        watched: Result<Watched, WorkerError>,
        stdout: &Capture,
        stderr: &Capture,
        limits: &Limits,
        deadline: &Deadline,
    ) -> Result<(Value, u64), Verdict> {
        let stop = |stop: Stop| stop.verdict(limits, deadline);
        let watched = watched.map_err(|error| match error {
            WorkerError::NotStarted { .. } => Verdict::EngineUnavailable { message: error.to_string() },
            other => Verdict::HostError { message: other.to_string() },
        })?;
        let output = stdout.take();
        if stderr.is_over() {
            return Err(stop(Stop::Log));
        }
        if stdout.is_over() {
            return Err(stop(Stop::Output { produced: limits.output.saturating_add(1) }));
        }
        match (watched.stopped, watched.ended) {
            (Some(Stopped::Asked), _) => return Err(stop(Stop::Cancelled)),
            (Some(_), _) | (None, Ended::Signal(SIGXCPU)) => return Err(stop(Stop::Deadline)),
            (None, Ended::Exit(0)) => {}
            (None, Ended::Exit(code)) => return Err(exit_verdict(code)),
            // Nobody does that to himself: somebody outside, or a system without memory.
            (None, Ended::Signal(SIGKILL)) => {
                return Err(Verdict::HostError { message: "the program was killed from outside".to_owned() });
            }
            (None, Ended::Signal(signal)) => {
                return Err(Verdict::GuestError { message: format!("ended by signal {signal}") });
            }
        }
        if deadline.elapsed() >= limits.timeout {
            return Err(stop(Stop::Deadline));
        }
        let bytes = output.len() as u64;
        let value = convert_output(output, self.output).map_err(|message| stop(Stop::Guest(message)))?;
        Ok((value, bytes))
    }
}
