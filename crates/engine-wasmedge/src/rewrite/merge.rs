//! One module of two: `runtime.wat` and the unit, with the functions between them.
//!
//! The order of each index space: types of the runtime, of the unit, ours; functions imported by the runtime, imported by the unit,
//! defined by the unit, defined by the runtime, ours; the memory that WASI works on, the other memories of the unit, that of the runtime;
//! globals of the unit, of the runtime.

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, ImportSection, Instruction as I, MemorySection,
    MemoryType, Module, TableSection, TypeSection, ValType,
};
use wasmill_engine::parts::{CLOCK_START, CLOCK_STEP};
use wasmill_instrument::{Kind, Sections, StartSize};

use super::body::{self, ELEMENT, Links};
use super::{CALL, Entry, PAGE, Plan, RANDOM_SIZE, RewriteError, Rewritten, STACK};

const PREVIEW1: &str = "wasi_snapshot_preview1";

/// What units ask the time of, and what they ask for randomness: WasmEdge's own, where the real ones were granted.
const CLOCK: [&str; 3] = ["clock_res_get", "clock_time_get", "poll_oneoff"];
const RANDOM: &str = "random_get";

/// The indices that one of the two has in the module that is made.
pub(super) struct Indices {
    functions: Vec<u32>,
    types: u32,
    memories: Vec<u32>,
    globals: u32,
}

pub(super) fn at(list: &[u32], index: u32) -> Result<u32, Error<String>> {
    let found = usize::try_from(index).ok().and_then(|index| list.get(index).copied());
    found.ok_or_else(|| Error::UserError(format!("nothing has the index {index}")))
}

impl Reencode for Indices {
    type Error = String;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<String>> {
        at(&self.functions, function)
    }

    fn type_index(&mut self, ty: u32) -> Result<u32, Error<String>> {
        Ok(self.types + ty)
    }

    fn memory_index(&mut self, memory: u32) -> Result<u32, Error<String>> {
        at(&self.memories, memory)
    }

    fn global_index(&mut self, global: u32) -> Result<u32, Error<String>> {
        Ok(self.globals + global)
    }
}

/// Functions that are neither the runtime's nor the unit's.
struct Ours {
    types: TypeSection,
    type_count: u32,
    first: u32,
    functions: Vec<(u32, Function)>,
}

impl Ours {
    /// Adds a function; gives its index.
    fn add(&mut self, params: &[ValType], results: &[ValType], locals: &[(u32, ValType)], body: &[I<'_>]) -> u32 {
        let mut function = Function::new(locals.iter().copied());
        for instruction in body {
            function.instruction(instruction);
        }
        function.instruction(&I::End);
        self.types.ty().function(params.iter().copied(), results.iter().copied());
        self.functions.push((self.type_count, function));
        self.type_count += 1;
        self.first + count(self.functions.len()) - 1
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// `operands`: the most that each function of the unit has at once.
pub(super) fn merge(
    runtime: &Sections<'_>,
    unit: &Sections<'_>,
    operands: &[u32],
    plan: &Plan<'_>,
) -> Result<Rewritten, RewriteError> {
    let defect = |what: &str| RewriteError::Defect(format!("the runtime has no `{what}`"));
    let wasi = memory_of_wasi(unit)?;

    // Imports: what the runtime takes from WASI, then what the unit has from WasmEdge itself.
    let mut imports = ImportSection::new();
    let (mut runtime_functions, mut unit_functions) = (Vec::new(), Vec::new());
    let runtime_types = count(runtime.types.len());
    let mut imported = 0;
    let runtime_defined = |imported: u32| imported + count(unit.functions.len());
    let mut to_link = Vec::new();
    for (import, ty) in runtime.imported_functions() {
        if import.module == PREVIEW1 {
            imports.import(import.module, import.name, EntityType::Function(ty));
            runtime_functions.push(imported);
            imported += 1;
        } else {
            to_link.push((runtime_functions.len(), import.name));
            runtime_functions.push(u32::MAX);
        }
    }
    let (mut shimmed, mut translated) = (Vec::new(), Vec::new());
    let mut seeded = false;
    for (import, ty) in unit.imported_functions() {
        if let Some(shim) = shim(import.module, import.name, runtime, plan) {
            let same = unit.types.get(usize::try_from(ty).unwrap_or(usize::MAX)) == runtime.type_of(shim);
            if !same {
                let message =
                    format!("the unit imports `{}::{}` by another type than it has", import.module, import.name);
                return Err(RewriteError::Invalid(message));
            }
            seeded |= import.name == RANDOM;
            shimmed.push((unit_functions.len(), shim));
            unit_functions.push(u32::MAX);
        } else {
            imports.import(import.module, import.name, EntityType::Function(runtime_types + ty));
            if import.name.starts_with("path_") {
                translated.push((unit_functions.len(), imported, ty));
            }
            unit_functions.push(imported);
            imported += 1;
        }
    }
    if let Some(other) = unit.imports.iter().find(|import| !matches!(import.kind, Kind::Function(_))) {
        return Err(RewriteError::Invalid(format!("the unit imports `{}::{}`", other.module, other.name)));
    }
    unit_functions.extend(imported..runtime_defined(imported));
    let runtime_first = runtime_defined(imported);
    let runtime_count = count(runtime.functions.len());
    runtime_functions.extend(runtime_first..runtime_first + runtime_count);
    for (index, shim) in shimmed {
        let target = at(&runtime_functions, shim)?;
        if let Some(function) = unit_functions.get_mut(index) {
            *function = target;
        }
    }
    let exported = |name: &str| {
        let index = runtime.function(name).ok_or_else(|| defect(name))?;
        at(&runtime_functions, index).map_err(RewriteError::from)
    };
    let unit_globals = unit.globals.as_ref().map_or(0, |globals| globals.count());
    let global = |name: &str| {
        let (_, index) = runtime.exports.get(name).ok_or_else(|| defect(name))?;
        Ok::<u32, RewriteError>(unit_globals + index)
    };

    // Memories: WASI works on the first one.
    let first = wasi.unwrap_or(u32::MAX);
    let own = count(unit.memories.len()) + u32::from(wasi.is_none());
    let place = |memory: u32| if memory == first { 0 } else { memory + u32::from(memory < first) };
    let unit_memories: Vec<u32> = (0..count(unit.memories.len())).map(place).collect();
    let abi = unit.memory("memory").map_or(Ok(0), |memory| at(&unit_memories, memory))?;
    let random_size = if seeded { RANDOM_SIZE } else { 0 };

    // Types, and the functions between the two.
    let mut types = TypeSection::new();
    let mut runtime_indices =
        Indices { functions: Vec::new(), types: 0, memories: vec![0, abi, own], globals: unit_globals };
    let mut unit_indices =
        Indices { functions: unit_functions, types: runtime_types, memories: unit_memories, globals: 0 };
    if let Some(section) = &runtime.type_section {
        runtime_indices.parse_type_section(&mut types, section.clone())?;
    }
    if let Some(section) = &unit.type_section {
        unit_indices.parse_type_section(&mut types, section.clone())?;
    }
    let mut ours = Ours {
        types,
        type_count: runtime_types + count(unit.types.len()),
        first: runtime_first + runtime_count,
        functions: Vec::new(),
    };
    let errno = exported("errno_of_path")?;
    for (place, import, ty) in translated {
        let ty = usize::try_from(ty).ok().and_then(|ty| unit.types.get(ty));
        let ty = ty.ok_or_else(|| RewriteError::Defect("an import has no type".to_owned()))?;
        let params = unit_indices.val_types(ty.params().to_vec())?;
        let mut body: Vec<_> = (0..count(params.len())).map(I::LocalGet).collect();
        body.extend([I::Call(import), I::Call(errno)]);
        let function = ours.add(&params, &[ValType::I32], &[], &body);
        if let Some(index) = unit_indices.functions.get_mut(place) {
            *index = function;
        }
    }
    let mut links = Links {
        too_deep: exported("too_deep")?,
        stack: global("stack")?,
        grow_memory: Vec::new(),
        grow_table: Vec::new(),
        burn: if plan.metered { Some(exported("burn")?) } else { None },
    };
    let (may_grow, grown) = (exported("may_grow")?, exported("grown")?);
    for (memory, index) in unit.memories.iter().zip(&unit_indices.memories) {
        let function = grow_memory(&mut ours, *index, memory.maximum, may_grow, grown);
        links.grow_memory.push(function);
    }
    for (table, index) in unit.tables.iter().zip(0..) {
        let kind = ValType::Ref(unit_indices.ref_type(table.ty.element_type)?);
        let function = grow_table(&mut ours, index, kind, table.ty.maximum, [may_grow, grown], links.burn);
        links.grow_table.push(function);
    }
    let linked = |name: &str| unit.function(name).map(|index| at(&unit_indices.functions, index)).transpose();
    let initialize = unit
        .function("_initialize")
        .filter(|index| unit.type_of(*index).is_some_and(|ty| ty.params().is_empty() && ty.results().is_empty()));
    let main = match plan.entry {
        Entry::Command => linked("_start")?,
        Entry::Bytes | Entry::Core(_) => initialize.map(|index| at(&unit_indices.functions, index)).transpose()?,
    };
    let is_bytes = *plan.entry == Entry::Bytes;
    for (place, name) in to_link {
        let found = match name {
            "start" => unit.start.map(|index| at(&unit_indices.functions, index)).transpose()?,
            "main" => main,
            name if is_bytes => linked(name)?,
            _ => None,
        };
        let target = match (found, name) {
            (Some(function), _) => function,
            (None, "start" | "main") => ours.add(&[], &[], &[], &[]),
            (None, "allocate") => ours.add(&[ValType::I32], &[ValType::I32], &[], &[I::Unreachable]),
            (None, _) => ours.add(&[ValType::I32; 3], &[ValType::I32], &[], &[I::Unreachable]),
        };
        if let Some(function) = runtime_functions.get_mut(place) {
            *function = target;
        }
    }
    runtime_indices.functions = runtime_functions.clone();
    let at_end = |name: &str| {
        let index = runtime.function(name).ok_or_else(|| defect(name))?;
        at(&runtime_functions, index).map_err(RewriteError::from)
    };
    let mut exports = ExportSection::new();
    // A unit's name for the memory that WASI works on.
    exports.export("memory", ExportKind::Memory, 0);
    match plan.entry {
        Entry::Command => exports.export("_start", ExportKind::Func, at_end("command")?),
        Entry::Bytes => exports.export("_start", ExportKind::Func, at_end("bytes")?),
        Entry::Core(name) => {
            let function = unit.function(name).ok_or_else(|| RewriteError::Defect(format!("`{name}` is gone")))?;
            let ty = unit.type_of(function).ok_or_else(|| RewriteError::Defect(format!("`{name}` has no type")))?;
            let params = unit_indices.val_types(ty.params().to_vec())?;
            let results = unit_indices.val_types(ty.results().to_vec())?;
            let target = at(&unit_indices.functions, function)?;
            let sides = [at_end("begin")?, at_end("end")?];
            exports.export(CALL, ExportKind::Func, call(&mut ours, &params, &results, sides, main, target))
        }
    };

    let mut functions = FunctionSection::new();
    for ty in &unit.functions {
        functions.function(runtime_types + ty);
    }
    for ty in &runtime.functions {
        functions.function(*ty);
    }
    for (ty, _) in &ours.functions {
        functions.function(*ty);
    }
    let mut tables = TableSection::new();
    for table in &unit.tables {
        unit_indices.parse_table(&mut tables, table.clone())?;
    }
    let mut memories = MemorySection::new();
    let page = |minimum| MemoryType { minimum, maximum: None, memory64: false, shared: false, page_size_log2: None };
    if wasi.is_none() {
        memories.memory(page(1));
    }
    let mut placed: Vec<_> = unit_indices.memories.clone().into_iter().zip(&unit.memories).collect();
    placed.sort_by_key(|(place, _)| *place);
    for (_, memory) in placed {
        memories.memory(unit_indices.memory_type(*memory)?);
    }
    memories.memory(page(1));

    let size = StartSize::of(unit);
    let values = [
        ("memory_bytes", Value::Wide(size.memory())),
        ("table_elements", Value::Wide(size.elements())),
        ("stdout_is_log", Value::Narrow(u32::from(*plan.entry != Entry::Command))),
        ("random_size", Value::Narrow(random_size)),
        ("stack", Value::Narrow(STACK as u32)),
        ("clock_start", Value::Wide(u64::try_from(CLOCK_START.as_nanos()).unwrap_or(u64::MAX))),
        ("clock_step", Value::Wide(CLOCK_STEP)),
    ];
    let mut globals = GlobalSection::new();
    if let Some(section) = unit.globals.clone() {
        unit_indices.parse_global_section(&mut globals, section)?;
    }
    for (own, index) in runtime.globals.clone().into_iter().flatten().zip(0..) {
        let own = own?;
        let ty = runtime_indices.global_type(own.ty)?;
        let set = values.iter().find(|(name, _)| runtime.exports.get(name).is_some_and(|(_, at)| *at == index));
        let init = match set {
            Some((_, Value::Wide(value))) => ConstExpr::i64_const(*value as i64),
            Some((_, Value::Narrow(value))) => ConstExpr::i32_const(*value as i32),
            None => runtime_indices.const_expr(own.init_expr)?,
        };
        globals.global(ty, &init);
    }

    let mut elements = ElementSection::new();
    if let Some(section) = unit.elements.clone() {
        unit_indices.parse_element_section(&mut elements, section)?;
    }
    let mut data = DataSection::new();
    if let Some(section) = unit.data.clone() {
        unit_indices.parse_data_section(&mut data, section)?;
    }

    let mut code = CodeSection::new();
    for ((body, ty), operands) in unit.bodies.iter().zip(&unit.functions).zip(operands) {
        let params = unit.types.get(usize::try_from(*ty).unwrap_or(usize::MAX)).map_or(0, |ty| ty.params().len());
        code.function(&body::rewrite(&mut unit_indices, body, count(params), *operands, &links)?);
    }
    for body in &runtime.bodies {
        runtime_indices.parse_function_body(&mut code, body.clone())?;
    }
    for (_, function) in &ours.functions {
        code.function(function);
    }

    let mut module = Module::new();
    module.section(&ours.types).section(&imports).section(&functions).section(&tables).section(&memories);
    module.section(&globals).section(&exports).section(&elements);
    module.section(&DataCountSection { count: data.len() }).section(&code).section(&data);
    Ok(Rewritten { binary: module.finish(), random: random_size, size })
}

/// What a global of the runtime starts with.
enum Value {
    Wide(u64),
    Narrow(u32),
}

/// The memory of the unit that WASI works on: the one that it exports as `memory`. None: WASI has one of its own, since the unit has none,
/// or asks nothing of WASI.
fn memory_of_wasi(unit: &Sections<'_>) -> Result<Option<u32>, RewriteError> {
    if unit.memories.is_empty() || unit.imports.is_empty() {
        return Ok(None);
    }
    let unsupported = |message: &str| Err(RewriteError::Unsupported(message.to_owned()));
    let Some(memory) = unit.memory("memory") else {
        return unsupported("units that import functions and export no `memory` do not run in WasmEdge");
    };
    let initial =
        usize::try_from(memory).ok().and_then(|memory| unit.memories.get(memory)).map(|memory| memory.initial);
    if initial.unwrap_or_default() == 0 {
        return unsupported("units that import functions, with a `memory` of no pages, do not run in WasmEdge");
    }
    Ok(Some(memory))
}

/// The runtime's function in the place of what the unit imports.
fn shim(module: &str, name: &str, runtime: &Sections<'_>, plan: &Plan<'_>) -> Option<u32> {
    let is_real = (CLOCK.contains(&name) && !plan.virtual_clock) || (name == RANDOM && !plan.seeded);
    let is_ours = match module {
        PREVIEW1 => {
            const SHIMS: [&str; 14] = [
                "fd_write",
                "fd_close",
                "fd_renumber",
                "fd_fdstat_set_flags",
                "fd_fdstat_set_rights",
                "proc_exit",
                "args_get",
                "args_sizes_get",
                "environ_get",
                "environ_sizes_get",
                "clock_res_get",
                "clock_time_get",
                "poll_oneoff",
                "random_get",
            ];
            SHIMS.contains(&name) && !is_real
        }
        "env" => name == "abort",
        _ => false,
    };
    is_ours.then(|| runtime.function(name)).flatten()
}

/// What it would grow to, and its own maximum, in the units of the limit.
fn desired(size: I<'static>, delta: u32, maximum: Option<u64>, unit: u64) -> [I<'static>; 8] {
    [
        size,
        I::I64ExtendI32U,
        I::LocalGet(delta),
        I::I64ExtendI32U,
        I::I64Add,
        I::I64Const(unit as i64),
        I::I64Mul,
        I::I64Const(maximum.map_or(-1, |maximum| maximum.saturating_mul(unit) as i64)),
    ]
}

/// `memory.grow` of one of the unit's memories, within the limits.
fn grow_memory(ours: &mut Ours, memory: u32, maximum: Option<u64>, may_grow: u32, grown: u32) -> u32 {
    let bytes = || vec![I::LocalGet(0), I::I64ExtendI32U, I::I64Const(16), I::I64Shl];
    let body = [
        bytes(),
        vec![I::I64Const(0)],
        desired(I::MemorySize(memory), 0, maximum, PAGE).to_vec(),
        vec![
            I::Call(may_grow),
            I::If(BlockType::Result(ValType::I32)),
            I::LocalGet(0),
            I::MemoryGrow(memory),
            I::LocalSet(1),
        ],
        bytes(),
        vec![I::I64Const(0), I::LocalGet(1), I::I32Const(-1), I::I32Eq, I::Call(grown)],
        vec![I::LocalGet(1), I::Else, I::I32Const(-1), I::End],
    ];
    ours.add(&[ValType::I32], &[ValType::I32], &[(1, ValType::I32)], &body.concat())
}

/// `table.grow` of one of the unit's tables, within the limits.
fn grow_table(
    ours: &mut Ours,
    table: u32,
    kind: ValType,
    maximum: Option<u64>,
    [may_grow, grown]: [u32; 2],
    burn: Option<u32>,
) -> u32 {
    let elements = || vec![I::I64Const(0), I::LocalGet(1), I::I64ExtendI32U];
    let grow = vec![
        I::Call(may_grow),
        I::If(BlockType::Result(ValType::I32)),
        I::LocalGet(0),
        I::LocalGet(1),
        I::TableGrow(table),
        I::LocalSet(2),
    ];
    let failed = || vec![I::LocalGet(2), I::I32Const(-1), I::I32Eq];
    let mut fill = Vec::new();
    if let Some(burn) = burn {
        fill.extend([I::I64Const(0), I::LocalGet(1), I::I64ExtendI32U, I::I64Const(ELEMENT), I::I64Shl]);
        fill.extend(failed());
        fill.extend([I::Select, I::Call(burn)]);
    }
    let body = [
        elements(),
        desired(I::TableSize(table), 1, maximum, 1).to_vec(),
        grow,
        elements(),
        failed(),
        vec![I::Call(grown)],
        fill,
        vec![I::LocalGet(2), I::Else, I::I32Const(-1), I::End],
    ];
    ours.add(&[kind, ValType::I32], &[ValType::I32], &[(1, ValType::I32)], &body.concat())
}

/// The function that reactor mode calls: integers only, since those are read and printed with every digit. Floats travel by their bits,
/// vectors by their halves, the low one first.
fn call(
    ours: &mut Ours,
    params: &[ValType],
    results: &[ValType],
    [begin, end]: [u32; 2],
    main: Option<u32>,
    target: u32,
) -> u32 {
    let mut body = vec![I::Call(begin)];
    body.extend(main.map(I::Call));
    let mut outer = Vec::new();
    for kind in params {
        let index = count(outer.len());
        body.push(I::LocalGet(index));
        match kind {
            ValType::F32 => {
                outer.push(ValType::I32);
                body.push(I::F32ReinterpretI32);
            }
            ValType::F64 => {
                outer.push(ValType::I64);
                body.push(I::F64ReinterpretI64);
            }
            ValType::V128 => {
                outer.extend([ValType::I64, ValType::I64]);
                body.extend([I::I64x2Splat, I::LocalGet(index + 1), I::I64x2ReplaceLane(1)]);
            }
            other => outer.push(*other),
        }
    }
    body.push(I::Call(target));
    let first = count(outer.len());
    let locals: Vec<(u32, ValType)> = results.iter().map(|kind| (1, *kind)).collect();
    let places = first..first + count(results.len());
    body.extend(places.clone().rev().map(I::LocalSet));
    body.push(I::Call(end));
    let mut given = Vec::new();
    for (kind, place) in results.iter().zip(places) {
        body.push(I::LocalGet(place));
        match kind {
            ValType::F32 => {
                given.push(ValType::I32);
                body.push(I::I32ReinterpretF32);
            }
            ValType::F64 => {
                given.push(ValType::I64);
                body.push(I::I64ReinterpretF64);
            }
            ValType::V128 => {
                given.extend([ValType::I64, ValType::I64]);
                body.extend([I::I64x2ExtractLane(0), I::LocalGet(place), I::I64x2ExtractLane(1)]);
            }
            other => given.push(*other),
        }
    }
    ours.add(&outer, &given, &locals, &body)
}
