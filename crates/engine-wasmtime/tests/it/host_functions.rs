//! Host functions: Wasmill's own, and an embedder's.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmill_engine::{Cancel, PrepareError};
use wasmill_engine_wasmtime::{Attempt, HostCall, HostFunctions, Settings, WasmtimeEngine};
use wasmill_model::{DirGrant, DirMode, Grants, Input, Limits, Source, TrapKind, Value, Verdict};

use crate::server::Server;
use crate::units::{built, engine, unit};

/// An engine whose embedder sells things.
fn shop() -> WasmtimeEngine {
    let mut functions = HostFunctions::new();
    functions.add("acme:billing/prices", "price", |_: HostCall, (item, count): (String, u32)| async move {
        match item.as_str() {
            "" => Err("no such item".to_owned()),
            "bomb" => panic!("the shop exploded"),
            _ => Ok(f64::from(count) * 9.5),
        }
    });
    WasmtimeEngine::new(Settings { slots: 8, functions, ..Settings::default() }).unwrap()
}

/// All that the component guest imports.
fn everything(server: &Server) -> Grants {
    let mut grants = Grants::default();
    grants.net = vec![server.address.to_string().parse().unwrap()];
    grants.dirs.insert(std::env::temp_dir(), DirGrant { at: "/tmp".to_owned(), mode: DirMode::Ro });
    grants.functions = vec!["acme:billing/prices".to_owned()];
    grants
}

async fn component(engine: &WasmtimeEngine, grants: Grants, function: &str, input: impl Into<Input>) -> Attempt {
    let load = engine.load(built("grants", "host-component").bytes().clone()).unwrap();
    load.function(function).grants(grants).prepare().await.unwrap().call(input).await
}

async fn module(engine: &WasmtimeEngine, grants: Grants, guest: &str, input: &str) -> Attempt {
    let (suite, name) = guest.split_once('/').unwrap();
    let load = engine.load(built(suite, name).bytes().clone()).unwrap();
    load.grants(grants).prepare().await.unwrap().call(input).await
}

fn text(attempt: &Attempt) -> &str {
    attempt.output.as_ref().and_then(Value::as_str).unwrap_or_else(|| panic!("{:?}", attempt.receipt))
}

fn order(item: &str, count: i64) -> Input {
    Input::Positional(vec![Value::from(item), Value::Int(count)])
}

#[tokio::test]
async fn an_embedders_function_is_called_from_components_and_modules() {
    let (engine, server) = (shop(), Server::start());
    let sold = component(&engine, everything(&server), "price", order("nail", 2)).await;
    assert_eq!(sold.output, Some(Value::Float(19.0)));
    let refused = component(&engine, everything(&server), "price", order("", 2)).await;
    assert_eq!(refused.receipt.verdict, Verdict::GuestError { message: "no such item".to_owned() });

    let price = async |input| module(&engine, everything(&server), "grants/call-price", input).await;
    assert_eq!(text(&price(r#"["nail", 2]"#).await), r#"{"ok":19.0}"#);
    assert_eq!(text(&price(r#"["", 2]"#).await), r#"{"error":"no such item"}"#);
    assert!(text(&price(r#"["nail"]"#).await).contains("do not fit"));
    assert!(text(&price("not json").await).contains("no JSON"));
    assert!(text(&price("{}").await).contains("no JSON array"));
}

#[tokio::test]
async fn what_was_not_granted_is_found_before_anything_runs() {
    let (engine, server) = (shop(), Server::start());
    let refusal = async |guest: &str, take: fn(&mut Grants)| {
        let mut grants = everything(&server);
        take(&mut grants);
        let (suite, name) = guest.split_once('/').unwrap();
        let load = engine.load(built(suite, name).bytes().clone()).unwrap();
        let load = if name == "host-component" { load.function("sleep") } else { load };
        match load.grants(grants).prepare().await {
            Err(PrepareError::MissingGrant { import, grant }) => format!("{import} needs {grant}"),
            other => panic!("{guest}: {:?}", other.map(|_| ())),
        }
    };
    type Take = fn(&mut Grants);
    const FUNCTIONS: Take = |grants| grants.functions = vec!["acme:billing/others".to_owned()];
    const NET: Take = |grants| grants.net.clear();
    const DIRS: Take = |grants| grants.dirs.clear();
    for (guest, take, needs) in [
        ("grants/host-component", FUNCTIONS, "functions: [\"acme:billing/prices\"]"),
        ("grants/host-component", NET, "net: "),
        ("grants/host-component", DIRS, "dirs: "),
        ("grants/call-price", FUNCTIONS, "functions: [\"acme:billing/prices\"]"),
        ("grants/call-fetch", NET, "net: "),
        ("grants/call-read", DIRS, "dirs: "),
    ] {
        assert!(refusal(guest, take).await.contains(needs), "{guest}: {}", refusal(guest, take).await);
    }
    // Nobody registered it with this engine.
    let load = self::engine().load(built("grants", "call-price").bytes().clone()).unwrap();
    assert!(matches!(load.prepare().await, Err(PrepareError::MissingImport { .. })));
}

/// What one step was granted is neither lost nor there for the next, in whatever order they are linked.
#[tokio::test]
async fn every_set_of_grants_is_linked_apart() {
    let (engine, server) = (shop(), Server::start());
    let all = everything(&server);
    let guests = ["core/arith", "grants/call-read", "grants/call-fetch", "grants/call-price"];
    for _ in 0..2 {
        for guest in guests {
            let mut grants = Grants::default();
            match guest {
                "grants/call-read" => grants.dirs = all.dirs.clone(),
                "grants/call-fetch" => grants.net = all.net.clone(),
                "grants/call-price" => grants.functions = all.functions.clone(),
                _ => {}
            }
            let (suite, name) = guest.split_once('/').unwrap();
            let load = engine.load(built(suite, name).bytes().clone()).unwrap().grants(grants);
            let load = if name == "arith" { load.function("add") } else { load };
            load.prepare().await.unwrap_or_else(|error| panic!("{guest}: {error}"));
        }
    }
}

#[tokio::test]
async fn a_host_function_that_panics_ends_its_attempt_and_nothing_else() {
    let (engine, server) = (shop(), Server::start());
    for _ in 0..20 {
        let bomb = component(&engine, everything(&server), "price", order("bomb", 1)).await;
        let Verdict::HostError { message } = &bomb.receipt.verdict else { panic!("{:?}", bomb.receipt) };
        assert!(message.contains("the shop exploded"), "{message}");
        let bomb = module(&engine, everything(&server), "grants/call-price", r#"["bomb", 1]"#).await;
        assert!(matches!(bomb.receipt.verdict, Verdict::HostError { .. }), "{:?}", bomb.receipt);
    }
    let sold = component(&engine, everything(&server), "price", order("nail", 2)).await;
    assert!(sold.receipt.verdict.is_ok());
}

#[tokio::test]
async fn a_host_function_ends_with_the_deadline_and_with_the_run() {
    struct Flag(Arc<AtomicBool>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    let dropped = Arc::new(AtomicBool::new(false));
    let flag = dropped.clone();
    let (entered, mut is_entered) = tokio::sync::mpsc::unbounded_channel();
    let mut functions = HostFunctions::new();
    functions.add("acme:billing/prices", "price", move |_: HostCall, _: (String, u32)| {
        let flag = Flag(flag.clone());
        let entered = entered.clone();
        async move {
            let _flag = flag;
            entered.send(()).unwrap();
            std::future::pending::<Result<f64, String>>().await
        }
    });
    let engine = WasmtimeEngine::new(Settings { slots: 2, functions, ..Settings::default() }).unwrap();
    let mut grants = Grants::default();
    grants.functions = vec!["acme:billing/prices".to_owned()];
    let load = engine.load(built("grants", "call-price").bytes().clone()).unwrap().grants(grants);
    let limits = Limits { timeout: Duration::from_millis(50), ..Limits::default() };
    let unit = load.clone().limits(limits).prepare().await.unwrap();
    let late = unit.call(r#"["nail", 2]"#).await;
    assert!(matches!(late.receipt.verdict, Verdict::TimedOut { .. }), "{:?}", late.receipt);
    assert!(dropped.swap(false, Ordering::SeqCst));
    is_entered.recv().await.unwrap();

    let unit = load.prepare().await.unwrap();
    let cancel = Cancel::new();
    let input = Input::from(r#"["nail", 2]"#);
    let (cancelled, ()) = tokio::join!(unit.call_with(&input, &cancel), async {
        is_entered.recv().await.unwrap();
        cancel.cancel();
    });
    assert_eq!(cancelled.receipt.verdict, Verdict::Cancelled);
    assert!(dropped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn files_of_granted_folders_are_read() {
    let (engine, folder) = (engine(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("a.txt"), "inside").unwrap();
    symlink("/etc/passwd", folder.path().join("link")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status();
    assert!(made.expect("this test needs `mkfifo` (package coreutils)").success());
    let mut grants = Grants::default();
    grants.dirs.insert(folder.path().to_owned(), DirGrant { at: "/data".to_owned(), mode: DirMode::Ro });
    let read = async |path: &str| {
        let attempt = module(&engine, grants.clone(), "grants/call-read", &serde_json::json!([path]).to_string()).await;
        text(&attempt).to_owned()
    };
    assert_eq!(read("/data/a.txt").await, r#"{"ok":{"$base64":"aW5zaWRl"}}"#);
    for escape in ["/data/link", "/data/../etc/passwd", "/etc/passwd", "a.txt", "/data", "/data/none", "/dat/a.txt", ""]
    {
        assert!(read(escape).await.starts_with(r#"{"error":"#), "{escape}");
    }
    assert!(read("/data/pipe").await.contains("it is no file"), "nobody waits for a writer");
}

#[tokio::test]
async fn a_component_reads_fetches_and_sleeps() {
    let (engine, server) = (shop(), Server::start());
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "inside").unwrap();
    let mut grants = everything(&server);
    grants.dirs.insert(folder.path().to_owned(), DirGrant { at: "/data".to_owned(), mode: DirMode::Ro });
    assert_eq!(text(&component(&engine, grants.clone(), "read", "/data/a.txt").await), "inside");
    // As bytes in one piece: as numbers it would take forty times as much of the host.
    fs::write(folder.path().join("large.txt"), "0123456789".repeat(1_000_000)).unwrap();
    assert_eq!(text(&component(&engine, grants.clone(), "read", "/data/large.txt").await).len(), 10_000_000);
    let url = format!("http://{}/echo", server.address);
    assert_eq!(text(&component(&engine, grants.clone(), "fetch", url.as_str()).await), "/echo");
    let denied = component(&engine, grants, "read", "/etc/passwd").await;
    assert!(matches!(denied.receipt.verdict, Verdict::Denied { .. }), "{:?}", denied.receipt);
}

#[tokio::test]
async fn a_fetch_is_held_against_the_grants_at_every_redirect() {
    let (engine, server, other) = (engine(), Server::start(), Server::start());
    let mut grants = Grants::default();
    grants.net = vec![server.address.to_string().parse().unwrap()];
    let fetch = async |request: serde_json::Value| {
        let attempt =
            module(&engine, grants.clone(), "grants/call-fetch", &serde_json::json!([request]).to_string()).await;
        serde_json::from_str::<serde_json::Value>(text(&attempt)).unwrap()
    };
    let get = async |url: String| fetch(serde_json::json!({ "url": url })).await;
    let (here, there) = (server.address, other.address);
    let body = |answer: &serde_json::Value| Value::from_json(answer["ok"]["body"].to_string().as_bytes()).unwrap();

    let answer = get(format!("http://{here}/echo?a=1")).await;
    assert_eq!((&answer["ok"]["status"], body(&answer)), (&200.into(), Value::Bytes("/echo?a=1".into())));
    let answer = get(format!("http://{here}/to//to//echo")).await;
    assert_eq!(body(&answer), Value::Bytes("/echo".into()));
    let post = serde_json::json!({ "method": "POST", "url": format!("http://{here}/"), "body": "grüße" });
    assert_eq!(body(&fetch(post).await), Value::Bytes("grüße".into()));

    for url in [
        format!("http://{there}/echo"),
        format!("http://{here}/to/http://{there}/echo"),
        format!("http://{here}/to//to/http://{there}/echo"),
        format!("http://{here}@{there}/echo"),
    ] {
        let answer = get(url.clone()).await;
        assert!(answer["error"].as_str().unwrap().contains("was not granted"), "{url}: {answer}");
    }
    assert_eq!(other.connections(), 0, "somebody was asked who was not granted");
    let redirects = |count| format!("{}http://{here}/echo", format!("http://{here}/to/").repeat(count));
    assert_eq!(get(redirects(10)).await["ok"]["status"], 200);
    let endless = get(redirects(11)).await;
    assert!(endless["error"].as_str().unwrap().contains("more than 10 times"), "{endless}");
    for bad in ["", &format!("ftp://{here}/"), "http://", "not a url", "/echo"] {
        assert!(get(bad.to_owned()).await["error"].is_string(), "{bad}");
    }
    let smuggled = serde_json::json!({ "url": format!("http://{here}/headers"), "headers": [["host", "example.com"]] });
    assert!(fetch(smuggled).await["error"].as_str().unwrap().contains("the host's to set"));
}

#[tokio::test]
async fn what_was_meant_for_one_host_is_not_told_to_another() {
    let (engine, server, other) = (engine(), Server::start(), Server::start());
    let (here, there) = (server.address, other.address);
    let mut grants = Grants::default();
    grants.net = [here, there].map(|host| host.to_string().parse().unwrap()).to_vec();
    let fetch = async |method: &str, url: String| {
        let headers = [["Authorization", "Bearer x"], ["Cookie", "y"], ["Accept", "z"]];
        let request =
            serde_json::json!([{ "method": method, "url": url, "headers": headers, "body": "w" }]).to_string();
        let attempt = module(&engine, grants.clone(), "grants/call-fetch", &request).await;
        let answer: serde_json::Value = serde_json::from_str(text(&attempt)).unwrap();
        let body = Value::from_json(answer["ok"]["body"].to_string().as_bytes()).unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    };
    let same = fetch("GET", format!("http://{here}/to//headers")).await;
    assert!(same.contains("bearer x") && same.contains("cookie") && same.contains("accept"), "{same}");
    let another = fetch("GET", format!("http://{here}/to/http://{there}/headers")).await;
    assert!(!another.contains("bearer x") && !another.contains("cookie") && another.contains("accept"), "{another}");
    // The server answers a POST with its body, anything else with its path.
    assert_eq!(fetch("POST", format!("http://{here}/to//echo")).await, "/echo");
}

#[tokio::test]
async fn no_more_is_read_or_fetched_than_the_unit_can_take() {
    let (engine, server, folder) = (engine(), Server::start(), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("large"), vec![0; 3 << 20]).unwrap();
    let mut grants = Grants::default();
    grants.net = vec![server.address.to_string().parse().unwrap()];
    grants.dirs.insert(folder.path().to_owned(), DirGrant { at: "/data".to_owned(), mode: DirMode::Ro });
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    let url = format!("http://{}/bytes/3145728", server.address);
    for (guest, input, why) in [
        ("call-read", serde_json::json!(["/data/large"]), "has more than 1048576 bytes"),
        ("call-fetch", serde_json::json!([{ "url": url }]), "length limit exceeded"),
    ] {
        let load = engine.load(built("grants", guest).bytes().clone()).unwrap().grants(grants.clone());
        let attempt = load.limits(limits.clone()).prepare().await.unwrap().call(input.to_string()).await;
        assert!(text(&attempt).contains(why), "{}", text(&attempt));
    }
}

#[tokio::test]
async fn a_folder_within_another_is_its_own_grant() {
    let (engine, outer, inner) = (engine(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(outer.path().join("models")).unwrap();
    fs::write(outer.path().join("models/a.txt"), "outer").unwrap();
    fs::write(inner.path().join("a.txt"), "inside").unwrap();
    for order in [[outer.path(), inner.path()], [inner.path(), outer.path()]] {
        let mut grants = Grants::default();
        for folder in order {
            let at = if folder == outer.path() { "/data" } else { "/data/models" };
            grants.dirs.insert(folder.to_owned(), DirGrant { at: at.to_owned(), mode: DirMode::Ro });
        }
        let attempt = module(&engine, grants, "grants/call-read", r#"["/data/models/a.txt"]"#).await;
        assert_eq!(text(&attempt), r#"{"ok":{"$base64":"aW5zaWRl"}}"#);
    }
}

#[tokio::test]
async fn sleeping_jumps_a_virtual_clock_and_waits_by_a_real_one() {
    let engine = engine();
    let hour = "[3600000]";
    assert_eq!(text(&module(&engine, Grants::default(), "grants/call-sleep", hour).await), r#"{"ok":null}"#);
    let mut grants = Grants::default();
    grants.clock = Source::Real;
    let limits = Limits { timeout: Duration::from_millis(50), ..Limits::default() };
    let load = engine.load(built("grants", "call-sleep").bytes().clone()).unwrap();
    let attempt = load.grants(grants).limits(limits).prepare().await.unwrap().call(hour).await;
    assert!(matches!(attempt.receipt.verdict, Verdict::TimedOut { .. }), "{:?}", attempt.receipt);
}

#[tokio::test]
async fn a_module_that_lies_to_a_host_function_traps() {
    let engine = engine();
    let call = async |allocate: &str, call: &str| {
        let wat = format!(
            r#"(module (import "wasmill:host/time" "sleep" (func $sleep (param i32 i32 i32) (result i32)))
                 (memory (export "memory") 1) (data (i32.const 16) "[1]")
                 (func (export "allocate") (param i32) (result i32) {allocate})
                 (func (export "run") (result i32) (call $sleep {call})))"#
        );
        let load = engine.load(unit(&wat).bytes().clone()).unwrap().function("run");
        let limits = Limits { fuel: 1_000_000, ..Limits::default() };
        let unit = load.limits(limits).prepare().await.unwrap();
        unit.call(Input::Positional(Vec::new())).await.receipt.verdict
    };
    let good = "(i32.const 16) (i32.const 3) (i32.const 0)";
    assert!(call("(i32.const 64)", good).await.is_ok());
    for (allocate, arguments) in [
        ("(i32.const 0)", good),
        ("(i32.const -1)", good),
        ("(i32.const 65535)", good),
        ("(i32.const 64)", "(i32.const -1) (i32.const 3) (i32.const 0)"),
        ("(i32.const 64)", "(i32.const 16) (i32.const -1) (i32.const 0)"),
        ("(i32.const 64)", "(i32.const 16) (i32.const 2147483647) (i32.const 0)"),
        ("(i32.const 64)", "(i32.const 16) (i32.const 3) (i32.const 65534)"),
        ("(i32.const 64)", "(i32.const 16) (i32.const 3) (i32.const -2)"),
    ] {
        let verdict = call(allocate, arguments).await;
        assert!(
            matches!(verdict, Verdict::Trap { kind: TrapKind::InvalidAbi, .. }),
            "{allocate} {arguments}: {verdict:?}"
        );
    }
    assert!(matches!(call("(unreachable)", good).await, Verdict::Trap { kind: TrapKind::Unreachable, .. }));
    let spin = call("(loop (br 0)) (i32.const 0)", good).await;
    assert!(matches!(spin, Verdict::FuelExhausted { .. }), "{spin:?}");
}
