//! The cache between real processes: many at once, killed at any point, and another user's.
//!
//! The processes are this test binary itself, told by an environment variable to be a [`writer`].

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use wasmill_artifact::{CacheError, CodeCache, CodeKind, Distrust, Holds};
use wasmill_model::{Digest, Profile};
use wasmtime::{Engine, Module};

const FOLDER: &str = "WASMILL_TEST_CACHE";
const ROUNDS: &str = "WASMILL_TEST_ROUNDS";
const UNITS: u64 = 4;

fn text(unit: u64) -> Vec<u8> {
    // Some pages long, so that writing one takes more than one call.
    let padding = "x".repeat(200_000);
    wat::parse_str(format!(
        "(module (memory 8) (data (i32.const 0) \"{padding}\") (func (export \"f\") (result i64) i64.const {unit}))"
    ))
    .unwrap()
}

/// Stores and loads over and over. It is the child of the other tests: without its environment it has nothing to do.
#[test]
#[ignore = "it is started by the other tests of this file"]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let rounds: u64 = std::env::var(ROUNDS).unwrap().parse().unwrap();
    let engine = Engine::default();
    let compiled: Vec<(Digest, Vec<u8>)> = (0..UNITS)
        .map(|unit| {
            let binary = text(unit);
            (Digest::of(&binary), Module::from_binary(&engine, &binary).unwrap().serialize().unwrap())
        })
        .collect();
    let cache = CodeCache::open(folder.into()).unwrap();
    for round in 0..rounds {
        let (unit, code) = &compiled[(round % UNITS) as usize];
        cache.store(&engine, unit, CodeKind::Module, Profile::Metered, code);
        // Whatever the others do, what is there is whole.
        assert!(cache.load_module(&engine, unit).unwrap().is_some());
        println!("stored");
    }
    let stats = cache.stats();
    assert_eq!((stats.rejected, stats.failures, stats.misses), (0, 0, 0), "{stats:?}");
}

fn start(folder: &Path, rounds: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::writer", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUNDS, rounds.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn all_load(folder: &Path) {
    let engine = Engine::default();
    let cache = CodeCache::open(folder.to_owned()).unwrap();
    for unit in 0..UNITS {
        assert!(cache.load_module(&engine, &Digest::of(&text(unit))).unwrap().is_some(), "unit {unit}");
    }
    assert_eq!(cache.stats().rejected, 0);
}

#[test]
fn processes_do_not_disturb_each_other() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cache");
    // All at once, into a folder that is not there yet: they race for the key too.
    let writers: Vec<Child> = (0..4).map(|_| start(&folder, 40)).collect();
    for writer in writers {
        let output = writer.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("stored"), "it did not run");
    }
    all_load(&folder);
    assert!(fs::read_dir(folder.join("incoming")).unwrap().next().is_none(), "nothing is left behind");
}

/// Wherever a process is killed, the next one finds whole entries or none.
#[test]
fn a_process_that_is_killed_while_it_writes_leaves_whole_entries() {
    use std::io::{BufRead as _, BufReader};

    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cache");
    let mut loaded = 0;
    let left_behind = || fs::read_dir(folder.join("incoming")).map_or(0, |left| left.count() as u64);
    // As many as it takes until some of them were killed in the middle of writing; there is no other end.
    let mut round = 0;
    while round < 20 || left_behind() < 3 {
        round += 1;
        assert!(round < 500, "no process was killed while it was writing: this test tests nothing");
        let mut writer = start(&folder, u64::MAX);
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        // Not time but work decides when: it has stored some entries, and the folder was looked at a number of times.
        for _ in 0..1 + round % 5 {
            assert!(lines.any(|line| line.unwrap() == "stored"));
        }
        for _ in 0..round * 2 {
            fs::read_dir(&folder).unwrap().for_each(drop);
        }
        writer.kill().unwrap();
        writer.wait().unwrap();

        let cache = CodeCache::open(folder.clone()).unwrap();
        let verified = cache.verify().unwrap();
        assert!(verified.damaged.is_empty() && verified.unreadable.is_empty(), "{verified:?}");
        let engine = Engine::default();
        for unit in 0..UNITS {
            loaded += u64::from(cache.load_module(&engine, &Digest::of(&text(unit))).unwrap().is_some());
        }
        assert_eq!(cache.stats().rejected, 0);
    }
    assert!(loaded >= round, "the writers wrote nothing");
    let killed_in_the_middle = left_behind();
    // And what they left goes away when it is old.
    for left in fs::read_dir(folder.join("incoming")).unwrap() {
        let file = fs::File::options().write(true).open(left.unwrap().path()).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    assert!(CodeCache::open(folder.clone()).unwrap().verify().unwrap().leftovers == killed_in_the_middle);
    assert!(fs::read_dir(folder.join("incoming")).unwrap().next().is_none());
}

/// As root the folder is given away; without being root, somebody else's folder is tried, which cannot even be written.
#[cfg(unix)]
#[test]
fn another_users_folder_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cache");
    drop(CodeCache::open(folder.clone()).unwrap());
    for given in [folder.join("incoming"), folder.clone()] {
        match std::os::unix::fs::chown(&given, Some(12_345), None) {
            Ok(()) => {
                let error = CodeCache::open(folder.clone()).unwrap_err();
                assert!(matches!(error, CacheError::Unsafe { reason: Distrust::Owner, .. }), "{error:?}");
                let troubles = wasmill_artifact::examine(&folder, Holds::Code).troubles;
                assert!(format!("{troubles:?}").contains("Owner"), "{troubles:?}");
                assert!(wasmill_artifact::repair(&folder, Holds::Code).is_err());
                std::os::unix::fs::chown(&given, Some(0), None).unwrap();
                assert!(CodeCache::open(folder.clone()).is_ok());
            }
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
                assert!(matches!(
                    CodeCache::open("/etc".into()),
                    Err(CacheError::Io { .. } | CacheError::Unsafe { .. })
                ));
            }
        }
    }
}
