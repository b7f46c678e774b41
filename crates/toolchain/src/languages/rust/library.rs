//! The crate `wasmill`, which every unit in Rust is linked with: compiled once for each compiler.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use wasmill_model::Digest;

use super::{TARGET, problems};
use crate::job::{Job, Run};
use crate::{BuildError, Tool};

/// Its sources by their names, the root first.
const FILES: [(&str, &str); 8] = [
    ("lib.rs", include_str!("../../../glue/rust/lib.rs")),
    ("error.rs", include_str!("../../../glue/rust/error.rs")),
    ("from_json.rs", include_str!("../../../glue/rust/from_json.rs")),
    ("private.rs", include_str!("../../../glue/rust/private.rs")),
    ("reader.rs", include_str!("../../../glue/rust/reader.rs")),
    ("to_json.rs", include_str!("../../../glue/rust/to_json.rs")),
    ("value.rs", include_str!("../../../glue/rust/value.rs")),
    ("writer.rs", include_str!("../../../glue/rust/writer.rs")),
];

/// How it is compiled: the same for every unit.
const ARGS: [&str; 12] = [
    "--crate-name",
    "wasmill",
    "--crate-type",
    "rlib",
    "--edition",
    "2024",
    "--target",
    TARGET,
    "-Cpanic=abort",
    "-Copt-level=2",
    "-Ccodegen-units=1",
    "--error-format=json",
];

/// The file in its folder.
const FILE: &str = "libwasmill.rlib";

/// The folder of its sources within the scratch folder.
const SOURCES: &str = ".wasmill/crate";

/// The compiled crate.
pub(super) struct Library {
    /// The folder that it is in.
    pub(super) folder: PathBuf,
}

impl Library {
    /// What makes rustc find it.
    pub(super) fn args(&self) -> [OsString; 2] {
        let mut place = OsString::from("wasmill=");
        place.push(self.folder.join(FILE));
        ["--extern".into(), place]
    }
}

/// The crate as it was kept, or compiled now.
pub(super) fn find_or_compile(job: &Job<'_>, rustc: &Tool) -> Result<Library, BuildError> {
    let kept = job.tools.cache.as_ref().map(|cache| cache.join("rust").join(key(rustc)));
    if let Some(folder) = kept.clone().filter(|folder| folder.join(FILE).is_file()) {
        return Ok(Library { folder });
    }
    for (name, text) in FILES {
        job.write(&format!("{SOURCES}/{name}"), text)?;
    }
    let made = format!(".wasmill/{FILE}");
    let mut args: Vec<OsString> = ARGS.map(OsString::from).to_vec();
    // What is inlined of it has lines of its own.
    args.push(super::without_scratch(job));
    args.extend(["-o".into(), made.clone().into(), format!("{SOURCES}/lib.rs").into()]);
    let ran = job.run(Run::new(rustc, args))?;
    if !ran.succeeded {
        let error = problems::read(&ran.stderr, &Default::default(), &ran.ended);
        return Err(BuildError::Host {
            message: format!("`{}` does not compile Wasmill's own part: {error}", rustc.program.display()),
        });
    }
    // Another process may have been quicker, and a cache that cannot be written to is none.
    let folder = kept.filter(|folder| keep(job, &made, folder).is_some());
    Ok(Library { folder: folder.unwrap_or_else(|| job.folder.join(".wasmill")) })
}

/// Puts the crate into the cache, whole or not at all.
fn keep(job: &Job<'_>, made: &str, folder: &PathBuf) -> Option<()> {
    let bytes = job.read(made).ok()?;
    fs::create_dir_all(folder).ok()?;
    let temporary = tempfile::NamedTempFile::new_in(folder).ok()?;
    fs::write(temporary.path(), bytes).ok()?;
    temporary.persist(folder.join(FILE)).ok()?;
    Some(())
}

/// All that the compiled crate depends on.
fn key(rustc: &Tool) -> String {
    let program = rustc.program.to_string_lossy();
    let parts = [rustc.version.as_str(), &program].into_iter().chain(ARGS);
    let parts = parts.chain(FILES.into_iter().flat_map(|(name, text)| [name, text]));
    // Nothing of it has a zero byte in it.
    Digest::of(parts.collect::<Vec<_>>().join("\0").as_bytes()).short()
}
