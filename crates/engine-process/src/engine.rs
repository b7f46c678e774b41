//! The engine: what it can do, and programs made ready.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;
use wasmill_engine::{Binding, BoxFuture, Enforced, Engine, EngineInfo, PrepareError, PreparedUnit};
use wasmill_model::{EngineName, Interface, LimitKind, LimitOverrides, Profile};
use wasmill_unit::Unit;

use crate::NAME;
use crate::call::Prepared;

/// How programs are started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program that calls [`wasmill_artifact::launch`] when it is started with these arguments first: this very one, most likely. Without
    /// one, the system's resource limits are those of this process, and memory is not limited.
    pub launcher: Option<(PathBuf, Vec<OsString>)>,
    /// The most processes at a time.
    pub processes: usize,
}

impl Default for Settings {
    /// No launcher; as many processes as there are cores.
    fn default() -> Self {
        Settings { launcher: None, processes: std::thread::available_parallelism().map_or(1, usize::from) }
    }
}

/// Runs native programs.
#[derive(Debug)]
pub struct ProcessEngine {
    info: EngineInfo,
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) launcher: Option<(PathBuf, Vec<OsString>)>,
    pub(crate) slots: Semaphore,
}

impl ProcessEngine {
    /// An engine; nothing is started.
    pub fn new(Settings { launcher, processes }: Settings) -> Self {
        let slots = Semaphore::new(processes.clamp(1, Semaphore::MAX_PERMITS));
        ProcessEngine { info: Self::description(), shared: Arc::new(Shared { launcher, slots }) }
    }

    /// What it is and can do, without making one. It is a version of nothing but the system.
    pub fn description() -> EngineInfo {
        use LimitKind::{Fuel, Instances, Log, Memory, Output, TableElements, Timeout};
        let version = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
        // A program has no tables and no instances: none is one too many. What it starts has as much memory again.
        let held = [Timeout, Output, Log, TableElements, Instances].map(|limit| (limit, Enforced::Yes));
        EngineInfo {
            name: EngineName { name: NAME.into(), version: version.into() },
            interfaces: vec![Interface::Native],
            limits: held.into_iter().chain([Memory, Fuel].map(|limit| (limit, Enforced::No))).collect(),
            profiles: vec![Profile::Metered, Profile::Fast],
            at_most: LimitOverrides::default(),
            functions: Vec::new(),
            sandboxed: false,
        }
    }
}

impl Engine for ProcessEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn prepare<'a>(
        &'a self,
        unit: &'a Unit,
        binding: &'a Binding,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedUnit>, PrepareError>> {
        Box::pin(async move {
            let info = unit.info();
            info.resolve(binding.function.as_deref())?;
            let Some(program) = &info.program else {
                let message = format!("a {} unit is WebAssembly, which is no native program", info.interface);
                return Err(PrepareError::Unsupported { message });
            };
            let stamp = Stamp::of(program).map_err(|message| PrepareError::InvalidUnit { message })?;
            if let Some((folder, _)) = binding
                .grants
                .dirs
                .iter()
                .find(|(folder, grant)| std::path::absolute(folder).ok().as_deref() != Some(Path::new(&*grant.at)))
            {
                let message = format!(
                    "a native program sees the host's own folders: `{}` cannot be given to it under another name",
                    folder.display()
                );
                return Err(PrepareError::Unsupported { message });
            }
            let prepared: Arc<dyn PreparedUnit> = Arc::new(Prepared {
                shared: self.shared.clone(),
                program: program.clone(),
                stamp,
                binding: binding.clone(),
            });
            Ok(prepared)
        })
    }
}

/// What a file was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    length: u64,
    modified: Option<std::time::SystemTime>,
    inode: (u64, u64),
}

impl Stamp {
    /// Looks at a program.
    pub(crate) fn of(program: &Path) -> Result<Self, String> {
        let metadata =
            fs::metadata(program).map_err(|error| format!("`{}` cannot be started: {error}", program.display()))?;
        if !metadata.is_file() {
            return Err(format!("`{}` is no program", program.display()));
        }
        if !may_be_run(&metadata) {
            return Err(format!("`{}` may not be run: `chmod +x` makes it a program", program.display()));
        }
        Ok(Stamp { length: metadata.len(), modified: metadata.modified().ok(), inode: inode(&metadata) })
    }
}

#[cfg(unix)]
fn may_be_run(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn may_be_run(_: &Metadata) -> bool {
    true
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> (u64, u64) {
    (0, 0)
}
