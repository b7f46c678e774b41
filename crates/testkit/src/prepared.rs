//! Components as browsers take them.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use crate::{shared, workspace};

/// What a component is prepared by: with another one of these, another thing may come of it.
const PREPARED_BY: [&str; 2] = ["web/bin/prepare.mjs", "xtask/src/setup/npm_library.rs"];

/// What `web/bin/prepare.mjs` makes of a component, as a file: kept for all tests, since it takes seconds.
///
/// # Panics
/// When the component cannot be prepared; the message says why.
pub fn prepared(component: &[u8]) -> PathBuf {
    let by: Vec<u8> = PREPARED_BY.into_iter().flat_map(|file| read(&workspace().join(file))).collect();
    let by = format!("{:016x}-", hash(&by));
    let folder = shared().join("prepared");
    let file = folder.join(format!("{by}{:016x}.json", hash(component)));
    fs::create_dir_all(&folder).expect("the folder of what tests share can be made");
    let lock = File::create(folder.join(".lock")).expect("the folder of what tests share can be written");
    // Tests are processes beside each other: the first one prepares it, the others wait.
    lock.lock().expect("a file can be locked");
    if !file.is_file() {
        for old in fs::read_dir(&folder).expect("the folder can be read").flatten() {
            let name = old.file_name().to_string_lossy().into_owned();
            if name.ends_with(".json") && !name.starts_with(&by) {
                let _ = fs::remove_file(old.path());
            }
        }
        let (unit, unfinished) = (folder.join("unit.tmp"), folder.join("unfinished.tmp"));
        fs::write(&unit, component).expect("a component can be written");
        let mut node = Process::new("node");
        node.arg(workspace().join("web/bin/prepare.mjs")).arg("-o").arg(&unfinished).arg(&unit);
        let output = node.output().unwrap_or_else(|error| panic!("`node` does not start ({error}): install Node.js"));
        assert!(output.status.success(), "{node:?}: {}", String::from_utf8_lossy(&output.stderr));
        fs::rename(&unfinished, &file).expect("what was prepared can be moved");
        let _ = fs::remove_file(unit);
    }
    file
}

fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_else(|error| panic!("{} cannot be read: {error}", file.display()))
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
