//! Values both ways, over types that wasmtime read from real components.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod messages;
mod params;
mod round_trip;
mod values;

use wasmill_model::Value;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Type};
use wasmtime::{Config, Engine};

/// What values may take in the host's memory, where a test says nothing else.
const MOST: usize = 1 << 20;

/// The parameters and results of the function that a component with these definitions imports as `f`.
fn function(definitions: &str, signature: &str) -> (Vec<(String, Type)>, Vec<Type>) {
    let mut config = Config::new();
    config.wasm_component_model_map(true);
    config.wasm_component_model_fixed_length_lists(true);
    let engine = Engine::new(&config).unwrap();
    let text = format!("(component {definitions} (import \"f\" (func {signature})))");
    let binary = wat::parse_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let component = Component::new(&engine, binary).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let kind = component.component_type();
    let item = kind.get_import(&engine, "f").unwrap();
    let ComponentItem::ComponentFunc(function) = item.ty else { panic!("not a function") };
    let params = function.params().map(|(name, ty)| (name.to_owned(), ty)).collect();
    (params, function.results().collect())
}

/// The type `text`, which may use names that `definitions` makes.
fn named_type(definitions: &str, text: &str) -> Type {
    let (params, _) = function(definitions, &format!("(param \"x\" {text})"));
    let [(_, ty)] = <[_; 1]>::try_from(params).unwrap();
    ty
}

fn ty(text: &str) -> Type {
    named_type("", text)
}

/// Defines `$name`, so that it can be imported and used.
fn define(name: &str, text: &str) -> String {
    format!("(type ${name}' {text}) (import \"{name}\" (type ${name} (eq ${name}')))")
}

fn json(text: &str) -> Value {
    Value::from_json(text.as_bytes()).unwrap()
}
