//! The program from outside: what it answers to what it is given. On this machine, and (`hosts`) as WebAssembly.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod hosts;
mod requests;
mod runs;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wasmill_model::ExitCode;

/// What it answers: the exit code, stdout, stderr.
fn run(arguments: &[&str], stdin: impl AsRef<[u8]>) -> (ExitCode, String, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let arguments = arguments.iter().map(|argument| (*argument).to_owned());
    let code = wasmill_wasi::run(arguments, stdin.as_ref(), &mut stdout, &mut stderr);
    (code, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A binary as requests have it.
fn base64(text: &str) -> String {
    STANDARD.encode(wat::parse_str(text).unwrap())
}

/// The folder of the units of the tests, gone with it.
fn units(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let is_text = path.extension().is_some_and(|extension| extension != "wasm");
        std::fs::write(&path, if is_text { text.as_bytes().to_vec() } else { wat::parse_str(text).unwrap() }).unwrap();
    }
    folder
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Doubles a number.
const DOUBLE: &str =
    r#"(module (func (export "double") (param i32) (result i32) (i32.add (local.get 0) (local.get 0))))"#;

/// Answers with what it is given.
const ECHO: &str = r#"(module
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 1024))
    (func (export "allocate") (param $size i32) (result i32)
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get $size) (i32.const 7)) (i32.const -8)))))
    (func (export "deallocate") (param i32 i32))
    (func (export "process") (param $ptr i32) (param $len i32) (param $out i32) (result i32)
      (i32.store (local.get $out) (local.get $len))
      (local.get $ptr)))"#;
