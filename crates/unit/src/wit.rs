//! Component types as WIT text.

use std::collections::HashMap;
use std::fmt::Write as _;

use indexmap::IndexMap;
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType, ComponentItem,
    ComponentValType,
};
use wasmparser::types::TypesRef;

use crate::InspectError;
use crate::budget::Budget;

/// Longest text of one type; what is longer ends with an ellipsis. Only nameless types nested in nameless types get there.
const MAX_TYPE_TEXT: usize = 4096;

/// Prints types: named ones by their name, and each name's definition once.
pub(crate) struct Printer<'a> {
    types: TypesRef<'a>,
    names: HashMap<ComponentDefinedTypeId, String>,
    resources: HashMap<wasmparser::component_types::ResourceId, String>,
    handles: HashMap<ComponentDefinedTypeId, bool>,
    /// Definitions of the named types that were printed, in the order in which they were met.
    definitions: IndexMap<ComponentDefinedTypeId, String>,
}

impl<'a> Printer<'a> {
    pub(crate) fn new(types: TypesRef<'a>) -> Self {
        Printer {
            types,
            names: HashMap::new(),
            resources: HashMap::new(),
            handles: HashMap::new(),
            definitions: IndexMap::new(),
        }
    }

    /// Learns the names that an import or export gives to types.
    pub(crate) fn learn(&mut self, name: &str, item: &ComponentItem, budget: &mut Budget) -> Result<(), InspectError> {
        match item.ty {
            ComponentEntityType::Type { referenced, created } => {
                for id in [created, referenced] {
                    match id {
                        ComponentAnyTypeId::Defined(id) => {
                            budget.item(name.len())?;
                            self.names.entry(id).or_insert_with(|| name.to_owned());
                        }
                        ComponentAnyTypeId::Resource(id) => {
                            budget.item(name.len())?;
                            self.resources.entry(id.resource()).or_insert_with(|| name.to_owned());
                        }
                        _ => {}
                    }
                }
            }
            ComponentEntityType::Instance(id) => {
                let types = self.types;
                for (name, item) in types.get(id).map(|instance| &instance.exports).into_iter().flatten() {
                    if let ComponentEntityType::Type { .. } = item.ty {
                        self.learn(name, item, budget)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The text of a type.
    pub(crate) fn text(&mut self, ty: ComponentValType, budget: &mut Budget) -> Result<String, InspectError> {
        let mut text = String::new();
        let mut met = Vec::new();
        self.write(&mut text, ty, &mut met);
        budget.item(text.len())?;
        while let Some(id) = met.pop() {
            if self.definitions.contains_key(&id) {
                continue;
            }
            self.definitions.insert(id, String::new());
            let definition = self.define(id, &mut met);
            budget.item(definition.len())?;
            self.definitions.insert(id, definition);
        }
        Ok(text)
    }

    /// The definitions of all named types whose names were printed.
    pub(crate) fn definitions(self) -> Vec<String> {
        self.definitions.into_values().collect()
    }

    /// Whether a value of this type holds what no JSON can: a resource, a future, a stream.
    pub(crate) fn holds_handle(&mut self, ty: ComponentValType) -> bool {
        let id = match ty {
            ComponentValType::Primitive(wasmparser::PrimitiveValType::ErrorContext) => return true,
            ComponentValType::Primitive(_) => return false,
            ComponentValType::Type(id) => id,
        };
        if let Some(known) = self.handles.get(&id) {
            return *known;
        }
        let types = self.types;
        let Some(defined) = types.get(id) else { return true };
        // The validator bounds how deep types nest (100), and each is looked at once.
        let holds = match defined {
            ComponentDefinedType::Primitive(primitive) => {
                matches!(primitive, wasmparser::PrimitiveValType::ErrorContext)
            }
            ComponentDefinedType::Record(record) => record.fields.values().any(|field| self.holds_handle(*field)),
            ComponentDefinedType::Variant(variant) => {
                variant.cases.values().any(|case| case.ty.is_some_and(|ty| self.holds_handle(ty)))
            }
            ComponentDefinedType::List { element, .. } | ComponentDefinedType::FixedLengthList { element, .. } => {
                self.holds_handle(*element)
            }
            ComponentDefinedType::Map { key, value, .. } => self.holds_handle(*key) || self.holds_handle(*value),
            ComponentDefinedType::Tuple(tuple) => tuple.types.iter().any(|ty| self.holds_handle(*ty)),
            ComponentDefinedType::Flags(_) | ComponentDefinedType::Enum(_) => false,
            ComponentDefinedType::Option { ty, .. } => self.holds_handle(*ty),
            ComponentDefinedType::Result { ok, err, .. } => {
                ok.is_some_and(|ty| self.holds_handle(ty)) || err.is_some_and(|ty| self.holds_handle(ty))
            }
            ComponentDefinedType::Own(_)
            | ComponentDefinedType::Borrow(_)
            | ComponentDefinedType::Future { .. }
            | ComponentDefinedType::Stream { .. } => true,
        };
        self.handles.insert(id, holds);
        holds
    }

    /// The name of a type, or of the one that it is an alias of.
    fn named(&self, mut id: ComponentDefinedTypeId) -> Option<(ComponentDefinedTypeId, &str)> {
        loop {
            if let Some(name) = self.names.get(&id) {
                return Some((id, name));
            }
            id = self.types.peel_alias(id)?;
        }
    }

    /// `record point { x: s32, y: s32 }`, `type name = string`
    fn define(&self, id: ComponentDefinedTypeId, met: &mut Vec<ComponentDefinedTypeId>) -> String {
        let name = self.names.get(&id).map_or("", String::as_str);
        let mut text = String::new();
        match self.types.get(id) {
            Some(
                defined @ (ComponentDefinedType::Record(_)
                | ComponentDefinedType::Variant(_)
                | ComponentDefinedType::Flags(_)
                | ComponentDefinedType::Enum(_)),
            ) => self.write_members(&mut text, name, defined, met),
            _ => {
                _ = write!(text, "type {name} = ");
                self.write_structure(&mut text, id, met);
            }
        }
        text
    }

    fn write(&self, text: &mut String, ty: ComponentValType, met: &mut Vec<ComponentDefinedTypeId>) {
        match ty {
            _ if text.len() > MAX_TYPE_TEXT => {
                if !text.ends_with('…') {
                    text.push('…');
                }
            }
            // Writing to a string cannot fail.
            ComponentValType::Primitive(primitive) => _ = write!(text, "{primitive}"),
            ComponentValType::Type(id) => match self.named(id) {
                Some((id, name)) => {
                    text.push_str(name);
                    met.push(id);
                }
                None => self.write_structure(text, id, met),
            },
        }
    }

    fn write_all(
        &self,
        text: &mut String,
        items: impl IntoIterator<Item = ComponentValType>,
        met: &mut Vec<ComponentDefinedTypeId>,
    ) {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            self.write(text, item, met);
            if text.len() > MAX_TYPE_TEXT {
                break;
            }
        }
    }

    fn write_structure(&self, text: &mut String, id: ComponentDefinedTypeId, met: &mut Vec<ComponentDefinedTypeId>) {
        let Some(defined) = self.types.get(id) else { return };
        match defined {
            ComponentDefinedType::Primitive(primitive) => _ = write!(text, "{primitive}"),
            ComponentDefinedType::Record(_)
            | ComponentDefinedType::Variant(_)
            | ComponentDefinedType::Flags(_)
            | ComponentDefinedType::Enum(_) => self.write_members(text, "", defined, met),
            ComponentDefinedType::List { element, .. } => {
                text.push_str("list<");
                self.write(text, *element, met);
                text.push('>');
            }
            ComponentDefinedType::FixedLengthList { element, length, .. } => {
                text.push_str("list<");
                self.write(text, *element, met);
                _ = write!(text, ", {length}>");
            }
            ComponentDefinedType::Map { key, value, .. } => {
                text.push_str("map<");
                self.write_all(text, [*key, *value], met);
                text.push('>');
            }
            ComponentDefinedType::Tuple(tuple) => {
                text.push_str("tuple<");
                self.write_all(text, tuple.types.iter().copied(), met);
                text.push('>');
            }
            ComponentDefinedType::Option { ty, .. } => {
                text.push_str("option<");
                self.write(text, *ty, met);
                text.push('>');
            }
            ComponentDefinedType::Result { ok, err, .. } => match (ok, err) {
                (None, None) => text.push_str("result"),
                (Some(ok), None) => {
                    text.push_str("result<");
                    self.write(text, *ok, met);
                    text.push('>');
                }
                (ok, Some(err)) => {
                    text.push_str("result<");
                    match ok {
                        Some(ok) => self.write(text, *ok, met),
                        None => text.push('_'),
                    }
                    text.push_str(", ");
                    self.write(text, *err, met);
                    text.push('>');
                }
            },
            ComponentDefinedType::Own(id) => {
                text.push_str(self.resources.get(&id.resource()).map_or("own<resource>", String::as_str));
            }
            ComponentDefinedType::Borrow(id) => {
                let name = self.resources.get(&id.resource()).map_or("resource", String::as_str);
                _ = write!(text, "borrow<{name}>");
            }
            ComponentDefinedType::Future { ty, .. } => self.write_channel(text, "future", *ty, met),
            ComponentDefinedType::Stream { ty, .. } => self.write_channel(text, "stream", *ty, met),
        }
    }

    fn write_channel(
        &self,
        text: &mut String,
        name: &str,
        ty: Option<ComponentValType>,
        met: &mut Vec<ComponentDefinedTypeId>,
    ) {
        text.push_str(name);
        if let Some(ty) = ty {
            text.push('<');
            self.write(text, ty, met);
            text.push('>');
        }
    }

    /// `record name { a: u32 }`; WIT always has a name there, binaries need not.
    fn write_members(
        &self,
        text: &mut String,
        type_name: &str,
        defined: &ComponentDefinedType,
        met: &mut Vec<ComponentDefinedTypeId>,
    ) {
        let (keyword, members): (_, Vec<(&str, Option<ComponentValType>)>) = match defined {
            ComponentDefinedType::Record(record) => {
                ("record", record.fields.iter().map(|(name, ty)| (name.as_str(), Some(*ty))).collect())
            }
            ComponentDefinedType::Variant(variant) => {
                ("variant", variant.cases.iter().map(|(name, case)| (name.as_str(), case.ty)).collect())
            }
            ComponentDefinedType::Flags(names) => ("flags", names.iter().map(|name| (name.as_str(), None)).collect()),
            ComponentDefinedType::Enum(names) => ("enum", names.iter().map(|name| (name.as_str(), None)).collect()),
            _ => return,
        };
        text.push_str(keyword);
        text.push(' ');
        if !type_name.is_empty() {
            text.push_str(type_name);
            text.push(' ');
        }
        text.push_str("{ ");
        for (index, (name, ty)) in members.into_iter().enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            if text.len() > MAX_TYPE_TEXT {
                text.push('…');
                break;
            }
            text.push_str(name);
            match ty {
                Some(ty) if keyword == "record" => {
                    text.push_str(": ");
                    self.write(text, ty, met);
                }
                Some(ty) => {
                    text.push('(');
                    self.write(text, ty, met);
                    text.push(')');
                }
                None => {}
            }
        }
        text.push_str(" }");
    }
}
