//! JSON to component values and back, over types that the fuzzer makes.

use arbitrary::{Result, Unstructured};
use wasmill_model::{Object, Value};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Type};

/// How deep types are nested.
const DEPTH: usize = 5;
/// The most members of a type, or items of a list.
const WIDTH: usize = 4;

/// What lifts lowers again to the same; a value of another type gives an error with words, and never a panic.
pub fn json_wit(data: &[u8]) {
    let mut source = Unstructured::new(data);
    // Running out of bytes is no failure.
    let _ = round_trip(&mut source);
}

fn round_trip(source: &mut Unstructured<'_>) -> Result<()> {
    let mut text = Text::default();
    let written = text.write(source, DEPTH)?;
    let ty = read(&text.definitions, &written);
    for _ in 0..4 {
        let value = value(source, &ty)?;
        let lowered =
            wasmill_witjson::lower(&value, &ty, usize::MAX).unwrap_or_else(|error| panic!("{value:?}: {error}"));
        let lifted = wasmill_witjson::lift(&lowered, &ty);
        assert_eq!(lifted, value, "a value of {written} is not what it was");
        // The same through JSON text: bytes and floats that JSON does not know are written in a way that it does.
        let read = Value::from_json(value.to_json().as_bytes()).expect("what is written is read");
        let again = wasmill_witjson::lower(&read, &ty, usize::MAX).unwrap_or_else(|error| panic!("{read:?}: {error}"));
        assert_eq!(wasmill_witjson::lift(&again, &ty), value);
    }
    let mut other = Text::default();
    let written = other.write(source, 2)?;
    let foreign = value(source, &read(&other.definitions, &written))?;
    match wasmill_witjson::lower(&foreign, &ty, usize::MAX) {
        Ok(lowered) => {
            wasmill_witjson::lift(&lowered, &ty);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    Ok(())
}

/// The type that a component with these definitions imports a function with.
fn read(definitions: &str, written: &str) -> Type {
    thread_local! {
        static ENGINE: Engine = Engine::default();
    }
    let text = format!("(component {definitions} (import \"f\" (func (param \"x\" {written}))))");
    let binary = wat::parse_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    ENGINE.with(|engine| {
        let component = Component::new(engine, binary).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let kind = component.component_type();
        let Some(ComponentItem::ComponentFunc(function)) = kind.get_import(engine, "f").map(|item| item.ty) else {
            panic!("`f` is a function")
        };
        function.params().next().map(|(_, ty)| ty).expect("it has a parameter")
    })
}

/// Types as WebAssembly text; those that need a name are defined first.
#[derive(Default)]
struct Text {
    definitions: String,
    defined: usize,
}

const LEAVES: [&str; 13] =
    ["bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string"];

impl Text {
    fn write(&mut self, source: &mut Unstructured<'_>, depth: usize) -> Result<String> {
        if depth == 0 {
            return source.choose(&LEAVES).map(|leaf| (*leaf).to_owned());
        }
        let kind = source.int_in_range(0..=9)?;
        Ok(match kind {
            0 => (*source.choose(&LEAVES)?).to_owned(),
            1 => "(list u8)".to_owned(),
            2 => format!("(list {})", self.write(source, depth - 1)?),
            3 => format!("(option {})", self.write(source, depth - 1)?),
            4 => {
                let items = self.several(source, |text, source, _| text.write(source, depth - 1))?;
                format!("(tuple {items})")
            }
            5 => {
                let ok = self.perhaps(source, depth - 1)?;
                let error = self.perhaps(source, depth - 1)?;
                let error = if error.is_empty() { error } else { format!("(error {error})") };
                format!("(result {ok} {error})")
            }
            6 => {
                let fields = self.several(source, |text, source, name| {
                    Ok(format!("(field \"m-{name}\" {})", text.write(source, depth - 1)?))
                })?;
                self.define(format!("(record {fields})"))
            }
            7 => {
                let cases = self.several(source, |text, source, name| {
                    Ok(format!("(case \"c-{name}\" {})", text.perhaps(source, depth - 1)?))
                })?;
                self.define(format!("(variant {cases})"))
            }
            8 => {
                let names = self.several(source, |_, _, name| Ok(format!("\"e-{name}\"")))?;
                self.define(format!("(enum {names})"))
            }
            _ => {
                let names = self.several(source, |_, _, name| Ok(format!("\"f-{name}\"")))?;
                self.define(format!("(flags {names})"))
            }
        })
    }

    fn several(
        &mut self,
        source: &mut Unstructured<'_>,
        mut one: impl FnMut(&mut Self, &mut Unstructured<'_>, char) -> Result<String>,
    ) -> Result<String> {
        let count = source.int_in_range(1..=WIDTH)?;
        let parts = ('a'..='z').take(count).map(|name| one(self, source, name));
        Ok(parts.collect::<Result<Vec<_>>>()?.join(" "))
    }

    fn perhaps(&mut self, source: &mut Unstructured<'_>, depth: usize) -> Result<String> {
        if source.arbitrary()? { self.write(source, depth) } else { Ok(String::new()) }
    }

    fn define(&mut self, text: String) -> String {
        self.defined += 1;
        let name = format!("t{}", self.defined);
        self.definitions.push_str(&format!("(type ${name}' {text}) (import \"{name}\" (type ${name} (eq ${name}')))"));
        format!("${name}")
    }
}

/// A value as it comes back: one of many ways to write it.
fn value(source: &mut Unstructured<'_>, ty: &Type) -> Result<Value> {
    let number = |number: f64| if number.is_nan() { Value::Float(0.5) } else { Value::Float(number) };
    Ok(match ty {
        Type::Bool => Value::Bool(source.arbitrary()?),
        Type::S8 => Value::Int(source.arbitrary::<i8>()?.into()),
        Type::U8 => Value::Int(source.arbitrary::<u8>()?.into()),
        Type::S16 => Value::Int(source.arbitrary::<i16>()?.into()),
        Type::U16 => Value::Int(source.arbitrary::<u16>()?.into()),
        Type::S32 => Value::Int(source.arbitrary::<i32>()?.into()),
        Type::U32 => Value::Int(source.arbitrary::<u32>()?.into()),
        Type::S64 => Value::Int(source.arbitrary()?),
        Type::U64 => Value::from(source.arbitrary::<u64>()?),
        Type::Float32 => number(f64::from(source.arbitrary::<f32>()?)),
        Type::Float64 => number(source.arbitrary()?),
        Type::Char => Value::from(source.arbitrary::<char>()?.to_string()),
        Type::String => Value::from(source.arbitrary::<String>()?),
        Type::List(list) if list.ty() == Type::U8 => Value::Bytes(source.arbitrary::<Vec<u8>>()?.into()),
        Type::List(list) => {
            let count = source.int_in_range(0..=WIDTH)?;
            Value::from((0..count).map(|_| value(source, &list.ty())).collect::<Result<Vec<_>>>()?)
        }
        Type::Tuple(tuple) => Value::from(tuple.types().map(|ty| value(source, &ty)).collect::<Result<Vec<_>>>()?),
        Type::Record(record) => {
            let fields = record.fields().map(|field| Ok((field.name.into(), value(source, &field.ty)?)));
            Value::from(fields.collect::<Result<Object>>()?)
        }
        Type::Option(option) => {
            if !source.arbitrary::<bool>()? {
                return Ok(Value::Null);
            }
            let inner = value(source, &option.ty())?;
            if matches!(option.ty(), Type::Option(_)) { object("some", inner) } else { inner }
        }
        Type::Result(result) => {
            let (name, ty) = if source.arbitrary()? { ("ok", result.ok()) } else { ("err", result.err()) };
            object(name, ty.map_or(Ok(Value::Null), |ty| value(source, &ty))?)
        }
        Type::Variant(variant) => {
            let count = variant.cases().len();
            let index = source.choose_index(count)?;
            let case = variant.cases().nth(index).expect("it is less than the count");
            match case.ty {
                Some(ty) => object(case.name, value(source, &ty)?),
                None => Value::from(case.name),
            }
        }
        Type::Enum(kind) => {
            let names: Vec<&str> = kind.names().collect();
            Value::from(*source.choose(&names)?)
        }
        Type::Flags(flags) => {
            let mut set = Vec::new();
            for name in flags.names() {
                if source.arbitrary()? {
                    set.push(Value::from(name));
                }
            }
            Value::from(set)
        }
        other => panic!("{other:?} is not made here"),
    })
}

fn object(name: &str, value: Value) -> Value {
    Value::from(Object::from_iter([(name.into(), value)]))
}
