//! The types of a component's function, as data for engines that have no reader of components.

use std::collections::HashMap;

use serde::Serialize;
use wasmparser::component_types::{
    ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType, ComponentFuncTypeId, ComponentValType,
};
use wasmparser::types::TypesRef;
use wasmparser::{PrimitiveValType, Validator};

use crate::features;

/// A function that a component exports: what it takes and what it gives, by the component's own types.
///
/// As JSON it is `{params: [[name, type], …], result: type, types: [definition, …]}`, where a type is the name of a primitive one or the place
/// of a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComponentFunction {
    /// Names and types of its parameters.
    pub params: Vec<(String, TypeReference)>,
    /// What it gives.
    pub result: Option<TypeReference>,
    /// Types that are made of others, each once.
    pub types: Vec<TypeDefinition>,
}

/// A type, as others name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum TypeReference {
    /// One that is made of nothing else, by its name in WIT.
    Primitive(&'static str),
    /// A place in [`ComponentFunction::types`].
    Defined(usize),
}

/// A type that is made of others, or has names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TypeDefinition {
    /// `list<t>`
    List(TypeReference),
    /// `list<t, n>`
    FixedList(TypeReference, u32),
    /// `map<k, v>`
    Map(TypeReference, TypeReference),
    /// Members by name.
    Record(Vec<(String, TypeReference)>),
    /// Members by place.
    Tuple(Vec<TypeReference>),
    /// Cases, and what they carry.
    Variant(Vec<(String, Option<TypeReference>)>),
    /// Names, of which a value has one.
    Enum(Vec<String>),
    /// Names, of which a value has any.
    Flags(Vec<String>),
    /// `option<t>`
    Option(TypeReference),
    /// `result<t, e>`
    Result(Option<TypeReference>, Option<TypeReference>),
}

impl ComponentFunction {
    /// A function of this component, by its name in [`crate::FunctionInfo`] (`interface#function`); none where there is no such function, or
    /// it takes or gives what no JSON can say.
    pub fn of(binary: &[u8], name: &str) -> Option<Self> {
        let types = Validator::new_with_features(features::features()).validate_all(binary).ok()?;
        let types = types.as_ref();
        let (instance, function) =
            name.rsplit_once('#').map_or((None, name), |(instance, name)| (Some(instance), name));
        let entity = match instance {
            None => types.component_item_for_export(function)?.ty,
            Some(instance) => match types.component_item_for_export(instance)?.ty {
                ComponentEntityType::Instance(id) => types.get(id)?.exports.get(function)?.ty,
                _ => return None,
            },
        };
        match entity {
            ComponentEntityType::Func(id) => {
                Reader { types, known: HashMap::new(), definitions: Vec::new() }.function(id)
            }
            _ => None,
        }
    }
}

struct Reader<'a> {
    types: TypesRef<'a>,
    known: HashMap<ComponentDefinedTypeId, TypeReference>,
    definitions: Vec<TypeDefinition>,
}

impl Reader<'_> {
    fn function(mut self, id: ComponentFuncTypeId) -> Option<ComponentFunction> {
        let types = self.types;
        let function = types.get(id)?;
        let params = function.params.iter().map(|(name, ty)| Some((name.as_str().to_owned(), self.reference(*ty)?)));
        let params = params.collect::<Option<_>>()?;
        let result = self.optional(function.result)?;
        Some(ComponentFunction { params, result, types: self.definitions })
    }

    /// None where it cannot be said; `Some(None)` where there is nothing to say.
    fn optional(&mut self, ty: Option<ComponentValType>) -> Option<Option<TypeReference>> {
        ty.map_or(Some(None), |ty| self.reference(ty).map(Some))
    }

    fn reference(&mut self, ty: ComponentValType) -> Option<TypeReference> {
        let id = match ty {
            ComponentValType::Primitive(primitive) => return self::primitive(primitive),
            ComponentValType::Type(id) => id,
        };
        if let Some(known) = self.known.get(&id) {
            return Some(*known);
        }
        let types = self.types;
        // The validator bounds how deep types nest (100), and each is read once.
        let definition = match types.get(id)? {
            ComponentDefinedType::Primitive(primitive) => {
                let reference = self::primitive(*primitive)?;
                self.known.insert(id, reference);
                return Some(reference);
            }
            ComponentDefinedType::List { element, .. } => TypeDefinition::List(self.reference(*element)?),
            ComponentDefinedType::FixedLengthList { element, length, .. } => {
                TypeDefinition::FixedList(self.reference(*element)?, *length)
            }
            ComponentDefinedType::Map { key, value, .. } => {
                TypeDefinition::Map(self.reference(*key)?, self.reference(*value)?)
            }
            ComponentDefinedType::Record(record) => {
                let members = record.fields.iter();
                let members = members.map(|(name, ty)| Some((name.as_str().to_owned(), self.reference(*ty)?)));
                TypeDefinition::Record(members.collect::<Option<_>>()?)
            }
            ComponentDefinedType::Tuple(tuple) => {
                TypeDefinition::Tuple(tuple.types.iter().map(|ty| self.reference(*ty)).collect::<Option<_>>()?)
            }
            ComponentDefinedType::Variant(variant) => {
                let cases = variant.cases.iter();
                let cases = cases.map(|(name, case)| Some((name.as_str().to_owned(), self.optional(case.ty)?)));
                TypeDefinition::Variant(cases.collect::<Option<_>>()?)
            }
            ComponentDefinedType::Enum(names) => {
                TypeDefinition::Enum(names.iter().map(|name| name.as_str().to_owned()).collect())
            }
            ComponentDefinedType::Flags(names) => {
                TypeDefinition::Flags(names.iter().map(|name| name.as_str().to_owned()).collect())
            }
            ComponentDefinedType::Option { ty, .. } => TypeDefinition::Option(self.reference(*ty)?),
            ComponentDefinedType::Result { ok, err, .. } => {
                TypeDefinition::Result(self.optional(*ok)?, self.optional(*err)?)
            }
            ComponentDefinedType::Own(_)
            | ComponentDefinedType::Borrow(_)
            | ComponentDefinedType::Future { .. }
            | ComponentDefinedType::Stream { .. } => return None,
        };
        let reference = TypeReference::Defined(self.definitions.len());
        self.definitions.push(definition);
        self.known.insert(id, reference);
        Some(reference)
    }
}

fn primitive(primitive: PrimitiveValType) -> Option<TypeReference> {
    Some(TypeReference::Primitive(match primitive {
        PrimitiveValType::Bool => "bool",
        PrimitiveValType::S8 => "s8",
        PrimitiveValType::U8 => "u8",
        PrimitiveValType::S16 => "s16",
        PrimitiveValType::U16 => "u16",
        PrimitiveValType::S32 => "s32",
        PrimitiveValType::U32 => "u32",
        PrimitiveValType::S64 => "s64",
        PrimitiveValType::U64 => "u64",
        PrimitiveValType::F32 => "f32",
        PrimitiveValType::F64 => "f64",
        PrimitiveValType::Char => "char",
        PrimitiveValType::String => "string",
        PrimitiveValType::ErrorContext => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &str = r#"(component
        (import "i" (instance $i
            (type $row' (record (field "first-name" string) (field "tags" (list u8))))
            (export "row" (type $row (eq $row')))
            (type $size' (variant (case "none") (case "of" u64)))
            (export "size" (type $size (eq $size')))
            (export "f" (func (param "row" $row) (param "more" (list $row)) (result (result $size (error string)))))
            (export "file" (type $file (sub resource)))
            (export "open" (func (result (own $file))))
        ))
        (export "i" (instance $i)))"#;

    #[test]
    fn types_are_named_by_place_and_said_once() {
        let binary = wat::parse_str(COMPONENT).unwrap();
        let function = ComponentFunction::of(&binary, "i#f").unwrap();
        let expected = serde_json::json!({
            "params": [["row", 1], ["more", 2]],
            "result": 4,
            "types": [
                {"list": "u8"},
                {"record": [["first-name", "string"], ["tags", 0]]},
                {"list": 1},
                {"variant": [["none", null], ["of", "u64"]]},
                {"result": [3, "string"]},
            ],
        });
        assert_eq!(serde_json::to_value(&function).unwrap(), expected);
    }

    #[test]
    fn what_is_no_function_of_values_is_none() {
        let binary = wat::parse_str(COMPONENT).unwrap();
        for name in ["i#open", "i#row", "i", "f", "i#g", "j#f", ""] {
            assert_eq!(ComponentFunction::of(&binary, name), None, "{name}");
        }
        assert_eq!(ComponentFunction::of(b"\0asm", "f"), None);
    }
}
