//! The host's `wasmill.toml`: found and read.
//!
//! The policy is the host's word about what others wrote. So it is never looked for beside a manifest: a file there comes from
//! the same hands as the manifest, and could raise what it is meant to bound.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use wasmill_model::{Code, Diagnostic, Policy};

use crate::engines;
use crate::env_vars;
use crate::failure::Failure;
use crate::render::Sources;

/// The file of the whole machine.
const SYSTEM: &str = "/etc/wasmill/wasmill.toml";

/// A policy larger than this is a mistake.
const LARGEST: u64 = 1 << 20;

/// The policy: of this file where one is named (by a flag, or else by `WASMILL_POLICY`), or else of the user, or else of the machine,
/// or else the built-in one. Files are not mixed: one is the whole policy.
///
/// # Errors
/// A file that was named and cannot be read; anything that is wrong with the one that is used.
pub(crate) fn find(flag: Option<&Path>) -> Result<Policy, Failure> {
    let named = flag
        .map(Path::to_owned)
        .or_else(|| std::env::var_os(env_vars::WASMILL_POLICY).filter(|file| !file.is_empty()).map(PathBuf::from));
    if let Some(path) = named {
        return read(&path)?.ok_or_else(|| {
            Diagnostic::new(Code::UnknownFile, format!("there is no policy file `{}`", path.display()))
                .help(format!("name a wasmill.toml with `--policy` or `{}`", env_vars::WASMILL_POLICY))
                .into()
        });
    }
    let user = etcetera::choose_base_strategy().ok().map(|base| base.config_dir().join("wasmill").join("wasmill.toml"));
    for path in user.into_iter().chain([PathBuf::from(SYSTEM)]) {
        if let Some(policy) = read(&path)? {
            return Ok(policy);
        }
    }
    Ok(Policy::default())
}

/// None where there is no such file. One that is there and cannot be read is an error: without it, more would be allowed.
fn read(path: &Path) -> Result<Option<Policy>, Failure> {
    let shown = path.display();
    let cannot = |why: String| {
        Failure::from(
            Diagnostic::new(Code::UnknownFile, format!("the policy file `{shown}` cannot be read: {why}"))
                .help("nothing is run while the host's policy is not known"),
        )
    };
    match std::fs::metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(cannot(error.to_string())),
        Ok(metadata) if metadata.len() > LARGEST => return Err(cannot(format!("it has more than {LARGEST} bytes"))),
        Ok(_) => {}
    }
    let bytes = std::fs::read(path).map_err(|error| cannot(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| cannot("it is not UTF-8".to_owned()))?;
    let name = path.to_string_lossy();
    let engines = engines::descriptions();
    let known: Vec<&str> = engines.iter().map(|engine| &*engine.name.name).collect();
    let policy = wasmill_manifest::parse_policy(&name, &text, &known);
    policy.map(Some).map_err(|problems| Failure::from(problems).in_files(&Sources::one(&name, &text)))
}
