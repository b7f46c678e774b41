//! One call: one process, from its slot to the verdict.

use std::ffi::OsString;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::sync::SemaphorePermit;
use wasmill_artifact::{Ended, Environment, Launch, Stopped, Stopper, Watched, Worker, WorkerError, on_thread};
use wasmill_engine::parts::{
    Deadline, Number, NumberType, SeededStream, Signature, Stop, Tally, exit_verdict, final_verdict, lift_numbers,
    log_text, panic_message, size_of_input, with_last_words,
};
use wasmill_engine::{BoxFuture, Call, Outcome, PreparedUnit, convert_output};
use wasmill_instrument::StartSize;
use wasmill_model::{Digest, Limits, OutputFormat, Profile, TrapKind, Usage, Value, Verdict};

use crate::engine::Shared;
use crate::report::{End, Report};
use crate::rewrite::{CALL, Head};
use crate::scratch::Room;
use crate::words::Words;

/// The file of a unit, in the folder that WasmEdge is started in.
pub(crate) const UNIT: &str = "unit.wasm";

/// Bytes of memory that WasmEdge has for itself, besides the unit's.
const OWN_MEMORY: u64 = 512 << 20;

/// The first code that no program exits with.
const FIRST_BAD_EXIT: u32 = 126;

/// SIGILL, SIGABRT (no memory for it), SIGBUS, SIGFPE, SIGSEGV (no stack).
const CRASHES: [i32; 5] = [4, 6, 7, 8, 11];

/// A granted folder.
#[derive(Debug)]
pub(crate) struct Folder {
    /// As `--dir` takes it.
    pub(crate) option: String,
    pub(crate) path: PathBuf,
    pub(crate) writable: bool,
}

/// A unit that lies ready, bound to a function and grants.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) shared: Arc<Shared>,
    pub(crate) digest: Digest,
    pub(crate) is_core: bool,
    pub(crate) is_bytes: bool,
    pub(crate) signature: Option<Signature>,
    /// The types of a function's results.
    pub(crate) results: Vec<String>,
    pub(crate) output: OutputFormat,
    pub(crate) profile: Profile,
    pub(crate) folders: Vec<Folder>,
    pub(crate) head: Head,
    pub(crate) ready: Arc<Ready>,
}

/// The file that WasmEdge is given.
#[derive(Debug)]
pub(crate) struct Ready {
    /// Its name in the room.
    pub(crate) file: &'static str,
    /// Bytes of randomness that it is given.
    pub(crate) random: u32,
    pub(crate) size: StartSize,
    pub(crate) room: Room,
}

/// What a process left.
struct Ran {
    watched: Result<Watched, WorkerError>,
    stdout: Vec<u8>,
    report: Report,
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
        let limits = self.limits(call.limits);
        let input = if self.is_core { Bytes::new() } else { call.input.to_bytes() };
        let bytes_in = if self.is_core { size_of_input(call.input) } else { input.len() as u64 };
        let mut usage = Usage { bytes_in, ..Usage::default() };
        let Ok(_slot) = self.slot(call).await else { return Outcome::failed(Verdict::Cancelled, usage) };
        let deadline = Deadline::new(limits.timeout, call.cancel);
        let stopped = |stop: Stop, usage| Outcome::failed(stop.verdict(&limits, &deadline), usage);
        if let Err(stop) = deadline.check() {
            return stopped(stop, usage);
        }
        if let Err((refused, peak)) = Tally::started(&limits, &self.ready.size.memories, &self.ready.size.tables) {
            usage.peak_memory = peak;
            let verdict = Verdict::HostError { message: String::new() };
            return Outcome::failed(final_verdict(verdict, Some(refused), None), usage);
        }
        let arguments = match self.arguments(call) {
            Ok(arguments) => arguments,
            Err(message) => return stopped(Stop::Input(message), usage),
        };
        let head = match self.stdin_head(call, &limits, &input) {
            Ok(head) => head,
            Err(stop) => return stopped(stop, usage),
        };
        let worker = self.worker(&limits, &deadline, arguments);
        let report = Report::new(&limits, self.ready.size.bytes());
        let stopper = Stopper::default();
        let own = stopper.clone();
        let most = limits.output.saturating_add(Words::MOST);
        let ran = on_thread("wasmedge", stopper.clone(), move || run(&worker, &[&head, &input], most, report, &own));
        let mut ran = std::pin::pin!(ran);
        let ran = tokio::select! {
            biased;
            ran = &mut ran => ran,
            () = call.cancel.cancelled() => {
                stopper.stop();
                // The call is over when nothing of it is left.
                let _ = ran.await;
                return stopped(Stop::Cancelled, Usage { wall: deadline.elapsed(), ..usage });
            }
        };
        let ran = match ran {
            Ok(ran) => ran,
            Err(error) => return stopped(Stop::Host(format!("WasmEdge could not be watched: {error}")), usage),
        };
        self.finish(ran, &limits, &deadline, &mut usage)
    }

    /// What the call may use: nobody raises what was set for this engine.
    fn limits(&self, limits: &Limits) -> Limits {
        limits.at_most(self.shared.settings.at_most())
    }

    async fn slot(&self, call: Call<'_>) -> Result<SemaphorePermit<'_>, Stop> {
        tokio::select! {
            biased;
            () = call.cancel.cancelled() => Err(Stop::Cancelled),
            permit = self.shared.slots.acquire() => permit.map_err(|_| Stop::Cancelled),
        }
    }

    /// The arguments of a function: integers only, see `rewrite`.
    fn arguments(&self, call: Call<'_>) -> Result<Vec<String>, String> {
        let Some(signature) = &self.signature else { return Ok(Vec::new()) };
        let numbers = signature.lower(call.input, |number| match number {
            Number::I32(number) => vec![number.to_string()],
            Number::I64(number) => vec![number.to_string()],
            Number::F32(bits) => vec![(bits as i32).to_string()],
            Number::F64(bits) => vec![(bits as i64).to_string()],
            Number::V128(bits) => vec![(bits as i64).to_string(), ((bits >> 64) as i64).to_string()],
        })?;
        Ok(numbers.concat())
    }

    /// What stdin begins with.
    fn stdin_head(&self, call: Call<'_>, limits: &Limits, input: &Bytes) -> Result<Vec<u8>, Stop> {
        let mut head = self.head.bytes(limits);
        if self.ready.random > 0 {
            let mut random = vec![0; usize::try_from(self.ready.random).unwrap_or_default()];
            SeededStream::new(self.digest, call.input.clone(), SeededStream::SECURE).fill(&mut random);
            head.extend(random);
        }
        if self.is_bytes {
            let length = u32::try_from(input.len()).map_err(|_| {
                Stop::Input(format!("the input has {} bytes; a 32-bit unit takes less than 4 GiB", input.len()))
            })?;
            head.extend(length.to_le_bytes());
        }
        Ok(head)
    }

    fn worker(&self, limits: &Limits, deadline: &Deadline, arguments: Vec<String>) -> Worker {
        let shared = &self.shared;
        let mut args: Vec<OsString> = vec!["run".into()];
        let mut say = |list: &[&str]| args.extend(list.iter().map(OsString::from));
        say(&["--run-mode", if self.ready.file == UNIT { "interpreter" } else { "aot" }]);
        if self.profile == Profile::Fast {
            say(&["--log-level", "error"]);
        } else {
            // What was used is said at the level `info`.
            let fuel = limits.fuel.to_string();
            say(&["--log-level", "info", "--enable-gas-measuring", "--gas-limit", &fuel]);
        }
        for folder in &self.folders {
            say(&["--dir", &folder.option]);
        }
        if self.is_core {
            say(&["--reactor", self.ready.file, CALL]);
            args.extend(arguments.into_iter().map(OsString::from));
        } else {
            say(&[self.ready.file]);
        }
        let granted = |writable| self.folders.iter().filter(move |folder| folder.writable == writable);
        let own = shared.roots.iter().cloned().chain([self.ready.room.path().to_owned()]);
        let (program, args) = shared.settings.command(Launch {
            program: shared.program.path.clone(),
            args,
            memory: limits.memory.saturating_add(OWN_MEMORY),
            // The wall clock ends it; this is for what outlives a host that was killed.
            cpu_seconds: deadline.remaining().as_secs().saturating_add(2),
            file_size: u64::MAX,
            readable: own.chain(granted(false).map(|folder| folder.path.clone())).collect(),
            writable: granted(true).map(|folder| folder.path.clone()).collect(),
            network: false,
            all_files: false,
        });
        Worker {
            program,
            args,
            environment: Environment::Cleared,
            timeout: deadline.remaining(),
            most_output: limits.output,
            most_said: limits.log,
            folder: Some(self.ready.room.path().to_owned()),
        }
    }

    fn finish(&self, ran: Ran, limits: &Limits, deadline: &Deadline, usage: &mut Usage) -> Outcome {
        let Ran { watched, stdout, report } = ran;
        let log = report.log();
        usage.log_bytes = log.len() as u64;
        usage.peak_memory = report.peak;
        let log = log_text(&log, limits.log);
        let by_itself = matches!(&watched, Ok(Watched { ended: Ended::Exit(_), stopped: None }));
        let words = Words::of(&stdout, report.written, &report.words, by_itself);
        let gas = if self.profile == Profile::Fast { None } else { words.gas() };
        usage.fuel = gas.map(|gas| gas.min(limits.fuel));
        let result = self.judge(watched, &report, &words, limits, deadline);
        let is_over = gas.is_some_and(|gas| gas > limits.fuel);
        let result = if is_over { Err(Verdict::FuelExhausted { limit: limits.fuel }) } else { result };
        usage.wall = deadline.elapsed();
        let result = if usage.wall >= limits.timeout { Err(Stop::Deadline.verdict(limits, deadline)) } else { result };
        match result {
            Ok((value, bytes)) => {
                usage.bytes_out = bytes;
                Outcome { output: Some(value), log, ..Outcome::failed(Verdict::Ok, *usage) }
            }
            Err(verdict) => {
                let verdict = if report.started { final_verdict(verdict, report.refused, None) } else { verdict };
                if matches!(verdict, Verdict::TimedOut { .. } | Verdict::Cancelled) {
                    usage.fuel = None;
                }
                let verdict = with_last_words(verdict, &log);
                Outcome { log, ..Outcome::failed(verdict, *usage) }
            }
        }
    }

    /// What became of the call: the output and its size, or the verdict.
    fn judge(
        &self,
        watched: Result<Watched, WorkerError>,
        report: &Report,
        words: &Words<'_>,
        limits: &Limits,
        deadline: &Deadline,
    ) -> Result<(Value, u64), Verdict> {
        let stop = |stop: Stop| stop.verdict(limits, deadline);
        let watched = watched.map_err(|error| match error {
            WorkerError::NotStarted { .. } => Verdict::EngineUnavailable { message: error.to_string() },
            other => Verdict::HostError { message: other.to_string() },
        })?;
        match watched.stopped {
            Some(Stopped::TimedOut) => return Err(stop(Stop::Deadline)),
            Some(Stopped::Asked) => return Err(stop(Stop::Cancelled)),
            Some(Stopped::Enough) if report.is_over() => return Err(stop(Stop::Log)),
            Some(Stopped::Enough) => {
                let produced = report.output.unwrap_or_else(|| limits.output.saturating_add(1));
                return Err(match report.started && report.words.is_empty() {
                    true => stop(Stop::Output { produced }),
                    false => Verdict::HostError { message: self.garbage(words) },
                });
            }
            None => {}
        }
        if !report.started {
            return Err(self.not_started(watched.ended, words, limits));
        }
        let is_command = !self.is_core && !self.is_bytes;
        if is_command && report.written > limits.output {
            return Err(stop(Stop::Output { produced: report.written }));
        }
        match &report.end {
            Some(End::Stopped(why)) => return Err(stop(why.clone())),
            Some(End::TooDeep) => return Err(Verdict::Trap { kind: TrapKind::StackOverflow, detail: String::new() }),
            Some(End::ExitedEarly) => return Err(exit_verdict(0)),
            Some(End::Exited(0)) if is_command => {}
            Some(End::Exited(FIRST_BAD_EXIT..)) => {
                return Err(stop(Stop::Abi("exit with invalid exit status outside of [0..126)".to_owned())));
            }
            Some(End::Exited(code)) => return Err(exit_verdict(*code as i32)),
            Some(End::Ended) if watched.ended == Ended::Exit(0) => {}
            Some(End::Ended) | None => return Err(self.trapped(watched.ended, words, limits)),
        }
        let output = if self.is_core {
            let value = self
                .lift(words.numbers(self.profile))
                .ok_or_else(|| Verdict::HostError { message: self.garbage(words) })?;
            // A number counts as eight bytes.
            (value, 8 * self.results.len() as u64)
        } else {
            let whole = words.answer.filter(|_| report.output.is_none_or(|announced| announced == report.written));
            let bytes = whole.ok_or_else(|| Verdict::HostError { message: self.garbage(words) })?;
            let size = bytes.len() as u64;
            (convert_output(bytes.to_vec(), self.output).map_err(|message| stop(Stop::Guest(message)))?, size)
        };
        if output.1 > limits.output {
            return Err(stop(Stop::Output { produced: output.1 }));
        }
        Ok(output)
    }

    /// Nothing of the unit has run.
    fn not_started(&self, ended: Ended, words: &Words<'_>, limits: &Limits) -> Verdict {
        if words.out_of_gas() {
            return Verdict::FuelExhausted { limit: limits.fuel };
        }
        // Data or elements of the unit stand outside of its memory or table.
        if let (Ended::Exit(_), Some(kind)) = (ended, words.trap()) {
            return Verdict::Trap { kind, detail: "before its first instruction".to_owned() };
        }
        match ended {
            Ended::Exit(0) => Verdict::HostError { message: self.garbage(words) },
            ended => Verdict::EngineUnavailable {
                message: format!("WasmEdge did not start the unit ({}){}", shown(ended), words.excerpt()),
            },
        }
    }

    /// WasmEdge ended the unit, or itself.
    fn trapped(&self, ended: Ended, words: &Words<'_>, limits: &Limits) -> Verdict {
        match ended {
            Ended::Exit(code) if code != 0 => {
                if words.out_of_gas() {
                    return Verdict::FuelExhausted { limit: limits.fuel };
                }
                match words.trap() {
                    Some(kind) => Verdict::Trap { kind, detail: String::new() },
                    None => Verdict::HostError {
                        message: format!("WasmEdge ended with {}{}", shown(ended), words.excerpt()),
                    },
                }
            }
            Ended::Exit(_) => Verdict::HostError { message: self.garbage(words) },
            // Nobody sends these: it came to them on the unit's errand.
            Ended::Signal(signal) if CRASHES.contains(&signal) => {
                let detail = format!("WasmEdge crashed in mid-call ({}){}", shown(ended), words.excerpt());
                Verdict::Trap { kind: TrapKind::Other, detail }
            }
            Ended::Signal(_) => Verdict::HostError {
                message: format!("WasmEdge was ended in mid-call by {}{}", shown(ended), words.excerpt()),
            },
        }
    }

    fn garbage(&self, words: &Words<'_>) -> String {
        let program = self.shared.program.path.display();
        format!("`{program}` did not answer as WasmEdge {} does{}", self.shared.program.version, words.excerpt())
    }

    /// The results of a function, of the integers that reactor mode prints.
    fn lift(&self, printed: Option<Vec<i64>>) -> Option<Value> {
        let mut printed = printed?.into_iter();
        let mut numbers = Vec::with_capacity(self.results.len());
        for kind in &self.results {
            let first = printed.next()?;
            numbers.push(Some(match NumberType::parse(kind)? {
                NumberType::I32 => Number::I32(i32::try_from(first).ok()?),
                NumberType::I64 => Number::I64(first),
                NumberType::F32 => Number::F32(i32::try_from(first).ok()? as u32),
                NumberType::F64 => Number::F64(first as u64),
                NumberType::V128 => Number::V128(u128::from(first as u64) | u128::from(printed.next()? as u64) << 64),
            }));
        }
        printed.next().is_none().then(|| lift_numbers(numbers.into_iter()))
    }
}

fn run(worker: &Worker, input: &[&[u8]], most_output: u64, mut report: Report, stopper: &Stopper) -> Ran {
    let mut stdout = Vec::new();
    let watched = worker.watch(
        input,
        &mut |piece| {
            stdout.extend_from_slice(piece);
            stdout.len() as u64 <= most_output
        },
        &mut |piece| report.read(piece),
        stopper,
    );
    Ran { watched, stdout, report }
}

fn shown(ended: Ended) -> String {
    match ended {
        Ended::Exit(code) => format!("exit code {code}"),
        Ended::Signal(signal) => format!("signal {signal}"),
    }
}
