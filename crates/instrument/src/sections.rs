//! A core module, cut into its sections.

use std::collections::HashMap;

use wasmparser::{
    CompositeInnerType, DataSectionReader, ElementSectionReader, ExportSectionReader, ExternalKind, FuncType,
    FunctionBody, GlobalSectionReader, ImportSectionReader, MemoryType, Parser, Payload, Table, TableType, TypeRef,
    TypeSectionReader,
};

/// What is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A function of this type.
    Function(u32),
    /// A memory.
    Memory(MemoryType),
    /// A table.
    Table(TableType),
    /// A global.
    Global,
    /// Anything else: no unit may import such.
    Other,
}

/// An import.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// Where it is from.
    pub module: &'a str,
    /// What it is called there.
    pub name: &'a str,
    /// What it is.
    pub kind: Kind,
}

/// A module's sections. Custom sections are left out but for the names: nothing that rewrites modules asks for them.
#[derive(Debug, Default)]
pub struct Sections<'a> {
    /// The types, as they stand there.
    pub type_section: Option<TypeSectionReader<'a>>,
    /// Of every type that is a function's.
    pub types: Vec<FuncType>,
    /// What is imported, in order.
    pub imports: Vec<Import<'a>>,
    /// The imports, as they stand there.
    pub import_section: Option<ImportSectionReader<'a>>,
    /// The types of the functions that are defined here.
    pub functions: Vec<u32>,
    /// The tables that are defined here.
    pub tables: Vec<Table<'a>>,
    /// The memories that are defined here.
    pub memories: Vec<MemoryType>,
    /// The globals that are defined here.
    pub globals: Option<GlobalSectionReader<'a>>,
    /// What is exported, by name.
    pub exports: HashMap<&'a str, (ExternalKind, u32)>,
    /// The exports, as they stand there.
    pub export_section: Option<ExportSectionReader<'a>>,
    /// The start function.
    pub start: Option<u32>,
    /// The element segments.
    pub elements: Option<ElementSectionReader<'a>>,
    /// The data segments.
    pub data: Option<DataSectionReader<'a>>,
    /// The code of the functions that are defined here.
    pub bodies: Vec<FunctionBody<'a>>,
    /// The custom section `name`.
    pub names: Option<&'a [u8]>,
}

impl<'a> Sections<'a> {
    /// Cuts a module that was validated.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(binary: &'a [u8]) -> wasmparser::Result<Self> {
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
                    for import in section.clone().into_imports() {
                        let import = import?;
                        let kind = match import.ty {
                            TypeRef::Func(ty) => Kind::Function(ty),
                            TypeRef::Memory(ty) => Kind::Memory(ty),
                            TypeRef::Table(ty) => Kind::Table(ty),
                            TypeRef::Global(_) => Kind::Global,
                            _ => Kind::Other,
                        };
                        found.imports.push(Import { module: import.module, name: import.name, kind });
                    }
                    found.import_section = Some(section);
                }
                Payload::FunctionSection(section) => found.functions = section.into_iter().collect::<Result<_, _>>()?,
                Payload::TableSection(section) => found.tables = section.into_iter().collect::<Result<_, _>>()?,
                Payload::MemorySection(section) => found.memories = section.into_iter().collect::<Result<_, _>>()?,
                Payload::GlobalSection(section) => found.globals = Some(section),
                Payload::ExportSection(section) => {
                    for export in section.clone() {
                        let export = export?;
                        found.exports.insert(export.name, (export.kind, export.index));
                    }
                    found.export_section = Some(section);
                }
                Payload::StartSection { func, .. } => found.start = Some(func),
                Payload::ElementSection(section) => found.elements = Some(section),
                Payload::DataSection(section) => found.data = Some(section),
                Payload::CodeSectionEntry(body) => found.bodies.push(body),
                Payload::CustomSection(section) if section.name() == "name" => found.names = Some(section.data()),
                _ => {}
            }
        }
        Ok(found)
    }

    /// How many functions are imported.
    pub fn imported_functions(&self) -> impl Iterator<Item = (&Import<'a>, u32)> {
        self.imports.iter().filter_map(|import| match import.kind {
            Kind::Function(ty) => Some((import, ty)),
            _ => None,
        })
    }

    /// The type of a function, imported or defined.
    pub fn type_of(&self, function: u32) -> Option<&FuncType> {
        let function = usize::try_from(function).ok()?;
        let imported = self.imported_functions().count();
        let ty = match function.checked_sub(imported) {
            None => self.imported_functions().nth(function)?.1,
            Some(defined) => *self.functions.get(defined)?,
        };
        self.types.get(usize::try_from(ty).ok()?)
    }

    /// An exported function.
    pub fn function(&self, name: &str) -> Option<u32> {
        self.exports.get(name).filter(|(kind, _)| *kind == ExternalKind::Func).map(|(_, index)| *index)
    }

    /// An exported memory.
    pub fn memory(&self, name: &str) -> Option<u32> {
        self.exports.get(name).filter(|(kind, _)| *kind == ExternalKind::Memory).map(|(_, index)| *index)
    }
}
