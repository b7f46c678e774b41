//! The engine: what it can do, and units made ready.

use std::fs;
use std::sync::Arc;

use tokio::sync::Semaphore;
use wasmill_engine::parts::Signature;
use wasmill_engine::{Binding, BoxFuture, Enforced, Engine, EngineInfo, PrepareError, PreparedUnit};
use wasmill_model::{DirMode, EngineName, Grants, Interface, LimitKind, Profile, Source};
use wasmill_unit::{Unit, missing_import_help};

use crate::NAME;
use crate::call::Prepared;
use crate::probe::{self, FindError, Program};
use crate::rewrite::{self, Entry, Plan, RewriteError};
use crate::scratch::Scratch;
use crate::settings::Settings;

/// A unit's name for itself, as every engine gives it.
const PROGRAM_NAME: &str = "unit";

/// WasmEdge, found and asked for its version.
#[derive(Debug)]
pub struct WasmEdgeEngine {
    info: EngineInfo,
    shared: Arc<Shared>,
}

/// What the units of an engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) program: Program,
    pub(crate) roots: Vec<std::path::PathBuf>,
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
            sandboxed: settings.launcher.is_some(),
            ..Self::description()
        };
        let roots = probe::roots(&program.path);
        let slots = Semaphore::new(settings.processes.clamp(1, Semaphore::MAX_PERMITS));
        Ok(WasmEdgeEngine { info, shared: Arc::new(Shared { settings, program, roots, slots, scratch }) })
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
            let prepared: Arc<dyn PreparedUnit> = Arc::new(prepare(&self.shared, unit.plain(), binding)?);
            Ok(prepared)
        })
    }
}

fn prepare(shared: &Arc<Shared>, unit: &Unit, binding: &Binding) -> Result<Prepared, PrepareError> {
    let info = unit.info();
    let unsupported = |message: String| PrepareError::Unsupported { message };
    if info.is_component || info.interface == Interface::Component {
        return Err(unsupported("WasmEdge's program runs no components; wasmtime does".to_owned()));
    }
    if binding.profile == Profile::Deterministic {
        let message = "WasmEdge leaves it to the machine which bits a NaN has, so it has no profile `deterministic`; wasmtime has";
        return Err(unsupported(message.to_owned()));
    }
    let function = info.resolve(binding.function.as_deref())?;
    for import in info.imports.iter().filter(|import| !import.provided) {
        let name = format!("{}::{}", import.module, import.name);
        return Err(PrepareError::MissingImport {
            help: missing_import_help(&import.module, &import.name),
            import: name,
        });
    }
    if let Some(import) = info.imports.iter().find(|import| !matches!(&*import.module, "wasi_snapshot_preview1" | "env")) {
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
    let grants = &binding.grants;
    let arguments: Vec<String> = [PROGRAM_NAME.to_owned()].into_iter().chain(grants.args.iter().cloned()).collect();
    let secrets = grants.secrets.iter().filter_map(|name| Some((name.as_str(), &**binding.secrets.get(name)?)));
    let variables = grants.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(secrets);
    let variables: Vec<String> = variables.map(|(name, value)| format!("{name}={value}")).collect();
    let plan = Plan {
        entry: &entry,
        arguments: &arguments,
        variables: &variables,
        virtual_clock: grants.clock == Source::Virtual,
        seeded: grants.random == Source::Virtual,
    };
    let rewritten = rewrite::rewrite(&unit.bytes(), &plan).map_err(|error| match error {
        RewriteError::Unsupported(message) => PrepareError::Unsupported { message },
        RewriteError::Invalid(message) => PrepareError::InvalidUnit { message },
        RewriteError::Defect(message) => PrepareError::Host { message },
    })?;
    let folders = folders(grants)?;
    let cannot = |error: std::io::Error| PrepareError::Host {
        message: format!("the unit cannot be written for WasmEdge: {error}"),
    };
    let room = shared.scratch.room().map_err(cannot)?;
    fs::write(room.path().join(crate::call::UNIT), &rewritten.binary).map_err(cannot)?;
    Ok(Prepared {
        shared: shared.clone(),
        digest: unit.digest(),
        is_core: matches!(entry, Entry::Core(_)),
        is_bytes: entry == Entry::Bytes,
        signature,
        results,
        output: binding.output,
        profile: binding.profile,
        folders,
        random: rewritten.random,
        size: rewritten.size,
        room,
    })
}

/// The granted folders as `--dir` takes them.
fn folders(grants: &Grants) -> Result<Vec<crate::call::Folder>, PrepareError> {
    let mut folders = Vec::new();
    for (host, grant) in &grants.dirs {
        let cannot = |message: String| PrepareError::Host { message };
        let path = fs::canonicalize(host)
            .map_err(|error| cannot(format!("the granted folder `{}` cannot be opened: {error}", host.display())))?;
        let text = path.to_str().filter(|text| !text.contains(':') && !grant.at.contains(':'));
        let Some(text) = text else {
            return Err(PrepareError::Unsupported {
                message: format!("WasmEdge takes no folder with a colon in its name: `{}` at `{}`", path.display(), grant.at),
            });
        };
        let writable = grant.mode == DirMode::Rw;
        let option = format!("{}:{text}{}", grant.at, if writable { "" } else { ":readonly" });
        folders.push(crate::call::Folder { option, path, writable });
    }
    Ok(folders)
}
