//! Files that change: looked at ten times a second, and believed when their content is another.
//!
//! Looking works on every system and for every kind of folder, also one that is not there yet, and costs microseconds for the few files
//! that a pipeline is made of.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use wasmill_model::Digest;

/// How often files are looked at.
const EACH: Duration = Duration::from_millis(100);
/// A change counts when nothing has happened for so long: an editor or a compiler writes in several steps.
const QUIET: Duration = Duration::from_millis(50);
/// A file that never comes to rest is taken as it is after this.
const PATIENCE: Duration = Duration::from_secs(2);

/// Some files, and what was in them.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    seen: BTreeMap<PathBuf, Seen>,
}

/// What is known of a file.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    stamp: Option<Stamp>,
    /// None for a file that cannot be read: it may come to be.
    digest: Option<Digest>,
}

/// What of a file is another when it was written or replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// The file behind the name, and when anything of it changed, where the system tells.
    identity: (u64, u64, i64, i64),
}

impl Changes {
    /// From here on it is about these files, with what is in them now.
    pub(crate) fn look_at(&mut self, files: Vec<PathBuf>) {
        self.seen = files
            .into_iter()
            .map(|file| {
                // The stamp first: what is written meanwhile is looked at again.
                let stamp = stamp(&file);
                let digest = digest(&file);
                (file, Seen { stamp, digest })
            })
            .collect();
    }

    /// Waits until the content of a file is another; gives those of which it is.
    pub(crate) async fn next(&mut self) -> Vec<PathBuf> {
        loop {
            if self.touched() {
                let since = Instant::now();
                let mut stamps = self.stamps();
                loop {
                    tokio::time::sleep(QUIET).await;
                    let now = self.stamps();
                    if now == stamps || since.elapsed() > PATIENCE {
                        break;
                    }
                    stamps = now;
                }
                let changed = self.changed();
                if !changed.is_empty() {
                    return changed;
                }
            }
            tokio::time::sleep(EACH).await;
        }
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        self.seen.keys().map(|file| stamp(file)).collect()
    }

    fn touched(&self) -> bool {
        self.seen.iter().any(|(file, seen)| stamp(file) != seen.stamp)
    }

    /// The files of which the content is another; of the others, the new stamp is known from here on.
    fn changed(&mut self) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for (file, seen) in &mut self.seen {
            let stamp = stamp(file);
            if stamp == seen.stamp {
                continue;
            }
            if digest(file) == seen.digest {
                seen.stamp = stamp;
            } else {
                changed.push(file.clone());
            }
        }
        changed
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(file).ok()?;
    Some(Stamp { length: metadata.len(), modified: metadata.modified().ok(), identity: identity(&metadata) })
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, u64, i64, i64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64, i64, i64) {
    (0, 0, 0, 0)
}

/// Of what is in it. A pipe is not looked into: what is read from it is gone.
fn digest(file: &Path) -> Option<Digest> {
    let is_file = std::fs::metadata(file).ok()?.is_file();
    is_file.then(|| std::fs::read(file).ok().map(|bytes| Digest::of(&bytes)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_content_is_a_change() {
        let folder = std::env::temp_dir().join(format!("wasmill-changes-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (here, later) = (folder.join("here"), folder.join("no/such"));
        std::fs::write(&here, "a").unwrap();
        let mut changes = Changes::default();
        changes.look_at(vec![here.clone(), later.clone()]);
        assert!(!changes.touched());
        // Replaced by the same.
        std::fs::write(folder.join("new"), "a").unwrap();
        std::fs::rename(folder.join("new"), &here).unwrap();
        assert_eq!((changes.touched(), changes.changed()), (true, Vec::new()));
        assert!(!changes.touched());
        std::fs::write(&here, "b").unwrap();
        std::fs::create_dir_all(folder.join("no")).unwrap();
        std::fs::write(&later, "").unwrap();
        assert_eq!(changes.changed(), [here, later]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
