//! One call, from the fresh store to the verdict; what differs by interface stands in the modules below.

mod bytes;
mod command;
mod component;
mod core;
mod files;

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use ::bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::sync::SemaphorePermit;
use wasmill_engine::parts::{Deadline, Stop, Turns, log_text, panic_message, size_of_input, with_last_words};
use wasmill_engine::{Binding, BoxFuture, Call, Outcome, PrepareError, PreparedUnit};
use wasmill_model::{Frame, Grants, Interface, OutputFormat, Profile, Secrets, Usage, Value, Verdict};
use wasmill_unit::{Preview, Unit};
use wasmtime::{Store, UnknownImportError};

use crate::compile::{Code, invalid};
use crate::engine::{Pool, Shared};
use crate::host::Needs;
use crate::outcome;
use crate::profiler::Profiler;
use crate::state::{HostSide, State, Wasi, store};
use crate::ticker::Running;
use crate::wasi::WasiInput;

/// A unit that is compiled, linked and bound.
pub(crate) struct Prepared {
    shared: Arc<Shared>,
    pool: Arc<Pool>,
    unit: Unit,
    grants: Arc<Grants>,
    secrets: Secrets,
    profile: Profile,
    output: OutputFormat,
    /// For profiles.
    code: Code,
    slots: u32,
    /// Whether the guest imports anything: only then can it wait in the host.
    imports: bool,
    entry: Entry,
}

enum Entry {
    Core(core::Entry),
    Bytes(bytes::Entry),
    Component(component::Entry),
    Program(command::Program),
    ProgramComponent(command::ProgramComponent),
}

/// What a call's guest side gives: the output, and how many bytes it has.
struct Answer {
    value: Value,
    bytes: u64,
}

impl Prepared {
    pub(crate) fn new(shared: &Arc<Shared>, unit: &Unit, binding: &Binding, code: Code) -> Result<Self, PrepareError> {
        let info = unit.info();
        let function = info.resolve(binding.function.as_deref())?;
        let pool = shared.pool_of(&code, binding.profile)?;
        // More than there are would be waited for in vain; a unit that needs so many has the pool to itself.
        let slots = code.slots().min(shared.settings.slots);
        let entry = match (&code, function) {
            (Code::Module(module), function) => {
                let linker = pool.linkers.core(&pool.engine, &shared.functions, &binding.grants);
                let linker = linker.map_err(|error| invalid(&error))?;
                let pre = linker.instantiate_pre(module).map_err(|error| unlinked(unit, &error))?;
                match (info.interface, function) {
                    (Interface::Bytes, _) => Entry::Bytes(bytes::Entry::new(pre)?),
                    (Interface::Command, _) => Entry::Program(command::Program::new(pre)?),
                    (_, Some(function)) => Entry::Core(core::Entry::new(pre, function)?),
                    (_, None) => return Err(internal("a core unit without a function")),
                }
            }
            (Code::Component(component), function) => {
                let linker = pool.linkers.component(&pool.engine, &shared.functions, &binding.grants);
                let linker = linker.map_err(|error| invalid(&error))?;
                let pre = linker.instantiate_pre(component).map_err(|error| unlinked(unit, &error))?;
                match (info.preview, function) {
                    (Some(Preview::Preview2), _) => Entry::ProgramComponent(command::ProgramComponent::new(pre)?),
                    (_, Some(function)) => Entry::Component(component::Entry::new(pre, function)?),
                    (_, None) => return Err(internal("a component without a function")),
                }
            }
        };
        Ok(Prepared {
            shared: shared.clone(),
            pool,
            unit: unit.clone(),
            grants: binding.grants.clone(),
            secrets: binding.secrets.clone(),
            profile: binding.profile,
            output: binding.output,
            code,
            slots,
            // What a program gives is what it wrote, also where it cannot write.
            imports: !info.imports.is_empty() || matches!(entry, Entry::Program(_) | Entry::ProgramComponent(_)),
            entry,
        })
    }

    /// Whether everything that the unit imports and that a grant decides about was granted.
    pub(crate) fn check_imports(shared: &Shared, unit: &Unit, binding: &Binding) -> Result<(), PrepareError> {
        let grants = &binding.grants;
        for import in &unit.info().imports {
            let missing = |grant| {
                let name = match &*import.name {
                    "" => import.module.to_string(),
                    name => format!("{}::{name}", import.module),
                };
                Err(PrepareError::MissingGrant { import: name, grant })
            };
            if import.module.starts_with("wasi:http/") && grants.net.is_empty() {
                return missing(Needs::Net.grant(&import.module));
            }
            if let Some((interface, needs)) = shared.functions.find(&import.module)
                && !needs.are_met(interface, grants)
            {
                return missing(needs.grant(interface));
            }
        }
        Ok(())
    }

    async fn run(&self, call: Call<'_>) -> Outcome {
        let input = match &self.entry {
            Entry::Bytes(_) | Entry::Program(_) | Entry::ProgramComponent(_) => Some(call.input.to_bytes()),
            Entry::Core(_) | Entry::Component(_) => None,
        };
        let bytes_in = input.as_ref().map_or_else(|| size_of_input(call.input), |bytes| bytes.len() as u64);
        let mut usage = Usage { bytes_in, ..Usage::default() };
        let Ok(_slot) = self.slot(call).await else {
            return Outcome::failed(Verdict::Cancelled, usage);
        };
        let _running: Running = self.shared.ticker.start();
        let deadline = Deadline::new(call.limits.timeout, call.cancel);

        let failed = |message| Outcome::failed(Verdict::HostError { message }, usage);
        let (mut wasi, mut host, mut streams, mut denied) = (None, None, None, None);
        if self.imports {
            let side = HostSide::new(&self.grants, call.limits, self.profile == Profile::Deterministic);
            let context = match self.wasi(call, input.clone().unwrap_or_default(), &side) {
                Ok(context) => context,
                Err(stop) => return failed(stop.to_string()),
            };
            streams = Some((context.stdout.clone(), context.stderr.clone()));
            denied = Some(side.denied.clone());
            (wasi, host) = (Some(context), Some(side));
        }
        let mut store = match store(&self.pool.engine, self.profile, call.limits, &deadline, wasi, host) {
            Ok(store) => store,
            Err(error) => return failed(error.to_string()),
        };

        if self.shared.settings.profiles.is_some() {
            store.data_mut().profiler = Profiler::new(&self.code, &self.unit.digest().to_string());
        }

        let guest = self.enter(&mut store, call, input);
        let mut result = within(guest, self.imports, &deadline, &self.shared.turns, call).await;

        // The store was given one unit more than the guest may use.
        let left = store.get_fuel().ok();
        usage.fuel = left.map(|left| call.limits.fuel - left.saturating_sub(1).min(call.limits.fuel));
        if left == Some(0) && result.is_ok() && call.limits.fuel < u64::MAX {
            result = Err(wasmtime::Trap::OutOfFuel.into());
        }
        self.profile(&mut store);
        let limiter = &store.data().limiter;
        usage.peak_memory = limiter.tally.peak();

        let mut log = String::new();
        if let Some((stdout, stderr)) = streams {
            // A guest that survived being told that it wrote too much has written too much all the same.
            if stdout.is_over() || stderr.is_over() {
                let over = if stderr.is_over() { Stop::Log } else { Stop::Output { produced: call.limits.output + 1 } };
                if !matches!(&result, Err(error) if error.downcast_ref::<Stop>().is_some()) {
                    result = Err(over.into());
                }
            }
            let text = stderr.take();
            usage.log_bytes = text.len() as u64;
            log = log_text(&text, call.limits.log);
            if let (Ok(answer), true) = (&mut result, self.reads_stdout()) {
                let written = stdout.take();
                answer.bytes = written.len() as u64;
                match wasmill_engine::convert_output(written, self.output) {
                    Ok(value) => answer.value = value,
                    Err(message) => result = Err(Stop::Guest(message).into()),
                }
            }
        }

        // What the host does after the guest (lifting, reading its output) takes its time as well.
        if deadline.elapsed() >= call.limits.timeout
            && !matches!(&result, Err(error) if error.downcast_ref::<Stop>().is_some())
        {
            result = Err(Stop::Deadline.into());
        }
        usage.wall = deadline.elapsed();

        match result {
            Ok(answer) if answer.bytes > call.limits.output => {
                let verdict = Verdict::OutputExceeded { limit: call.limits.output, produced: answer.bytes };
                Outcome { log, ..Outcome::failed(verdict, usage) }
            }
            Ok(answer) => {
                usage.bytes_out = answer.bytes;
                Outcome {
                    verdict: Verdict::Ok,
                    output: Some(answer.value),
                    usage,
                    log,
                    backtrace: Vec::new(),
                    coredump: None,
                }
            }
            Err(error) => {
                let denied = denied.and_then(|denied| denied.verdict());
                let verdict = outcome::verdict(&error, limiter, call.limits, &deadline, denied);
                if matches!(verdict, Verdict::TimedOut { .. } | Verdict::Cancelled) {
                    // Where a guest is when the clock stops it depends on the machine, and its own count is not written back then.
                    usage.fuel = None;
                }
                let backtrace: Vec<Frame> = match &verdict {
                    Verdict::GuestError { .. } | Verdict::InvalidInput { .. } | Verdict::Cancelled => Vec::new(),
                    _ => outcome::backtrace(&error),
                };
                let verdict = with_last_words(verdict, &log);
                let coredump = self.coredump(&error, &mut store);
                Outcome { verdict, output: None, usage, log, backtrace, coredump }
            }
        }
    }

    fn reads_stdout(&self) -> bool {
        matches!(self.entry, Entry::Program(_) | Entry::ProgramComponent(_))
    }

    /// Waits until the pool has room.
    async fn slot(&self, call: Call<'_>) -> Result<SemaphorePermit<'_>, Stop> {
        let slots = self.slots;
        if let Ok(permit) = self.pool.slots.try_acquire_many(slots) {
            return Ok(permit);
        }
        tokio::select! {
            permit = self.pool.slots.acquire_many(slots) => permit.map_err(|_| Stop::Cancelled),
            () = call.cancel.cancelled() => Err(Stop::Cancelled),
        }
    }

    fn wasi(&self, call: Call<'_>, stdin: Bytes, host: &HostSide) -> Result<Box<Wasi>, Stop> {
        let input = WasiInput {
            grants: &self.grants,
            secrets: &self.secrets,
            limits: call.limits,
            unit: self.unit.digest(),
            program: "unit",
            input: call.input,
            stdin,
            stdout_is_log: !self.reads_stdout(),
            sink: call.stdout,
        };
        Wasi::new(&input, host)
    }

    /// Writes the unit's core dump, where they are asked for and it trapped.
    fn coredump(&self, error: &wasmtime::Error, store: &mut Store<State>) -> Option<PathBuf> {
        let folder = self.shared.settings.coredumps.as_ref()?;
        let dump = error.downcast_ref::<wasmtime::WasmCoreDump>()?;
        let name = self.unit.digest().to_string();
        let bytes = dump.serialize(store, &name);
        files::write(folder, &name, "coredump", &bytes)
    }

    /// Writes the call's profile, where they are asked for and it was seen at work.
    fn profile(&self, store: &mut Store<State>) {
        let profile = store.data_mut().profiler.take().and_then(|profiler| profiler.finish());
        if let (Some(folder), Some(profile)) = (&self.shared.settings.profiles, profile) {
            let _ = files::write(folder, &self.unit.digest().to_string(), "json", &profile);
        }
    }

    async fn enter(&self, store: &mut Store<State>, call: Call<'_>, input: Option<Bytes>) -> wasmtime::Result<Answer> {
        match &self.entry {
            Entry::Core(entry) => entry.call(store, call).await,
            Entry::Bytes(entry) => entry.call(store, call.limits, input.unwrap_or_default(), self.output).await,
            Entry::Component(entry) => entry.call(store, call).await,
            Entry::Program(entry) => entry.call(store).await,
            Entry::ProgramComponent(entry) => entry.call(store).await,
        }
    }
}

impl PreparedUnit for Prepared {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Outcome> {
        // A defect of the host's side of a call (a host function that panics) ends this attempt and nothing else.
        Box::pin(async move {
            let caught = AssertUnwindSafe(self.run(call)).catch_unwind().await;
            caught.unwrap_or_else(|panic| {
                let message = format!("the host's side of the call panicked: {}", panic_message(&*panic));
                Outcome::failed(Verdict::HostError { message }, Usage::default())
            })
        })
    }
}

/// Ends a guest whose time is over: one that waits in the host, which epochs do not reach, and one that waits for its turn among
/// many that compute, which would otherwise have to be let in once more to be told.
async fn within(
    guest: impl Future<Output = wasmtime::Result<Answer>>,
    can_wait: bool,
    deadline: &Deadline,
    turns: &Turns,
    call: Call<'_>,
) -> wasmtime::Result<Answer> {
    let mut guest = pin!(guest);
    // Most guests are done before they yield.
    if let Poll::Ready(result) = futures_util::poll!(guest.as_mut()) {
        return result;
    }
    let mut turn = turns.guest(deadline.end());
    turn.waits();
    let guest = poll_fn(|context| {
        if let Err(stop) = deadline.check() {
            return Poll::Ready(Err(stop.into()));
        }
        if !turn.comes() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let result = guest.as_mut().poll(context);
        if result.is_pending() {
            turn.waits();
        }
        result
    });
    // Without a runtime there are no timers, and nothing that a guest could wait for.
    if !can_wait || tokio::runtime::Handle::try_current().is_err() {
        return guest.await;
    }
    tokio::select! {
        biased;
        result = guest => result,
        () = tokio::time::sleep(deadline.remaining()) => Err(Stop::Deadline.into()),
        () = call.cancel.cancelled() => Err(Stop::Cancelled.into()),
    }
}

fn internal(message: &str) -> PrepareError {
    PrepareError::Host { message: message.to_owned() }
}

fn unlinked(unit: &Unit, error: &wasmtime::Error) -> PrepareError {
    if let Some(unknown) = error.downcast_ref::<UnknownImportError>() {
        return PrepareError::MissingImport {
            import: format!("{}::{}", unknown.module(), unknown.name()),
            help: wasmill_unit::missing_import_help(unknown.module(), unknown.name()),
        };
    }
    // Components name the interface in their message only; the unit's own imports tell which one nobody provides.
    if let Some(import) = unit.info().imports.iter().find(|import| !import.provided) {
        return PrepareError::MissingImport {
            import: import.module.to_string(),
            help: wasmill_unit::missing_import_help(&import.module, &import.name),
        };
    }
    invalid(error)
}
