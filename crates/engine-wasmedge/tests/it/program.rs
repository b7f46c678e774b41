//! The WasmEdge of the tests.

use std::path::PathBuf;

use wasmill_engine_wasmedge::{Settings, WasmEdgeEngine};

/// The folders where `cargo xtask setup` leaves it, and those of the PATH.
fn folders() -> Vec<PathBuf> {
    use etcetera::{BaseStrategy as _, choose_base_strategy};

    let named = std::env::var_os("WASMILL_TOOLS").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let tools = named.unwrap_or_else(|| choose_base_strategy().unwrap().cache_dir().join("wasmill/tools"));
    let path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    [vec![tools.join("wasmedge/bin")], path].concat()
}

/// Settings of the real one, of which the tests' own process is the host.
pub(crate) fn settings() -> Settings {
    Settings { folders: folders(), ..Settings::default() }
}

/// The real one.
pub(crate) fn engine() -> WasmEdgeEngine {
    find(settings())
}

pub(crate) fn find(settings: Settings) -> WasmEdgeEngine {
    WasmEdgeEngine::find(settings)
        .unwrap_or_else(|error| panic!("there is no WasmEdge: {error}\nhelp: `cargo xtask setup --only wasmedge`"))
}
