//! One call, from the fresh store to the verdict; what differs by interface stands in the modules below.

mod bytes;
mod command;
mod core;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use ::bytes::Bytes;
use futures_util::FutureExt as _;
use wasmi::{Func, Instance, Linker, Store};
use wasmill_engine::parts::{
    Deadline, Stop, Turns, final_verdict, log_text, panic_message, size_of_input, with_last_words,
};
use wasmill_engine::{Binding, BoxFuture, Call, Outcome, PrepareError, PreparedUnit};
use wasmill_model::{Grants, Interface, OutputFormat, Profile, Secrets, Usage, Value, Verdict};
use wasmill_preview1::{self as preview1, Meter, Preview1, Surroundings};
use wasmill_unit::Unit;

use crate::compile::Code;
use crate::link::linker;
use crate::outcome::End;
use crate::slices::{Fuel, Guest};
use crate::state::State;

/// A unit that is translated, linked and bound.
pub(crate) struct Prepared {
    unit: Unit,
    code: Code,
    linker: Linker<State>,
    turns: Arc<Turns>,
    grants: Arc<Grants>,
    secrets: Secrets,
    profile: Profile,
    output: OutputFormat,
    /// Whether the guest imports WASI.
    imports_wasi: bool,
    /// Whether it is set up by `_initialize`.
    initialize: bool,
    entry: Entry,
}

enum Entry {
    Core(core::Entry),
    Bytes,
    Program,
}

/// What a call's guest side gives: the output, and how many bytes it has.
struct Answer {
    value: Value,
    bytes: u64,
}

impl Prepared {
    pub(crate) fn new(unit: &Unit, binding: &Binding, code: Code, turns: &Arc<Turns>) -> Result<Self, PrepareError> {
        let info = unit.info();
        let entry = match (info.interface, info.resolve(binding.function.as_deref())?) {
            (Interface::Bytes, _) => Entry::Bytes,
            (Interface::Command, _) => Entry::Program,
            (_, Some(function)) => Entry::Core(core::Entry::new(function)),
            (_, None) => {
                return Err(PrepareError::Host { message: "a core unit without a function".to_owned() });
            }
        };
        Ok(Prepared {
            linker: linker(&code.module)?,
            unit: unit.clone(),
            initialize: code.module.get_export("_initialize").is_some_and(|export| export.func().is_some()),
            code,
            turns: turns.clone(),
            grants: binding.grants.clone(),
            secrets: binding.secrets.clone(),
            profile: binding.profile,
            output: binding.output,
            // What a program gives is what it wrote, also where it cannot write.
            imports_wasi: preview1::is_imported(unit) || matches!(entry, Entry::Program),
            entry,
        })
    }

    async fn run(&self, call: Call<'_>) -> Outcome {
        let input = match &self.entry {
            Entry::Bytes | Entry::Program => Some(call.input.to_bytes()),
            Entry::Core(_) => None,
        };
        let bytes_in = input.as_ref().map_or_else(|| size_of_input(call.input), |bytes| bytes.len() as u64);
        let mut usage = Usage { bytes_in, ..Usage::default() };
        let deadline = Deadline::new(call.limits.timeout, call.cancel);

        let (mut preview1, mut streams) = (None, None);
        if self.imports_wasi {
            match Preview1::new(&self.surroundings(call, input.clone().unwrap_or_default())) {
                Ok(made) => {
                    streams = Some((made.stdout.clone(), made.stderr.clone()));
                    preview1 = Some(made);
                }
                Err(stop) => return Outcome::failed(stop.verdict(call.limits, &deadline), usage),
            }
        }
        let meter = preview1.is_some().then(|| Meter::new(&deadline));
        let mut store = Store::new(self.code.module.engine(), State::new(call.limits, preview1, meter));
        store.limiter(|state| &mut state.limiter);

        let mut fuel = Fuel::new((self.profile != Profile::Fast).then_some(call.limits.fuel));
        let mut guest = Guest {
            store: &mut store,
            fuel: &mut fuel,
            deadline: &deadline,
            cancel: call.cancel,
            turns: &self.turns,
            turn: None,
        };
        let mut result = match deadline.check() {
            Ok(()) => self.enter(&mut guest, call, input).await,
            Err(stop) => Err(stop.into()),
        };
        drop(guest);

        usage.fuel = fuel.used(&store);
        let limiter = &store.data().limiter;
        usage.peak_memory = limiter.peak();

        let mut log = String::new();
        if let Some((stdout, stderr)) = streams {
            // A guest that survived being told that it wrote too much has written too much all the same.
            if (stdout.is_over() || stderr.is_over()) && !matches!(&result, Err(End::Stop(_))) {
                let over = if stderr.is_over() { Stop::Log } else { Stop::Output { produced: call.limits.output + 1 } };
                result = Err(over.into());
            }
            let text = stderr.take();
            usage.log_bytes = text.len() as u64;
            log = log_text(&text, call.limits.log);
            if let (Ok(answer), Entry::Program) = (&mut result, &self.entry) {
                let written = stdout.take();
                answer.bytes = written.len() as u64;
                match wasmill_engine::convert_output(written, self.output) {
                    Ok(value) => answer.value = value,
                    Err(message) => result = Err(Stop::Guest(message).into()),
                }
            }
        }

        // What the host does after the guest (reading its output) takes its time as well.
        if deadline.elapsed() >= call.limits.timeout && !matches!(&result, Err(End::Stop(_))) {
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
                Outcome { output: Some(answer.value), log, ..Outcome::failed(Verdict::Ok, usage) }
            }
            Err(end) => {
                let refused = match end {
                    End::TooMany => Some(limiter.too_many()),
                    End::TooLarge => Some(limiter.too_large()),
                    _ => limiter.refused(),
                };
                // Preview 1 has nothing that is denied by name: what was not granted is not there.
                let verdict = final_verdict(end.verdict(call.limits, &deadline), refused, None);
                if matches!(verdict, Verdict::TimedOut { .. } | Verdict::Cancelled) {
                    // Where a guest is when the clock stops it depends on the machine.
                    usage.fuel = None;
                }
                let verdict = with_last_words(verdict, &log);
                Outcome { log, ..Outcome::failed(verdict, usage) }
            }
        }
    }

    fn surroundings<'a>(&'a self, call: Call<'a>, stdin: Bytes) -> Surroundings<'a> {
        Surroundings {
            grants: &self.grants,
            secrets: &self.secrets,
            limits: call.limits,
            unit: self.unit.digest(),
            input: call.input,
            stdin,
            stdout_is_log: !matches!(self.entry, Entry::Program),
            sink: call.stdout,
            frozen: self.profile == Profile::Deterministic,
        }
    }

    async fn enter(&self, guest: &mut Guest<'_>, call: Call<'_>, input: Option<Bytes>) -> Result<Answer, End> {
        let input = input.unwrap_or_default();
        match &self.entry {
            Entry::Core(entry) => {
                let params = entry.lower(call.input)?;
                let instance = self.instantiate(guest).await?;
                entry.call(guest, instance, &params).await
            }
            Entry::Bytes => {
                let length = bytes::length(&input)?;
                let instance = self.instantiate(guest).await?;
                bytes::call(guest, instance, call.limits, &input, length, self.output).await
            }
            Entry::Program => {
                let instance = self.instantiate(guest).await?;
                command::call(guest, instance).await
            }
        }
    }

    /// A fresh instance, whose start function has run, and its `_initialize` (of a program, that is an export like any other).
    async fn instantiate(&self, guest: &mut Guest<'_>) -> Result<Instance, End> {
        let instance = self.linker.instantiate_and_start(&mut *guest.store, &self.code.module)?;
        // Memories and tables, and what stands in them at first, are made in one go.
        guest.deadline.check()?;
        if let Some(start) = &self.code.start {
            let start = function(guest, instance, start)?;
            guest.call(&start, &[], &mut []).await?;
        }
        if self.initialize && !matches!(self.entry, Entry::Program) {
            let initialize = function(guest, instance, "_initialize")?;
            if initialize.typed::<(), ()>(&*guest.store).is_err() {
                return Err(Stop::Abi("`_initialize` takes or gives something".to_owned()).into());
            }
            guest.call(&initialize, &[], &mut []).await?;
        }
        Ok(instance)
    }
}

/// A function that the unit was found to export.
fn function(guest: &Guest<'_>, instance: Instance, name: &str) -> Result<Func, End> {
    let function = instance.get_func(&*guest.store, name);
    function.ok_or_else(|| Stop::Abi(format!("the export `{name}` is gone")).into())
}

impl PreparedUnit for Prepared {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Outcome> {
        // A defect of the host's side of a call ends this attempt and nothing else.
        Box::pin(async move {
            let caught = AssertUnwindSafe(self.run(call)).catch_unwind().await;
            caught.unwrap_or_else(|panic| {
                let message = format!("the host's side of the call panicked: {}", panic_message(&*panic));
                Outcome::failed(Verdict::HostError { message }, Usage::default())
            })
        })
    }
}
