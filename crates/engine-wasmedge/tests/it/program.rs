//! The WasmEdge of the tests, and programs in its place.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmill_engine::{Binding, Call, Cancel, Engine as _, Outcome, PreparedUnit};
use wasmill_engine_wasmedge::{Settings, WasmEdgeEngine};
use wasmill_model::{Grants, Input, Limits};
use wasmill_unit::Unit;

/// The folders where `cargo xtask setup` leaves it, and those of the PATH.
fn folders() -> Vec<PathBuf> {
    use etcetera::{BaseStrategy as _, choose_base_strategy};

    let named = std::env::var_os("WASMILL_TOOLS").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let tools = named.unwrap_or_else(|| choose_base_strategy().unwrap().cache_dir().join("wasmill/tools"));
    let path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    [vec![tools.join("wasmedge/bin")], path].concat()
}

/// Settings of the real one.
pub(crate) fn settings() -> Settings {
    Settings { folders: folders(), launcher: Some(launcher()), ..Settings::default() }
}

/// The real one, kept in.
pub(crate) fn engine() -> WasmEdgeEngine {
    find(settings())
}

pub(crate) fn find(settings: Settings) -> WasmEdgeEngine {
    WasmEdgeEngine::find(settings)
        .unwrap_or_else(|error| panic!("there is no WasmEdge: {error}\nhelp: `cargo xtask setup --only wasmedge`"))
}

/// This test program as a launcher. The harness has its say on stdout first; so stdout is kept aside as a third stream meanwhile.
fn launcher() -> (PathBuf, Vec<OsString>) {
    let script =
        "exec 3>&1 1>/dev/null; exec \"$0\" --exact program::launch --ignored --nocapture --test-threads=1 -- \"$@\"";
    let test = std::env::current_exe().unwrap();
    ("/bin/sh".into(), vec!["-c".into(), script.into(), test.into()])
}

/// The other end of [`launcher`].
#[test]
#[ignore = "it is a program that other tests start"]
fn launch() {
    let mut args: Vec<OsString> = std::env::args_os().skip_while(|arg| arg != "--").skip(1).collect();
    let program = (0..args.len()).step_by(2).find(|at| args[*at] == "program").expect("a launch names its program");
    let back: [OsString; 4] =
        ["/bin/sh".into(), "-c".into(), "exec \"$0\" \"$@\" 1>&3 3>&-".into(), args[program + 1].clone()];
    args.splice(program + 1..program + 2, back);
    let (_, message) = wasmill_artifact::launch(args);
    panic!("{message}");
}

/// A program that says that it is WasmEdge, and then does this (as a shell says it).
pub(crate) struct Fake {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) program: PathBuf,
}

impl Fake {
    pub(crate) fn new(does: &str) -> Self {
        Self::script(&format!(
            "case \"$1\" in --version) echo 'wasmedge version 0.17.1'; exit;; esac\nPLACE=$(pwd); cd '{{}}'\n{does}"
        ))
    }

    /// One that does this from the start; `{}` is its folder.
    pub(crate) fn script(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("wasmedge");
        let script = script.replace("{}", &folder.path().display().to_string());
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        executable(&program, true);
        Fake { folder, program }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { program: Some(self.program.clone()), ..Settings::default() }
    }

    pub(crate) fn engine(&self) -> WasmEdgeEngine {
        WasmEdgeEngine::find(self.settings()).unwrap()
    }

    /// What it wrote into a file of its folder; waits for it.
    pub(crate) fn said(&self, name: &str) -> String {
        loop {
            match fs::read_to_string(self.folder.path().join(name)) {
                Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                _ => std::thread::yield_now(),
            }
        }
    }
}

pub(crate) fn executable(path: &Path, yes: bool) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(if yes { 0o755 } else { 0o644 })).unwrap();
}

/// A unit made ready.
pub(crate) async fn prepared(engine: &WasmEdgeEngine, unit: &[u8], grants: Grants) -> Arc<dyn PreparedUnit> {
    let unit = Unit::from_binary(unit.to_vec()).unwrap();
    let binding = Binding { grants: Arc::new(grants), ..Binding::default() };
    engine.prepare(&unit, &binding).await.unwrap()
}

/// A call of a program that only prints what it reads.
pub(crate) async fn echo(engine: &WasmEdgeEngine, limits: &Limits) -> Outcome {
    let prepared = prepared(engine, &wasmill_testkit::guest("command", "echo"), Grants::default()).await;
    let (input, cancel) = (Input::from("hello"), Cancel::new());
    prepared.call(Call::new(&input, limits, &cancel)).await
}

/// Whether a process is there; one that nobody has waited for yet is gone.
pub(crate) fn is_there(process: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat"));
    status.is_ok_and(|status| !status.rsplit(')').next().unwrap().trim().starts_with('Z'))
}
