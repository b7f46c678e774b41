use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use wasmill_artifact::{CacheError, CacheOptions, CodeCache, CodeKind, Distrust, Holds, Trouble};
use wasmill_model::{Digest, Profile};
use wasmtime::component::Component;
use wasmtime::{Config, Engine, Instance, Module, Store};

const TEXT: &str = r#"(module
    (memory (export "memory") 1) (data (i32.const 0) "some data to map")
    (func (export "answer") (result i32) i32.const 42))"#;

struct Fixture {
    folder: tempfile::TempDir,
    engine: Engine,
    unit: Digest,
    code: Vec<u8>,
}

impl Fixture {
    fn new() -> Self {
        let engine = Engine::new(&Config::new()).unwrap();
        let binary = wat::parse_str(TEXT).unwrap();
        let code = Module::from_binary(&engine, &binary).unwrap().serialize().unwrap();
        Fixture { folder: tempfile::tempdir().unwrap(), engine, unit: Digest::of(&binary), code }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn open(&self) -> CodeCache {
        CodeCache::open(self.path()).unwrap()
    }

    fn stored(&self) -> CodeCache {
        let cache = self.open();
        cache.store(&self.engine, &self.unit, CodeKind::Module, Profile::Metered, &self.code);
        assert_eq!(cache.stats().stored, 1);
        cache
    }

    fn load(&self, cache: &CodeCache) -> Option<Module> {
        cache.load_module(&self.engine, &self.unit).unwrap()
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cwasm"))
        .collect()
}

fn only_entry(folder: &Path) -> PathBuf {
    let [path] = <[PathBuf; 1]>::try_from(entries(folder)).unwrap();
    path
}

#[test]
fn what_was_stored_runs_in_another_process() {
    let fixture = Fixture::new();
    let cache = fixture.open();
    assert!(fixture.load(&cache).is_none());
    assert_eq!(cache.stats().misses, 1);
    drop(fixture.stored());

    // As another process would.
    let cache = fixture.open();
    let module = fixture.load(&cache).unwrap();
    assert_eq!(cache.stats().hits, 1);
    let mut store = Store::new(&fixture.engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let answer = instance.get_typed_func::<(), i32>(&mut store, "answer").unwrap();
    assert_eq!(answer.call(&mut store, ()).unwrap(), 42);
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    assert!(memory.data(&store).starts_with(b"some data to map"));
    assert!(fs::read_dir(fixture.path().join("incoming")).unwrap().next().is_none(), "nothing is left behind");
}

#[test]
fn components_are_kept_apart_from_modules() {
    let fixture = Fixture::new();
    let cache = fixture.stored();
    assert!(cache.load_component(&fixture.engine, &fixture.unit).unwrap().is_none());
    let component = Component::new(&fixture.engine, wat::parse_str("(component)").unwrap()).unwrap();
    cache.store(&fixture.engine, &fixture.unit, CodeKind::Component, Profile::Metered, &component.serialize().unwrap());
    assert!(cache.load_component(&fixture.engine, &fixture.unit).unwrap().is_some());
    assert_eq!(entries(&fixture.path()).len(), 2);
}

#[test]
fn another_engine_has_other_code() {
    let fixture = Fixture::new();
    let cache = fixture.stored();
    let mut config = Config::new();
    config.consume_fuel(true);
    let other = Engine::new(&config).unwrap();
    assert!(cache.load_module(&other, &fixture.unit).unwrap().is_none());
    assert!(cache.load_module(&fixture.engine, &Digest::of(b"another unit")).unwrap().is_none());
    assert_eq!(cache.stats().misses, 2);
    assert!(fixture.load(&cache).is_some());
}

#[test]
fn an_entry_in_anothers_place_is_refused() {
    let fixture = Fixture::new();
    let cache = fixture.stored();
    let theirs = only_entry(&fixture.path());
    let other = Digest::of(b"another unit");
    cache.store(&fixture.engine, &other, CodeKind::Module, Profile::Metered, &fixture.code);
    let ours = entries(&fixture.path()).into_iter().find(|path| *path != theirs).unwrap();
    fs::copy(&theirs, &ours).unwrap();
    assert!(cache.load_module(&fixture.engine, &other).unwrap().is_none());
    assert!(!ours.exists());
    assert!(fixture.load(&cache).is_some());
}

#[test]
fn another_installations_code_is_refused() {
    let fixture = Fixture::new();
    let cache = fixture.stored();
    let other = Fixture::new();
    let other_cache = other.stored();
    let ours = only_entry(&fixture.path());
    fs::copy(only_entry(&other.path()), &ours).unwrap();
    assert_eq!(only_entry(&other.path()).file_name(), ours.file_name(), "the same name under another key");
    let [theirs] = <[_; 1]>::try_from(cache.entries().unwrap()).unwrap();
    assert_eq!(theirs.about, None, "what it says of itself is believed no more than its code");
    assert!(fixture.load(&cache).is_none());
    assert!(!ours.exists());
    assert_eq!(cache.stats().rejected, 1);
    assert!(other.load(&other_cache).is_some());
}

#[test]
fn a_damaged_key_is_replaced() {
    let fixture = Fixture::new();
    drop(fixture.stored());
    for damaged in [&b"short"[..], &[7; 33], b""] {
        fs::write(fixture.path().join("key"), damaged).unwrap();
        let cache = fixture.open();
        assert!(fixture.load(&cache).is_none());
        cache.store(&fixture.engine, &fixture.unit, CodeKind::Module, Profile::Metered, &fixture.code);
        assert!(fixture.load(&fixture.open()).is_some());
    }
    let key = fs::read(fixture.path().join("key")).unwrap();
    assert_eq!(key.len(), 32);
}

#[test]
fn every_length_but_the_whole_is_refused() {
    let fixture = Fixture::new();
    let cache = fixture.stored();
    let path = only_entry(&fixture.path());
    let whole = fs::read(&path).unwrap();
    for length in (0..160).chain(whole.len() - 160..whole.len()).chain([whole.len() / 2]) {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(fixture.load(&cache).is_none(), "{length}");
        assert!(!path.exists(), "{length}");
    }
    let mut longer = whole.clone();
    longer.push(0);
    fs::write(&path, &longer).unwrap();
    assert!(fixture.load(&cache).is_none());
    fs::write(&path, &whole).unwrap();
    assert!(fixture.load(&cache).is_some());
}

#[test]
fn a_flip_in_the_footer_is_refused() {
    let fixture = Fixture::new();
    let cache = fixture.stored();
    let path = only_entry(&fixture.path());
    let whole = fs::read(&path).unwrap();
    for index in whole.len() - 144..whole.len() {
        let mut flipped = whole.clone();
        flipped[index] ^= 1;
        fs::write(&path, &flipped).unwrap();
        assert!(fixture.load(&cache).is_none(), "byte {index}");
    }
}

#[test]
fn something_else_in_an_entrys_place_is_a_miss() {
    let fixture = Fixture::new();
    let cache = fixture.stored();
    let path = only_entry(&fixture.path());
    fs::remove_file(&path).unwrap();
    // What somebody keeps there stays, and the entry is not kept.
    fs::create_dir(&path).unwrap();
    fs::write(path.join("mine"), "mine").unwrap();
    assert!(fixture.load(&cache).is_none());
    cache.store(&fixture.engine, &fixture.unit, CodeKind::Module, Profile::Metered, &fixture.code);
    assert_eq!(cache.stats().failures, 1);
    // The whole folder goes away under a running process.
    fs::remove_dir_all(fixture.path()).unwrap();
    assert!(fixture.load(&cache).is_none());
    cache.store(&fixture.engine, &fixture.unit, CodeKind::Module, Profile::Metered, &fixture.code);
    assert_eq!(cache.stats().failures, 2);
}

#[test]
fn writers_and_readers_do_not_disturb_each_other() {
    let fixture = Fixture::new();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                // Each opens its own, as processes do: the first ones race for the key.
                let cache = fixture.open();
                for _ in 0..15 {
                    if fixture.load(&cache).is_none() {
                        cache.store(&fixture.engine, &fixture.unit, CodeKind::Module, Profile::Metered, &fixture.code);
                    }
                    cache.store(&fixture.engine, &fixture.unit, CodeKind::Module, Profile::Metered, &fixture.code);
                    assert!(fixture.load(&cache).is_some());
                }
                assert_eq!(cache.stats().rejected, 0);
                assert_eq!(cache.stats().failures, 0);
            });
        }
    });
    assert_eq!(entries(&fixture.path()).len(), 1);
}

#[test]
fn what_a_killed_process_left_does_no_harm() {
    let fixture = Fixture::new();
    let cache = fixture.stored();
    let incoming = fixture.path().join("incoming");
    let (old, new) = (incoming.join(".tmpold"), incoming.join(".tmpnew"));
    fs::write(&old, "half").unwrap();
    fs::write(&new, "half").unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    fs::File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
    cache.store(&fixture.engine, &fixture.unit, CodeKind::Module, Profile::Metered, &fixture.code);
    assert!(!old.exists(), "old leftovers are swept");
    assert!(new.exists(), "another process may still be writing it");
    assert!(fixture.load(&cache).is_some());
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    let fixture = Fixture::new();
    drop(fixture.open());
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&fixture.path()), 0o700);
    assert_eq!(mode(&fixture.path().join("incoming")), 0o700);
    assert_eq!(mode(&fixture.path().join("key")), 0o600);

    for folder in [fixture.path(), fixture.path().join("incoming")] {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();
        let error = CodeCache::open(fixture.path()).unwrap_err();
        assert!(matches!(error, CacheError::Unsafe { .. }), "{error:?}");
        assert!(error.help().contains("chmod 700"));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    }
    // A key that others have read protects nothing.
    let before = fs::read(fixture.path().join("key")).unwrap();
    fs::set_permissions(fixture.path().join("key"), fs::Permissions::from_mode(0o644)).unwrap();
    drop(fixture.open());
    assert_ne!(fs::read(fixture.path().join("key")).unwrap(), before);
    assert_eq!(mode(&fixture.path().join("key")), 0o600);
}

#[test]
fn a_file_in_the_folders_place_is_an_error() {
    let fixture = Fixture::new();
    fs::write(fixture.path(), "x").unwrap();
    assert!(matches!(CodeCache::open(fixture.path()), Err(CacheError::Io { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_flip_anywhere_is_refused(index: prop::sample::Index, bit in 0..8_u32) {
        thread_local!(static FIXTURE: (Fixture, CodeCache, PathBuf, Vec<u8>) = {
            let fixture = Fixture::new();
            let cache = fixture.stored();
            let path = only_entry(&fixture.path());
            let whole = fs::read(&path).unwrap();
            (fixture, cache, path, whole)
        });
        FIXTURE.with(|(fixture, cache, path, whole)| {
            let mut flipped = whole.clone();
            flipped[index.index(whole.len())] ^= 1 << bit;
            fs::write(path, &flipped).unwrap();
            prop_assert!(fixture.load(cache).is_none());
            prop_assert!(!path.exists());
            Ok(())
        })?;
    }
}

/// A cache that trusts a file as soon as it has seen it: its changes are still seen, because each of these changes more than a time.
fn trusting(fixture: &Fixture) -> CodeCache {
    let options = CacheOptions { settle: Duration::ZERO, ..CacheOptions::default() };
    CodeCache::open_with(fixture.path(), options).unwrap()
}

#[cfg(unix)]
#[test]
fn an_unchanged_file_is_read_in_full_only_once() {
    let fixture = Fixture::new();
    drop(fixture.stored());
    let cache = trusting(&fixture);
    for _ in 0..3 {
        assert!(fixture.load(&cache).is_some());
    }
    assert_eq!((cache.stats().hits, cache.stats().full_checks), (3, 1));
    // Another process trusts the stamp too.
    let other = trusting(&fixture);
    assert!(fixture.load(&other).is_some());
    assert_eq!(other.stats().full_checks, 0);
    // One that trusts nothing reads every byte, and a file that has just been written is read whole by everybody.
    let wary = CodeCache::open_with(fixture.path(), CacheOptions { trust: Duration::ZERO, ..CacheOptions::default() });
    let wary = wary.unwrap();
    assert!(fixture.load(&wary).is_some());
    assert_eq!(wary.stats().full_checks, 1);
    cache.store(&fixture.engine, &fixture.unit, CodeKind::Module, Profile::Metered, &fixture.code);
    let usual = fixture.open();
    for _ in 0..2 {
        assert!(fixture.load(&usual).is_some());
    }
    assert_eq!(usual.stats().full_checks, 2, "it was not at rest for two seconds");
}

#[cfg(unix)]
#[test]
fn a_stamped_file_that_changes_is_checked_again() {
    use std::os::unix::fs::PermissionsExt as _;

    let fixture = Fixture::new();
    drop(fixture.stored());
    let path = only_entry(&fixture.path());
    let whole = fs::read(&path).unwrap();
    let stamped = |cache: &CodeCache| {
        assert!(fixture.load(cache).is_some());
        let before = cache.stats().full_checks;
        assert!(fixture.load(cache).is_some());
        assert_eq!(cache.stats().full_checks, before, "the stamp fits");
    };
    let mut damaged = whole.clone();
    damaged[1000] ^= 4;

    // Another file in its place, of the same length and with the times of the old one.
    let cache = trusting(&fixture);
    stamped(&cache);
    let times = fs::metadata(&path).unwrap();
    let beside = fixture.path().join("beside");
    fs::write(&beside, &damaged).unwrap();
    fs::File::options().write(true).open(&beside).unwrap().set_modified(times.modified().unwrap()).unwrap();
    fs::rename(&beside, &path).unwrap();
    assert!(fixture.load(&cache).is_none());
    assert_eq!(cache.stats().rejected, 1);
    assert!(entries(&fixture.path()).is_empty() && stamps(&fixture.path()).is_empty(), "both are gone");

    // Cut off, and longer.
    for contents in [&whole[..whole.len() - 1], &[&whole[..], b"x"].concat()] {
        fs::write(&path, &whole).unwrap();
        stamped(&cache);
        fs::write(&path, contents).unwrap();
        assert!(fixture.load(&cache).is_none());
    }

    // Touched without being changed: checked in full once, found good, and trusted again.
    fs::write(&path, &whole).unwrap();
    stamped(&cache);
    let before = cache.stats().full_checks;
    loop {
        // The status time moves with the kernel's clock, which ticks every few milliseconds.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(fixture.load(&cache).is_some());
        if cache.stats().full_checks > before {
            break;
        }
    }
    stamped(&cache);
}

/// Flips at random places of a stamped file, written in place with the old modification time: only the status time tells.
#[cfg(unix)]
#[test]
fn a_flip_in_a_stamped_file_is_refused() {
    use std::os::unix::fs::MetadataExt as _;

    let fixture = Fixture::new();
    drop(fixture.stored());
    let path = only_entry(&fixture.path());
    let whole = fs::read(&path).unwrap();
    let cache = trusting(&fixture);
    for round in 0..40_usize {
        fs::write(&path, &whole).unwrap();
        assert!(fixture.load(&cache).is_some());
        let stamped = fs::metadata(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[(round * 7919) % whole.len()] ^= 1 << (round % 8);
        loop {
            fs::write(&path, &flipped).unwrap();
            fs::File::options().write(true).open(&path).unwrap().set_modified(stamped.modified().unwrap()).unwrap();
            let now = fs::metadata(&path).unwrap();
            // A cache that settles would not have left its stamp within the same tick; this one does, so wait for the next.
            if (now.ctime(), now.ctime_nsec()) != (stamped.ctime(), stamped.ctime_nsec()) {
                break;
            }
        }
        assert!(fixture.load(&cache).is_none(), "round {round}");
    }
}

fn stamps(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "checked")).collect()
}

#[test]
fn what_was_not_used_for_longest_makes_room() {
    let fixture = Fixture::new();
    let size = fixture.code.len() as u64 + 144;
    let options = CacheOptions { capacity: size * 3, ..CacheOptions::default() };
    let cache = CodeCache::open_with(fixture.path(), options).unwrap();
    let units: Vec<Digest> = (0..5_u8).map(|unit| Digest::of(&[unit])).collect();
    for (age, unit) in units.iter().enumerate() {
        cache.store(&fixture.engine, unit, CodeKind::Module, Profile::Metered, &fixture.code);
        for path in entries(&fixture.path()) {
            // Each is some seconds younger than the one before.
            let file = fs::File::options().write(true).open(&path).unwrap();
            let listed = file.metadata().unwrap().modified().unwrap();
            if listed.elapsed().unwrap_or_default() < Duration::from_secs(1000) {
                file.set_modified(SystemTime::now() - Duration::from_secs(5000 - age as u64)).unwrap();
            }
        }
    }
    assert_eq!(cache.stats().evicted, 2);
    let kept: Vec<bool> =
        units.iter().map(|unit| cache.load_module(&fixture.engine, unit).unwrap().is_some()).collect();
    assert_eq!(kept, [false, false, true, true, true]);
    // What is larger than the whole cache is kept alone.
    let options = CacheOptions { capacity: 1, ..CacheOptions::default() };
    let small = CodeCache::open_with(fixture.path(), options).unwrap();
    small.store(&fixture.engine, &units[0], CodeKind::Module, Profile::Metered, &fixture.code);
    assert_eq!(entries(&fixture.path()).len(), 1);
    assert!(small.load_module(&fixture.engine, &units[0]).unwrap().is_some());
}

#[test]
fn entries_say_what_they_are_and_damaged_ones_are_found() {
    let fixture = Fixture::new();
    let cache = fixture.stored();
    let component = Digest::of(b"a component");
    cache.store(&fixture.engine, &component, CodeKind::Component, Profile::Deterministic, b"some code");
    let listed = cache.entries().unwrap();
    assert_eq!(listed.len(), 2);
    let about = |unit: Digest| listed.iter().filter_map(|entry| entry.about.clone()).find(|about| about.unit == unit);
    assert_eq!(about(fixture.unit).unwrap().kind, CodeKind::Module);
    let other = about(component).unwrap();
    assert_eq!((other.kind, other.profile), (CodeKind::Component, Profile::Deterministic));
    assert!(other.wasmtime.starts_with("48."), "{other:?}");

    let verified = cache.verify().unwrap();
    assert_eq!((verified.good, verified.damaged.len()), (2, 0));
    // A flip in the code does not show in the list, but it shows to `verify`.
    let path = entries(&fixture.path()).into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[2000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(cache.entries().unwrap().iter().all(|entry| entry.about.is_some()));
    let verified = cache.verify().unwrap();
    assert_eq!((verified.good, verified.damaged.len()), (1, 1));
    assert_eq!(verified.damaged[0].about.as_ref().unwrap().unit, fixture.unit);
    assert!(!path.exists());
    // One of another version is no damage.
    fs::write(&path, [&[0; 200][..], b"WMCODE\x00\x01"].concat()).unwrap();
    let verified = cache.verify().unwrap();
    assert_eq!((verified.outdated, verified.damaged.len(), path.exists()), (1, 0, false));
    // One of another format shows in the list, too.
    fs::write(&path, b"an entry of an old version").unwrap();
    assert!(cache.entries().unwrap().iter().any(|entry| entry.about.is_none()));
    let cleaned = cache.clean(|entry| entry.about.is_none()).unwrap();
    assert_eq!((cleaned.entries, cleaned.bytes), (1, 26));
    assert_eq!(cache.clean(|_| true).unwrap().entries, 1);
    assert!(entries(&fixture.path()).is_empty());
}

#[test]
fn a_refused_entry_stays() {
    // A pool that is too small for the unit: the engine that comes next takes the same code.
    let fixture = Fixture::new();
    let cache = fixture.stored();
    let mut config = Config::new();
    let mut pool = wasmtime::PoolingAllocationConfig::new();
    pool.total_memories(1).total_core_instances(1).total_tables(1).total_stacks(1).max_core_instance_size(1);
    config.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool));
    let small = Engine::new(&config).unwrap();
    assert!(cache.load_module(&small, &fixture.unit).is_err());
    assert!(fixture.load(&cache).is_some());
    cache.remove(&fixture.engine, &fixture.unit, CodeKind::Module);
    assert!(fixture.load(&cache).is_none());
}

/// Something that no cache makes, where a file of it belongs: a pipe, which would be waited for, or a link.
#[cfg(unix)]
fn put_strange(path: &Path, is_link: bool) {
    let _ = fs::remove_file(path);
    if is_link {
        std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    } else {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }
}

#[cfg(unix)]
#[test]
fn pipes_and_links_are_no_entries_and_no_keys() {
    let fixture = Fixture::new();
    let cache = fixture.stored();
    let path = only_entry(&fixture.path());
    for is_link in [false, true] {
        put_strange(&path, is_link);
        assert!(fixture.load(&cache).is_none());
        assert!(fs::symlink_metadata(&path).is_err(), "it is out of the way");
        put_strange(&path, is_link);
        let found = cache.verify().unwrap();
        assert_eq!((found.damaged.len(), found.good), (1, 0), "{found:?}");
        cache.store(&fixture.engine, &fixture.unit, CodeKind::Module, Profile::Metered, &fixture.code);
        assert!(fixture.load(&cache).is_some());

        put_strange(&fixture.path().join("key"), is_link);
        assert!(fixture.load(&fixture.open()).is_none(), "another key");
        assert_eq!(fs::symlink_metadata(fixture.path().join("key")).unwrap().len(), 32);
        drop(fixture.stored());
    }
    fs::remove_file(fixture.path().join("key")).unwrap();
    fs::create_dir(fixture.path().join("key")).unwrap();
    let error = CodeCache::open(fixture.path()).unwrap_err();
    assert!(matches!(error, CacheError::Key { .. }), "{error:?}");
    assert!(error.help().contains("remove"));
}

/// Whoever could write to the folder for a while may have left a key that they know.
#[cfg(unix)]
#[test]
fn a_key_of_another_user_is_replaced() {
    let fixture = Fixture::new();
    drop(fixture.stored());
    let key = fixture.path().join("key");
    let before = fs::read(&key).unwrap();
    match std::os::unix::fs::chown(&key, Some(12_345), None) {
        Ok(()) => {
            assert!(fixture.load(&fixture.open()).is_none());
            assert_ne!(fs::read(&key).unwrap(), before);
        }
        // Only root can give a file away; and only root could read that one.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_swept_where_a_link_leads_nor_what_is_not_ours() {
    let fixture = Fixture::new();
    let cache = fixture.stored();
    let incoming = fixture.path().join("incoming");
    let old = |path: PathBuf| {
        fs::write(&path, "mine").unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        path
    };
    let mine = old(incoming.join("thesis.txt"));
    assert_eq!(cache.verify().unwrap().leftovers, 0);
    assert!(mine.exists());

    fs::remove_dir_all(&incoming).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mine = old(elsewhere.path().join(".tmp1"));
    std::os::unix::fs::symlink(elsewhere.path(), &incoming).unwrap();
    let error = CodeCache::open(fixture.path()).unwrap_err();
    assert!(matches!(error, CacheError::Unsafe { reason: Distrust::Link, .. }), "{error:?}");
    assert!(wasmill_artifact::repair(&fixture.path(), Holds::Code).is_err());
    assert!(mine.exists());
}

#[test]
fn somebodys_folder_is_not_made_a_cache() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path()).unwrap();
    fs::write(fixture.path().join("notes.txt"), "mine").unwrap();
    let error = CodeCache::open(fixture.path()).unwrap_err();
    assert!(matches!(&error, CacheError::Foreign { other, .. } if other == Path::new("notes.txt")), "{error:?}");
    assert!(wasmill_artifact::repair(&fixture.path(), Holds::Code).is_err());
    let troubles = wasmill_artifact::examine(&fixture.path(), Holds::Code).troubles;
    assert_eq!(troubles, [Trouble::Foreign { other: "notes.txt".into() }]);
    assert_eq!(fs::read_dir(fixture.path()).unwrap().count(), 1, "nothing was made in it");
    // What is left of a cache is one.
    fs::remove_file(fixture.path().join("notes.txt")).unwrap();
    drop(fixture.stored());
    fs::remove_dir_all(fixture.path().join("incoming")).unwrap();
    assert!(fixture.load(&fixture.open()).is_some());
}

/// Root can write everywhere, so that here the folder only refuses others.
#[cfg(unix)]
#[test]
fn a_folder_that_can_only_be_read_still_serves() {
    use std::os::unix::fs::PermissionsExt as _;

    let fixture = Fixture::new();
    drop(fixture.stored());
    let set = |mode| {
        for folder in [fixture.path().join("incoming"), fixture.path()] {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    set(0o500);
    let cache = fixture.open();
    assert!(fixture.load(&cache).is_some());
    cache.store(&fixture.engine, &fixture.unit, CodeKind::Module, Profile::Metered, &fixture.code);
    let troubles = wasmill_artifact::examine(&fixture.path(), Holds::Code).troubles;
    let cleaned = cache.clean(|_| true).unwrap();
    match cache.last_failure() {
        None => assert_eq!((cache.stats().stored, cleaned.entries, troubles.len()), (1, 1, 0)),
        Some(_) => {
            assert_eq!((cache.stats().failures, cleaned.stuck), (1, 1));
            assert!(matches!(&*troubles, [Trouble::ReadOnly { .. }]), "{troubles:?}");
        }
    }
    set(0o700);
}
