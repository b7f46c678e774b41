//! Prints the types of all functions of a component, as JSON: `cargo run -p wasmill-unit --example signatures -- FILE`.
#![allow(clippy::print_stdout, reason = "it is what this program is for")]

use std::collections::BTreeMap;
use std::error::Error;

use wasmill_unit::{ComponentFunction, Unit};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("which file?")?;
    let unit = Unit::from_binary(std::fs::read(path)?)?;
    let unit = unit.plain();
    let functions = unit.info().functions.iter();
    let functions = functions.map(|function| (&*function.name, ComponentFunction::of(&unit.bytes(), &function.name)));
    println!("{}", serde_json::to_string(&functions.collect::<BTreeMap<_, _>>())?);
    Ok(())
}
