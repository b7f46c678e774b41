//! Units as native code, by WasmEdge's own compiler: for the profile `fast`.
//!
//! The compiler is a large program that eats hostile bytes, and what it makes is native code: so it runs kept in as calls do, and what is kept
//! of it is loaded only with the seal of this installation. It counts gas by blocks, where the interpreter counts instructions; so metered units are
//! not compiled.

use std::ffi::OsString;
use std::fs;
use std::time::UNIX_EPOCH;

use wasmill_artifact::{Ended, Environment, Launch, Stopped, Stopper, Worker};
use wasmill_engine::PrepareError;
use wasmill_model::{Digest, Profile};

use crate::call::UNIT;
use crate::engine::{Shared, unwritten};
use crate::scratch::Room;

/// The compiled unit, in its room.
pub(crate) const OBJECT: &str = "unit.so";

/// Bytes of memory of the compiler.
const MEMORY: u64 = 4 << 30;
/// The most bytes of what it makes.
const MOST_OBJECT: u64 = 1 << 30;
/// Bytes of what it says that are kept.
const MOST_SAID: u64 = 64 << 10;

/// Puts the compiled unit into its room: from the cache, or from the compiler.
pub(crate) fn compile(
    shared: &Shared,
    unit: &Digest,
    binary: &[u8],
    room: &Room,
    stopper: &Stopper,
) -> Result<(), PrepareError> {
    let object = room.path().join(OBJECT);
    let key = key(shared, binary);
    if let Some(kept) = shared.settings.cache.as_ref().and_then(|cache| cache.load_object(&key)) {
        return fs::write(&object, kept).map_err(|error| unwritten(&error));
    }
    run(shared, room, stopper)?;
    let size = fs::symlink_metadata(&object).map(|file| if file.is_file() { file.len() } else { u64::MAX });
    match size {
        Ok(size) if size > 0 && size <= MOST_OBJECT => {}
        _ => return Err(failed("it made no file")),
    }
    if let Some(cache) = &shared.settings.cache {
        let made = fs::read(&object).map_err(|error| unwritten(&error))?;
        let compiler = format!("wasmedge {}", shared.program.version);
        cache.store_object(&key, unit, Profile::Fast, &compiler, &made);
    }
    Ok(())
}

/// All that goes into it: the very bytes, the very program, its options (there are none).
fn key(shared: &Shared, binary: &[u8]) -> Digest {
    let program = &shared.program;
    let facts = fs::metadata(&program.path).ok().map(|file| {
        let time = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        (file.len(), time.unwrap_or_default().as_nanos())
    });
    let words = format!("{} {:?} {facts:?}", program.version, program.path);
    Digest::of(&[Digest::of(binary).as_bytes(), words.as_bytes()].concat())
}

fn failed(message: &str) -> PrepareError {
    PrepareError::Unsupported { message: format!("WasmEdge's compiler failed: {message}") }
}

fn run(shared: &Shared, room: &Room, stopper: &Stopper) -> Result<(), PrepareError> {
    let settings = &shared.settings;
    let (program, args) = settings.command(Launch {
        program: shared.program.path.clone(),
        args: ["compile", UNIT, OBJECT].map(OsString::from).to_vec(),
        memory: MEMORY,
        cpu_seconds: settings.compile_timeout.as_secs().saturating_add(2),
        file_size: MOST_OBJECT,
        readable: shared.roots.clone(),
        writable: vec![room.path().to_owned()],
        network: false,
        all_files: false,
    });
    let temporary = vec![("TMPDIR".into(), room.path().into())];
    let worker = Worker {
        program,
        args,
        environment: Environment::Only(temporary),
        timeout: settings.compile_timeout,
        most_output: MOST_SAID,
        most_said: MOST_SAID,
        folder: Some(room.path().to_owned()),
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let most = usize::try_from(MOST_SAID).unwrap_or(usize::MAX);
    let mut read = |piece: &[u8]| {
        stdout.extend_from_slice(piece);
        stdout.len() <= most
    };
    let mut listen = |piece: &[u8]| {
        stderr.extend_from_slice(piece.get(..most.saturating_sub(stderr.len())).unwrap_or(piece));
        true
    };
    let watched = worker.watch(&[], &mut read, &mut listen, stopper).map_err(|error| failed(&error.to_string()))?;
    match watched.stopped {
        Some(Stopped::TimedOut) => {
            return Err(failed(&format!("it took longer than {} s", settings.compile_timeout.as_secs())));
        }
        Some(Stopped::Enough) => return Err(failed(&format!("its answer is larger than {MOST_SAID} bytes"))),
        Some(Stopped::Asked) => return Err(failed("nobody waited for it any more")),
        None if watched.ended == Ended::Exit(0) => return Ok(()),
        None => {}
    }
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let words = stdout.lines().chain(stderr.lines()).rev().find(|line| !line.trim().is_empty());
    Err(failed(words.unwrap_or("it does not say why")))
}
