//! A warm load of compiled code through the cache, beside `deserialize_file` on the same code.
//!
//! Three cases: `floor` is bare wasmtime on a file; `wasmill` is the usual load, of a file that was checked before and did not
//! change; `every-byte` is the load of a file that has to be checked in full: the first one of a day.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unsafe_code,
    reason = "a bench that cannot be set up has nothing to say; the floor is an unsafe function, on a file of our own"
)]

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group};
use wasmill_artifact::{CacheOptions, CodeCache, CodeKind};
use wasmill_benches::floor;
use wasmill_benches::ratios::{Ratio, print, target_dir};
use wasmill_model::{Digest, Profile};
use wasmtime::Module;

/// A module of about `bytes` bytes: functions with some arithmetic, memory and branches in each, as compilers make them.
fn module(bytes: usize) -> Vec<u8> {
    const FUNCTION_BYTES: usize = 135;
    let mut text = String::from("(module (memory (export \"memory\") 16) (table 1 funcref)");
    for function in 0..bytes / FUNCTION_BYTES {
        let _ = write!(text, "(func $f{function} (param i32 i32) (result i32) (local i32 i32)");
        for step in 0..6 {
            let constant = function * 7919 + step * 104_729;
            let _ = write!(
                text,
                "(local.set 2 (i32.add (local.get 2) (i32.load offset={} (local.get {}))))
                 (if (i32.lt_u (local.get 2) (i32.const {constant})) (then (local.set 3 (i32.xor (local.get 3) (i32.const {step})))))",
                (function % 100) * 4,
                step % 2
            );
        }
        let _ = write!(text, "(i32.add (local.get 2) (local.get 3)))");
    }
    text.push_str("(func (export \"run\") (result i32) (call $f0 (i32.const 0) (i32.const 8))))");
    wat::parse_str(text).unwrap()
}

fn load(criterion: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("wasmill-bench-{}", std::process::id()));
    for (name, bytes) in [("1MB", 1 << 20), ("100KB", 100 << 10)] {
        let engine = floor::engine(1).unwrap();
        let unit = module(bytes);
        let digest = Digest::of(&unit);
        let code = Module::new(&engine, &unit).unwrap().serialize().unwrap();
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("code");
        fs::write(&file, &code).unwrap();
        criterion.bench_function(&format!("load-{name}/floor"), |bencher| {
            // SAFETY: the file holds what `serialize` gave above, and nobody else writes to it.
            bencher.iter(|| unsafe { black_box(Module::deserialize_file(&engine, &file).unwrap()) });
        });
        for (case, trust) in [("wasmill", Duration::from_secs(86_400)), ("every-byte", Duration::ZERO)] {
            let options = CacheOptions { trust, settle: Duration::ZERO, ..CacheOptions::default() };
            let cache = CodeCache::open_with(folder.join("cache"), options).unwrap();
            cache.store(&engine, &digest, CodeKind::Module, Profile::Metered, &code);
            let load = || cache.load_module(&engine, &digest).unwrap().unwrap();
            drop((load(), load()));
            criterion.bench_function(&format!("load-{name}/{case}"), |bencher| bencher.iter(|| black_box(load())));
            let stats = cache.stats();
            assert_eq!(stats.full_checks > 1, trust.is_zero(), "{stats:?}");
        }
    }
    fs::remove_dir_all(&folder).unwrap();
}

criterion_group!(benches, load);

fn main() {
    benches();
    let ratio = |case: &str, target: &str| Ratio {
        case: case.to_owned(),
        floor: format!("{}/floor", case.split('/').next().unwrap_or(case)),
        target: target.to_owned(),
        per: None,
    };
    let ratios = [
        ratio("load-1MB/wasmill", "at most 1.2x"),
        ratio("load-1MB/every-byte", "for comparison"),
        ratio("load-100KB/wasmill", "for comparison"),
        ratio("load-100KB/every-byte", "for comparison"),
    ];
    print(&target_dir(), &ratios);
}
