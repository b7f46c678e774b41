//! Several modules of one call, with one set of counters.

use wasmill_instrument::{Counter, Counters, Options, SHARED_MODULE, StartSize, instrument};
use wasmtime::{Config, Engine, Global, GlobalType, Linker, Module, Mutability, Store, Val, ValType};

use crate::sides::validate;

const PAGE: u64 = 65_536;

#[test]
fn two_modules_share_their_counters() {
    let engine = Engine::new(Config::new().wasm_multi_memory(true)).unwrap();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let counters: Vec<Global> = Counter::ALL
        .iter()
        .map(|counter| {
            let (ty, zero) = if counter.is_wide() { (ValType::I64, Val::I64(0)) } else { (ValType::I32, Val::I32(0)) };
            let global = Global::new(&mut store, GlobalType::new(ty, Mutability::Var), zero).unwrap();
            linker.define(&store, SHARED_MODULE, counter.name(), global).unwrap();
            global
        })
        .collect();
    // Globals stand behind the counters, and are found there: in code, exports, offsets and other globals.
    let first = r#"(module
        (memory (export "memory") 1) (global $own (export "own") (mut i32) (i32.const 40))
        (func $grow (export "grow") (param i32) (result i32)
          (global.set $own (i32.add (global.get $own) (i32.const 1))) (memory.grow (local.get 0)))
        (start $init) (func $init (global.set $own (i32.add (global.get $own) (i32.const 1)))))"#;
    let second = r#"(module
        (import "first" "own" (global $imported (mut i32)))
        (import "first" "memory" (memory 1))
        (import "first" "grow" (func $grow (param i32) (result i32)))
        (global $base i32 (i32.const 3)) (memory 1) (table 1 funcref)
        (func (export "go") (param i32) (result i32 i32 i32 i32 i32 i32)
          (call $grow (local.get 0)) (memory.grow 1 (local.get 0)) (memory.grow 0 (local.get 0))
          (table.grow 0 (ref.null func) (i32.const 1))
          (global.get $imported) (global.get $base)))"#;
    let options = Options { counters: Counters::Shared, fuel: true, ..Options::default() };
    let mut total = StartSize::default();
    let mut instances = Vec::new();
    let set = |store: &mut Store<()>, counter: Counter, value: i64| {
        counters[counter as usize].set(store, Val::I64(value)).unwrap();
    };
    set(&mut store, Counter::MemoryLimit, (7 * PAGE + 16) as i64);
    set(&mut store, Counter::TableLimit, 10);
    set(&mut store, Counter::Fuel, -1000);
    for (name, text) in [("first", first), ("second", second)] {
        let binary = wat::parse_str(text).unwrap();
        let instrumented = instrument(&binary, options).unwrap();
        validate(&instrumented.binary);
        total.memories.extend(&instrumented.size.memories);
        total.tables.extend(&instrumented.size.tables);
        set(&mut store, Counter::Memory, total.memory() as i64);
        set(&mut store, Counter::Elements, total.elements() as i64);
        let module = Module::new(&engine, &instrumented.binary).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        linker.instance(&mut store, name, instance).unwrap();
        if instrumented.has_start {
            instance.get_typed_func::<(), ()>(&mut store, &instrumented.start()).unwrap().call(&mut store, ()).unwrap();
        }
        instances.push(instance);
    }
    let go = instances[1].get_typed_func::<i32, (i32, i32, i32, i32, i32, i32)>(&mut store, "go").unwrap();
    assert_eq!(go.call(&mut store, 2).unwrap(), (1, 1, -1, 1, 42, 3));
    let get = |store: &mut Store<()>, counter: Counter| counters[counter as usize].get(store);
    assert!(matches!(get(&mut store, Counter::Memory), Val::I64(393_216)));
    assert!(matches!(get(&mut store, Counter::Elements), Val::I64(2)));
    assert!(matches!(get(&mut store, Counter::Refused), Val::I32(1)));
    assert!(matches!(get(&mut store, Counter::Wanted), Val::I64(wanted) if wanted == 8 * 65_536 + 8));
    let Val::I64(fuel) = get(&mut store, Counter::Fuel) else { panic!() };
    assert!(fuel > -1000 && fuel < -900, "{fuel}");
    // What one has used up, the other has not.
    set(&mut store, Counter::Fuel, -5);
    let error = go.call(&mut store, 2).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(wasmtime::Trap::UnreachableCodeReached)));
    assert!(matches!(get(&mut store, Counter::Exhausted), Val::I32(1)));
}
