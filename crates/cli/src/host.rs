//! Where guests run: threads of their own, the engine, the cache of compiled code, and the signals that stop them.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use wasmill_artifact::CodeCache;
use wasmill_engine::{BoxFuture, Cancel, Router};
use wasmill_engine_wasmtime::Compiler;
use wasmill_model::{Code, Diagnostics, Object, RunDocument};
use wasmill_runtime::{Bundle, Clock, Host, Linked, Reuse, RunOptions, SimSettings, Simulation, Spawner};

use crate::commands::cache::remedy;
use crate::commands::run::Job;
use crate::engines::{self, EngineSettings};
use crate::env_vars;
use crate::failure::{Failure, cancelled};
use crate::interrupts;
use crate::printer::Printer;
use crate::progress::{self, Progress};
use crate::settings::{CompilerChoice, HostSettings};
use crate::telemetry;

/// The most calls that the engine makes room for: each slot costs some microseconds at start.
pub(crate) const MOST_SLOTS: u32 = 256;

/// The verb that the compiler's process is started with.
pub(crate) const COMPILE_WORKER: &str = "compile-worker";

/// The verb that compilers of units are started through, to be kept in.
pub(crate) const TOOL_LAUNCHER: &str = "launch-tool";

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Finished {
    /// What became of it.
    pub(crate) document: RunDocument,
    /// How long it took, from the first step to the last.
    pub(crate) took: Duration,
}

/// Links the job and runs it. Interrupts are the run's from here on: the first one stops it, the second one ends the process.
///
/// # Errors
/// What is wrong with the job, found before anything of it ran; or a host that cannot run anything.
pub(crate) fn run(job: &Job, settings: &HostSettings, reuse: Reuse, printer: &Printer) -> Result<Finished, Failure> {
    Threads::start(settings)?.run(job, settings, reuse, printer)
}

/// The threads of one run, or of several one after the other. The first interrupt stops what goes on and all that would come after it,
/// the second one ends the process.
pub(crate) struct Threads {
    /// Taken only when they end.
    runtimes: Option<Runtimes>,
    cancel: Cancel,
}

struct Runtimes {
    /// Timers and signals live on the caller's thread, so that no guest can hold them up.
    here: Runtime,
    guests: Runtime,
}

impl Threads {
    /// Starts them. Interrupts are listened to whenever something is waited for here.
    ///
    /// # Errors
    /// A host that cannot have threads.
    pub(crate) fn start(settings: &HostSettings) -> Result<Self, Failure> {
        let cannot =
            |error: io::Error| Failure::host(format!("the threads that run guests cannot be started: {error}"));
        let here = Builder::new_current_thread().enable_all().build().map_err(cannot)?;
        let guests = Builder::new_multi_thread()
            .worker_threads(settings.workers.get())
            .thread_name("guests")
            .enable_time()
            .build()
            .map_err(cannot)?;
        let cancel = Cancel::new();
        interrupts::left_to_runs();
        here.spawn(watch_interrupts(cancel.clone()));
        Ok(Threads { runtimes: Some(Runtimes { here, guests }), cancel })
    }

    /// As [`run`], any number of times.
    ///
    /// # Errors
    /// As [`run`].
    pub(crate) fn run(
        &self,
        job: &Job,
        settings: &HostSettings,
        reuse: Reuse,
        printer: &Printer,
    ) -> Result<Finished, Failure> {
        self.with_linked(&job.bundle, 1, settings, printer, async |ready| {
            let progress = Progress::start(printer, job.bundle.pipeline.steps.len());
            let cancel = ready.cancel.clone();
            let observer = match &reuse.recorded {
                None => telemetry::observing(progress.observer(), None, printer),
                // A run that is made again was told of when it was made.
                Some(_) => progress.observer(),
            };
            let options = RunOptions { seed: random(), cancel, observer, reuse, ..RunOptions::new(run_id()) };
            let start = Instant::now();
            let document = ready.linked.run(job.inputs.clone(), options).await;
            let took = start.elapsed();
            progress.finish();
            Finished { document, took }
        })
    }

    /// Links the pipeline for so many runs at once, and does the work with it.
    ///
    /// # Errors
    /// What is wrong with the pipeline, found before anything of it ran; or a host that cannot run anything.
    pub(crate) fn with_linked<T>(
        &self,
        bundle: &Bundle,
        runs: u32,
        settings: &HostSettings,
        printer: &Printer,
        work: impl AsyncFnOnce(&Ready) -> T,
    ) -> Result<T, Failure> {
        let Some(Runtimes { here, guests }) = &self.runtimes else { return Err(cancelled()) };
        here.block_on(async {
            let (cancel, guests) = (self.cancel.clone(), guests.handle().clone());
            let linked = link(bundle, runs, settings, printer, &guests, &cancel).await?;
            let result = work(&Ready { linked, cancel, guests }).await;
            if let Some(folder) = &settings.guest_profiles {
                note_profiles(folder, printer);
            }
            // Where there is one, the error names it.
            if settings.coredump.as_ref().is_some_and(|folder| written(folder, ".coredump") == 0) {
                printer.note(
                    "note: no core dump was written: no unit trapped, or none of them on wasmtime, the engine that can write one\n",
                );
            }
            Ok(result)
        })
    }

    /// A pipeline that is ready to be simulated.
    ///
    /// # Errors
    /// What is wrong with the pipeline, found before anything of it ran; or a host that cannot run anything.
    pub(crate) fn simulation(
        &self,
        bundle: &Bundle,
        inputs: Object,
        how: SimSettings,
        settings: &HostSettings,
        printer: &Printer,
    ) -> Result<Simulation, Failure> {
        let Some(Runtimes { here, guests }) = &self.runtimes else { return Err(cancelled()) };
        let work = async |host: &Host| Simulation::new(host, bundle, &settings.overrides, inputs, how).await;
        here.block_on(with_host(bundle, 1, settings, printer, guests.handle(), &self.cancel, work))
    }

    /// Does work that takes long on a thread of its own; none where the threads have ended.
    pub(crate) fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        self.runtimes.as_ref().map(|runtimes| runtimes.guests.spawn_blocking(work))
    }

    /// Given by the first interrupt.
    pub(crate) fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// What the future gives; none where an interrupt came first.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let Runtimes { here, .. } = self.runtimes.as_ref()?;
        here.block_on(async {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => None,
                result = future => Some(result),
            }
        })
    }

    /// What the future gives, however long it takes: an interrupt that came was heard already. The next one ends the process.
    pub(crate) fn wait_to_the_end<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        Some(self.runtimes.as_ref()?.here.block_on(future))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(Runtimes { here, guests }) = self.runtimes.take() {
            // Nothing of them is waited for: what they had to say is in the document.
            guests.shutdown_background();
            here.shutdown_background();
        }
    }
}

/// A pipeline that can be run, and where.
pub(crate) struct Ready {
    /// The pipeline.
    pub(crate) linked: Linked,
    /// Given by the first interrupt.
    pub(crate) cancel: Cancel,
    /// The threads that run guests.
    pub(crate) guests: Handle,
}

async fn link(
    bundle: &Bundle,
    runs: u32,
    settings: &HostSettings,
    printer: &Printer,
    guests: &Handle,
    cancel: &Cancel,
) -> Result<Linked, Failure> {
    with_host(bundle, runs, settings, printer, guests, cancel, async |host| {
        wasmill_runtime::link(host, bundle, &settings.overrides).await
    })
    .await
}

/// Does what links a pipeline, with the host that it is linked to.
async fn with_host<T>(
    bundle: &Bundle,
    runs: u32,
    settings: &HostSettings,
    printer: &Printer,
    guests: &Handle,
    cancel: &Cancel,
    work: impl AsyncFnOnce(&Host) -> Result<T, Diagnostics>,
) -> Result<T, Failure> {
    let (router, cache) = router(bundle, runs, settings, printer)?;
    let host = Host {
        router,
        policy: settings.policy.clone(),
        secrets: settings.secrets.clone(),
        clock: Arc::new(SystemClock(Instant::now())),
        spawner: Arc::new(GuestThreads(guests.clone())),
    };
    note_unused_secrets(bundle, settings, printer);
    let units = bundle.all().iter().map(|bundle| bundle.units.len()).sum();
    let linked = tokio::select! {
        linked = progress::compiling(printer, units, work(&host)) => linked.map_err(name_compiler_limits)?,
        () = cancel.cancelled() => return Err(cancelled()),
    };
    if let Some(cache) = cache {
        note_not_kept(&cache, printer);
    }
    Ok(linked)
}

fn router(
    bundle: &Bundle,
    runs: u32,
    settings: &HostSettings,
    printer: &Printer,
) -> Result<(Router, Option<Arc<CodeCache>>), Failure> {
    let slots = bundle.max_concurrency().saturating_mul(runs).clamp(1, MOST_SLOTS);
    let cache = settings.cache.clone().and_then(|folder| match CodeCache::open(folder) {
        Ok(cache) => Some(Arc::new(cache)),
        Err(error) => {
            printer.note(&format!(
                "warning: compiled code is not kept: {error}\n  help: {}\n",
                remedy(&error, env_vars::WASMILL_CACHE_DIR)
            ));
            None
        }
    });
    let compiler = compiler(settings.compiler)?;
    let (coredumps, profiles) = (settings.coredump.clone(), settings.guest_profiles.clone());
    let router = engines::router(&EngineSettings { slots, cache: cache.clone(), compiler, coredumps, profiles })?;
    Ok((router, cache))
}

/// The engine says that its compiler needs more; here is what it is called.
fn name_compiler_limits(mut diagnostics: Diagnostics) -> Diagnostics {
    for diagnostic in diagnostics.0.iter_mut().filter(|one| one.code == Code::InvalidUnit && one.help.is_none()) {
        diagnostic.help = [
            ("allow the compiler more time", env_vars::WASMILL_COMPILE_TIMEOUT, "5m"),
            ("allow the compiler more memory", env_vars::WASMILL_COMPILE_MEMORY, "4GiB"),
        ]
        .into_iter()
        .find(|(words, ..)| diagnostic.message.contains(words))
        .map(|(_, name, example)| format!("`{name}={example}` allows more, where the unit is worth it"));
    }
    diagnostics
}

/// What was compiled and could not be kept is compiled again by every run: slow, and nobody would know why.
fn note_not_kept(cache: &CodeCache, printer: &Printer) {
    if let Some(message) = cache.last_failure() {
        let folder = cache.folder().display();
        printer.note(&format!(
            "warning: compiled code is not kept in `{folder}`: {message}\n  help: `wasmill doctor` looks at the folder\n"
        ));
    }
}

/// Says what to do with the profiles that this process wrote, or why there are none.
fn note_profiles(folder: &Path, printer: &Printer) {
    let count = written(folder, ".json");
    let folder = folder.display();
    match count {
        0 => printer.note(
            "note: no profile was written: no guest ran for a millisecond, or none of them on wasmtime, the engine that can tell\n",
        ),
        1 => printer.note(&format!("1 profile is in `{folder}`: open it at https://profiler.firefox.com\n")),
        many => printer.note(&format!("{many} profiles are in `{folder}`: open one at https://profiler.firefox.com\n")),
    }
}

/// How many files with this end this process has written into the folder.
fn written(folder: &Path, end: &str) -> usize {
    let own = format!("-{}-", std::process::id());
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_str().is_some_and(|name| name.contains(&own) && name.ends_with(end))).count()
}

/// A secret that goes nowhere is most likely a slip in a name.
fn note_unused_secrets(bundle: &Bundle, settings: &HostSettings, printer: &Printer) {
    let all = bundle.all();
    let steps = all.iter().flat_map(|bundle| &bundle.pipeline.steps);
    let granted = |name: &str| steps.clone().any(|step| step.grants.secrets.iter().any(|one| one == name));
    for name in settings.secrets.names().filter(|name| !granted(name)) {
        printer.note(&format!(
            "warning: no step is granted the secret `{name}`\n  help: write `grants: {{ secrets: [{name}] }}` in the step\n"
        ));
    }
}

/// This program itself, as a child.
pub(crate) fn compiler(choice: CompilerChoice) -> Result<Compiler, Failure> {
    match choice {
        CompilerChoice::InProcess => Ok(Compiler::InProcess),
        CompilerChoice::Child { memory, timeout } => {
            Ok(Compiler::Child { program: own_program()?, args: vec![COMPILE_WORKER.into()], memory, timeout })
        }
    }
}

/// This program's own file, which is started again for dangerous work.
pub(crate) fn own_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map(same_file).map_err(|error| {
        Failure::host(format!("this program's own file, which compiles units in a child, is not found: {error}"))
    })
}

/// The file that this process was started from, also where another version was put in its place meanwhile.
fn same_file(program: PathBuf) -> PathBuf {
    if !program.exists() && cfg!(target_os = "linux") { "/proc/self/exe".into() } else { program }
}

/// A random name for a run.
pub(crate) fn run_id() -> Arc<str> {
    format!("{:016x}", random()).into()
}

/// A number that nobody foresees.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The first Ctrl-C (or SIGTERM) asks the run to stop; the second one does not ask.
async fn watch_interrupts(cancel: Cancel) {
    let Ok(mut interrupts) = Interrupts::new() else { return };
    interrupts.next().await;
    cancel.cancel();
    interrupts.next().await;
    std::process::exit(wasmill_model::ExitCode::Cancelled as i32);
}

#[cfg(unix)]
pub(crate) struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Interrupts {
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Interrupts { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
pub(crate) struct Interrupts;

#[cfg(not(unix))]
impl Interrupts {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Interrupts)
    }

    pub(crate) async fn next(&mut self) {
        // Without a handler the process ends as the system says, which is all that is left to do.
        let _ = tokio::signal::ctrl_c().await;
    }
}

struct SystemClock(Instant);

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // Made by the task that polls it: on the threads that have timers.
        Box::pin(async move { tokio::time::sleep(duration).await })
    }
}

struct GuestThreads(Handle);

impl Spawner for GuestThreads {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(self.0.spawn(task));
    }
}
