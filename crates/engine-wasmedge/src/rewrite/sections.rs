//! A core module, cut into its sections.

use std::collections::HashMap;

use wasmparser::{
    CompositeInnerType, DataSectionReader, ElementSectionReader, ExternalKind, FuncType, FunctionBody,
    GlobalSectionReader, MemoryType, Parser, Payload, Table, TypeRef, TypeSectionReader,
};

/// What is imported, besides types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A function of this type.
    Function(u32),
    Memory,
    Other,
}

pub(super) struct Import<'a> {
    pub(super) module: &'a str,
    pub(super) name: &'a str,
    pub(super) kind: Kind,
}

/// A module's sections. Custom sections are left out: nothing here, and nothing in WasmEdge, asks for them.
#[derive(Default)]
pub(super) struct Sections<'a> {
    pub(super) type_section: Option<TypeSectionReader<'a>>,
    /// Of every type that is a function's.
    pub(super) types: Vec<FuncType>,
    pub(super) imports: Vec<Import<'a>>,
    /// The types of the functions that are defined here.
    pub(super) functions: Vec<u32>,
    pub(super) tables: Vec<Table<'a>>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) globals: Option<GlobalSectionReader<'a>>,
    pub(super) exports: HashMap<&'a str, (ExternalKind, u32)>,
    pub(super) start: Option<u32>,
    pub(super) elements: Option<ElementSectionReader<'a>>,
    pub(super) data: Option<DataSectionReader<'a>>,
    pub(super) bodies: Vec<FunctionBody<'a>>,
}

impl<'a> Sections<'a> {
    /// Cuts a module that was validated.
    pub(super) fn read(binary: &'a [u8]) -> wasmparser::Result<Self> {
        let mut found = Sections::default();
        for payload in Parser::new(0).parse_all(binary) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section.clone() {
                        for ty in group?.into_types() {
                            // No other types are taken: see `wasmill_unit::features`.
                            if let CompositeInnerType::Func(ty) = ty.composite_type.inner {
                                found.types.push(ty);
                            }
                        }
                    }
                    found.type_section = Some(section);
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        let kind = match import.ty {
                            TypeRef::Func(ty) => Kind::Function(ty),
                            TypeRef::Memory(_) => Kind::Memory,
                            _ => Kind::Other,
                        };
                        found.imports.push(Import { module: import.module, name: import.name, kind });
                    }
                }
                Payload::FunctionSection(section) => found.functions = section.into_iter().collect::<Result<_, _>>()?,
                Payload::TableSection(section) => found.tables = section.into_iter().collect::<Result<_, _>>()?,
                Payload::MemorySection(section) => found.memories = section.into_iter().collect::<Result<_, _>>()?,
                Payload::GlobalSection(section) => found.globals = Some(section),
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        found.exports.insert(export.name, (export.kind, export.index));
                    }
                }
                Payload::StartSection { func, .. } => found.start = Some(func),
                Payload::ElementSection(section) => found.elements = Some(section),
                Payload::DataSection(section) => found.data = Some(section),
                Payload::CodeSectionEntry(body) => found.bodies.push(body),
                _ => {}
            }
        }
        Ok(found)
    }

    /// How many functions are imported.
    pub(super) fn imported_functions(&self) -> impl Iterator<Item = (&Import<'a>, u32)> {
        self.imports.iter().filter_map(|import| match import.kind {
            Kind::Function(ty) => Some((import, ty)),
            _ => None,
        })
    }

    /// The type of a function, imported or defined.
    pub(super) fn type_of(&self, function: u32) -> Option<&FuncType> {
        let function = usize::try_from(function).ok()?;
        let imported = self.imported_functions().count();
        let ty = match function.checked_sub(imported) {
            None => self.imported_functions().nth(function)?.1,
            Some(defined) => *self.functions.get(defined)?,
        };
        self.types.get(usize::try_from(ty).ok()?)
    }

    /// An exported function.
    pub(super) fn function(&self, name: &str) -> Option<u32> {
        self.exports.get(name).filter(|(kind, _)| *kind == ExternalKind::Func).map(|(_, index)| *index)
    }

    /// An exported memory.
    pub(super) fn memory(&self, name: &str) -> Option<u32> {
        self.exports.get(name).filter(|(kind, _)| *kind == ExternalKind::Memory).map(|(_, index)| *index)
    }
}
