//! Gives back a value of every WIT kind. Promise: JSON becomes component values and comes back unchanged, for every kind there is.
#![no_std]

extern crate alloc;
extern crate bare;

use alloc::string::String;
use alloc::vec::Vec;

use exports::wasmill::guest::kinds::{Colour, Guest as KindsGuest, Permissions, Person, Shape};

wit_bindgen::generate!({ path: "wit", world: "guest" });

struct Kinds;

macro_rules! echo {
    ($($name:ident: $kind:ty),* $(,)?) => {
        $(fn $name(value: $kind) -> $kind {
            value
        })*
    };
}

impl KindsGuest for Kinds {
    echo! {
        echo_bool: bool,
        echo_u8: u8,
        echo_u16: u16,
        echo_u32: u32,
        echo_u64: u64,
        echo_s8: i8,
        echo_s16: i16,
        echo_s32: i32,
        echo_s64: i64,
        echo_f32: f32,
        echo_f64: f64,
        echo_char: char,
        echo_string: String,
        echo_bytes: Vec<u8>,
        echo_strings: Vec<String>,
        echo_numbers: Vec<u32>,
        echo_option: Option<String>,
        echo_nested_option: Option<Option<u32>>,
        echo_result: Result<String, String>,
        echo_results: Vec<Result<String, String>>,
        echo_tuple: (i32, String),
        echo_record: Person,
        echo_variant: Shape,
        echo_enum: Colour,
        echo_flags: Permissions,
        echo_records: Vec<Person>,
    }

    fn fail(message: String) -> Result<String, String> {
        Err(message)
    }

    fn trap() {
        core::arch::wasm32::unreachable()
    }

    fn nothing() {}
}

impl Guest for Kinds {
    fn upper(text: String) -> String {
        text.to_uppercase()
    }

    fn join(parts: Vec<String>, separator: String) -> String {
        parts.join(&separator)
    }
}

export!(Kinds);
