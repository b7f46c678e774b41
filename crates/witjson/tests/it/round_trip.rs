//! Any value of any type survives both ways.

use bytes::Bytes;
use proptest::prelude::*;
use wasmill_model::{Object, Value};
use wasmill_witjson::{lift, lower};

use crate::{MOST, named_type};

/// A type, to be written as WebAssembly text.
#[derive(Clone, Debug)]
enum Kind {
    Bool,
    S8,
    U16,
    S64,
    U64,
    F64,
    Char,
    String,
    Bytes,
    List(Box<Kind>),
    Option(Box<Kind>),
    Tuple(Vec<Kind>),
    Record(Vec<Kind>),
    Variant(Vec<Option<Kind>>),
    Result(Option<Box<Kind>>, Option<Box<Kind>>),
    Enum(usize),
    Flags(usize),
}

impl Kind {
    /// Its text; what needs a name is defined in `definitions`.
    fn text(&self, definitions: &mut String, next: &mut usize) -> String {
        match self {
            Kind::Bool => "bool".to_owned(),
            Kind::S8 => "s8".to_owned(),
            Kind::U16 => "u16".to_owned(),
            Kind::S64 => "s64".to_owned(),
            Kind::U64 => "u64".to_owned(),
            Kind::F64 => "f64".to_owned(),
            Kind::Char => "char".to_owned(),
            Kind::String => "string".to_owned(),
            Kind::Bytes => "(list u8)".to_owned(),
            Kind::List(item) => format!("(list {})", item.text(definitions, next)),
            Kind::Option(item) => format!("(option {})", item.text(definitions, next)),
            Kind::Tuple(items) => {
                let items: Vec<String> = items.iter().map(|item| item.text(definitions, next)).collect();
                format!("(tuple {})", items.join(" "))
            }
            Kind::Result(ok, err) => {
                let ok = ok.as_ref().map_or(String::new(), |ok| ok.text(definitions, next));
                let err = err.as_ref().map_or(String::new(), |err| format!("(error {})", err.text(definitions, next)));
                format!("(result {ok} {err})")
            }
            Kind::Record(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .enumerate()
                    .map(|(index, field)| format!("(field \"m-{}\" {})", letter(index), field.text(definitions, next)))
                    .collect();
                define_named(definitions, next, format!("(record {})", fields.join(" ")))
            }
            Kind::Variant(cases) => {
                let cases: Vec<String> = cases
                    .iter()
                    .enumerate()
                    .map(|(index, case)| {
                        let payload = case.as_ref().map_or(String::new(), |case| case.text(definitions, next));
                        format!("(case \"c-{}\" {payload})", letter(index))
                    })
                    .collect();
                define_named(definitions, next, format!("(variant {})", cases.join(" ")))
            }
            Kind::Enum(count) => define_named(definitions, next, format!("(enum {})", names("e", *count))),
            Kind::Flags(count) => define_named(definitions, next, format!("(flags {})", names("f", *count))),
        }
    }

    /// Values as they come back: canonical ones.
    fn values(&self) -> BoxedStrategy<Value> {
        match self {
            Kind::Bool => any::<bool>().prop_map(Value::from).boxed(),
            Kind::S8 => any::<i8>().prop_map(|value| Value::from(i64::from(value))).boxed(),
            Kind::U16 => any::<u16>().prop_map(|value| Value::from(i64::from(value))).boxed(),
            Kind::S64 => any::<i64>().prop_map(Value::from).boxed(),
            Kind::U64 => any::<u64>().prop_map(Value::from).boxed(),
            Kind::F64 => prop_oneof![any::<f64>(), Just(f64::INFINITY)].prop_map(Value::from).boxed(),
            Kind::Char => any::<char>().prop_map(|value| Value::from(value.to_string())).boxed(),
            Kind::String => any::<String>().prop_map(Value::from).boxed(),
            Kind::Bytes => {
                prop::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| Value::Bytes(Bytes::from(bytes))).boxed()
            }
            Kind::List(item) => prop::collection::vec(item.values(), 0..4).prop_map(Value::from).boxed(),
            Kind::Option(item) => {
                let nested = matches!(**item, Kind::Option(_));
                prop_oneof![
                    Just(Value::Null),
                    item.values().prop_map(move |value| if nested { object("some", value) } else { value })
                ]
                .boxed()
            }
            Kind::Tuple(items) => items.iter().map(Kind::values).collect::<Vec<_>>().prop_map(Value::from).boxed(),
            Kind::Record(fields) => fields
                .iter()
                .map(Kind::values)
                .collect::<Vec<_>>()
                .prop_map(|values| {
                    let members = values.into_iter().enumerate();
                    Value::from(
                        members
                            .map(|(index, value)| (format!("m-{}", letter(index)).into(), value))
                            .collect::<Object>(),
                    )
                })
                .boxed(),
            Kind::Variant(cases) => {
                let cases = cases.iter().enumerate().map(|(index, case)| {
                    let name = format!("c-{}", letter(index));
                    match case {
                        Some(case) => case.values().prop_map(move |value| object(&name, value)).boxed(),
                        None => Just(Value::from(name)).boxed(),
                    }
                });
                prop::strategy::Union::new(cases).boxed()
            }
            Kind::Result(ok, err) => {
                let side = |name: &'static str, kind: &Option<Box<Kind>>| match kind {
                    Some(kind) => kind.values().prop_map(move |value| object(name, value)).boxed(),
                    None => Just(object(name, Value::Null)).boxed(),
                };
                prop_oneof![side("ok", ok), side("err", err)].boxed()
            }
            Kind::Enum(count) => (0..*count).prop_map(|index| Value::from(format!("e-{}", letter(index)))).boxed(),
            Kind::Flags(count) => {
                let names: Vec<Value> = (0..*count).map(|index| Value::from(format!("f-{}", letter(index)))).collect();
                prop::sample::subsequence(names, 0..=*count).prop_map(Value::from).boxed()
            }
        }
    }
}

fn define_named(definitions: &mut String, next: &mut usize, text: String) -> String {
    *next += 1;
    let name = format!("t{next}");
    definitions.push_str(&crate::define(&name, &text));
    format!("${name}")
}

fn letter(index: usize) -> char {
    char::from(b'a' + index as u8)
}

fn names(prefix: &str, count: usize) -> String {
    (0..count).map(|index| format!("\"{prefix}-{}\" ", letter(index))).collect()
}

fn object(name: &str, value: Value) -> Value {
    Value::from(Object::from_iter([(name.into(), value)]))
}

fn kinds() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![
        Just(Kind::Bool),
        Just(Kind::S8),
        Just(Kind::U16),
        Just(Kind::S64),
        Just(Kind::U64),
        Just(Kind::F64),
        Just(Kind::Char),
        Just(Kind::String),
        Just(Kind::Bytes),
        (1..5_usize).prop_map(Kind::Enum),
        (1..5_usize).prop_map(Kind::Flags),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|kind| Kind::List(Box::new(kind))),
            inner.clone().prop_map(|kind| Kind::Option(Box::new(kind))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Kind::Tuple),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Kind::Record),
            prop::collection::vec(prop::option::of(inner.clone()), 1..4).prop_map(Kind::Variant),
            (prop::option::of(inner.clone().prop_map(Box::new)), prop::option::of(inner.prop_map(Box::new)))
                .prop_map(|(ok, err)| Kind::Result(ok, err)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_of_any_type(
        (kind, values) in kinds().prop_flat_map(|kind| {
            let values = prop::collection::vec(kind.values(), 4);
            (Just(kind), values)
        })
    ) {
        let mut definitions = String::new();
        let text = kind.text(&mut definitions, &mut 0);
        let ty = named_type(&definitions, &text);
        for value in values {
            let lowered = lower(&value, &ty, MOST).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(&lift(&lowered, &ty), &value);
        }
    }

    #[test]
    fn values_of_another_type_never_panic(one in kinds(), value in kinds().prop_flat_map(|kind| kind.values())) {
        let mut definitions = String::new();
        let text = one.text(&mut definitions, &mut 0);
        if let Err(error) = lower(&value, &named_type(&definitions, &text), MOST) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
