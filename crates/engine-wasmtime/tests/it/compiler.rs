//! Compiling in a child, as seen by the parent, with children that do whatever a child may do. The real child is in the tests of
//! the command line: it is the binary.

use std::sync::Arc;
use std::time::Duration;

use wasmill_artifact::CodeCache;
use wasmill_engine::{Binding, Engine as _, PrepareError};
use wasmill_engine_wasmtime::{Compiler, Settings, WasmtimeEngine};

use crate::units::unit;

async fn refusal(script: &str) -> PrepareError {
    let compiler = Compiler::Child {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        memory: 64 << 20,
        timeout: Duration::from_secs(3),
    };
    with(compiler).await
}

async fn with(compiler: Compiler) -> PrepareError {
    let engine = WasmtimeEngine::new(Settings { slots: 1, compiler, ..Settings::default() }).unwrap();
    let unit = unit("(module (func (export \"f\")))");
    match engine.prepare(&unit, &Binding::default()).await {
        Ok(_) => panic!("a shell compiles no units"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_child_that_cannot_be_started_is_the_hosts_fault_and_named() {
    let error = with(Compiler::child("/no/such/wasmill", ["compile-worker"])).await;
    assert!(matches!(error, PrepareError::Host { .. }), "{error:?}");
    assert!(error.to_string().contains("`/no/such/wasmill` cannot be started"), "{error}");
}

#[tokio::test]
async fn whatever_a_child_does_is_a_clear_error() {
    let out_of_memory = "needed more than 64 MiB of memory";
    let cases = [
        // The unit's fault.
        ("echo 'it is bad'; exit 10", "it is bad", true),
        // It sees nothing of this process's environment.
        ("echo \"the folder is $CARGO_MANIFEST_DIR.\"; exit 10", "the folder is .", true),
        ("sleep 1000", "took longer than 3 s", true),
        ("kill -XCPU $$", "took longer than 3 s", true),
        ("echo 'memory allocation of 1000 bytes failed' >&2; kill -ABRT $$", out_of_memory, true),
        ("echo 'mmap: Cannot allocate memory (os error 12)'; exit 10", out_of_memory, true),
        ("echo 'Resource temporarily unavailable' >&2; exit 101", out_of_memory, true),
        ("head -c 70000000 /dev/zero", out_of_memory, true),
        ("kill -KILL $$", "for want of memory", true),
        (
            "echo 'thread overflowed its stack' >&2; kill -SEGV $$",
            "failed on it (signal 11): thread overflowed its stack",
            true,
        ),
        ("echo \"panicked at 'index'\" >&2; exit 101", "failed on it (exit code 101): panicked at 'index'", true),
        // Not code: wasmtime does not take it.
        ("echo no code", "", true),
        ("exit 0", "", true),
        // The host's fault.
        ("exit 11", "another build of Wasmill", false),
        ("echo 'no limits'; exit 12", "`/bin/sh` could not begin: no limits", false),
    ];
    for (script, words, is_the_unit) in cases {
        let error = refusal(script).await;
        assert_eq!(matches!(error, PrepareError::InvalidUnit { .. }), is_the_unit, "{script}: {error:?}");
        assert!(error.to_string().contains(words), "{script}: {error}");
    }
}

/// A unit with more memories than a slot of the pool has: the engine without a pool takes it, and the cache keeps it.
#[tokio::test]
async fn a_unit_that_does_not_fit_the_pool_is_kept_too() {
    let folder = tempfile::tempdir().unwrap();
    let unit = unit(&format!("(module {} (func (export \"f\")))", "(memory 1)".repeat(9)));
    for (hits, stored) in [(0, 1), (1, 0)] {
        let cache = Arc::new(CodeCache::open(folder.path().join("cache")).unwrap());
        let settings = Settings { slots: 1, cache: Some(cache.clone()), ..Settings::default() };
        let engine = WasmtimeEngine::new(settings).unwrap();
        let prepared = engine.prepare(&unit, &Binding::default()).await.map(drop);
        prepared.unwrap();
        assert_eq!((cache.stats().hits, cache.stats().stored, cache.stats().rejected), (hits, stored, 0));
    }
}
