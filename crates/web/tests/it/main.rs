//! Wasmill in Chromium: what it answers is what it answers here. `cargo xtask web` builds it first; `cargo xtask test` does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod components;
mod same;

use std::path::PathBuf;
use std::process::{Command, Output};

use wasmill_testkit::workspace;

/// Node with a script of `web/tests/`, told where the package is.
fn node(arguments: &[&str]) -> Output {
    let package = built();
    let core = package.join("wasmill-web/wasmill.wasm");
    assert!(core.is_file(), "{} is not there: `cargo xtask web` builds it", core.display());
    let mut node = Command::new("node");
    node.current_dir(workspace()).args(arguments).env("WASMILL_WEB", package);
    node.output().unwrap_or_else(|error| panic!("`node` cannot be started ({error}): install Node.js 18 or newer"))
}

/// Where the package is.
fn built() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    target.join("web")
}

fn suite(name: &str) {
    let file = format!("web/tests/{name}.test.mjs");
    let output = node(&["--test", "--test-reporter=spec", &file]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{file}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn verdicts() {
    suite("verdicts");
}

#[test]
fn hostile_units() {
    suite("hostile");
}

#[test]
fn what_a_page_can_ask() {
    suite("api");
}

#[test]
fn a_thousand_runs() {
    suite("many");
}

#[test]
fn components() {
    suite("components");
}

#[test]
fn what_is_prepared_and_what_its_imports_take() {
    suite("prepare");
}

#[test]
fn what_the_demo_page_prints_and_draws() {
    suite("show");
}

#[test]
fn the_demo_page() {
    suite("demo");
}
