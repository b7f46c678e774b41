//! A call in a fresh instance with all limits on, through the engine's public API, beside bare wasmtime on the same bytes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group};
use tokio::runtime::Runtime;
use wasmill_benches::floor;
use wasmill_benches::guests::{ADD, BYTES_UPPER, COMPONENT_UPPER, text, unit};
use wasmill_benches::ratios::{Ratio, print, target_dir};
use wasmill_engine::{Binding, Call, Cancel, Engine as _, PreparedUnit};
use wasmill_engine_wasmtime::{Settings, WasmtimeEngine};
use wasmill_model::{Input, Limits, OutputFormat, Value};
use wasmtime::Module;
use wasmtime::component::Component;

const SLOTS: u32 = 100;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn prepare(runtime: &Runtime, wat: &str, function: Option<&str>) -> Arc<dyn PreparedUnit> {
    let engine = WasmtimeEngine::new(Settings { slots: SLOTS, ..Settings::default() }).unwrap();
    let binding = Binding { function: function.map(str::to_owned), output: OutputFormat::Bytes, ..Binding::default() };
    runtime.block_on(engine.prepare(&unit(wat), &binding)).unwrap()
}

fn measure(criterion: &mut Criterion, name: &str, prepared: &Arc<dyn PreparedUnit>, input: &Input) {
    let runtime = runtime();
    let (limits, cancel) = (Limits::default(), Cancel::new());
    let call = Call { input, limits: &limits, cancel: &cancel };
    let check = runtime.block_on(prepared.call(call));
    assert!(check.verdict.is_ok(), "{:?}", check.verdict);
    criterion.bench_function(name, |bencher| {
        bencher.to_async(&runtime).iter(|| async { black_box(prepared.call(call).await) })
    });
}

fn core(criterion: &mut Criterion) {
    let runtime = runtime();
    let engine = floor::engine(SLOTS).unwrap();
    let module = Module::new(&engine, wat::parse_str(ADD).unwrap()).unwrap();
    let pre = wasmtime::Linker::new(&engine).instantiate_pre(&module).unwrap();
    criterion.bench_function("core/floor", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let mut store = floor::store(&engine).unwrap();
            let instance = pre.instantiate_async(&mut store).await.unwrap();
            let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add").unwrap();
            black_box(add.call_async(&mut store, (2, 3)).await.unwrap())
        });
    });
    let input = Input::Positional(vec![Value::Int(2), Value::Int(3)]);
    measure(criterion, "core/wasmill", &prepare(&runtime, ADD, Some("add")), &input);
}

fn bytes(criterion: &mut Criterion) {
    for (name, size) in [("1KiB", 1 << 10), ("1MiB", 1 << 20)] {
        let runtime = runtime();
        let engine = floor::engine(SLOTS).unwrap();
        let module = Module::new(&engine, wat::parse_str(BYTES_UPPER).unwrap()).unwrap();
        let pre = wasmtime::Linker::new(&engine).instantiate_pre(&module).unwrap();
        let input = text(size);
        criterion.bench_function(&format!("bytes-{name}/floor"), |bencher| {
            bencher.to_async(&runtime).iter(|| async {
                let mut store = floor::store(&engine).unwrap();
                let instance = pre.instantiate_async(&mut store).await.unwrap();
                let memory = instance.get_memory(&mut store, "memory").unwrap();
                let allocate = instance.get_typed_func::<i32, i32>(&mut store, "allocate").unwrap();
                let process = instance.get_typed_func::<(i32, i32, i32), i32>(&mut store, "process").unwrap();
                let at = allocate.call_async(&mut store, input.len() as i32).await.unwrap();
                memory.write(&mut store, at as usize, input.as_bytes()).unwrap();
                let out = allocate.call_async(&mut store, 4).await.unwrap();
                let result = process.call_async(&mut store, (at, input.len() as i32, out)).await.unwrap();
                let mut length = [0; 4];
                memory.read(&store, out as usize, &mut length).unwrap();
                let (start, length) = (result as usize, u32::from_le_bytes(length) as usize);
                black_box(memory.data(&store)[start..start + length].to_vec())
            });
        });
        let input = Input::Single(Value::text(input));
        measure(criterion, &format!("bytes-{name}/wasmill"), &prepare(&runtime, BYTES_UPPER, None), &input);
    }
}

fn component(criterion: &mut Criterion) {
    for (name, size) in [("1KiB", 1 << 10), ("1MiB", 1 << 20)] {
        let runtime = runtime();
        let engine = floor::engine(SLOTS).unwrap();
        let component = Component::new(&engine, wat::parse_str(COMPONENT_UPPER).unwrap()).unwrap();
        let pre = wasmtime::component::Linker::new(&engine).instantiate_pre(&component).unwrap();
        let input = text(size);
        criterion.bench_function(&format!("component-{name}/floor"), |bencher| {
            bencher.to_async(&runtime).iter(|| async {
                let mut store = floor::store(&engine).unwrap();
                let instance = pre.instantiate_async(&mut store).await.unwrap();
                let upper = instance.get_typed_func::<(&str,), (String,)>(&mut store, "upper").unwrap();
                black_box(upper.call_async(&mut store, (&input,)).await.unwrap())
            });
        });
        let input = Input::Single(Value::text(input));
        measure(criterion, &format!("component-{name}/wasmill"), &prepare(&runtime, COMPONENT_UPPER, None), &input);
    }
}

criterion_group!(benches, core, bytes, component);

fn main() {
    benches();
    let ratio = |case: &str, target: &str| Ratio {
        case: format!("{case}/wasmill"),
        floor: format!("{case}/floor"),
        target: format!("at most {target}"),
        per: None,
    };
    let ratios = [
        ratio("core", "2.0x"),
        ratio("bytes-1KiB", "2.0x"),
        ratio("bytes-1MiB", "2.0x"),
        ratio("component-1KiB", "2.0x"),
        ratio("component-1MiB", "2.0x"),
    ];
    print(&target_dir(), &ratios);
}
