//! The names of parameters in the `name` section, from where engines and Wasmill read them: clang and its linker leave them out.

use std::collections::BTreeMap;

use wasm_encoder::{IndirectNameMap, Module, NameMap, NameSection, RawSection};
use wasmparser::{ExternalKind, KnownCustom, Name, Parser, Payload};

use crate::BuildError;
use crate::job::Mode;

/// The module with the names of its exports' parameters, and without DWARF where it is not wanted.
///
/// # Errors
/// What was linked is no module.
pub(super) fn add(
    module: &[u8],
    parameters: &BTreeMap<String, Vec<Option<String>>>,
    mode: Mode,
) -> Result<Vec<u8>, BuildError> {
    let wrong = |error: wasmparser::BinaryReaderError| BuildError::NoUnit { message: error.to_string() };
    let mut made = Module::new();
    let mut functions = NameMap::new();
    let mut globals = NameMap::new();
    let mut data = NameMap::new();
    let mut exported: BTreeMap<u32, &str> = BTreeMap::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(wrong)?;
        match &payload {
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    for name in names.into_iter().map_while(Result::ok) {
                        match name {
                            Name::Function(names) => copy(names, &mut functions),
                            Name::Global(names) => copy(names, &mut globals),
                            Name::Data(names) => copy(names, &mut data),
                            _ => {}
                        }
                    }
                    continue;
                }
                if mode == Mode::Release && section.name().starts_with(".debug_") {
                    continue;
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let export = export.map_err(wrong)?;
                    if export.kind == ExternalKind::Func {
                        exported.insert(export.index, export.name);
                    }
                }
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            let data = module.get(range).unwrap_or_default();
            made.section(&RawSection { id, data });
        }
    }
    let mut locals = IndirectNameMap::new();
    for (index, name) in exported {
        let mut names = NameMap::new();
        let known = parameters.get(name).into_iter().flatten();
        for (local, name) in (0_u32..).zip(known).filter_map(|(local, name)| Some((local, name.as_deref()?))) {
            names.append(local, name);
        }
        locals.append(index, &names);
    }
    let mut section = NameSection::new();
    section.functions(&functions);
    section.locals(&locals);
    section.globals(&globals);
    section.data(&data);
    made.section(&section);
    Ok(made.finish())
}

fn copy(names: wasmparser::NameMap<'_>, into: &mut NameMap) {
    for name in names.into_iter().map_while(Result::ok) {
        into.append(name.index, name.name);
    }
}
