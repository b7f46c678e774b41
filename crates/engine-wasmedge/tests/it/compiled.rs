//! Compiled units: kept, authenticated, and made by a compiler that may be no good.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wasmill_artifact::CodeCache;
use wasmill_engine::{Binding, Call, Cancel, Engine as _, Outcome, PrepareError, PreparedUnit};
use wasmill_engine_wasmedge::{Settings, WasmEdgeEngine};
use wasmill_model::{Input, Limits, Profile, Value};
use wasmill_testkit::guest;
use wasmill_unit::Unit;

use crate::program::{Fake, find, settings};

async fn prepare(engine: &WasmEdgeEngine) -> Result<Arc<dyn PreparedUnit>, PrepareError> {
    let unit = Unit::from_binary(guest("command", "echo")).unwrap();
    engine.prepare(&unit, &Binding { profile: Profile::Fast, ..Binding::default() }).await
}

async fn echo(engine: &WasmEdgeEngine) -> Outcome {
    let unit = prepare(engine).await.unwrap();
    let (input, limits, cancel) = (Input::from("hello"), Limits::default(), Cancel::new());
    unit.call(Call::new(&input, &limits, &cancel)).await
}

fn with_cache(folder: &Path) -> (WasmEdgeEngine, Arc<CodeCache>) {
    let cache = Arc::new(CodeCache::open(folder.to_owned()).unwrap());
    (find(Settings { cache: Some(cache.clone()), ..settings() }), cache)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_compiled_is_kept_and_only_ours_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("cache");
    let (engine, cache) = with_cache(&folder);
    assert_eq!(echo(&engine).await.output, Some(Value::from("hello")));
    assert_eq!((cache.stats().misses, cache.stats().stored), (1, 1));
    // The same engine has it at hand; another process's takes it from the cache.
    assert_eq!(echo(&engine).await.output, Some(Value::from("hello")));
    assert_eq!(cache.stats().hits, 0);
    let (engine, cache) = with_cache(&folder);
    assert_eq!(echo(&engine).await.output, Some(Value::from("hello")));
    assert_eq!((cache.stats().hits, cache.stats().stored), (1, 0));
    // A byte that somebody changed: native code that is not ours is not loaded.
    let entry = fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path());
    let entry = entry.into_iter().find(|path| path.extension().is_some_and(|end| end == "cwasm")).unwrap();
    let mut bytes = fs::read(&entry).unwrap();
    bytes[100] ^= 1;
    fs::write(&entry, bytes).unwrap();
    let (engine, cache) = with_cache(&folder);
    assert_eq!(echo(&engine).await.output, Some(Value::from("hello")));
    assert_eq!((cache.stats().rejected, cache.stats().stored), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_wait_for_one_compiler() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, cache) = with_cache(&folder.path().join("cache"));
    let (first, second, third) = tokio::join!(prepare(&engine), prepare(&engine), prepare(&engine));
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!(cache.stats().stored, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiler_that_fails_makes_the_engine_unavailable() {
    for (does, said) in [
        ("echo 'LLVM is missing' >&2; exit 1", "WasmEdge's compiler failed: LLVM is missing"),
        ("kill -6 $$", "WasmEdge's compiler failed: it does not say why"),
        ("exit 0", "WasmEdge's compiler failed: it made no file"),
        ("exec sleep 1000", "WasmEdge's compiler failed: it took longer than 0 s"),
        ("exec yes", "WasmEdge's compiler failed: its answer is larger than 65536 bytes"),
    ] {
        let fake = Fake::new(does);
        let compile_timeout = Duration::from_millis(if does.contains("sleep") { 300 } else { 60_000 });
        let engine = find(Settings { compile_timeout, ..fake.settings() });
        match prepare(&engine).await {
            Err(PrepareError::Unsupported { message }) => assert_eq!(message, said),
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("{does}"),
        }
    }
}
