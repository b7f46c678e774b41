//! Grants: nothing without them, no more with them; the same on wasmtime.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wasmill_engine::{Binding, Call, Cancel, Engine, Outcome};
use wasmill_model::{
    DirGrant, DirMode, Grants, Limits, OutputFormat, Profile, Secrets, Source, Value, Verdict, VerdictKind,
};

use crate::units::{built, call, engine, prepare_with, text, unit, wasmtime};

fn engines() -> [Box<dyn Engine>; 2] {
    [Box::new(engine()), Box::new(wasmtime())]
}

fn limits() -> Limits {
    Limits { timeout: Duration::from_secs(20), ..Limits::default() }
}

async fn run(engine: &dyn Engine, suite: &str, name: &str, grants: Grants) -> Outcome {
    let prepared = prepare_with(engine, &built(suite, name), None, grants, OutputFormat::Text).await;
    call(&prepared, text(""), &limits()).await
}

fn output(outcome: &Outcome) -> &str {
    outcome.output.as_ref().and_then(Value::as_str).unwrap_or_else(|| panic!("{outcome:?}"))
}

fn with_args(args: &[&str]) -> Grants {
    let mut grants = Grants::default();
    grants.args = args.iter().map(|arg| (*arg).to_owned()).collect();
    grants
}

fn with_dir(args: &[&str], folder: &Path, mode: DirMode) -> Grants {
    let mut grants = with_args(args);
    grants.dirs.insert(folder.to_owned(), DirGrant { at: "/data".to_owned(), mode });
    grants
}

#[tokio::test]
async fn a_virtual_clock_jumps_over_sleeps_and_is_the_same_for_every_run() {
    for engine in engines() {
        for _ in 0..2 {
            let outcome = run(&*engine, "grants", "clock", Grants::default()).await;
            assert_eq!(output(&outcome), "3600 3600 1735689600");
            assert!(outcome.usage.wall < Duration::from_secs(20));
        }
    }
}

#[tokio::test]
async fn the_deterministic_profile_stands_still() {
    for engine in engines() {
        let binding = Binding { profile: Profile::Deterministic, ..Binding::default() };
        let prepared = engine.prepare(&built("grants", "clock"), &binding).await.unwrap();
        let outcome = call(&prepared, text(""), &limits()).await;
        assert_eq!(outcome.output.unwrap().to_bytes(), "3600 3600 1735689600");
    }
}

#[tokio::test]
async fn a_folder_is_read_as_far_as_it_was_granted() {
    for engine in engines() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(inside.path().join("a.txt"), "inside").unwrap();
        fs::write(outside.path().join("secret.txt"), "outside").unwrap();
        fs::create_dir(inside.path().join("sub")).unwrap();
        symlink(outside.path().join("secret.txt"), inside.path().join("link")).unwrap();
        symlink(outside.path(), inside.path().join("folder-link")).unwrap();
        symlink("a.txt", inside.path().join("inner-link")).unwrap();

        let files =
            async |args: &[&str], mode| run(&*engine, "grants", "files", with_dir(args, inside.path(), mode)).await;
        for path in ["/data/a.txt", "/data/sub/../a.txt", "/data/inner-link"] {
            assert_eq!(output(&files(&["read", path], DirMode::Ro).await), "inside", "{path}");
        }
        assert!(output(&files(&["list", "/data"], DirMode::Ro).await).contains("a.txt"));

        let name = outside.path().file_name().unwrap().to_str().unwrap();
        let absolute = outside.path().join("secret.txt");
        let dotted = format!("/data/../{name}/secret.txt");
        let escapes = [
            "/data/link",
            "/data/folder-link/secret.txt",
            &dotted,
            absolute.to_str().unwrap(),
            "/etc/passwd",
            "/data/sub/../../../../etc/passwd",
            "/data//../etc/passwd",
        ];
        for escape in escapes {
            for mode in [DirMode::Ro, DirMode::Rw] {
                let outcome = files(&["read", escape], mode).await;
                assert!(!outcome.verdict.is_ok(), "{escape} was read: {:?}", outcome.output);
            }
        }
        for change in [
            &["write", "/data/a.txt", "changed"][..],
            &["write", "/data/new.txt", "new"],
            &["remove", "/data/a.txt"],
            &["mkdir", "/data/new"],
            &["link", "/data/new-link", "a.txt"],
            &["rename", "/data/a.txt", "/data/b.txt"],
        ] {
            let outcome = files(change, DirMode::Ro).await;
            assert!(!outcome.verdict.is_ok(), "{change:?} in a folder that was granted for reading");
        }
        assert_eq!(fs::read_to_string(inside.path().join("a.txt")).unwrap(), "inside");

        assert!(files(&["write", "/data/new.txt", "new"], DirMode::Rw).await.verdict.is_ok());
        assert_eq!(fs::read_to_string(inside.path().join("new.txt")).unwrap(), "new");
        for escape in ["/data/link", "/data/folder-link/secret.txt", &dotted] {
            assert!(!files(&["write", escape, "stolen"], DirMode::Rw).await.verdict.is_ok(), "{escape}");
        }
        // A link that the unit makes itself leads nowhere else either.
        files(&["link", "/data/mine", absolute.to_str().unwrap()], DirMode::Rw).await;
        assert!(!files(&["read", "/data/mine"], DirMode::Rw).await.verdict.is_ok());
        assert_eq!(fs::read_to_string(outside.path().join("secret.txt")).unwrap(), "outside");

        let nothing = run(&*engine, "grants", "files", with_args(&["read", "/data/a.txt"])).await;
        assert!(!nothing.verdict.is_ok());
    }
}

/// More than a file is read by at once.
#[tokio::test]
async fn a_large_file_is_read_and_written_whole() {
    for engine in engines() {
        let folder = tempfile::tempdir().unwrap();
        let large = "0123456789abcdef".repeat(200_000);
        fs::write(folder.path().join("large"), &large).unwrap();
        let outcome =
            run(&*engine, "grants", "files", with_dir(&["read", "/data/large"], folder.path(), DirMode::Ro)).await;
        assert!(output(&outcome) == large, "{:?}", outcome.verdict);
        let args = ["write", "/data/written", &large];
        let outcome = run(&*engine, "grants", "files", with_dir(&args, folder.path(), DirMode::Rw)).await;
        assert!(outcome.verdict.is_ok(), "{:?}", outcome.verdict);
        assert!(fs::read_to_string(folder.path().join("written")).unwrap() == large);
    }
}

#[tokio::test]
async fn a_granted_folder_that_is_gone_is_the_hosts_failure() {
    for engine in engines() {
        let missing = Path::new("/nowhere/at/all");
        let outcome = run(&*engine, "grants", "files", with_dir(&["list", "/data"], missing, DirMode::Ro)).await;
        let Verdict::HostError { message } = &outcome.verdict else { panic!("{outcome:?}") };
        assert!(message.contains("/nowhere/at/all"), "{message}");
    }
}

#[tokio::test]
async fn a_program_sees_what_it_was_granted_and_nothing_else() {
    for engine in engines() {
        let plain = run(&*engine, "limits", "read-env", Grants::default()).await;
        assert_eq!(output(&plain), "{\"args\":[\"unit\"],\"env\":{}}\n");
        let mut grants = with_args(&["--fast"]);
        grants.env.insert("LANG".to_owned(), "en".to_owned());
        grants.secrets = vec!["API_KEY".to_owned(), "NOT_THERE".to_owned()];
        let mut secrets = Secrets::default();
        secrets.insert("API_KEY", "tell-nobody").unwrap();
        secrets.insert("OTHER", "not-granted").unwrap();
        let binding = Binding { grants: Arc::new(grants), secrets, output: OutputFormat::Text, ..Binding::default() };
        let prepared = engine.prepare(&built("limits", "read-env"), &binding).await.unwrap();
        let outcome = call(&prepared, text(""), &limits()).await;
        assert_eq!(
            output(&outcome),
            "{\"args\":[\"unit\",\"--fast\"],\"env\":{\"LANG\":\"en\",\"API_KEY\":\"tell-nobody\"}}\n"
        );
    }
}

/// Reads the clock once and 8 random bytes, and gives both as 16 bytes.
const CLOCK_AND_RANDOM: &str = r#"(module
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64)))
        (drop (call $random (i32.const 72) (i32.const 8)))
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 16))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))"#;

#[tokio::test]
async fn time_and_randomness_are_virtual_unless_granted() {
    let unit = unit(CLOCK_AND_RANDOM);
    let mut first = None;
    for engine in engines() {
        let pure = prepare_with(&*engine, &unit, None, Grants::default(), OutputFormat::Bytes).await;
        let one = call(&pure, text("a"), &limits()).await.output;
        assert_eq!(call(&pure, text("a"), &limits()).await.output, one);
        assert_ne!(call(&pure, text("b"), &limits()).await.output, one, "seeded by the input too");
        assert_eq!(*first.get_or_insert_with(|| one.clone()), one, "the same on every engine");
        let mut grants = Grants::default();
        (grants.clock, grants.random) = (Source::Real, Source::Real);
        let real = prepare_with(&*engine, &unit, None, grants, OutputFormat::Bytes).await;
        let real = [call(&real, text("a"), &limits()).await.output, call(&real, text("a"), &limits()).await.output];
        assert!(real[0] != one && real[0] != real[1]);
    }
}

#[tokio::test]
async fn time_and_cancellation_end_a_guest_that_sleeps() {
    let mut grants = Grants::default();
    grants.clock = Source::Real;
    for engine in engines() {
        let sleeper =
            prepare_with(&*engine, &built("limits", "sleep-long"), None, grants.clone(), OutputFormat::Text).await;
        let limits = Limits { timeout: Duration::from_millis(100), ..Limits::default() };
        assert_eq!(call(&sleeper, text(""), &limits).await.verdict.kind(), VerdictKind::TimedOut);
        let (input, limits, cancel) = (text(""), Limits::default(), Cancel::new());
        let call = sleeper.call(Call::new(&input, &limits, &cancel));
        let outcome = futures_util::future::join(call, async { cancel.cancel() }).await.0;
        assert_eq!(outcome.verdict, Verdict::Cancelled);
    }
}
