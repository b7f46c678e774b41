//! Grants: nothing without them, no more with them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use wasmill_engine::PrepareError;
use wasmill_engine_wasmtime::{Attempt, WasmtimeEngine};
use wasmill_model::{DirGrant, DirMode, Grants, Input, Limits, NetGrant, Profile, Secrets, Source, Value, Verdict};
use wasmill_unit::Unit;

use crate::server::{Server, udp_server};
use crate::units::{built, engine, unit};

fn limits() -> Limits {
    Limits { timeout: Duration::from_secs(20), ..Limits::default() }
}

async fn run(engine: &WasmtimeEngine, suite: &str, name: &str, grants: Grants) -> Attempt {
    let unit = engine.load(built(suite, name).bytes().clone()).unwrap();
    unit.grants(grants).limits(limits()).prepare().await.unwrap().call("").await
}

fn output(attempt: &Attempt) -> &str {
    attempt.output.as_ref().and_then(Value::as_str).unwrap_or_else(|| panic!("{:?}", attempt.receipt))
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

fn with_net(args: &[&str], hosts: &[String]) -> Grants {
    let mut grants = with_args(args);
    grants.net = hosts.iter().map(|host| host.parse::<NetGrant>().unwrap()).collect();
    grants
}

#[tokio::test]
async fn a_virtual_clock_jumps_over_sleeps_and_is_the_same_for_every_run() {
    let engine = engine();
    for name in ["clock", "clock-p2"] {
        let first = run(&engine, "grants", name, Grants::default()).await;
        let second = run(&engine, "grants", name, Grants::default()).await;
        assert!(output(&first).starts_with("3600 3600 "), "{}", output(&first));
        assert_eq!(first.output, second.output);
        assert_eq!(first.receipt.usage.fuel, second.receipt.usage.fuel);
    }
    assert!(output(&run(&engine, "grants", "clock-p2", Grants::default()).await).starts_with("3600 3600 2025 "));
}

#[tokio::test]
async fn of_several_timers_the_earliest_goes_off_and_moments_are_as_good_as_durations() {
    let engine = engine();
    for (guest, seconds) in
        [(built("grants", "sleep-until"), "3600"), (built("grants", "poll-clocks"), "[903600,703600]")]
    {
        let unit = engine.load(guest.bytes().clone()).unwrap().limits(limits());
        let attempt = unit.prepare().await.unwrap().call(Input::Positional(Vec::new())).await;
        assert_eq!(attempt.output.map(|value| value.to_json()).as_deref(), Some(seconds), "{:?}", attempt.receipt);
    }
}

#[tokio::test]
async fn real_sleeps_are_real() {
    let mut real = Grants::default();
    real.clock = Source::Real;
    // Somebody outside may answer meanwhile.
    let net = with_net(&[], &["127.0.0.1:1".to_owned()]);
    for (name, grants) in [("clock", &real), ("clock-p2", &real), ("clock", &net), ("clock-p2", &net)] {
        let limits = Limits { timeout: Duration::from_millis(200), ..Limits::default() };
        let unit = engine().load(built("grants", name).bytes().clone()).unwrap();
        let attempt = unit.grants(grants.clone()).limits(limits).prepare().await.unwrap().call("").await;
        assert!(matches!(attempt.receipt.verdict, Verdict::TimedOut { .. }), "{name}: {:?}", attempt.receipt);
    }
}

#[tokio::test]
async fn real_randomness_differs() {
    let engine = engine();
    let mut grants = Grants::default();
    grants.random = Source::Real;
    let first = run(&engine, "grants", "clock-p2", grants.clone()).await;
    let second = run(&engine, "grants", "clock-p2", grants).await;
    assert_ne!(first.output, second.output);
}

/// A component that calls one function of WASI for a number.
fn asks(interface: &str, function: &str) -> Unit {
    unit(&format!(
        r#"(component
          (import "{interface}@0.2.0" (instance $random (export "{function}" (func (result u64)))))
          (core func $ask (canon lower (func $random "{function}")))
          (core module $m (import "host" "ask" (func $ask (result i64))) (func (export "run") (result i64) (call $ask)))
          (core instance $i (instantiate $m (with "host" (instance (export "ask" (func $ask))))))
          (func (export "run") (result u64) (canon lift (core func $i "run"))))"#
    ))
}

#[tokio::test]
async fn every_source_of_randomness_is_virtual_unless_granted() {
    let engine = engine();
    let mut real = Grants::default();
    real.random = Source::Real;
    let random = [("wasi:random/random", "get-random-u64"), ("wasi:random/insecure", "get-insecure-random-u64")];
    for (interface, function) in random {
        let ask = async |grants: &Grants| {
            let load = engine.load(asks(interface, function).bytes().clone()).unwrap().grants(grants.clone());
            load.prepare().await.unwrap().call(Input::Positional(Vec::new())).await.output.unwrap()
        };
        let nothing = Grants::default();
        assert_eq!(ask(&nothing).await, ask(&nothing).await, "{function}");
        assert_ne!(ask(&real).await, ask(&real).await, "{function}");
    }
}

#[tokio::test]
async fn a_folder_is_read_as_far_as_it_was_granted() {
    let (engine, inside, outside) = (engine(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(inside.path().join("a.txt"), "inside").unwrap();
    fs::write(outside.path().join("secret.txt"), "outside").unwrap();
    fs::create_dir(inside.path().join("sub")).unwrap();
    symlink(outside.path().join("secret.txt"), inside.path().join("link")).unwrap();
    symlink(outside.path(), inside.path().join("folder-link")).unwrap();
    symlink("a.txt", inside.path().join("inner-link")).unwrap();

    let files = async |args: &[&str], mode| run(&engine, "grants", "files", with_dir(args, inside.path(), mode)).await;
    assert_eq!(output(&files(&["read", "/data/a.txt"], DirMode::Ro).await), "inside");
    assert_eq!(output(&files(&["read", "/data/sub/../a.txt"], DirMode::Ro).await), "inside");
    assert_eq!(output(&files(&["read", "/data/inner-link"], DirMode::Ro).await), "inside");
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
            let attempt = files(&["read", escape], mode).await;
            assert!(!attempt.receipt.verdict.is_ok(), "{escape} was read: {:?}", attempt.output);
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
        let attempt = files(change, DirMode::Ro).await;
        assert!(!attempt.receipt.verdict.is_ok(), "{change:?} in a folder that was granted for reading");
    }
    assert_eq!(fs::read_to_string(inside.path().join("a.txt")).unwrap(), "inside");

    assert!(files(&["write", "/data/new.txt", "new"], DirMode::Rw).await.receipt.verdict.is_ok());
    assert_eq!(fs::read_to_string(inside.path().join("new.txt")).unwrap(), "new");
    for escape in ["/data/link", "/data/folder-link/secret.txt", &dotted] {
        assert!(!files(&["write", escape, "stolen"], DirMode::Rw).await.receipt.verdict.is_ok(), "{escape}");
    }
    // A link that the unit makes itself leads nowhere else either.
    files(&["link", "/data/mine", absolute.to_str().unwrap()], DirMode::Rw).await;
    assert!(!files(&["read", "/data/mine"], DirMode::Rw).await.receipt.verdict.is_ok());
    assert_eq!(fs::read_to_string(outside.path().join("secret.txt")).unwrap(), "outside");

    let nothing = run(&engine, "grants", "files", with_args(&["read", "/data/a.txt"])).await;
    assert!(!nothing.receipt.verdict.is_ok());
}

#[tokio::test]
async fn a_granted_folder_that_is_gone_is_the_hosts_failure() {
    let missing = Path::new("/nowhere/at/all");
    let attempt = run(&engine(), "grants", "files", with_dir(&["list", "/data"], missing, DirMode::Ro)).await;
    let Verdict::HostError { message } = &attempt.receipt.verdict else { panic!("{:?}", attempt.receipt) };
    assert!(message.contains("/nowhere/at/all"), "{message}");
}

#[tokio::test]
async fn connections_go_to_granted_hosts_only() {
    let (engine, server, other) = (engine(), Server::start(), Server::start());
    let granted = [server.address.to_string(), format!("localhost:{}", server.address.port())];
    let talk = async |target: &str| run(&engine, "grants", "net-p2", with_net(&[target], &granted)).await;
    assert_eq!(output(&talk(&server.address.to_string()).await), "HELLO\n");
    // By its name, where no address was granted.
    let name = format!("localhost:{}", server.address.port());
    assert_eq!(output(&run(&engine, "grants", "net-p2", with_net(&[&name], &granted[1..])).await), "HELLO\n");

    // Its address was granted, its name was not.
    let attempt = run(&engine, "grants", "net-p2", with_net(&[&name], &granted[..1])).await;
    assert!(matches!(attempt.receipt.verdict, Verdict::Denied { .. }), "{:?}", attempt.receipt);

    for target in
        [other.address.to_string(), format!("localhost:{}", other.address.port()), "example.com:80".to_owned()]
    {
        let attempt = talk(&target).await;
        let Verdict::Denied { grant, .. } = &attempt.receipt.verdict else { panic!("{target}: {:?}", attempt.receipt) };
        assert!(grant.starts_with("net: [\""), "{grant}");
    }
    assert_eq!(other.connections(), 0);

    let nothing = run(&engine, "grants", "net-p2", with_args(&[&server.address.to_string()])).await;
    assert!(!nothing.receipt.verdict.is_ok());
    // An address of its own is refused, and so is listening at any.
    for (address, refused) in [("127.0.0.1:0", "address 127.0.0.1:0:"), ("0.0.0.0:0", "address 0.0.0.0:")] {
        let listen = run(&engine, "grants", "net-p2", with_net(&[address, "listen"], &granted)).await;
        let Verdict::Denied { message, .. } = &listen.receipt.verdict else { panic!("{:?}", listen.receipt) };
        assert!(message.contains(refused), "{message}");
    }
}

#[tokio::test]
async fn datagrams_go_to_granted_hosts_only() {
    let (engine, granted, other) = (engine(), udp_server(), udp_server());
    let grants = |target: &str| with_net(&[target, "udp"], &[granted.to_string()]);
    let attempt = run(&engine, "grants", "net-p2", grants(&granted.to_string())).await;
    assert_eq!(output(&attempt), "HELLO\n");
    let attempt = run(&engine, "grants", "net-p2", grants(&other.to_string())).await;
    assert!(matches!(attempt.receipt.verdict, Verdict::Denied { .. }), "{:?}", attempt.receipt);
}

#[tokio::test]
async fn http_requests_go_to_granted_hosts_only() {
    let (engine, server, other) = (engine(), Server::start(), Server::start());
    let granted = [server.address.to_string()];
    let fetch = async |target: String| run(&engine, "grants", "http-p2", with_net(&[&target], &granted)).await;
    assert_eq!(output(&fetch(format!("{}/echo", server.address)).await), "200 /echo");
    let attempt = fetch(format!("{}/echo", other.address)).await;
    assert!(matches!(attempt.receipt.verdict, Verdict::Denied { .. }), "{:?}", attempt.receipt);
    assert_eq!(other.connections(), 0);

    let load = engine.load(built("grants", "http-p2").bytes().clone()).unwrap();
    let Err(PrepareError::MissingGrant { import, grant }) = load.prepare().await else { panic!("it was linked") };
    assert!(import.starts_with("wasi:http/") && grant.starts_with("net: "), "{import} {grant}");
}

#[tokio::test]
async fn a_secret_is_in_the_environment_and_in_no_receipt() {
    let engine = engine();
    let mut grants = Grants::default();
    grants.secrets = vec!["API_KEY".to_owned()];
    let mut secrets = Secrets::default();
    secrets.insert("API_KEY", "tell-nobody").unwrap();
    secrets.insert("OTHER", "not-granted").unwrap();
    let load = |name| engine.load(built("limits", name).bytes().clone()).unwrap();
    let unit = load("read-env").grants(grants.clone()).secrets(secrets.clone()).prepare().await.unwrap();
    let attempt = unit.call("").await;
    assert_eq!(output(&attempt), "{\"args\":[\"unit\"],\"env\":{\"API_KEY\":\"tell-nobody\"}}\n");
    let receipt = serde_json::to_string(&attempt.receipt).unwrap() + &format!("{:?} {unit:?}", attempt.receipt);
    assert!(!receipt.contains("tell-nobody"), "{receipt}");

    // One that a unit tells to its log.
    let wat = built("grants", "log-secret");
    let unit = engine.load(wat.bytes().clone()).unwrap().grants(grants).secrets(secrets).prepare().await.unwrap();
    let attempt = unit.call("").await;
    assert_eq!(attempt.receipt.log, "the key is [secret]\n");
    let Verdict::GuestError { message } = &attempt.receipt.verdict else { panic!("{:?}", attempt.receipt) };
    assert!(message.ends_with("the key is [secret]"), "{message}");
}

#[tokio::test]
async fn the_deterministic_profile_stands_still() {
    let engine = engine();
    let load = engine.load(built("grants", "clock").bytes().clone()).unwrap();
    let attempt = load.profile(Profile::Deterministic).prepare().await.unwrap().call("").await;
    assert_eq!(output(&attempt), "3600 3600 1735689600");
}
