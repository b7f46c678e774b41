//! Whether there is a WasmEdge: every way in which there is none has its words.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use wasmill_engine::Engine as _;
use wasmill_engine_wasmedge::{FindError, Settings, WasmEdgeEngine};

use crate::program::{Fake, engine, executable, find};

fn refused(settings: Settings) -> String {
    let error = WasmEdgeEngine::find(settings).unwrap_err();
    assert!(!error.help().is_empty());
    error.to_string()
}

#[test]
fn the_real_one_says_its_version() {
    let engine = engine();
    let info = engine.info();
    assert_eq!(&*info.name.name, "wasmedge");
    assert!(info.name.version.starts_with("0.17."), "{}", info.name.version);
    assert!(info.sandboxed);
    let described = WasmEdgeEngine::description();
    assert_eq!(
        (&described.interfaces, &described.limits, &*described.name.version),
        (&info.interfaces, &info.limits, "")
    );
}

#[test]
fn without_a_launcher_it_is_no_sandbox() {
    assert!(!Fake::new("").engine().info().sandboxed);
}

/// Starts a program with all that this user may do.
fn no_launcher() -> (PathBuf, Vec<OsString>) {
    let script = "while [ \"$1\" != program ]; do shift 2; done; shift; exec \"$@\"";
    ("/bin/sh".into(), ["-c", script, "launcher"].map(OsString::from).to_vec())
}

#[test]
fn with_a_launcher_that_keeps_no_files_from_it_it_is_no_sandbox() {
    let settings = Settings { launcher: Some(no_launcher()), ..crate::program::settings() };
    assert!(!find(settings).info().sandboxed);
}

#[test]
fn one_that_does_not_work_kept_in_is_found_out_at_once() {
    let real = crate::program::settings();
    let path = real.folders.iter().map(|folder| folder.join("wasmedge")).find(|path| path.is_file()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let elsewhere = place.path().join("wasmedge");
    fs::copy(fs::canonicalize(path).unwrap(), &elsewhere).unwrap();
    let fake = Fake::script(&format!("exec '{}' \"$@\"", elsewhere.display()));
    let said = refused(Settings { program: Some(fake.program.clone()), ..crate::program::settings() });
    assert!(said.contains("Permission denied"), "{said}");
}

#[test]
fn one_that_is_turned_off_is_not_started() {
    let fake = Fake::script("echo started > '{}'/started");
    assert!(matches!(WasmEdgeEngine::find(Settings { enabled: false, ..fake.settings() }), Err(FindError::Disabled)));
    assert!(!fake.folder.path().join("started").exists());
}

#[test]
fn one_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = refused(Settings { folders: vec![folder.path().to_owned()], ..Settings::default() });
    assert_eq!(nowhere, "looked for `wasmedge` on the PATH and among Wasmill's tools; it is not there");
    let named = refused(Settings { program: Some("/no/such/wasmedge".into()), ..Settings::default() });
    assert_eq!(named, "looked for `/no/such/wasmedge`, which WASMEDGE_PATH names; it is not there");
    // A file that is no program is passed over on the PATH.
    let file = folder.path().join("wasmedge");
    fs::write(&file, "").unwrap();
    executable(&file, false);
    refused(Settings { folders: vec![folder.path().to_owned()], ..Settings::default() });
}

#[test]
fn one_that_does_not_work_is_named_with_what_it_says() {
    let refuse = |script: &str| {
        let fake = Fake::script(script);
        refused(fake.settings()).replace(&fake.program.display().to_string(), "PROGRAM")
    };
    assert_eq!(
        refuse("echo 'libLLVM.so: cannot open shared object file' >&2; exit 127"),
        "`PROGRAM` does not work: `--version` ended with exit code 127: libLLVM.so: cannot open shared object file"
    );
    assert_eq!(refuse("kill -9 $$"), "`PROGRAM` does not work: `--version` ended with signal 9");
    assert_eq!(
        refuse("echo wasmtime 48.0.0"),
        "`PROGRAM` does not work: `--version` does not name WasmEdge: wasmtime 48.0.0"
    );
    assert_eq!(refuse("exit 0"), "`PROGRAM` does not work: `--version` does not name WasmEdge");
    assert_eq!(refuse("echo wasmedge version 0.14.1"), "`PROGRAM` is version 0.14.1; Wasmill works with 0.17");
    assert_eq!(refuse("while :; do echo y; done"), "`PROGRAM` does not work: its answer is larger than 65536 bytes");
}

#[test]
fn one_that_cannot_be_started_is_named() {
    let fake = Fake::script("");
    executable(&fake.program, false);
    assert!(refused(fake.settings()).contains("it cannot be started: Permission denied"));
    fs::write(&fake.program, "no program\n").unwrap();
    executable(&fake.program, true);
    assert!(refused(fake.settings()).contains("it cannot be started: Exec format error"));
}

#[test]
fn one_that_never_answers_is_not_waited_for() {
    let fake = Fake::script("echo $$ > '{}'/process; exec sleep 1000");
    let settings = Settings { patience: Duration::from_millis(200), ..fake.settings() };
    assert!(refused(settings).ends_with("it did not say its version within 200 ms"));
    assert!(!crate::program::is_there(&fake.said("process")));
}
