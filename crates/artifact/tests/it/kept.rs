//! Units that were fetched, and are kept: by their digests, between processes, whatever happens to the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use wasmill_artifact::{CacheError, Distrust, FetchError, Sources, UnitCache};
use wasmill_model::{Code, Digest};

use crate::fetch::{binary, digest, from, plain, unit_server};
use crate::server::{Server, give};

const URL: &str = "WASMILL_TEST_URL";
const FOLDER: &str = "WASMILL_TEST_UNITS";

fn keeping(folder: &Path) -> Sources {
    Sources { units: Some(UnitCache::open(folder.to_owned()).unwrap()), ..plain() }
}

fn file(folder: &Path) -> PathBuf {
    folder.join(format!("{}.wasm", digest()))
}

#[test]
fn what_is_kept_needs_no_server() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("units");
    let server = unit_server();
    let url = server.url("/one.wasm");
    let sources = keeping(&folder);
    for _ in 0..3 {
        assert_eq!(from(&url, Some(digest()), &sources).unwrap().digest(), digest());
    }
    assert_eq!(server.requests().len(), 1);
    server.stop();
    // Another process, later; the digest is what counts, not the URL.
    let sources = keeping(&folder);
    assert_eq!(from(&url, Some(digest()), &sources).unwrap().digest(), digest());
    assert_eq!(from("https://wasmill.invalid/other.wasm", Some(digest()), &sources).unwrap().digest(), digest());
    let unpinned = Sources { allow_unpinned: true, ..keeping(&folder) };
    assert_eq!(from(&url, None, &unpinned).unwrap_err().code(), Code::UnitNotFetched);
    assert_eq!(fs::read(file(&folder)).unwrap(), binary());
    assert!(fs::read_dir(folder.join("incoming")).unwrap().next().is_none(), "nothing is left behind");
    let entries = sources.units.as_ref().unwrap().entries().unwrap();
    assert_eq!(
        entries.iter().map(|unit| (unit.digest, unit.size)).collect::<Vec<_>>(),
        [(digest(), binary().len() as u64)]
    );
    assert!(sources.units.as_ref().unwrap().remove(&digest()));
    assert!(!sources.units.as_ref().unwrap().remove(&digest()));
}

#[test]
fn only_what_was_declared_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let server = unit_server();
    let sources = Sources { allow_unpinned: true, ..keeping(folder.path()) };
    let declared = Digest::of(b"another");
    assert_eq!(from(&server.url("/"), Some(declared), &sources).unwrap_err().code(), Code::DigestMismatch);
    assert!(from(&server.url("/"), None, &sources).is_ok());
    let broken = Server::start(|_, stream| give(stream, "200 OK", "", b"\0asm\x01\0\0\0\xff"));
    let declared = Digest::of(b"\0asm\x01\0\0\0\xff");
    assert_eq!(from(&broken.url("/"), Some(declared), &sources).unwrap_err().code(), Code::CorruptUnit);
    assert!(sources.units.unwrap().entries().unwrap().is_empty());
}

#[test]
fn what_is_damaged_is_fetched_again() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("units");
    let server = unit_server();
    let url = server.url("/one.wasm");
    let sources = keeping(&folder);
    let path = file(&folder);
    assert!(from(&url, Some(digest()), &sources).is_ok());
    let whole = binary();
    let other = wat::parse_str("(module)").unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() - 2] ^= 1;
    for (count, damaged) in [&whole[..10], b"", &flipped, &other, b"no unit"].into_iter().enumerate() {
        fs::write(&path, damaged).unwrap();
        assert_eq!(from(&url, Some(digest()), &sources).unwrap().digest(), digest());
        assert_eq!(server.requests().len(), count + 2);
        assert_eq!(fs::read(&path).unwrap(), whole, "it was put right");
    }
    // Larger than any unit.
    fs::File::create(&path).unwrap().set_len(wasmill_artifact::MAX_UNIT_SIZE + 1).unwrap();
    assert!(from(&url, Some(digest()), &sources).is_ok());
    assert_eq!(fs::read(&path).unwrap(), whole);
    // A link is not followed, and what it leads to not written to.
    #[cfg(unix)]
    {
        let elsewhere = parent.path().join("elsewhere.wasm");
        fs::write(&elsewhere, &whole).unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        let before = server.requests().len();
        assert!(from(&url, Some(digest()), &sources).is_ok());
        assert_eq!(server.requests().len(), before + 1);
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
    }
    // A folder in its place stays, and costs a fetch each time.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("mine"), "mine").unwrap();
    for _ in 0..2 {
        assert!(from(&url, Some(digest()), &sources).is_ok());
    }
    assert!(path.join("mine").exists());
    assert!(sources.units.as_ref().unwrap().last_failure().is_some());
    fs::remove_dir_all(&path).unwrap();

    // Damaged, and nowhere to get another: an error, never another unit.
    fs::write(&path, &other).unwrap();
    server.stop();
    let error = from(&url, Some(digest()), &sources).unwrap_err();
    assert!(matches!(error, wasmill_artifact::ArtifactError::Fetch { error: FetchError::ConnectionRefused, .. }));
    // The whole folder goes away under a running process.
    fs::remove_dir_all(&folder).unwrap();
    let server = unit_server();
    assert!(from(&server.url("/"), Some(digest()), &sources).is_ok());
}

#[test]
fn the_least_used_goes_first_and_leftovers_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let units: Vec<Vec<u8>> = (0..4)
        .map(|number| wat::parse_str(format!("(module (memory 1) (data (i32.const 0) \"{number:0>1000}\"))")).unwrap())
        .collect();
    let served = units.clone();
    let server = Server::start(move |path, stream| {
        let number: usize = path.trim_start_matches('/').parse().unwrap();
        give(stream, "200 OK", "", &served[number])
    });
    let get = |number: usize, sources: &Sources| {
        from(&server.url(&format!("/{number}")), Some(Digest::of(&units[number])), sources).unwrap();
    };
    let room = 3 * units[0].len() as u64;
    let cache = UnitCache::open_with(folder.path().join("units"), room).unwrap();
    let sources = Sources { units: Some(cache), ..plain() };
    let cache = sources.units.as_ref().unwrap();
    let leftover = cache.folder().join("incoming").join(".tmpleft");
    let past = |seconds| SystemTime::now() - Duration::from_secs(seconds);
    for (number, unit) in units.iter().enumerate().take(3) {
        get(number, &sources);
        let path = cache.folder().join(format!("{}.wasm", Digest::of(unit)));
        fs::File::options().write(true).open(path).unwrap().set_modified(past(100 - number as u64)).unwrap();
    }
    fs::write(&leftover, "x").unwrap();
    fs::File::options().write(true).open(&leftover).unwrap().set_modified(past(4000)).unwrap();
    // Used, so that the second is now the one that was used least.
    get(0, &sources);
    get(3, &sources);
    let kept: Vec<Digest> = cache.entries().unwrap().into_iter().map(|unit| unit.digest).collect();
    assert_eq!(kept.len(), 3);
    assert!(!kept.contains(&Digest::of(&units[1])), "{kept:?}");
    assert!(!leftover.exists());
}

#[test]
fn folders_of_others_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    let theirs = parent.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("letter.txt"), "dear").unwrap();
    let error = UnitCache::open(theirs.clone()).unwrap_err();
    assert!(matches!(error, CacheError::Foreign { .. }), "{error:?}");
    assert_eq!(fs::read_dir(&theirs).unwrap().count(), 1);
    // Somebody's own units are not a cache either.
    fs::rename(theirs.join("letter.txt"), theirs.join("mine.wasm")).unwrap();
    assert!(matches!(UnitCache::open(theirs), Err(CacheError::Foreign { .. })));
    // Nor are units compiled code.
    let units = parent.path().join("units");
    let server = unit_server();
    from(&server.url("/"), Some(digest()), &keeping(&units)).unwrap();
    fs::remove_dir(units.join("incoming")).unwrap();
    assert!(matches!(wasmill_artifact::CodeCache::open(units.clone()), Err(CacheError::Foreign { .. })));
    assert!(UnitCache::open(units.clone()).is_ok());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&units).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(file(&units)).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&units, fs::Permissions::from_mode(0o777)).unwrap();
        let error = UnitCache::open(units).unwrap_err();
        assert!(matches!(error, CacheError::Unsafe { reason: Distrust::Writable, .. }), "{error:?}");
    }
}

#[test]
fn threads_do_not_disturb_each_other() {
    let parent = tempfile::tempdir().unwrap();
    let server = unit_server();
    let url = server.url("/one.wasm");
    let sources = keeping(&parent.path().join("units"));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(from(&url, Some(digest()), &sources).unwrap().digest(), digest());
                }
            });
        }
    });
    assert!(server.requests().len() <= 8);
    assert_eq!(sources.units.unwrap().last_failure(), None);
}

/// Loads one unit. It is the child of other tests: without its environment it has nothing to do.
#[test]
#[ignore = "it is started by the other tests of this file"]
fn loader() {
    let Some(url) = std::env::var_os(URL) else { return };
    let url = url.into_string().unwrap();
    // As the program does it, with what the environment says of proxies.
    let units = std::env::var_os(FOLDER).map(|folder| UnitCache::open(folder.into()).unwrap());
    let sources = Sources { units, ..Sources::default() };
    for _ in 0..20 {
        let unit = from(&url, Some(digest()), &sources).unwrap();
        assert_eq!(unit.digest(), digest());
        println!("loaded");
    }
}

fn start(url: &str, environment: &[(&str, &str)]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_ascii_uppercase());
    }
    command
        .args(["--exact", "kept::loader", "--ignored", "--nocapture"])
        .env(URL, url)
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn succeeds(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("loaded"), "it did not run");
}

#[test]
fn processes_share_a_folder_that_is_not_there_yet() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("cache").join("units");
    let server = unit_server();
    let url = server.url("/one.wasm");
    let environment = [(FOLDER, folder.to_str().unwrap())];
    let children: Vec<Child> = (0..4).map(|_| start(&url, &environment)).collect();
    children.into_iter().for_each(succeeds);
    assert!((1..=4).contains(&server.requests().len()));
    server.stop();
    succeeds(start(&url, &environment));
}

#[test]
fn a_proxy_of_the_environment_is_used() {
    // It gives the unit itself: there is nothing where the URL leads.
    let proxy = Server::start(|_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\n\r\n")?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        give(stream, "200 OK", "", &binary())
    });
    let address = format!("http://{}", proxy.address);
    succeeds(start("http://units.invalid/one.wasm", &[("HTTP_PROXY", &address)]));
    let head = proxy.requests().remove(0);
    assert!(head.starts_with("connect units.invalid:80 "), "{head}");
    // Where it is not for this host, it is not asked.
    let server = unit_server();
    let before = proxy.requests().len();
    succeeds(start(&server.url("/"), &[("HTTP_PROXY", &address), ("NO_PROXY", "localhost")]));
    assert_eq!(proxy.requests().len(), before);
}
