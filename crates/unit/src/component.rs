//! What a component exports and imports.

use std::sync::Arc;

use wasmparser::component_types::{ComponentEntityType, ComponentFuncTypeId, ComponentItem};
use wasmparser::types::TypesRef;
use wasmparser::{Parser, Payload};

use crate::budget::Budget;
use crate::import;
use crate::wit::Printer;
use crate::{FunctionInfo, ImportInfo, ImportKind, InspectError, Parameter};

/// The outside of a component.
pub(crate) struct Outside {
    /// Whether it exports `wasi:cli/run@0.2.x`.
    pub(crate) is_command: bool,
    pub(crate) functions: Vec<FunctionInfo>,
    pub(crate) other_exports: Vec<Arc<str>>,
    pub(crate) imports: Vec<ImportInfo>,
    pub(crate) types: Vec<String>,
}

/// Reads the outside of a component that was validated to `types`.
pub(crate) fn read(bytes: &[u8], types: TypesRef<'_>, budget: &mut Budget) -> Result<Outside, InspectError> {
    let (import_names, export_names) = extern_names(bytes)?;
    let imported: Vec<(&str, &ComponentItem)> =
        import_names.iter().filter_map(|name| Some((*name, types.component_item_for_import(name)?))).collect();
    let exported: Vec<(&str, &ComponentItem)> =
        export_names.iter().filter_map(|name| Some((*name, types.component_item_for_export(name)?))).collect();

    let mut printer = Printer::new(types);
    // Exports first: what a component calls a type is what its callers see.
    for (name, item) in exported.iter().chain(&imported) {
        budget.item(name.len())?;
        printer.learn(name, item, budget)?;
    }

    let imports = imported.iter().map(|(name, item)| describe_import(name, item)).collect();
    let mut exports = Exports { types, printer, functions: Vec::new(), others: Vec::new(), is_command: false };
    for (name, item) in &exported {
        match item.ty {
            ComponentEntityType::Func(id) => exports.function((*name).into(), name, id, budget)?,
            ComponentEntityType::Instance(id) => exports.instance(name, id, budget)?,
            ComponentEntityType::Type { .. } => {}
            _ => exports.others.push((*name).into()),
        }
    }
    if exports.is_command {
        // A command is run, not called: what it exports besides is only shown.
        exports.others =
            exports.functions.drain(..).map(|function| function.name).chain(exports.others.drain(..)).collect();
    }
    Ok(Outside {
        is_command: exports.is_command,
        functions: exports.functions,
        other_exports: exports.others,
        imports,
        types: exports.printer.definitions(),
    })
}

struct Exports<'a> {
    types: TypesRef<'a>,
    printer: Printer<'a>,
    functions: Vec<FunctionInfo>,
    others: Vec<Arc<str>>,
    is_command: bool,
}

impl Exports<'_> {
    fn instance(
        &mut self,
        name: &str,
        id: wasmparser::component_types::ComponentInstanceTypeId,
        budget: &mut Budget,
    ) -> Result<(), InspectError> {
        let types = self.types;
        let Some(instance) = types.get(id) else { return Ok(()) };
        if import::wasi_interface(name) == Some(("cli", "run"))
            && matches!(instance.exports.get("run").map(|item| item.ty), Some(ComponentEntityType::Func(_)))
        {
            self.is_command = true;
            return Ok(());
        }
        for (function, item) in &instance.exports {
            let full = || -> Arc<str> { format!("{name}#{function}").into() };
            match item.ty {
                ComponentEntityType::Func(id) => self.function(full(), function, id, budget)?,
                ComponentEntityType::Type { .. } => {}
                _ => {
                    budget.item(name.len() + function.len())?;
                    self.others.push(full());
                }
            }
        }
        Ok(())
    }

    fn function(
        &mut self,
        full: Arc<str>,
        bare: &str,
        id: ComponentFuncTypeId,
        budget: &mut Budget,
    ) -> Result<(), InspectError> {
        budget.item(full.len())?;
        let types = self.types;
        let Some(ty) = types.get(id) else { return Ok(()) };
        // `[method]resource.name` and its like need a resource, which no step has.
        let callable = !bare.starts_with('[')
            && !ty.async_
            && !ty.params.iter().map(|(_, ty)| *ty).chain(ty.result).any(|ty| self.printer.holds_handle(ty));
        if !callable {
            self.others.push(full);
            return Ok(());
        }
        let mut params = Vec::with_capacity(ty.params.len());
        for (name, ty) in &ty.params {
            params.push(Parameter {
                name: Some(name.as_str().into()),
                kind: self.printer.text(*ty, budget)?,
                optional: false,
            });
        }
        let results = ty.result.map(|ty| self.printer.text(ty, budget)).transpose()?;
        self.functions.push(FunctionInfo { name: full, params, results: results.into_iter().collect() });
        Ok(())
    }
}

fn describe_import(name: &str, item: &ComponentItem) -> ImportInfo {
    let kind = match item.ty {
        ComponentEntityType::Instance(_) => ImportKind::Interface,
        ComponentEntityType::Func(_) => ImportKind::Function,
        ComponentEntityType::Module(_) => ImportKind::Module,
        ComponentEntityType::Component(_) => ImportKind::Component,
        ComponentEntityType::Type { .. } | ComponentEntityType::Value(_) => ImportKind::Type,
    };
    let provided = match item.ty {
        ComponentEntityType::Instance(_) => import::provides_interface(name),
        // A type that only gives a name to another asks for nothing; a resource asks for one.
        ComponentEntityType::Type { created, .. } => {
            !matches!(created, wasmparser::component_types::ComponentAnyTypeId::Resource(_))
        }
        _ => false,
    };
    let (grant, needs_grant) = (import::grant_of_interface(name), import::needs_grant(name));
    ImportInfo { module: name.into(), name: "".into(), kind, grant, needs_grant, provided }
}

/// The names of the outermost component's imports and exports.
fn extern_names(bytes: &[u8]) -> Result<(Vec<&str>, Vec<&str>), InspectError> {
    let mut depth = 0_usize;
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(InspectError::corrupt)? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    imports.push(import.map_err(InspectError::corrupt)?.name.name);
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    exports.push(export.map_err(InspectError::corrupt)?.name.name);
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}
