//! Large values in their folder.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;

use bytes::Bytes;
use wasmill_artifact::{BlobStore, BlobStoreError, CacheError, Condition, Holds, Trouble, UnitCache, examine, repair};
use wasmill_model::{Blob, BlobKind, BlobRef, Digest};

fn blob(contents: impl Into<Bytes>) -> Blob {
    let contents = contents.into();
    let reference = BlobRef { digest: Digest::of(&contents), kind: BlobKind::Bytes, size: contents.len() as u64 };
    Blob { reference, contents }
}

fn store(folder: &Path) -> BlobStore {
    BlobStore::open(folder.join("blobs")).unwrap()
}

#[test]
fn what_is_kept_is_read_again_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let one = blob("one");
    let digest = one.reference.digest;
    assert!(matches!(store.read(&digest), Err(BlobStoreError::Missing { .. })));
    store.store(&one).unwrap();
    assert_eq!(store.read(&digest).unwrap(), "one");
    for other in ["One", "on", ""] {
        fs::write(store.path(&digest), other).unwrap();
        assert!(matches!(store.read(&digest), Err(BlobStoreError::Damaged { .. })), "{other}");
        // What is damaged is not taken for what is there.
        store.store(&one).unwrap();
        assert_eq!(store.read(&digest).unwrap(), "one");
    }
    assert_eq!(fs::read_dir(store.folder().join("incoming")).unwrap().count(), 0);
}

#[test]
fn what_is_there_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let one = blob("one");
    store.store(&one).unwrap();
    let path = store.path(&one.reference.digest);
    let past = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&path).unwrap().set_modified(past).unwrap();
    let before = file_id(&path);
    store.store(&one).unwrap();
    assert_eq!(file_id(&path), before);
    // But it counts as used.
    assert!(store.entries().unwrap()[0].used > past);
}

#[cfg(unix)]
fn file_id(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).unwrap().ino()
}

#[cfg(not(unix))]
fn file_id(_: &Path) -> u64 {
    0
}

#[test]
fn writers_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let contents: Vec<Blob> = (0..4_u8).map(|number| blob(vec![number; 200_000])).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let store = store(folder.path());
                for _ in 0..5 {
                    for one in &contents {
                        store.store(one).unwrap();
                        assert_eq!(store.read(&one.reference.digest).unwrap(), one.contents);
                    }
                }
            });
        }
    });
    let store = store(folder.path());
    let found = store.verify().unwrap();
    assert_eq!((found.good, found.damaged.len(), store.entries().unwrap().len()), (4, 0, 4));
}

/// Nobody makes Wasmill read or write through a link.
#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let one = blob("one");
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "one").unwrap();
    std::os::unix::fs::symlink(&elsewhere, store.path(&one.reference.digest)).unwrap();
    assert!(matches!(store.read(&one.reference.digest), Err(BlobStoreError::Missing { .. })));
    store.store(&one).unwrap();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"one");
    assert!(fs::symlink_metadata(store.path(&one.reference.digest)).unwrap().is_file());
    assert_eq!(store.read(&one.reference.digest).unwrap(), "one");
}

#[test]
fn what_cannot_be_written_is_an_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let one = blob("one");
    // No file can be renamed to where a folder is.
    fs::create_dir_all(store.path(&one.reference.digest).join("mine")).unwrap();
    assert!(matches!(store.store(&one), Err(CacheError::Io { .. })));
    assert_eq!(fs::read_dir(store.folder().join("incoming")).unwrap().count(), 0);
    // It is Wasmill's own folder: what keeps it from its work is damage, and goes.
    let found = store.verify().unwrap();
    assert_eq!((found.damaged.len(), found.stuck.len()), (1, 0));
    store.store(&one).unwrap();
}

#[test]
fn each_folder_is_for_its_own() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = store(folder.path());
    store.store(&blob("one")).unwrap();
    let dir = store.folder().to_owned();
    let condition = Condition { entries: 1, bytes: 3, ..Condition::default() };
    assert_eq!(examine(&dir, Holds::Blobs), condition);
    fs::remove_dir(dir.join("incoming"))?;
    assert!(matches!(UnitCache::open(dir.clone()), Err(CacheError::Foreign { .. })));
    assert!(matches!(examine(&dir, Holds::Units).troubles[..], [Trouble::Foreign { .. }]));
    fs::write(store.path(&Digest::of(b"one")), "two")?;
    assert_eq!(repair(&dir, Holds::Blobs).unwrap().damaged.len(), 1);
    assert_eq!(examine(&dir, Holds::Blobs), Condition::default());
    Ok(())
}
