//! What Wasmill adds to a function in Rust: the crate `wasmill` that the user's crate is linked with.
//!
//! The unit exports `allocate`, `deallocate` and `process`: one JSON object of the parameters goes in, the result's JSON comes out. Every call
//! is a fresh instance, so what a call borrows may be leaked. It is compiled once for each compiler; what is written anew for each
//! function is `process`, and [`FromJson`] and [`ToJson`] of the user's own types.

mod error;
mod from_json;
mod reader;
mod to_json;
mod value;
mod writer;

#[path = "private.rs"]
pub mod __private;

pub use error::Error;
pub use from_json::{FromJson, FromKey};
pub use reader::Reader;
pub use to_json::ToJson;
pub use value::Json;
pub use writer::Writer;

use std::alloc::{Layout, alloc};

/// Reads a value from JSON.
///
/// # Errors
/// The text is no JSON, or the JSON is no such value: with the path in it.
pub fn from_str<T: FromJson>(text: &str) -> Result<T, Error> {
    let mut input = Reader::new(text);
    let value = T::read(&mut input)?;
    input.end()?;
    Ok(value)
}

/// Writes a value as JSON.
///
/// # Errors
/// A number in it is NaN or infinite.
pub fn to_string<T: ToJson + ?Sized>(value: &T) -> Result<String, Error> {
    let mut output = Writer::default();
    value.write(&mut output)?;
    Ok(output.text)
}

/// Memory for the input. Nothing is given back: the instance ends with the call.
#[unsafe(export_name = "allocate")]
pub extern "C" fn allocate(size: usize) -> *mut u8 {
    match Layout::from_size_align(size.max(1), 8) {
        // SAFETY: the size is not zero.
        Ok(layout) => unsafe { alloc(layout) },
        Err(_) => std::ptr::null_mut(),
    }
}

/// Does nothing, as above.
#[unsafe(export_name = "deallocate")]
pub extern "C" fn deallocate(_pointer: *mut u8, _size: usize) {}
