//! The engine, how it allocates, and whether the compiler's process works.

use std::time::{Duration, Instant};

use wasmill_engine::{Binding, Engine as _};
use wasmill_engine_wasmtime::{Allocator, Settings, WasmtimeEngine};
use wasmill_model::{Policy, format_duration};
use wasmill_unit::Unit;

use super::{Check, Status};
use crate::commands::engines;
use crate::host::{self, MOST_SLOTS};
use crate::settings::{self, CompilerChoice, EnginesSettings};

const TOPIC: &str = "engine";

/// The smallest module that has something to compile: a function without parameters, exported as `f`.
const TINY: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x05\x01\x01f\0\0\x0a\x04\x01\x02\0\x0b";

pub(super) fn look() -> Vec<Check> {
    let mut checks = Vec::new();
    match WasmtimeEngine::new(Settings { slots: MOST_SLOTS, ..Settings::default() }) {
        Ok(engine) => {
            let name = &engine.info().name;
            checks.push(Check::ok(TOPIC, &*name.name, name.version.to_string()));
            checks.push(match engine.allocator() {
                Allocator::Pooling => Check::ok(
                    TOPIC,
                    "allocator",
                    format!("pooling, {MOST_SLOTS} slots: a fresh instance costs microseconds"),
                ),
                Allocator::OnDemand { reason } => Check::ok(
                    TOPIC,
                    "allocator",
                    format!("on demand, from the system, which is slower: {reason}"),
                )
                .but(
                    Status::Warning,
                    "give the process more address space: `ulimit -v unlimited`, or a larger limit of the container",
                ),
            });
        }
        Err(error) => checks.push(
            Check::ok(TOPIC, "wasmtime", error.to_string())
                .but(Status::Error, "look at the machine below: memory, threads, address space"),
        ),
    }
    checks.push(compiler());
    checks.extend(others());
    checks
}

/// The other engines. None is needed, so that one which does not work is no error.
fn others() -> Vec<Check> {
    let settings = EnginesSettings { policy: Policy::default(), compiler: CompilerChoice::InProcess };
    let rows = match engines::look(&settings) {
        Ok(rows) => rows,
        Err(failure) => {
            let check = Check::ok(TOPIC, "others", failure.message());
            return vec![check.but(Status::Error, "set the variable right, or `unset` it")];
        }
    };
    let others = rows.into_iter().filter(|row| row.sandboxed && &*row.name != "wasmtime");
    others
        .map(|row| match row.reason {
            None => Check::ok(TOPIC, &*row.name, row.version.to_string()),
            Some(reason) => {
                let (found, help) = reason.rsplit_once("; ").unwrap_or((&reason, "`wasmill engines` tells more"));
                Check::ok(TOPIC, &*row.name, found.to_owned()).but(Status::Warning, help)
            }
        })
        .collect()
}

/// Compiles a tiny unit just as a run does.
fn compiler() -> Check {
    let check = |found: String| Check::ok(TOPIC, "compiler", found);
    let (memory, timeout) = match settings::compiler() {
        Ok(CompilerChoice::Child { memory, timeout }) => (memory, timeout),
        Ok(CompilerChoice::InProcess) => {
            return check("in this process, without limits: `WASMILL_COMPILER` says so".to_owned())
                .but(Status::Warning, "`unset WASMILL_COMPILER`, except for debugging");
        }
        Err(failure) => {
            return check(failure.message())
                .but(Status::Error, "`unset WASMILL_COMPILER WASMILL_COMPILE_MEMORY WASMILL_COMPILE_TIMEOUT`");
        }
    };
    let start = Instant::now();
    match compile_tiny(memory, timeout) {
        Ok(()) => {
            let limits = format!("{} and {} s for a unit", wasmill_model::format_bytes(memory), timeout.as_secs_f64());
            check(format!("works, in a child process: {limits}; a tiny one took {}", format_duration(start.elapsed())))
        }
        Err(message) => check(format!("does not work: {message}")).but(
            Status::Error,
            "let this program start itself: `chmod +x` its file, and raise the limit of processes (`ulimit -u`)",
        ),
    }
}

fn compile_tiny(memory: u64, timeout: Duration) -> Result<(), String> {
    let compiler = host::compiler(CompilerChoice::Child { memory, timeout }).map_err(|failure| failure.message())?;
    let settings = Settings { slots: 1, compiler, ..Settings::default() };
    let engine = WasmtimeEngine::new(settings).map_err(|error| error.to_string())?;
    let unit = Unit::from_binary(TINY.to_vec()).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    let prepared = runtime.block_on(async { engine.prepare(&unit, &Binding::default()).await.map(drop) });
    prepared.map_err(|error| error.to_string())
}
