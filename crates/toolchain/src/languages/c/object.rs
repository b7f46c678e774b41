//! What an object file defines, and what the parameters are called there.
//!
//! Formats: the tool conventions' `linking` section, and DWARF, which every version of clang writes into objects alike. Both come out of
//! a compiler that read a hostile source, so that nothing in them is believed: what cannot be read is not there.

use std::collections::BTreeMap;

use gimli::{AttributeValue, Dwarf, EndianSlice, LittleEndian, SectionId};
use wasmparser::{
    CompositeInnerType, KnownCustom, Linking, Parser, Payload, SymbolFlags, SymbolInfo, TypeRef, ValType,
};

use crate::BuildError;

/// The most parameters whose names are kept.
const MOST_PARAMETERS: usize = 1000;

/// A type, as far as it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    I32,
    Other,
}

/// A function that others may call.
#[derive(Clone, Debug)]
pub(super) struct Defined {
    pub(super) name: String,
    pub(super) params: Vec<Value>,
    pub(super) results: Vec<Value>,
}

/// An object file.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// Its functions that are neither static nor inline.
    pub(super) functions: Vec<Defined>,
    /// The names of their parameters, where they have some.
    pub(super) parameters: BTreeMap<String, Vec<Option<String>>>,
}

impl Object {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BuildError> {
        let wrong = |error: wasmparser::BinaryReaderError| BuildError::NoUnit { message: error.to_string() };
        let mut types: Vec<(Vec<Value>, Vec<Value>)> = Vec::new();
        // The type of each function, imports first.
        let mut functions: Vec<u32> = Vec::new();
        let mut defined: Vec<(String, u32)> = Vec::new();
        let mut debug: BTreeMap<&str, &[u8]> = BTreeMap::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(wrong)? {
                Payload::TypeSection(section) => {
                    for group in section {
                        for ty in group.map_err(wrong)?.into_types() {
                            types.push(match ty.composite_type.inner {
                                CompositeInnerType::Func(ty) => (values(ty.params()), values(ty.results())),
                                _ => (Vec::new(), Vec::new()),
                            });
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        if let TypeRef::Func(ty) | TypeRef::FuncExact(ty) = import.map_err(wrong)?.ty {
                            functions.push(ty);
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        functions.push(ty.map_err(wrong)?);
                    }
                }
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::Linking(linking) => {
                        for part in linking {
                            let Linking::SymbolTable(symbols) = part.map_err(wrong)? else { continue };
                            for symbol in symbols {
                                if let SymbolInfo::Func { flags, index, name: Some(name) } = symbol.map_err(wrong)?
                                    && is_callable(flags)
                                {
                                    defined.push((name.to_owned(), index));
                                }
                            }
                        }
                    }
                    _ if section.name().starts_with(".debug_") => {
                        debug.insert(section.name(), section.data());
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        let ty = |index: u32| {
            let ty = functions.get(usize::try_from(index).ok()?)?;
            types.get(usize::try_from(*ty).ok()?)
        };
        let named = parameters(&debug).unwrap_or_default();
        let mut object = Object::default();
        for (name, index) in defined {
            let Some((params, results)) = ty(index).cloned() else { continue };
            // A record that is given or returned by value makes others of them.
            if let Some(names) = named.get(&name).filter(|names| names.len() == params.len()) {
                object.parameters.insert(name.clone(), names.clone());
            }
            object.functions.push(Defined { name, params, results });
        }
        Ok(object)
    }
}

fn is_callable(flags: SymbolFlags) -> bool {
    let not = SymbolFlags::UNDEFINED
        | SymbolFlags::BINDING_LOCAL
        | SymbolFlags::BINDING_WEAK
        | SymbolFlags::VISIBILITY_HIDDEN;
    !flags.intersects(not)
}

fn values(types: &[ValType]) -> Vec<Value> {
    types.iter().map(|ty| if *ty == ValType::I32 { Value::I32 } else { Value::Other }).collect()
}

/// The names of the parameters of each function that DWARF tells of.
fn parameters(sections: &BTreeMap<&str, &[u8]>) -> Result<BTreeMap<String, Vec<Option<String>>>, gimli::Error> {
    let section = |id: SectionId| sections.get(id.name()).copied().unwrap_or_default();
    let dwarf = Dwarf::load(|id| Ok::<_, gimli::Error>(EndianSlice::new(section(id), LittleEndian)))?;
    let mut found = BTreeMap::new();
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        let unit = dwarf.unit(header)?;
        let text = |value: Option<AttributeValue<EndianSlice<'_, LittleEndian>>>| {
            let text = dwarf.attr_string(&unit, value?).ok()?;
            Some(text.to_string_lossy().into_owned())
        };
        let mut entries = unit.entries();
        // The function whose parameters come, and how deep they stand.
        let mut open: Option<(String, isize, Vec<Option<String>>)> = None;
        while let Some(entry) = entries.next_dfs()? {
            let depth = entry.depth();
            if let Some((name, _, names)) = open.take_if(|(_, inside, _)| depth < *inside) {
                found.insert(name, names);
            }
            match entry.tag() {
                gimli::DW_TAG_subprogram => {
                    let linkage = text(entry.attr_value(gimli::DW_AT_linkage_name));
                    let name = linkage.or_else(|| text(entry.attr_value(gimli::DW_AT_name)));
                    let is_defined = entry.attr(gimli::DW_AT_low_pc).is_some();
                    open = name.filter(|_| is_defined).map(|name| (name, depth + 1, Vec::new()));
                }
                gimli::DW_TAG_formal_parameter => {
                    if let Some((_, inside, names)) = &mut open
                        && depth == *inside
                        && names.len() < MOST_PARAMETERS
                    {
                        names.push(text(entry.attr_value(gimli::DW_AT_name)));
                    }
                }
                _ => {}
            }
        }
        found.extend(open.map(|(name, _, names)| (name, names)));
    }
    Ok(found)
}

/// `add` of `_Z3addii`: the name of a function outside of namespaces, as the Itanium C++ ABI writes it.
pub(super) fn plain_name(mangled: &str) -> Option<&str> {
    let rest = mangled.strip_prefix("_Z")?;
    let digits = rest.find(|one: char| !one.is_ascii_digit())?;
    let (length, rest) = rest.split_at(digits);
    rest.get(..length.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mangled_names() {
        assert_eq!(plain_name("_Z3addii"), Some("add"));
        assert_eq!(plain_name("_Z99addii"), None);
        assert_eq!(plain_name("_ZN1a1bEv"), None);
        assert_eq!(plain_name("add"), None);
    }
}
