//! The two sides.

use wasmill_engine::parts::{Refused, Tally};
use wasmill_instrument::{Counter, Instrumented, Options, instrument};
use wasmill_model::{LimitKind, Limits};
use wasmtime::{Config, Engine, Extern, Instance, Module, ResourceLimiter, Store, Trap, Val};

/// What a call may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) memory: u64,
    pub(crate) table_elements: u64,
    pub(crate) fuel: u64,
}

pub(crate) const PLENTY: Bounds = Bounds { memory: 64 << 20, table_elements: 100_000, fuel: 10_000_000 };

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ended {
    /// Results, floats by their bits; or what trapped.
    pub(crate) end: Result<Vec<String>, Trap>,
    pub(crate) fuel: Option<u64>,
    pub(crate) refused: Option<Refused>,
    pub(crate) peak: u64,
    /// What the module's memories and globals were left with: a digest.
    pub(crate) state: Vec<String>,
}

struct Limiter(Tally);

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.0.grow_memory(current, desired, maximum))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.0.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.0.grow_table(current, desired, maximum))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.0.take_back();
        Ok(())
    }
}

/// Both engines: the one that counts fuel and canonicalises by itself, and the one that does not.
pub(crate) struct Sides {
    own: Engine,
    bare: Engine,
    options: Options,
}

impl Sides {
    pub(crate) fn new(options: Options) -> Self {
        let config = || {
            let mut config = Config::new();
            config.wasm_multi_memory(true);
            config.max_wasm_stack(256 << 10);
            config
        };
        let mut own = config();
        own.consume_fuel(options.fuel);
        own.cranelift_nan_canonicalization(options.canonical_nans);
        Sides { own: Engine::new(&own).unwrap(), bare: Engine::new(&config()).unwrap(), options }
    }

    pub(crate) fn metered() -> Self {
        Sides::new(Options { fuel: true, ..Options::default() })
    }

    /// The same on both sides.
    pub(crate) fn both(&self, binary: &[u8], function: &str, bounds: Bounds) -> Ended {
        self.ready(binary).both(function, bounds)
    }

    pub(crate) fn text(&self, text: &str, function: &str, bounds: Bounds) -> Ended {
        self.both(&wat::parse_str(text).unwrap(), function, bounds)
    }

    /// Compiled for both.
    pub(crate) fn ready(&self, binary: &[u8]) -> Ready<'_> {
        let instrumented = instrument(binary, self.options).unwrap();
        validate(&instrumented.binary);
        Ready {
            sides: self,
            own: Module::new(&self.own, binary).unwrap(),
            bare: Module::new(&self.bare, &instrumented.binary).unwrap(),
            instrumented,
        }
    }
}

pub(crate) fn validate(binary: &[u8]) {
    let mut validator = wasmparser::Validator::new_with_features(wasmill_unit::features());
    if let Err(error) = validator.validate_all(binary) {
        panic!("{error}");
    }
}

pub(crate) struct Ready<'a> {
    sides: &'a Sides,
    own: Module,
    bare: Module,
    pub(crate) instrumented: Instrumented,
}

impl Ready<'_> {
    pub(crate) fn both(&self, function: &str, bounds: Bounds) -> Ended {
        let own = self.own(function, bounds);
        let bare = self.bare(function, bounds);
        // Frames are of another size where fuel is counted otherwise.
        if own.end != Err(Trap::StackOverflow) && bare.end != Err(Trap::StackOverflow) {
            assert_eq!(bare, own, "instrumented and not, `{function}`, {bounds:?}");
        }
        own
    }

    /// Under wasmtime's own limits.
    pub(crate) fn own(&self, function: &str, bounds: Bounds) -> Ended {
        let limits = Limits { memory: bounds.memory, table_elements: bounds.table_elements, ..Limits::default() };
        let mut store = Store::new(&self.sides.own, Limiter(Tally::new(&limits)));
        store.limiter(|limiter| limiter);
        let metered = self.sides.options.fuel;
        if metered {
            store.set_fuel(bounds.fuel).unwrap();
        }
        let mut state = Vec::new();
        let end = match Instance::new(&mut store, &self.own, &[]) {
            Ok(instance) => {
                let end = call(&mut store, &instance, function);
                state = left(&mut store, &instance, &self.own);
                end
            }
            Err(error) => Err(trap(&error)),
        };
        let fuel = metered.then(|| bounds.fuel - store.get_fuel().unwrap());
        let tally = &store.data().0;
        Ended { end, fuel, refused: tally.refused(), peak: tally.peak(), state }
    }

    /// Under its own.
    pub(crate) fn bare(&self, function: &str, bounds: Bounds) -> Ended {
        let mut store = Store::new(&self.sides.bare, ());
        let instance = match Instance::new(&mut store, &self.bare, &[]) {
            Ok(instance) => instance,
            Err(error) => {
                // Nothing was counted: it is the host that says what it started with.
                let size = &self.instrumented.size;
                let peak = size.memory() + 8 * size.elements();
                let fuel = self.sides.options.fuel.then_some(0);
                return Ended { end: Err(trap(&error)), fuel, refused: None, peak, state: Vec::new() };
            }
        };
        let set = |store: &mut Store<()>, counter: Counter, value: Val| {
            instance.get_global(&mut *store, &self.instrumented.export(counter)).unwrap().set(store, value).unwrap();
        };
        set(&mut store, Counter::MemoryLimit, Val::I64(bounds.memory.cast_signed()));
        set(&mut store, Counter::TableLimit, Val::I64(bounds.table_elements.cast_signed()));
        set(&mut store, Counter::Fuel, Val::I64(-bounds.fuel.cast_signed()));
        let mut end = Ok(Vec::new());
        if self.instrumented.has_start {
            end = call(&mut store, &instance, &self.instrumented.start());
        }
        // wasmtime gives no instance of what fails there.
        let is_there = end.is_ok();
        if is_there {
            end = call(&mut store, &instance, function);
        }
        let get = |store: &mut Store<()>, counter: Counter| match instance
            .get_global(&mut *store, &self.instrumented.export(counter))
            .unwrap()
            .get(store)
        {
            Val::I32(value) => u64::from(value.cast_unsigned()),
            Val::I64(value) => value.cast_unsigned(),
            other => panic!("{other:?}"),
        };
        if get(&mut store, Counter::Exhausted) == 1 {
            assert_eq!(end, Err(Trap::UnreachableCodeReached));
            end = Err(Trap::OutOfFuel);
        }
        let limit = [bounds.memory, bounds.table_elements];
        let wanted = get(&mut store, Counter::Wanted);
        let refused = match get(&mut store, Counter::Refused) {
            0 => None,
            1 => Some(Refused { of: LimitKind::Memory, limit: limit[0], wanted }),
            2 => Some(Refused { of: LimitKind::TableElements, limit: limit[1], wanted }),
            other => panic!("{other}"),
        };
        let left_over = get(&mut store, Counter::Fuel).cast_signed().min(0).unsigned_abs();
        let fuel = self.sides.options.fuel.then(|| bounds.fuel - left_over);
        let peak = get(&mut store, Counter::Memory) + 8 * get(&mut store, Counter::Elements);
        let state = if is_there { left(&mut store, &instance, &self.own) } else { Vec::new() };
        Ended { end, fuel, refused, peak, state }
    }
}

fn trap(error: &wasmtime::Error) -> Trap {
    *error.downcast_ref::<Trap>().unwrap_or_else(|| panic!("{error:?}"))
}

fn call<T: 'static>(store: &mut Store<T>, instance: &Instance, name: &str) -> Result<Vec<String>, Trap> {
    let function = instance.get_func(&mut *store, name).unwrap();
    let ty = function.ty(&*store);
    let args: Vec<Val> = ty.params().map(|ty| Val::default_for_ty(&ty).unwrap()).collect();
    let mut results: Vec<Val> = ty.results().map(|ty| Val::default_for_ty(&ty).unwrap()).collect();
    match function.call(&mut *store, &args, &mut results) {
        Ok(()) => Ok(results.iter().map(said).collect()),
        Err(error) => Err(trap(&error)),
    }
}

/// A value, by its bits.
fn said(value: &Val) -> String {
    match value {
        Val::FuncRef(function) => format!("function: {}", function.is_some()),
        other => format!("{other:?}"),
    }
}

/// What exported globals and memories have in them.
fn left<T: 'static>(store: &mut Store<T>, instance: &Instance, module: &Module) -> Vec<String> {
    let mut found = Vec::new();
    for export in module.exports() {
        match instance.get_export(&mut *store, export.name()) {
            Some(Extern::Global(global)) => {
                found.push(format!("{}: {}", export.name(), said(&global.get(&mut *store))))
            }
            Some(Extern::Memory(memory)) => {
                let mut hash = 0_u64;
                for byte in memory.data(&mut *store).iter().filter(|byte| **byte != 0) {
                    hash = hash.rotate_left(7) ^ u64::from(*byte).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                }
                found.push(format!("{}: {} pages, {hash:x}", export.name(), memory.size(&mut *store)));
            }
            Some(Extern::Table(table)) => {
                found.push(format!("{}: {} elements", export.name(), table.size(&mut *store)));
            }
            _ => {}
        }
    }
    found
}
