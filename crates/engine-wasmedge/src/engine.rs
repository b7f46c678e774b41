//! The engine: what it can do, and units made ready.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use moka::future::Cache;
use tokio::sync::Semaphore;
use wasmill_artifact::{Stopper, on_thread};
use wasmill_engine::parts::Signature;
use wasmill_engine::{Binding, BoxFuture, Enforced, Engine, EngineInfo, PrepareError, PreparedUnit};
use wasmill_model::{Digest, DirMode, EngineName, Grants, Interface, LimitKind, Profile, Source};
use wasmill_unit::{Unit, missing_import_help};

use crate::call::{Folder, Prepared, Ready, UNIT};
use crate::probe::{self, FindError, Program};
use crate::rewrite::{self, Entry, Head, Plan, RewriteError, Rewritten};
use crate::scratch::Scratch;
use crate::settings::Settings;
use crate::{NAME, compile};

/// Units that are kept ready for the next who asks for them.
const MOST_READY: u64 = 256;

/// A unit's name for itself, as every engine gives it.
const PROGRAM_NAME: &str = "unit";

/// WasmEdge, found and asked for its version.
#[derive(Debug)]
pub struct WasmEdgeEngine {
    info: EngineInfo,
    shared: Arc<Shared>,
    /// Units that were made ready, those that were not used for longest left out.
    ready: Cache<Digest, Arc<Ready>>,
}

/// What the units of an engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) program: Program,
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) slots: Semaphore,
    pub(crate) scratch: Scratch,
}

impl WasmEdgeEngine {
    /// Looks for the program, and starts it once to ask for its version.
    ///
    /// # Errors
    /// It is turned off, not there, does not work, or is a version that is not known. The program that is not WasmEdge is named, with
    /// what it said.
    pub fn find(settings: Settings) -> Result<Self, FindError> {
        let program = probe::probe(&settings)?;
        let scratch = Scratch::new().map_err(FindError::Scratch)?;
        let info = EngineInfo {
            name: EngineName { name: NAME.into(), version: program.version.as_str().into() },
            sandboxed: probe::is_kept_in(&settings, &scratch),
            at_most: settings.at_most(),
            ..Self::description()
        };
        let roots = probe::roots(&program.path);
        let slots = Semaphore::new(settings.processes.clamp(1, Semaphore::MAX_PERMITS));
        let shared = Shared { settings, program, roots, slots, scratch };
        Ok(WasmEdgeEngine { info, shared: Arc::new(shared), ready: Cache::new(MOST_READY) })
    }

    /// What it is and can do where it is there, without starting anything: its version is empty.
    pub fn description() -> EngineInfo {
        use LimitKind::{Fuel, Instances, Log, Memory, Output, TableElements, Timeout};
        let limits = [Memory, Fuel, Timeout, Output, Log, TableElements, Instances];
        EngineInfo {
            name: EngineName { name: NAME.into(), version: "".into() },
            interfaces: vec![Interface::Core, Interface::Bytes, Interface::Command],
            limits: limits.map(|limit| (limit, Enforced::Yes)).to_vec(),
            profiles: vec![Profile::Metered, Profile::Fast],
            at_most: Settings::default().at_most(),
            functions: Vec::new(),
            sandboxed: true,
        }
    }
}

impl Engine for WasmEdgeEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn prepare<'a>(
        &'a self,
        unit: &'a Unit,
        binding: &'a Binding,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedUnit>, PrepareError>> {
        Box::pin(async move {
            let request = Request::new(unit.plain(), binding)?;
            let folders = folders(&binding.grants)?;
            let (signature, results) = (request.signature.clone(), request.results.clone());
            let (entry, digest) = (request.entry.clone(), unit.plain().digest());
            let (shared, key) = (self.shared.clone(), request.key());
            let make = async move {
                // Dropped with the last who waits for it: then nobody is left for the compiler to work for.
                let stopper = Stopper::default();
                let own = stopper.clone();
                let made = on_thread("wasmedge", stopper, move || ready(&shared, &request, &own)).await;
                made.unwrap_or_else(|error| Err(PrepareError::Host { message: error.to_string() }))
            };
            let ready = self.ready.try_get_with(key, make).await.map_err(|error| PrepareError::clone(&error))?;
            let prepared: Arc<dyn PreparedUnit> = Arc::new(Prepared {
                shared: self.shared.clone(),
                digest,
                is_core: matches!(entry, Entry::Core(_)),
                is_bytes: entry == Entry::Bytes,
                signature,
                results,
                output: binding.output,
                profile: binding.profile,
                folders,
                head: head(binding),
                ready,
            });
            Ok(prepared)
        })
    }
}

/// What a unit is made ready for: all that goes into the file that WasmEdge is given.
struct Request {
    unit: Unit,
    entry: Entry,
    profile: Profile,
    virtual_clock: bool,
    seeded: bool,
    signature: Option<Signature>,
    results: Vec<String>,
}

impl Request {
    fn new(unit: &Unit, binding: &Binding) -> Result<Self, PrepareError> {
        let info = unit.info();
        let unsupported = |message: String| PrepareError::Unsupported { message };
        if !binding.grants.net.is_empty() {
            return Err(unsupported("WasmEdge is given no network; wasmtime is".to_owned()));
        }
        if info.is_component || info.interface == Interface::Component {
            return Err(unsupported("WasmEdge's program runs no components; wasmtime does".to_owned()));
        }
        if binding.profile == Profile::Deterministic {
            return Err(unsupported(
                "WasmEdge leaves it to the machine which bits a NaN has, so it has no profile `deterministic`; wasmtime has"
                    .to_owned(),
            ));
        }
        let function = info.resolve(binding.function.as_deref())?;
        if let Some(import) = info.imports.iter().find(|import| !import.provided) {
            return Err(PrepareError::MissingImport {
                help: missing_import_help(&import.module, &import.name),
                import: format!("{}::{}", import.module, import.name),
            });
        }
        let is_foreign = |module: &str| !matches!(module, "wasi_snapshot_preview1" | "env");
        if let Some(import) = info.imports.iter().find(|import| is_foreign(&import.module)) {
            return Err(unsupported(format!(
                "WasmEdge has no function `{}` of `{}`, which is the host's; wasmtime has",
                import.name, import.module
            )));
        }
        let (entry, signature, results) = match (info.interface, function) {
            (Interface::Command, _) => (Entry::Command, None, Vec::new()),
            (Interface::Bytes, _) => (Entry::Bytes, None, Vec::new()),
            (_, Some(function)) => {
                (Entry::Core(function.name.to_string()), Some(Signature::of(function)), function.results.clone())
            }
            (_, None) => return Err(PrepareError::Host { message: "a core unit without a function".to_owned() }),
        };
        Ok(Request {
            unit: unit.clone(),
            entry,
            profile: binding.profile,
            virtual_clock: binding.grants.clock == Source::Virtual,
            seeded: binding.grants.random == Source::Virtual,
            signature,
            results,
        })
    }

    /// All that the file depends on.
    fn key(&self) -> Digest {
        let Request { unit, entry, profile, virtual_clock, seeded, signature: _, results: _ } = self;
        let text = format!("{entry:?} {profile} {virtual_clock} {seeded}");
        Digest::of(&[unit.digest().as_bytes(), text.as_bytes()].concat())
    }
}

/// Rewrites a unit, compiles it where its profile says so, and puts it where WasmEdge can read it.
fn ready(shared: &Shared, request: &Request, stopper: &Stopper) -> Result<Arc<Ready>, PrepareError> {
    let plan = Plan {
        entry: &request.entry,
        virtual_clock: request.virtual_clock,
        seeded: request.seeded,
        metered: request.profile != Profile::Fast,
    };
    let rewritten = rewrite::rewrite(&request.unit.bytes(), &plan).map_err(|error| match error {
        RewriteError::Unsupported(message) => PrepareError::Unsupported { message },
        RewriteError::Invalid(message) => PrepareError::InvalidUnit { message },
        RewriteError::Defect(message) => PrepareError::Host { message },
    })?;
    let room = shared.scratch.room().map_err(|error| unwritten(&error))?;
    let Rewritten { binary, random, size } = rewritten;
    fs::write(room.path().join(UNIT), &binary).map_err(|error| unwritten(&error))?;
    let file = if request.profile == Profile::Fast {
        compile::compile(shared, &request.unit.digest(), &binary, &room, stopper)?;
        compile::OBJECT
    } else {
        UNIT
    };
    Ok(Arc::new(Ready { file, random, size, room }))
}

pub(crate) fn unwritten(error: &std::io::Error) -> PrepareError {
    PrepareError::Host { message: format!("the unit cannot be written for WasmEdge: {error}") }
}

/// The granted arguments and variables.
fn head(binding: &Binding) -> Head {
    let grants = &binding.grants;
    let arguments: Vec<String> = [PROGRAM_NAME.to_owned()].into_iter().chain(grants.args.iter().cloned()).collect();
    let secrets = grants.secrets.iter().filter_map(|name| Some((name.as_str(), &**binding.secrets.get(name)?)));
    let variables = grants.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(secrets);
    let variables: Vec<String> = variables.map(|(name, value)| format!("{name}={value}")).collect();
    Head::new(&arguments, &variables)
}

/// The granted folders as `--dir` takes them.
fn folders(grants: &Grants) -> Result<Vec<Folder>, PrepareError> {
    let mut folders = Vec::new();
    for (host, grant) in &grants.dirs {
        let cannot = |message: String| PrepareError::Host { message };
        let path = fs::canonicalize(host)
            .map_err(|error| cannot(format!("the granted folder `{}` cannot be opened: {error}", host.display())))?;
        let text = path.to_str().filter(|text| !text.contains(':') && !grant.at.contains(':'));
        let Some(text) = text else {
            return Err(PrepareError::Unsupported {
                message: format!(
                    "WasmEdge takes no folder with a colon in its name: `{}` at `{}`",
                    path.display(),
                    grant.at
                ),
            });
        };
        let writable = grant.mode == DirMode::Rw;
        let option = format!("{}:{text}{}", grant.at, if writable { "" } else { ":readonly" });
        folders.push(Folder { option, path, writable });
    }
    Ok(folders)
}
