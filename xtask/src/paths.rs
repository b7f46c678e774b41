//! Where things are: the checkout, the target folder, the prefix of tools, and the environment variables that say so.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use etcetera::{BaseStrategy, choose_base_strategy};

use crate::failure::{During, Failure, Outcome};

/// Where tools are installed. The default is `wasmill/tools` in the user's cache folder.
pub(crate) const WASMILL_TOOLS: &str = "WASMILL_TOOLS";

/// `0`: leave the user's rustup alone (no `rustup target add`).
pub(crate) const WASMILL_RUSTUP: &str = "WASMILL_RUSTUP";

pub(crate) struct Paths {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, absolute.
    pub(crate) target: PathBuf,
    /// The prefix of tools.
    pub(crate) tools: PathBuf,
}

impl Paths {
    pub(crate) fn find() -> Outcome<Self> {
        // Asked for at run time: a build folder may be shared by several checkouts.
        let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&here).parent().ok_or_else(|| Failure::new("xtask/ stands in no checkout"))?.to_owned();
        if !root.join("Cargo.toml").is_file() {
            return Err(Failure::new(format!("{} is not the checkout that this xtask was built in", root.display()))
                .help("run it as `cargo xtask`, which builds it anew"));
        }
        let metadata = cargo_metadata::MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .during("cargo metadata")?;
        let tools = match env::var_os(WASMILL_TOOLS).filter(|value| !value.is_empty()) {
            Some(tools) => std::path::absolute(tools).during(WASMILL_TOOLS)?,
            None => choose_base_strategy().during("the user's cache folder")?.cache_dir().join("wasmill").join("tools"),
        };
        Ok(Self { root, target: metadata.target_directory.into_std_path_buf(), tools })
    }

    /// `path` as a developer would write it: relative to the checkout, with slashes.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        relative
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect::<Vec<_>>()
            .join("/")
            .replace("//", "/")
    }
}

/// Cargo as it was called, for the same toolchain.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What `cargo run` told this program about itself is no business of the next cargo.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" || name == "CARGO_MANIFEST_PATH" {
            command.env_remove(name);
        }
    }
    command
}
