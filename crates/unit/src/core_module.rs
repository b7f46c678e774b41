//! What a core module exports and imports.

use std::collections::HashMap;
use std::sync::Arc;

use wasmparser::types::{CoreTypeId, EntityType, TypesRef};
use wasmparser::{CompositeInnerType, ExternalKind, FuncType, KnownCustom, Name, Parser, Payload, ValType};

use crate::budget::Budget;
use crate::import;
use crate::{FunctionInfo, ImportInfo, ImportKind, InspectError, Parameter};

/// What a core module is by its exports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// It exports `_start`.
    Command,
    /// It exports the four names of the byte interface.
    Bytes,
    /// Functions over numbers.
    Core,
}

/// The outside of a core module.
pub(crate) struct Outside {
    pub(crate) shape: Shape,
    pub(crate) functions: Vec<FunctionInfo>,
    pub(crate) other_exports: Vec<Arc<str>>,
    pub(crate) imports: Vec<ImportInfo>,
}

struct Export<'a> {
    name: &'a str,
    entity: EntityType,
    /// In the function index space, imports first.
    index: u32,
}

/// Reads the outside of a core module that was validated to `types`.
pub(crate) fn read(bytes: &[u8], types: TypesRef<'_>, budget: &mut Budget) -> Result<Outside, InspectError> {
    let Sections { exports, is_object, local_names } = sections(bytes, types)?;
    if is_object {
        return Err(InspectError::ObjectFile);
    }
    let mut imports = Vec::new();
    for (module, name, entity) in types.core_imports().into_iter().flatten() {
        budget.item(module.len() + name.len())?;
        imports.push(describe_import(types, module, name, entity));
    }

    let shape = shape(types, &exports);
    let mut functions = Vec::new();
    let mut other_exports = Vec::new();
    if shape == Shape::Bytes {
        functions.push(FunctionInfo {
            name: "process".into(),
            params: vec![Parameter { name: Some("input".into()), kind: "list<u8>".to_owned(), optional: false }],
            results: vec!["list<u8>".to_owned()],
        });
    }
    for export in &exports {
        let callable = match export.entity {
            EntityType::Func(id) if shape == Shape::Core && export.name != "_initialize" => {
                function_type(types, id).filter(|ty| is_callable(ty))
            }
            _ => None,
        };
        let Some(ty) = callable else {
            if shape != Shape::Bytes || export.name != "process" {
                budget.item(export.name.len())?;
                other_exports.push(export.name.into());
            }
            continue;
        };
        budget.item(export.name.len())?;
        let names = local_names.get(&export.index);
        let mut params = Vec::with_capacity(ty.params().len());
        for (kind, index) in ty.params().iter().zip(0_u32..) {
            budget.item(0)?;
            let name = names.and_then(|names| names.get(&index)).cloned();
            params.push(Parameter { name, kind: kind.to_string(), optional: false });
        }
        let mut results = Vec::with_capacity(ty.results().len());
        for kind in ty.results() {
            budget.item(0)?;
            results.push(kind.to_string());
        }
        functions.push(FunctionInfo { name: export.name.into(), params, results });
    }
    Ok(Outside { shape, functions, other_exports, imports })
}

fn shape(types: TypesRef<'_>, exports: &[Export<'_>]) -> Shape {
    use ValType::I32;
    let has = |name: &str, params: &[ValType], results: &[ValType]| {
        exports.iter().any(|export| {
            export.name == name
                && matches!(export.entity, EntityType::Func(id)
                    if function_type(types, id).is_some_and(|ty| ty.params() == params && ty.results() == results))
        })
    };
    let memory = exports.iter().any(|export| export.name == "memory" && matches!(export.entity, EntityType::Memory(_)));
    if has("_start", &[], &[]) {
        Shape::Command
    } else if memory
        && has("allocate", &[I32], &[I32])
        && has("deallocate", &[I32, I32], &[])
        && has("process", &[I32, I32, I32], &[I32])
    {
        Shape::Bytes
    } else {
        Shape::Core
    }
}

/// Whether a step can give and take all values of a function: numbers and vectors, no references.
fn is_callable(ty: &FuncType) -> bool {
    ty.params().iter().chain(ty.results()).all(|ty| !matches!(ty, ValType::Ref(_)))
}

fn function_type(types: TypesRef<'_>, id: CoreTypeId) -> Option<&FuncType> {
    match &types.get(id)?.composite_type.inner {
        CompositeInnerType::Func(ty) => Some(ty),
        _ => None,
    }
}

fn describe_import(types: TypesRef<'_>, module: &str, name: &str, entity: EntityType) -> ImportInfo {
    let kind = match entity {
        EntityType::Func(_) | EntityType::FuncExact(_) => ImportKind::Function,
        EntityType::Table(_) => ImportKind::Table,
        EntityType::Memory(_) => ImportKind::Memory,
        EntityType::Global(_) => ImportKind::Global,
        EntityType::Tag(_) => ImportKind::Tag,
    };
    let provided = match entity {
        EntityType::Func(id) if import::is_assemblyscript_abort(module, name) => {
            function_type(types, id).is_some_and(|ty| ty.params() == [ValType::I32; 4] && ty.results().is_empty())
        }
        EntityType::Func(_) => import::provides_function(module, name),
        _ => false,
    };
    ImportInfo {
        module: module.into(),
        name: name.into(),
        kind,
        grant: import::grant_of_function(module, name),
        needs_grant: import::needs_grant(module),
        provided,
    }
}

struct Sections<'a> {
    exports: Vec<Export<'a>>,
    is_object: bool,
    /// By function index, then by local index; only of exported functions.
    local_names: HashMap<u32, HashMap<u32, Arc<str>>>,
}

fn sections<'a>(bytes: &'a [u8], types: TypesRef<'_>) -> Result<Sections<'a>, InspectError> {
    let mut found = Sections { exports: Vec::new(), is_object: false, local_names: HashMap::new() };
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(InspectError::corrupt)? {
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(InspectError::corrupt)?;
                    if let Some(entity) = types.entity_type_from_export(&export) {
                        if export.kind == ExternalKind::Func {
                            found.local_names.entry(export.index).or_default();
                        }
                        found.exports.push(Export { name: export.name, entity, index: export.index });
                    }
                }
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Linking(_) => found.is_object = true,
                KnownCustom::Name(section) => {
                    // Names are a courtesy: what is wrong in them is left out, as engines do.
                    for name in section.into_iter().map_while(Result::ok) {
                        if let Name::Local(functions) = name {
                            read_local_names(functions, &mut found.local_names);
                        }
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
    Ok(found)
}

fn read_local_names(functions: wasmparser::IndirectNameMap<'_>, into: &mut HashMap<u32, HashMap<u32, Arc<str>>>) {
    for function in functions.into_iter().map_while(Result::ok) {
        let Some(names) = into.get_mut(&function.index) else { continue };
        let mut seen = HashMap::new();
        for local in function.names.into_iter().map_while(Result::ok) {
            // Locals follow the parameters, and no function has more than a thousand of those.
            if local.index >= 1000 || local.name.is_empty() {
                continue;
            }
            let name: Arc<str> = local.name.into();
            // A name that is there twice names nothing.
            if let Some(earlier) = seen.insert(name.clone(), local.index) {
                names.remove(&earlier);
            } else {
                names.insert(local.index, name);
            }
        }
    }
}
