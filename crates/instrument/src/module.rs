//! The whole module: what was there, at the indices that it had, and what is added behind it.

use std::collections::HashMap;
use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection, ElementSection, ExportKind,
    ExportSection, FunctionSection, GlobalSection, GlobalType, HeapType, ImportSection, Instruction as I,
    MemorySection, Module, TableSection, TypeSection, ValType,
};
use wasmparser::FuncType;

use crate::body::{self, Growing, Rewriter};
use crate::counters::{self, Counter, Places};
use crate::growth::Added;
use crate::sections::{Kind, Sections};
use crate::startup::{self, Startup};
use crate::{Counters, InstrumentError, Instrumented, Options, StartSize};

/// Moves the indices of globals that stand behind imported counters.
struct Moved {
    from: u32,
    by: u32,
}

impl Reencode for Moved {
    type Error = Infallible;

    fn global_index(&mut self, global: u32) -> Result<u32, Error<Infallible>> {
        Ok(if global >= self.from { global.saturating_add(self.by) } else { global })
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

pub(crate) fn write(unit: &Sections<'_>, options: Options) -> Result<Instrumented, InstrumentError> {
    let size = StartSize::of(unit);
    let imported_globals = count(unit.imports.iter().filter(|import| import.kind == Kind::Global).count());
    let own_globals = unit.globals.as_ref().map_or(0, |globals| globals.count());
    let all_counters = count(Counter::ALL.len());
    let (places, moved) = match options.counters {
        Counters::Own => (Places { first: imported_globals.saturating_add(own_globals) }, (0, 0)),
        Counters::Shared => (Places { first: imported_globals }, (imported_globals, all_counters)),
    };
    let mut moved_indices = Moved { from: moved.0, by: moved.1 };

    let mut types = Types::read(unit, &mut moved_indices)?;
    let functions = unit.imported_functions().count() + unit.functions.len();
    let mut rewriter = Rewriter {
        fuel: options.fuel,
        canonical_nans: options.canonical_nans,
        places,
        moved,
        memories: memories(unit),
        tables: tables(unit)?,
        added: Added::new(count(functions), places),
        first_spare: imported_globals.saturating_add(own_globals).saturating_add(all_counters),
        spare: Vec::new(),
    };

    let mut code = CodeSection::new();
    for (body, ty) in unit.bodies.iter().zip(&unit.functions) {
        let index = usize::try_from(*ty).unwrap_or(usize::MAX);
        let ty = unit.types.get(index).ok_or_else(|| InstrumentError::defect("a function has no type"))?;
        let result = if options.fuel { types.block(index, ty, &mut moved_indices)? } else { BlockType::Empty };
        code.raw(&rewriter.rewrite(body, count(ty.params().len()), result)?);
    }
    let start = start(unit, options, &mut rewriter.added)?;

    let mut imports = ImportSection::new();
    if let Some(section) = unit.import_section.clone() {
        moved_indices.parse_import_section(&mut imports, section)?;
    }
    let mut globals = GlobalSection::new();
    if options.counters == Counters::Shared {
        counters::import(&mut imports);
    }
    if let Some(section) = unit.globals.clone() {
        moved_indices.parse_global_section(&mut globals, section)?;
    }
    if options.counters == Counters::Own {
        counters::define(&mut globals, &size);
    }
    for ty in &rewriter.spare {
        let init = match ty {
            ValType::I32 => ConstExpr::i32_const(0),
            ValType::I64 => ConstExpr::i64_const(0),
            ValType::F32 => ConstExpr::f32_const(0.0.into()),
            ValType::F64 => ConstExpr::f64_const(0.0.into()),
            ValType::V128 => ConstExpr::v128_const(0),
            ValType::Ref(_) => ConstExpr::ref_null(HeapType::FUNC),
        };
        globals.global(GlobalType { val_type: *ty, mutable: true, shared: false }, &init);
    }

    let mut function_section = FunctionSection::new();
    for ty in &unit.functions {
        function_section.function(*ty);
    }
    for (params, results, body) in rewriter.added.functions() {
        function_section.function(types.function(params.clone(), results.clone()));
        code.function(body);
    }
    let mut table_section = TableSection::new();
    for table in &unit.tables {
        moved_indices.parse_table(&mut table_section, table.clone())?;
    }
    let mut memory_section = MemorySection::new();
    for memory in &unit.memories {
        memory_section.memory(moved_indices.memory_type(*memory)?);
    }

    let prefix = prefix(unit);
    let mut exports = ExportSection::new();
    if let Some(section) = unit.export_section.clone() {
        moved_indices.parse_export_section(&mut exports, section)?;
    }
    if options.counters == Counters::Own {
        counters::export(&mut exports, &prefix, places);
    }
    if let Some(function) = start {
        exports.export(&format!("{prefix}start"), ExportKind::Func, function);
    }
    let mut elements = ElementSection::new();
    if let Some(section) = unit.elements.clone() {
        moved_indices.parse_element_section(&mut elements, section)?;
    }
    let mut data = DataSection::new();
    if let Some(section) = unit.data.clone() {
        moved_indices.parse_data_section(&mut data, section)?;
    }

    let mut module = Module::new();
    module.section(&types.section).section(&imports).section(&function_section).section(&table_section);
    module.section(&memory_section).section(&globals).section(&exports).section(&elements);
    module.section(&DataCountSection { count: data.len() }).section(&code).section(&data);
    if let Some(names) = unit.names {
        module.section(&CustomSection { name: "name".into(), data: names.into() });
    }
    Ok(Instrumented { binary: module.finish(), has_start: start.is_some(), size, prefix })
}

/// What no export of the unit begins with.
fn prefix(unit: &Sections<'_>) -> String {
    // Exports that begin like that, by how many underscores they have there.
    let taken = unit.exports.keys().filter_map(|name| {
        let rest = name.strip_prefix("wasmill")?;
        let name = rest.trim_start_matches('_');
        name.starts_with(':').then(|| rest.len() - name.len())
    });
    let underscores = taken.max().map_or(0, |most| most + 1);
    format!("wasmill{}:", "_".repeat(underscores))
}

/// The function that is called first, where there is one.
fn start(unit: &Sections<'_>, options: Options, added: &mut Added) -> Result<Option<u32>, InstrumentError> {
    if !options.fuel {
        return Ok(unit.start);
    }
    let Some(Startup { checked, rest }) = startup::of(unit)? else { return Ok(None) };
    let fuel = added.places().of(Counter::Fuel);
    let amount = |amount: u64| I::I64Const(i64::try_from(amount).unwrap_or(i64::MAX));
    let mut body = vec![
        I::GlobalGet(fuel),
        amount(checked),
        I::I64Add,
        I::GlobalSet(fuel),
        I::GlobalGet(fuel),
        I::I64Const(0),
        I::I64GeS,
        I::If(BlockType::Empty),
        I::I32Const(1),
        I::GlobalSet(added.places().of(Counter::Exhausted)),
        I::Unreachable,
        I::End,
        I::GlobalGet(fuel),
        amount(rest),
        I::I64Add,
        I::GlobalSet(fuel),
    ];
    body.extend(unit.start.map(I::Call));
    Ok(Some(added.add(&[], &[], &[], &body)))
}

/// Of every memory, imports first.
fn memories(unit: &Sections<'_>) -> Vec<Growing> {
    let imported = unit.imports.iter().filter_map(|import| match import.kind {
        Kind::Memory(ty) => Some(ty),
        _ => None,
    });
    let growing =
        |ty: wasmparser::MemoryType| Growing { initial: ty.initial, maximum: ty.maximum, element: ValType::I32 };
    imported.chain(unit.memories.iter().copied()).map(growing).collect()
}

/// Of every table, imports first.
fn tables(unit: &Sections<'_>) -> Result<Vec<Growing>, InstrumentError> {
    let imported = unit.imports.iter().filter_map(|import| match import.kind {
        Kind::Table(ty) => Some(ty),
        _ => None,
    });
    let growing = |ty: wasmparser::TableType| {
        Ok(Growing { initial: ty.initial, maximum: ty.maximum, element: body::element(ty.element_type)? })
    };
    imported.chain(unit.tables.iter().map(|table| table.ty)).map(growing).collect()
}

/// The types of the module, with those that are added.
struct Types {
    section: TypeSection,
    count: u32,
    added: HashMap<(Vec<ValType>, Vec<ValType>), u32>,
    /// Of blocks, by the types of functions: types are long, and functions many.
    blocks: HashMap<usize, BlockType>,
}

impl Types {
    fn read(unit: &Sections<'_>, indices: &mut Moved) -> Result<Self, InstrumentError> {
        let mut section = TypeSection::new();
        if let Some(types) = unit.type_section.clone() {
            indices.parse_type_section(&mut section, types)?;
        }
        Ok(Types { section, count: count(unit.types.len()), added: HashMap::new(), blocks: HashMap::new() })
    }

    fn function(&mut self, params: Vec<ValType>, results: Vec<ValType>) -> u32 {
        let key = (params, results);
        if let Some(found) = self.added.get(&key) {
            return *found;
        }
        self.section.ty().function(key.0.iter().copied(), key.1.iter().copied());
        let index = self.count;
        self.count = self.count.saturating_add(1);
        self.added.insert(key, index);
        index
    }

    /// The type of a block that gives what functions of this type give.
    fn block(&mut self, index: usize, ty: &FuncType, indices: &mut Moved) -> Result<BlockType, InstrumentError> {
        if let Some(found) = self.blocks.get(&index) {
            return Ok(*found);
        }
        let block = match ty.results() {
            [] => BlockType::Empty,
            [one] => BlockType::Result(indices.val_type(*one)?),
            many => {
                let results = indices.val_types(many.to_vec())?;
                BlockType::FunctionType(self.function(Vec::new(), results))
            }
        };
        self.blocks.insert(index, block);
        Ok(block)
    }
}
