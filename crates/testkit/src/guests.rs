//! Built guests: `guests/<suite>/<name>.wat` as it stands, or what `cargo xtask guests` built of other sources.

use std::path::{Path, PathBuf};

/// The root of the checkout that the tests run in. Asked for at run time: a build folder may be shared by several checkouts.
pub fn workspace() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let root = Path::new(&here).ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    root.expect("tests run inside of the checkout").to_owned()
}

/// The binary of a guest, by its suite (a folder of guests/) and name.
///
/// # Panics
/// When there is no such guest, or it was not built yet; the message says what to do.
pub fn guest(suite: &str, name: &str) -> Vec<u8> {
    let text = workspace().join("guests").join(suite).join(format!("{name}.wat"));
    if text.is_file() {
        return wat::parse_file(&text)
            .unwrap_or_else(|error| panic!("{} is no WebAssembly text: {error}", text.display()));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    let built = target.join("guests").join(suite).join(format!("{name}.wasm"));
    std::fs::read(&built).unwrap_or_else(|error| {
        panic!("{} cannot be read ({error}): build the guests with `cargo xtask guests`", built.display())
    })
}

/// The binary of this WebAssembly text.
///
/// # Panics
/// When it is none.
pub fn assemble(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("no WebAssembly text: {error}"))
}
