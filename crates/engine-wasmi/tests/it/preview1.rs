//! Preview 1, function by function, beside wasmtime's: the same errors, the same bytes, the same verdicts.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use wasmill_engine::{Binding, Engine, Outcome};
use wasmill_model::{DirGrant, DirMode, Grants, Limits, OutputFormat, Profile, Source, TrapKind, Verdict};

use crate::units::{call, engine, prepare_with, text, unit, wasmtime};

/// Parameters of the functions: `i` is an `i32`, `I` an `i64`.
const FUNCTIONS: &[(&str, &str)] = &[
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_prestat_get", "ii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_raise", "i"),
    ("random_get", "ii"),
    ("sched_yield", ""),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// Where the errors of the calls are written, one after the other.
const ERRNOS: usize = 256;
/// Where texts are put, and where functions write to by default.
const TEXTS: usize = 4096;
/// Bytes of memory that are given out at the end.
const SHOWN: usize = 16_384;

/// A program that calls functions one after the other, and gives out its memory.
#[derive(Default)]
struct Script {
    imports: String,
    body: String,
    data: String,
    calls: usize,
    texts: usize,
    profile: Profile,
}

impl Script {
    /// Calls a function; its error is kept.
    fn call(&mut self, name: &str, arguments: &[i64]) -> &mut Self {
        let (_, kinds) = FUNCTIONS.iter().find(|(known, _)| *known == name).unwrap();
        assert_eq!(kinds.len(), arguments.len(), "{name}");
        let mut params = String::new();
        let mut values = String::new();
        for (kind, argument) in kinds.chars().zip(arguments) {
            let kind = if kind == 'I' { "i64" } else { "i32" };
            write!(params, " {kind}").unwrap();
            write!(values, " ({kind}.const {argument})").unwrap();
        }
        let import =
            format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param{params}) (result i32)))\n");
        if !self.imports.contains(&import) {
            self.imports.push_str(&import);
        }
        let at = ERRNOS + 4 * self.calls;
        writeln!(self.body, "(i32.store (i32.const {at}) (call ${name}{values}))").unwrap();
        self.calls += 1;
        self
    }

    /// Puts bytes into the memory, and says where.
    fn bytes(&mut self, bytes: &[u8]) -> (i64, i64) {
        let at = TEXTS + self.texts;
        let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        writeln!(self.data, "(data (i32.const {at}) \"{escaped}\")").unwrap();
        self.texts += bytes.len().next_multiple_of(8);
        (at as i64, bytes.len() as i64)
    }

    /// Room for what a function writes, aligned.
    fn room(&mut self, bytes: usize) -> i64 {
        self.bytes(&vec![0; bytes]).0
    }

    /// A list with one buffer in it.
    fn buffer(&mut self, (pointer, length): (i64, i64)) -> i64 {
        let mut bytes = (pointer as u32).to_le_bytes().to_vec();
        bytes.extend((length as u32).to_le_bytes());
        self.bytes(&bytes).0
    }

    /// Opens a path in the first granted folder; its descriptor is the next one that is free.
    fn open(&mut self, path: &str, how: i64, rights: i64, flags: i64) -> &mut Self {
        let (path, length) = self.bytes(path.as_bytes());
        let opened = self.room(4);
        self.call("path_open", &[3, 1, path, length, how, rights, 0, flags, opened])
    }

    fn wat(&self) -> String {
        let Script { imports, body, data, .. } = self;
        assert!(TEXTS + self.texts < SHOWN, "more than is shown");
        format!(
            "(module {imports} (import \"wasi_snapshot_preview1\" \"fd_write\" (func $out (param i32 i32 i32 i32) (result i32)))
             (memory (export \"memory\") 1) {data}
             (func (export \"_start\") {body}
               (i32.store (i32.const 65520) (i32.const 0)) (i32.store (i32.const 65524) (i32.const {SHOWN}))
               (drop (call $out (i32.const 1) (i32.const 65520) (i32.const 1) (i32.const 65528)))))"
        )
    }

    async fn run(&self, engine: &dyn Engine, grants: &Grants, input: &str) -> Outcome {
        let unit = unit(&self.wat());
        let grants = Arc::new(grants.clone());
        let binding = Binding { grants, output: OutputFormat::Bytes, profile: self.profile, ..Binding::default() };
        let prepared = engine.prepare(&unit, &binding).await.unwrap();
        call(&prepared, text(input), &Limits { timeout: Duration::from_secs(20), ..Limits::default() }).await
    }

    /// Runs on both engines, which have to agree; gives the errors and the memory.
    async fn both(&self, grants: &Grants, input: &str) -> (Vec<u32>, Vec<u8>) {
        // Once before, so that reading a file or a link changes no time that the other one sees.
        self.run(&engine(), grants, input).await;
        let [ours, theirs] = [self.run(&engine(), grants, input).await, self.run(&wasmtime(), grants, input).await];
        self.same(&ours, &theirs);
        self.memory(&ours)
    }

    fn same(&self, ours: &Outcome, theirs: &Outcome) {
        assert_eq!(ours.verdict, theirs.verdict);
        let ([our_errnos, ours], [their_errnos, theirs]) = (self.parts(ours), self.parts(theirs));
        let differs = |(index, call): (usize, &str)| {
            let [ours, theirs] = [&our_errnos, &their_errnos].map(|errnos| errnos[4 * index]);
            (ours != theirs).then(|| format!("{ours} here, {theirs} there: {call}"))
        };
        let differing: Vec<String> = self.body.lines().enumerate().filter_map(differs).collect();
        assert!(differing.is_empty(), "{}\n{}", differing.join("\n"), self.data);
        if let Some(at) = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs) {
            panic!("byte {} is {} here and {} there\n{}", TEXTS + at, ours[at], theirs[at], self.body);
        }
    }

    /// The errors and the rest, as they were given out.
    fn parts(&self, outcome: &Outcome) -> [Vec<u8>; 2] {
        assert!(outcome.verdict.is_ok(), "{:?}", outcome.verdict);
        let bytes = outcome.output.as_ref().unwrap().to_bytes();
        // The script's own writing may stand before it.
        let memory = &bytes[bytes.len() - SHOWN..];
        [memory[ERRNOS..ERRNOS + 4 * self.calls].to_vec(), [&memory[TEXTS..], &bytes[..bytes.len() - SHOWN]].concat()]
    }

    fn memory(&self, outcome: &Outcome) -> (Vec<u32>, Vec<u8>) {
        let [errnos, rest] = self.parts(outcome);
        (errnos.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().unwrap())).collect(), rest)
    }
}

const READ: i64 = 1 << 1;
const WRITE: i64 = 1 << 6;
const CREATE: i64 = 1;
const FOLDER: i64 = 2;
const EXCLUSIVE: i64 = 4;
const TRUNCATE: i64 = 8;

fn granted(folder: &Path, mode: DirMode) -> Grants {
    let mut grants = Grants::default();
    grants.dirs.insert(folder.to_owned(), DirGrant { at: "/data".to_owned(), mode });
    grants
}

/// A folder with a bit of everything.
fn furnish(folder: &Path, outside: &Path) {
    fs::write(folder.join("a.txt"), "one two three").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    fs::create_dir(folder.join("sub")).unwrap();
    fs::write(folder.join("sub/b.txt"), "b").unwrap();
    symlink("a.txt", folder.join("inner")).unwrap();
    symlink("loop", folder.join("loop")).unwrap();
    symlink(outside, folder.join("out")).unwrap();
    symlink(outside.join("secret.txt"), folder.join("secret")).unwrap();
    fs::write(outside.join("secret.txt"), "outside").unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
    let times = fs::FileTimes::new().set_accessed(time).set_modified(time);
    for name in ["a.txt", "sub/b.txt"] {
        fs::File::options().write(true).open(folder.join(name)).unwrap().set_times(times).unwrap();
    }
}

#[tokio::test]
async fn arguments_and_environment() {
    let mut grants = Grants::default();
    grants.args = vec!["--fast".to_owned(), "grüße".to_owned(), String::new()];
    grants.env.insert("LANG".to_owned(), "en".to_owned());
    grants.env.insert("EMPTY".to_owned(), String::new());
    let mut script = Script::default();
    let (pointers, buffer) = (script.room(64), script.room(256));
    script.call("args_sizes_get", &[pointers, pointers + 4]).call("args_get", &[pointers + 8, buffer]);
    let (pointers, buffer) = (script.room(64), script.room(256));
    script.call("environ_sizes_get", &[pointers, pointers + 4]).call("environ_get", &[pointers + 8, buffer]);
    let (errnos, memory) = script.both(&grants, "").await;
    assert_eq!(errnos, [0; 4]);
    let text = String::from_utf8_lossy(&memory).into_owned();
    assert!(text.contains("unit\0--fast\0grüße\0\0") && text.contains("LANG=en\0EMPTY=\0"), "{text:?}");
    script.both(&Grants::default(), "").await;
}

#[tokio::test]
async fn virtual_clocks_and_randomness() {
    let mut script = Script::default();
    for id in [0, 1, 1, 0, 2, 3] {
        let at = script.room(16);
        script.call("clock_time_get", &[id, 1, at]).call("clock_res_get", &[id, at + 8]);
    }
    for length in [0, 1, 8, 100, 7] {
        let at = script.room(104);
        script.call("random_get", &[at, length]);
    }
    let (errnos, moving) = script.both(&Grants::default(), "seed").await;
    assert_eq!(errnos[8..12], [8, 8, 8, 8]);
    // The deterministic profile's clock stands still.
    script.profile = Profile::Deterministic;
    let (_, still) = script.both(&Grants::default(), "seed").await;
    assert_eq!((moving[..8] == still[..8], still[16..24] == still[32..40]), (false, true));
    script.profile = Profile::Metered;
    let mut real = Grants::default();
    (real.clock, real.random) = (Source::Real, Source::Real);
    let outcome = script.run(&engine(), &real, "seed").await;
    assert_eq!(script.memory(&outcome).0, errnos);
}

#[tokio::test]
async fn streams() {
    let mut script = Script::default();
    let (hello, into, count) = (script.bytes(b"hello"), script.room(32), script.room(8));
    let (from, to) = (script.buffer(hello), script.buffer((into, 4)));
    let nothing = script.buffer((into, 0));
    script.call("fd_write", &[1, from, 1, count]).call("fd_write", &[2, from, 1, count]);
    for fd in [0, 3, 4, -1] {
        script.call("fd_write", &[fd, from, 1, count]);
    }
    script.call("fd_read", &[0, nothing, 1, count]).call("fd_read", &[0, to, 1, count]);
    script.call("fd_read", &[0, nothing, 0, count]);
    for fd in [1, 2, 3] {
        script.call("fd_read", &[fd, to, 1, count]);
    }
    for _ in 0..3 {
        let at = script.room(16);
        let (to, count) = (script.buffer((at, 4)), script.room(8));
        script.call("fd_read", &[0, to, 1, count]);
    }
    for fd in [0, 1, 2, 3] {
        let at = script.room(128);
        script.call("fd_seek", &[fd, 0, 1, at]).call("fd_tell", &[fd, at]).call("fd_fdstat_get", &[fd, at + 8]);
        script.call("fd_filestat_get", &[fd, at + 32]).call("fd_pread", &[fd, to, 1, 0, count]);
        script.call("fd_pwrite", &[fd, from, 1, 0, count]).call("fd_prestat_get", &[fd, at + 96]);
        script.call("fd_prestat_dir_name", &[fd, at + 104, 8]).call("fd_sync", &[fd]).call("fd_datasync", &[fd]);
        script.call("fd_advise", &[fd, 0, 0, 0]).call("fd_allocate", &[fd, 0, 1]);
        script.call("fd_fdstat_set_flags", &[fd, 1]).call("fd_fdstat_set_rights", &[fd, 1, 1]);
        script.call("fd_filestat_set_size", &[fd, 1]).call("fd_filestat_set_times", &[fd, 1, 1, 5]);
        script.call("fd_readdir", &[fd, at, 8, 0, count]).call("sock_accept", &[fd, 0, count]);
        script.call("sock_shutdown", &[fd, 1]).call("sock_send", &[fd, from, 1, 0, count]);
        script.call("sock_recv", &[fd, to, 1, 0, count, count + 4]);
    }
    script.call("sched_yield", &[]).call("proc_raise", &[3]);
    script.both(&Grants::default(), "input").await;
    let outcome = script.run(&engine(), &Grants::default(), "input").await;
    assert_eq!(outcome.log, "hello");
}

#[tokio::test]
async fn descriptors_are_closed_and_renumbered() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    furnish(inside.path(), outside.path());
    let mut script = Script::default();
    // Two files, at 4 and 5; then their numbers again.
    script.open("a.txt", 0, READ, 0).open("sub", FOLDER, READ, 0).call("fd_close", &[4]).call("fd_close", &[4]);
    script.open("empty", 0, READ, 0).open("inner", 0, READ, 0).call("fd_renumber", &[6, 4]);
    script.call("fd_renumber", &[6, 4]).call("fd_renumber", &[4, 40]).call("fd_renumber", &[4, 4]);
    script.open("a.txt", 0, READ, 0).call("fd_close", &[0]).call("fd_close", &[3]).open("a.txt", 0, READ, 0);
    script.call("fd_renumber", &[4, 2]);
    let (errnos, _) = script.both(&granted(inside.path(), DirMode::Ro), "").await;
    assert_eq!(errnos, [0, 0, 0, 8, 0, 0, 0, 8, 8, 0, 0, 0, 0, 8, 0]);
}

#[tokio::test]
async fn files_are_read() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    furnish(inside.path(), outside.path());
    for mode in [DirMode::Ro, DirMode::Rw] {
        let mut script = Script::default();
        script.open("a.txt", 0, READ, 0).open("sub", FOLDER, READ, 0).open("empty", 0, READ, 5);
        let (into, count) = (script.room(64), script.room(8));
        let buffer = script.buffer((into, 7));
        for fd in [4, 4, 4, 5, 6] {
            script.call("fd_read", &[fd, buffer, 1, count]).call("fd_tell", &[fd, count]);
        }
        for (offset, whence) in [(3, 0), (2, 1), (-1, 2), (-100, 2), (-1, 0), (i64::MAX, 1), (i64::MAX, 0), (5, 0)] {
            let at = script.room(8);
            script.call("fd_seek", &[4, offset, whence, at]);
        }
        let other = script.room(64);
        let pread = script.buffer((other, 30));
        script.call("fd_pread", &[4, pread, 1, 4, count]).call("fd_pread", &[4, pread, 1, 400, count]);
        script.call("fd_pread", &[5, pread, 1, 0, count]).call("fd_read", &[4, pread, 1, count]);
        for fd in [3, 4, 5, 6] {
            let (stat, about, name) = (script.room(64), script.room(24), script.room(16));
            script.call("fd_filestat_get", &[fd, stat]).call("fd_fdstat_get", &[fd, about]);
            script.call("fd_prestat_get", &[fd, name]).call("fd_prestat_dir_name", &[fd, name + 8, 5]);
            script.call("fd_prestat_dir_name", &[fd, name + 8, 4]).call("fd_advise", &[fd, 0, 100, 3]);
            script.call("fd_allocate", &[fd, 0, 10]).call("fd_sync", &[fd]).call("fd_datasync", &[fd]);
            script.call("fd_fdstat_set_flags", &[fd, 1]).call("fd_fdstat_set_flags", &[fd, 2]);
            script.call("fd_fdstat_set_flags", &[fd, 8]).call("fd_fdstat_set_rights", &[fd, 0, 0]);
            script.call("fd_fdstat_get", &[fd, about]).call("sock_shutdown", &[fd, 1]);
        }
        // Opened for reading: it is not written.
        script.call("fd_write", &[4, buffer, 1, count]).call("fd_pwrite", &[4, buffer, 1, 0, count]);
        script.both(&granted(inside.path(), mode), "").await;
    }
}

#[tokio::test]
async fn paths_are_resolved_within_their_folder() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    furnish(inside.path(), outside.path());
    let name = outside.path().file_name().unwrap().to_str().unwrap();
    let absolute = outside.path().join("secret.txt");
    let paths = [
        "a.txt",
        "./a.txt",
        "sub/../a.txt",
        "sub/../../a.txt",
        "..",
        "../",
        ".",
        "",
        "/",
        "sub/",
        "a.txt/",
        "a.txt/x",
        "missing",
        "missing/x",
        "inner",
        "inner/",
        "loop",
        "out",
        "out/secret.txt",
        "secret",
        absolute.to_str().unwrap(),
        &format!("../{name}/secret.txt"),
        "sub/../../../../../../etc/passwd",
        "/etc/passwd",
        "sub//b.txt",
        "nul\0byte",
        &"x".repeat(300),
    ];
    for mode in [DirMode::Ro, DirMode::Rw] {
        for follow in [0, 1] {
            for chunk in paths.chunks(9) {
                let mut script = Script::default();
                for path in chunk {
                    let (pointer, length) = script.bytes(path.as_bytes());
                    let (stat, target, opened) = (script.room(64), script.room(64), script.room(16));
                    script.call("path_filestat_get", &[3, follow, pointer, length, stat]);
                    script.call("path_open", &[3, follow, pointer, length, 0, READ, 0, 0, opened]);
                    script.call("path_open", &[3, follow, pointer, length, FOLDER, READ, 0, 0, opened + 4]);
                    script.call("path_readlink", &[3, pointer, length, target, 40, opened + 8]);
                }
                let (errnos, memory) = script.both(&granted(inside.path(), mode), "").await;
                assert!(!String::from_utf8_lossy(&memory).contains("outside"));
                for (index, path) in chunk.iter().enumerate() {
                    let leads_out = path.contains("out") || path.contains("secret") || path.contains("passwd");
                    assert!(!leads_out || errnos[4 * index + 1] != 0, "{path} was opened");
                }
            }
        }
    }
}

#[tokio::test]
async fn folders_are_listed() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    furnish(inside.path(), outside.path());
    for length in [0, 1, 23, 24, 25, 26, 60, 100, 1_000] {
        let mut script = Script::default();
        script.open("sub", FOLDER, READ, 0).open("a.txt", 0, READ, 0);
        for cookie in [0, 1, 2, 3, 5, 9, 10, 1_000] {
            let (buffer, used) = (script.room(1_000), script.room(4));
            script.call("fd_readdir", &[3, buffer, length, cookie, used]);
        }
        let (buffer, used) = (script.room(200), script.room(4));
        for fd in [0, 4, 5, 7] {
            script.call("fd_readdir", &[fd, buffer, 200, 0, used]);
        }
        let (errnos, memory) = script.both(&granted(inside.path(), DirMode::Ro), "").await;
        assert_eq!(errnos[2..], [0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 8, 8]);
        assert!(length < 1_000 || String::from_utf8_lossy(&memory).contains("a.txt"));
    }
}

/// What a script does to a folder, on both engines: the same errors, and the same folder afterwards.
async fn changes(mode: DirMode, make: impl Fn(&mut Script)) -> Vec<u32> {
    let mut script = Script::default();
    make(&mut script);
    let mut found = Vec::new();
    let outside = tempfile::tempdir().unwrap();
    let engines: [Box<dyn Engine>; 2] = [Box::new(engine()), Box::new(wasmtime())];
    for engine in engines {
        let inside = tempfile::tempdir().unwrap();
        furnish(inside.path(), outside.path());
        let outcome = script.run(&*engine, &granted(inside.path(), mode), "").await;
        assert_eq!(fs::read_to_string(outside.path().join("secret.txt")).unwrap(), "outside");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        let mut tree = Vec::new();
        list(inside.path(), inside.path(), &mut tree);
        tree.sort();
        found.push((outcome.verdict.clone(), script.memory(&outcome).0, tree));
    }
    assert_eq!(found[0], found[1], "{}", script.body);
    found.remove(0).1
}

fn list(root: &Path, folder: &Path, into: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if path.is_symlink() {
            into.push((name, format!("-> {}", fs::read_link(&path).unwrap().display())));
        } else if path.is_dir() {
            into.push((name, "/".to_owned()));
            list(root, &path, into);
        } else {
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            // Set by the guest, or at any time.
            let set = modified < SystemTime::UNIX_EPOCH + Duration::from_secs(1_710_000_000);
            into.push((name, format!("{} {:?}", fs::read_to_string(&path).unwrap(), set.then_some(modified))));
        }
    }
}

fn write_all(script: &mut Script) {
    let words = script.bytes(b"written");
    let (from, count) = (script.buffer(words), script.room(8));
    script.open("a.txt", 0, READ | WRITE, 0).open("new", CREATE, WRITE, 0).open("new", CREATE | EXCLUSIVE, WRITE, 0);
    script.open("empty", 0, WRITE, 1).open("sub/b.txt", TRUNCATE, WRITE, 0).open("created", CREATE, READ, 0);
    script.open("sub", CREATE, READ, 0).open("sub", 0, WRITE, 0).open("x", CREATE | FOLDER, READ, 0);
    script.open("out/new", CREATE, WRITE, 0).open("secret", TRUNCATE, WRITE, 0).open("sync", CREATE, WRITE, 2 | 8);
    script.open("sync", CREATE, WRITE, 16);
    for fd in [4, 5, 6, 7, 8, 9] {
        script.call("fd_write", &[fd, from, 1, count]).call("fd_tell", &[fd, count]);
        script.call("fd_write", &[fd, from, 1, count]).call("fd_pwrite", &[fd, from, 1, 20, count]);
        script.call("fd_tell", &[fd, count]).call("fd_fdstat_set_flags", &[fd, 1]);
        script.call("fd_write", &[fd, from, 1, count]).call("fd_pwrite", &[fd, from, 1, 0, count]);
        script.call("fd_tell", &[fd, count]);
    }
    script.call("fd_filestat_set_size", &[4, 3]).call("fd_filestat_set_size", &[4, -1]);
    script.call("fd_filestat_set_size", &[5, 40]).call("fd_filestat_set_size", &[3, 0]);
}

fn change_all(script: &mut Script) {
    let mut path = |text: &str| script.bytes(text.as_bytes());
    let (a, b, sub, new, missing) = (path("a.txt"), path("sub/b.txt"), path("sub"), path("new"), path("missing"));
    let (deep, out, up, inner, target) = (path("sub/deep"), path("out/x"), path("../x"), path("inner"), path("made"));
    for (pointer, length) in [new, sub, deep, out, up, a, missing] {
        script.call("path_create_directory", &[3, pointer, length]);
    }
    for ((from, from_length), (to, to_length)) in
        [(a, target), (missing, target), (sub, target), (a, a), (a, out), (out, target)]
    {
        for follow in [0, 1] {
            script.call("path_link", &[3, follow, from, from_length, 3, to, to_length]);
        }
    }
    for ((from, from_length), (to, to_length)) in [(a, new), (a, b), (missing, a), (sub, new), (b, up), (inner, inner)]
    {
        script.call("path_rename", &[3, from, from_length, 3, to, to_length]);
    }
    for ((to, to_length), (at, at_length)) in [(b, missing), (up, deep), (a, sub), (a, out)] {
        script.call("path_symlink", &[to, to_length, 3, at, at_length]);
    }
    for (pointer, length) in [inner, missing, sub, out, up, target] {
        script.call("path_filestat_set_times", &[3, 0, pointer, length, 5_000_000_000, 7_000_000_000, 5]);
        script.call("path_filestat_set_times", &[3, 1, pointer, length, 5_000_000_000, 9_000_000_000, 5]);
    }
    script.call("path_filestat_set_times", &[3, 1, a.0, a.1, 0, 0, 3]);
    for (pointer, length) in [inner, missing, sub, out, up, target, new, deep] {
        script.call("path_unlink_file", &[3, pointer, length]).call("path_remove_directory", &[3, pointer, length]);
    }
    script.open("a.txt", 0, READ | WRITE, 0).call("fd_filestat_set_times", &[4, 1, 3_000_000_000, 5]);
    script.call("fd_filestat_set_times", &[3, 1, 3_000_000_000, 5]).call("fd_filestat_set_times", &[4, 1, 1, 12]);
}

#[tokio::test]
async fn files_are_written_where_that_was_granted() {
    let errnos = changes(DirMode::Rw, write_all).await;
    assert_eq!(errnos[..2], [0, 0]);
    let errnos = changes(DirMode::Ro, write_all).await;
    // EPERM, each.
    assert_eq!(errnos[..7], [63, 63, 63, 63, 63, 63, 63]);
}

#[tokio::test]
async fn folders_are_changed_where_that_was_granted() {
    let errnos = changes(DirMode::Rw, change_all).await;
    assert_eq!(errnos[0], 0);
    let errnos = changes(DirMode::Ro, change_all).await;
    assert!(errnos[..20].iter().all(|errno| *errno == 63), "{errnos:?}");
}

/// A subscription to a clock or a descriptor.
fn subscription(userdata: u64, kind: u8, number: u32, timeout: u64, flags: u16) -> Vec<u8> {
    let mut bytes = vec![0; 48];
    bytes[..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[8] = kind;
    bytes[16..20].copy_from_slice(&number.to_le_bytes());
    bytes[24..32].copy_from_slice(&timeout.to_le_bytes());
    bytes[40..42].copy_from_slice(&flags.to_le_bytes());
    bytes
}

#[tokio::test]
async fn what_is_waited_for() {
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    furnish(inside.path(), outside.path());
    let hour = 3_600_000_000_000;
    let start = 1_735_689_600_000_000_000;
    let clock = |data, id, timeout, flags| subscription(data, 0, id, timeout, flags);
    let lists: &[&[Vec<u8>]] = &[
        &[clock(1, 0, hour, 0)],
        &[clock(1, 1, hour, 0), clock(2, 1, 2 * hour, 0), clock(3, 0, hour, 0)],
        &[clock(1, 1, 10 * hour, 1), clock(2, 0, start + 20 * hour, 1)],
        &[clock(1, 0, start, 1), clock(2, 1, 0, 0)],
        &[subscription(7, 1, 0, 0, 0), subscription(8, 2, 1, 0, 0), subscription(9, 2, 2, 0, 0)],
        &[subscription(7, 1, 0, 0, 0), clock(1, 1, hour, 0)],
        &[subscription(7, 1, 4, 0, 0)],
        &[subscription(7, 1, 5, 0, 0)],
        &[subscription(7, 2, 4, 0, 0)],
        &[subscription(7, 1, 1, 0, 0)],
        &[subscription(7, 2, 0, 0, 0)],
        &[subscription(7, 1, 3, 0, 0)],
        &[subscription(7, 1, 40, 0, 0)],
        &[clock(1, 2, hour, 0)],
        &[clock(1, 7, hour, 0)],
        &[subscription(7, 3, 0, 0, 0)],
        &[],
    ];
    for list in lists {
        for profile in [Profile::Metered, Profile::Deterministic] {
            let mut script = Script { profile, ..Script::default() };
            script.open("a.txt", 0, READ, 0).open("empty", 0, READ, 0);
            let (subscriptions, events, written) =
                (script.bytes(&list.concat()).0, script.room(32 * 4), script.room(4));
            script.call("poll_oneoff", &[subscriptions, events, list.len() as i64, written]);
            let time = script.room(8);
            script.call("clock_time_get", &[1, 0, time]);
            script.both(&granted(inside.path(), DirMode::Ro), "input").await;
        }
    }
}

/// A real clock: what is waited for comes, and not before.
#[tokio::test]
async fn a_real_sleep_takes_its_time() {
    let mut real = Grants::default();
    real.clock = Source::Real;
    let mut script = Script::default();
    let subscriptions = [subscription(1, 0, 1, 30_000_000, 0), subscription(2, 0, 1, 60_000_000_000, 0)].concat();
    let (subscriptions, events, written, times) =
        (script.bytes(&subscriptions).0, script.room(64), script.room(4), script.room(16));
    script.call("clock_time_get", &[1, 0, times]).call("poll_oneoff", &[subscriptions, events, 2, written]);
    script.call("clock_time_get", &[1, 0, times + 8]);
    let outcome = script.run(&engine(), &real, "").await;
    let (errnos, memory) = script.memory(&outcome);
    assert_eq!(errnos, [0, 0, 0]);
    let number = |at: i64| u64::from_le_bytes(memory[at as usize - TEXTS..][..8].try_into().unwrap());
    assert!(number(times + 8) - number(times) >= 30_000_000);
    assert_eq!((number(events), memory[written as usize - TEXTS]), (1, 1));
    assert!(outcome.usage.wall < Duration::from_secs(20), "{:?}", outcome.usage.wall);
}

/// Pointers that are not in the memory, or not aligned, end the guest on both engines.
#[tokio::test]
async fn bad_pointers_end_the_guest() {
    let far = 65_534;
    let calls: &[(&str, &[i64])] = &[
        ("args_get", &[far, 0]),
        ("args_get", &[0, far]),
        ("args_get", &[1, 64]),
        ("args_sizes_get", &[far, 0]),
        ("environ_sizes_get", &[0, -1]),
        ("clock_time_get", &[0, 0, far]),
        ("clock_time_get", &[0, 0, 4]),
        ("clock_res_get", &[0, far]),
        ("random_get", &[far, 100]),
        ("random_get", &[0, 17 << 20]),
        ("fd_fdstat_get", &[0, far]),
        ("fd_fdstat_get", &[0, 4]),
        ("fd_filestat_get", &[0, 65_480]),
        ("fd_prestat_get", &[3, far]),
        ("fd_prestat_dir_name", &[3, far, 5]),
        ("fd_read", &[0, far, 1, 0]),
        ("fd_read", &[0, 2, 1, 0]),
        ("fd_read", &[0, 1024, 1, far]),
        ("fd_write", &[1, 65_528, 2, 0]),
        ("fd_seek", &[4, 0, 0, far]),
        ("fd_tell", &[4, far]),
        ("fd_readdir", &[3, far, 100, 0, 0]),
        ("fd_readdir", &[3, 0, 100, 0, far]),
        ("path_open", &[3, 0, far, 100, 0, 0, 0, 0, 0]),
        ("path_open", &[3, 0, 1032, 5, 0, READ, 0, 0, far]),
        ("path_filestat_get", &[3, 0, 1032, 5, far]),
        ("path_readlink", &[3, 1040, 5, far, 100, 0]),
        ("path_create_directory", &[3, -1, 1]),
        ("path_symlink", &[-1, 1, 3, 0, 1]),
        ("poll_oneoff", &[far, 0, 1, 0]),
        // What is no number of an enumeration, and bits that no flag has.
        ("clock_time_get", &[4, 0, 0]),
        ("clock_res_get", &[-1, 0]),
        ("fd_advise", &[4, 0, 0, 6]),
        ("fd_fdstat_set_flags", &[4, 32]),
        ("fd_fdstat_set_flags", &[4, 65_536]),
        ("fd_fdstat_set_rights", &[4, 1 << 40, 0]),
        ("fd_filestat_set_times", &[4, 0, 0, 16]),
        ("fd_seek", &[4, 0, 3, 0]),
        ("path_filestat_get", &[3, 2, 1032, 5, 0]),
        ("path_open", &[3, 2, 1032, 5, 0, READ, 0, 0, 0]),
        ("path_open", &[3, 0, 1032, 5, 16, READ, 0, 0, 0]),
        ("path_open", &[3, 0, 1032, 5, 0, 1 << 31, 0, 0, 0]),
        ("path_open", &[3, 0, 1032, 5, 0, READ, 0, 64, 0]),
        ("path_link", &[3, 4, 1032, 5, 3, 1040, 5]),
        ("proc_raise", &[200]),
        ("sock_accept", &[0, 64, 0]),
        ("sock_recv", &[0, 1024, 1, 8, 0, 4]),
        ("sock_shutdown", &[0, 4]),
    ];
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    furnish(inside.path(), outside.path());
    let grants = granted(inside.path(), DirMode::Rw);
    for (name, arguments) in calls {
        let mut script = Script::default();
        // At 1024 a buffer of 8 bytes at 2048, then two paths.
        script.data.push_str(r#"(data (i32.const 1024) "\00\08\00\00\08\00\00\00a.txt\00\00\00inner")"#);
        script.open("a.txt", 0, READ | WRITE, 0).call(name, arguments);
        let [ours, theirs] =
            [script.run(&engine(), &grants, "input").await, script.run(&wasmtime(), &grants, "input").await];
        let kind = |outcome: &Outcome| match &outcome.verdict {
            Verdict::Trap { kind, .. } => *kind,
            other => panic!("{name} {arguments:?}: {other:?}"),
        };
        assert_eq!((kind(&ours), kind(&theirs)), (TrapKind::InvalidAbi, TrapKind::InvalidAbi), "{name} {arguments:?}");
    }
}

/// Lengths that no memory has: refused before anything is taken for them.
#[tokio::test]
async fn huge_lengths_are_refused() {
    let mut script = Script::default();
    let count = script.room(8);
    for length in [-1, i64::from(i32::MAX), 1 << 25] {
        script.call("fd_read", &[0, 0, length, count]).call("fd_write", &[1, 0, length, count]);
        script.call("poll_oneoff", &[0, 0, length, count]);
    }
    let (errnos, _) = script.both(&Grants::default(), "input").await;
    assert_eq!(errnos, [48; 9]);
}

/// Pipes and devices can make whoever opens them wait for ever.
#[tokio::test]
async fn only_files_and_folders_are_opened() {
    let inside = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo").arg(inside.path().join("pipe")).status().unwrap();
    assert!(made.success(), "`mkfifo` is part of coreutils");
    std::os::unix::net::UnixListener::bind(inside.path().join("socket")).unwrap();
    let mut script = Script::default();
    script
        .open("pipe", 0, READ, 0)
        .open("pipe", 0, WRITE, 0)
        .open("pipe", 0, READ | WRITE, 0)
        .open("socket", 0, READ, 0);
    let outcome = script.run(&engine(), &granted(inside.path(), DirMode::Rw), "").await;
    let (errnos, _) = script.memory(&outcome);
    assert!(errnos.iter().all(|errno| *errno != 0), "{errnos:?}");
    assert_eq!((errnos[0], errnos[2]), (58, 58));
}

#[tokio::test]
async fn open_descriptors_are_bounded() {
    let inside = tempfile::tempdir().unwrap();
    fs::create_dir(inside.path().join("sub")).unwrap();
    let unit = unit(
        r#"(module (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "sub")
        (func (export "_start") (loop $again
            (drop (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 3) (i32.const 2) (i64.const 2) (i64.const 0)
                (i32.const 0) (i32.const 16)))
            (br_if $again (i32.lt_u (i32.load (i32.const 16)) (i32.const 20000))))))"#,
    );
    let prepared = prepare_with(&engine(), &unit, None, granted(inside.path(), DirMode::Ro), OutputFormat::Text).await;
    let limits = Limits { fuel: 100_000_000, ..Limits::default() };
    let outcome = call(&prepared, text(""), &limits).await;
    // The process may have fewer itself: then the guest asks until its fuel is used up.
    assert!(matches!(outcome.verdict, Verdict::Trap { .. } | Verdict::FuelExhausted { .. }), "{:?}", outcome.verdict);
}
